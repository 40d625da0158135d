"""An application that administers the server with what openapi-python-client makes of the document."""

import json
import sys
from uuid import UUID

import httpx

from gatekey_admin import AuthenticatedClient
from gatekey_admin.api.server import server_show
from gatekey_admin.api.sessions import session_end, session_list, session_show
from gatekey_admin.models import Problem, Server, Session, SessionPage
from gatekey_admin.types import UNSET

settings = json.loads(sys.stdin.readline())


def say(step, **what):
    print(json.dumps({"step": step, **what}), flush=True)


def token(scope):
    answer = httpx.post(
        f"{settings['issuer']}oauth/token",
        auth=(settings["client_id"], settings["client_secret"]),
        data={"grant_type": "client_credentials", "resource": "urn:gatekey:admin", "scope": scope},
    )
    return answer.raise_for_status().json()


def api(access_token):
    return AuthenticatedClient(base_url=f"{settings['issuer']}admin/api/v1", token=access_token)


def granted(kind, answer):
    """What was asked for, or an end with what was said instead."""
    if not isinstance(answer.parsed, kind):
        raise SystemExit(f"{answer.status_code}: {answer.parsed}")
    return answer.parsed


def refused(answer):
    """What was said instead of what was asked for."""
    problem = answer.parsed
    if not isinstance(problem, Problem):
        raise SystemExit(f"{answer.status_code} is no refusal: {problem}")
    return {"answered": answer.status_code, "type": problem.type_, "title": problem.title, "status": problem.status, "detail": problem.detail}


everything = token(settings["scope"])
say("token", token_type=everything["token_type"], scope=everything["scope"])
admin = api(everything["access_token"])

server = granted(Server, server_show.sync_detailed(client=admin))
say("server", version=server.version, issuer=server.issuer, database=server.database.value)

sessions, pages, after = [], 0, UNSET
while True:
    page = granted(SessionPage, session_list.sync_detailed(client=admin, limit=1, after=after))
    sessions += page.items
    pages += 1
    after = page.next_
    if not after:
        break
say(
    "sessions",
    pages=pages,
    items=[{"id": str(one.id), "user_id": str(one.user_id), "created_at": one.created_at.isoformat(), "remembered": one.remembered} for one in sessions],
)

first = sessions[0].id
shown = granted(Session, session_show.sync_detailed(first, client=admin))
say("session", id=str(shown.id), user_id=str(shown.user_id), ended_at=shown.ended_at.isoformat() if shown.ended_at else None)

reader = api(token("sessions:read")["access_token"])
say("forbidden", **refused(session_end.sync_detailed(first, client=reader)))

ended = granted(Session, session_end.sync_detailed(first, client=admin))
say("ended", id=str(ended.id), ended_at=ended.ended_at.isoformat(), end_reason=ended.end_reason)

say("not_found", **refused(session_show.sync_detailed(UUID(settings["nobody"]), client=admin)))
