"""An application's account page, with what openapi-python-client makes of the documents."""

import json
import sys
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import gatekey_protocol
from gatekey_account import AuthenticatedClient
from gatekey_account.api.account import account_show, password_change
from gatekey_account.api.applications import application_list
from gatekey_account.api.sessions import session_end, session_list, session_show
from gatekey_account.models import Account, NewPassword, Problem, SessionPage
from gatekey_account.types import Response
from gatekey_protocol.api.tokens import token_issue
from gatekey_protocol.models import TokenRequest, TokenRequestGrantType, TokenResponse

Wanted = TypeVar("Wanted")

settings = json.loads(sys.stdin.readline())


def say(step: str, **what: Any) -> None:
    print(json.dumps({"step": step, **what}), flush=True)


def signed_in() -> str:
    """Each time the user of another browser."""
    print(json.dumps({"open": settings["sign_in"]}), flush=True)
    left = sys.stdin.readline().strip()
    wanted = TokenRequest(
        grant_type=TokenRequestGrantType.AUTHORIZATION_CODE,
        client_id=settings["client_id"],
        code=parse_qs(urlsplit(left).query)["code"][0],
        redirect_uri=settings["callback"],
        code_verifier=settings["code_verifier"],
    )
    # A public client proves itself by nothing: so the document has it, and what is generated runs, but its type asks for somebody who does.
    answer = token_issue.sync(client=issuer, body=wanted)  # type: ignore[arg-type]
    if not isinstance(answer, TokenResponse):
        raise SystemExit(f"no token: {answer}")
    return answer.access_token


def api(access_token: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=f"{settings['issuer']}account/api/v1", token=access_token)


def granted(kind: type[Wanted], answer: Response[Problem | Wanted]) -> Wanted:
    """What was asked for, or an end with what was said instead."""
    if not isinstance(answer.parsed, kind):
        raise SystemExit(f"{answer.status_code}: {answer.parsed}")
    return answer.parsed


def refused(answer: Response[Any]) -> dict[str, Any]:
    """What was said instead of what was asked for."""
    problem = answer.parsed
    if not isinstance(problem, Problem):
        raise SystemExit(f"{answer.status_code} is no refusal: {problem}")
    return {"answered": answer.status_code, "type": problem.type_, "title": problem.title, "status": problem.status, "detail": problem.detail, "members": [one.pointer for one in problem.errors or []]}


issuer = gatekey_protocol.Client(base_url=settings["issuer"].rstrip("/"))
elsewhere = signed_in()
account = api(signed_in())

shown = granted(Account, account_show.sync_detailed(client=account))
say("account", username=shown.username, name=shown.profile.name or None, password_changeable=shown.password_changeable)

sessions = granted(SessionPage, session_list.sync_detailed(client=account)).items
say("sessions", items=[{"id": one.id, "current": one.current, "applications": [other.client_id for other in one.applications]} for one in sessions])

other = next(one for one in sessions if not one.current)
ended = session_end.sync_detailed(other.id, client=account)
say("ended", id=other.id, answered=ended.status_code)
say("sessions_left", ids=[one.id for one in granted(SessionPage, session_list.sync_detailed(client=account)).items])
say("ended_token", **refused(account_show.sync_detailed(client=api(elsewhere))))

say("not_found", **refused(session_show.sync_detailed(other.id, client=account)))
say("forbidden", **refused(application_list.sync_detailed(client=account)))
guess = NewPassword(current_password="not the one", new_password="wrong donkey battery clip")
say("invalid", **refused(password_change.sync_detailed(client=account, body=guess)))
