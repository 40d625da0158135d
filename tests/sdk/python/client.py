"""An application that administers the server with what openapi-python-client makes of the document."""

import base64
import json
import sys
from typing import Any, TypeVar
from uuid import UUID

import gatekey_protocol
from gatekey_admin import AuthenticatedClient
from gatekey_admin.api.clients import client_create, client_replace, client_show
from gatekey_admin.api.lifetime_policy import lifetime_explain, lifetime_rule_list, lifetime_rule_put
from gatekey_admin.api.server import server_show
from gatekey_admin.api.sessions import session_end, session_list, session_show
from gatekey_admin.api.users import user_create, user_show
from gatekey_admin.models import (
    ClientKind,
    ClientMetadata,
    LifetimeExplanation,
    LifetimeQuestion,
    LifetimeRule,
    LifetimeSelector,
    LimitName,
    Limits,
    NewOAuthClient,
    OAuthClient,
    Problem,
    RegisteredClient,
    RuleChange,
    Server,
    Session,
    SessionPage,
    User,
    UserMetadata,
    UserProfile,
)
from gatekey_admin.types import UNSET, Response, Unset
from gatekey_protocol.api.tokens import token_issue
from gatekey_protocol.models import OAuthError, TokenRequest, TokenRequestGrantType, TokenResponse

Wanted = TypeVar("Wanted")

settings = json.loads(sys.stdin.readline())


def say(step: str, **what: Any) -> None:
    print(json.dumps({"step": step, **what}), flush=True)


def browse(url: str) -> None:
    print(json.dumps({"open": url}), flush=True)
    sys.stdin.readline()


def ask(scope: str) -> gatekey_protocol.types.Response[Any]:
    basic = base64.b64encode(f"{settings['client_id']}:{settings['client_secret']}".encode()).decode()
    issuer = gatekey_protocol.AuthenticatedClient(base_url=settings["issuer"].rstrip("/"), token=basic, prefix="Basic")
    wanted = TokenRequest(grant_type=TokenRequestGrantType.CLIENT_CREDENTIALS, resource=["urn:gatekey:admin"], scope=scope)
    return token_issue.sync_detailed(client=issuer, body=wanted)


def token(scope: str) -> TokenResponse:
    answer = ask(scope).parsed
    if not isinstance(answer, TokenResponse):
        raise SystemExit(f"no token: {answer}")
    return answer


def api(access_token: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=f"{settings['issuer']}admin/api/v1", token=access_token)


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


def told(user: User) -> dict[str, Any]:
    return {"id": str(user.id), "username": user.username, "name": user.profile.name or None, "email": user.profile.email or None, "groups": user.groups, "has_password": user.has_password}


everything = token(settings["scope"])
say("token", token_type=everything.token_type.value, scope=everything.scope)
refusal = ask("keys:read").parsed
say("no_token", error=refusal.error if isinstance(refusal, OAuthError) else None)
admin = api(everything.access_token)

server = granted(Server, server_show.sync_detailed(client=admin))
say("server", version=server.version, issuer=server.issuer, database=server.database.value)

metadata = ClientMetadata(name="Notes", kind=ClientKind.SPA, redirect_uris=[settings["callback"]], first_party=True)
registered = granted(RegisteredClient, client_create.sync_detailed(client=admin, body=NewOAuthClient(id="notes", metadata=metadata)))
say(
    "client_created",
    id=registered.client.id,
    kind=registered.client.metadata.kind.value,
    grant_types=[one.value for one in registered.client.metadata.grant_types or []],
    secret=registered.client_secret or None,
)
say("conflict", **refused(client_create.sync_detailed(client=admin, body=NewOAuthClient(id="notes", metadata=metadata))))
elsewhere = ClientMetadata(name="Notes", kind=ClientKind.SPA, redirect_uris=["http://app.example.com/callback"])
say("invalid", **refused(client_create.sync_detailed(client=admin, body=NewOAuthClient(id="other", metadata=elsewhere))))

user = UserMetadata(username="Brenda", profile=UserProfile(name="Brenda Example", email="brenda@example.com"), groups=["staff"])
made = granted(User, user_create.sync_detailed(client=admin, body=user, idempotency_key="brenda, once"))
say("user_created", **told(made))
say("user_again", **told(granted(User, user_create.sync_detailed(client=admin, body=user, idempotency_key="brenda, once"))))
say("user", **told(granted(User, user_show.sync_detailed(made.id, client=admin))))
say("user_conflict", **refused(user_create.sync_detailed(client=admin, body=user)))

read = client_show.sync_detailed("notes", client=admin)
tag = read.headers["etag"]
changed = granted(OAuthClient, read).metadata
changed.name = "Notebook"
renamed = granted(OAuthClient, client_replace.sync_detailed("notes", client=admin, body=changed, if_match=tag))
say("client_replaced", name=renamed.metadata.name, redirect_uris=renamed.metadata.redirect_uris)
say("stale", **refused(client_replace.sync_detailed("notes", client=admin, body=metadata, if_match=tag)))

rules = lifetime_rule_list.sync_detailed(client=admin)
wanted = RuleChange(selector=LifetimeSelector(client="notes"), limits=Limits(session_idle="PT10M"))
rule = granted(LifetimeRule, lifetime_rule_put.sync_detailed(client=admin, body=wanted, if_match=rules.headers["etag"]))
say("rule", client=rule.selector.client or None, session_idle=rule.limits.session_idle or None)
explained = granted(LifetimeExplanation, lifetime_explain.sync_detailed(client=admin, body=LifetimeQuestion(client="notes")))
idle = next(one for one in explained.limits if one.limit is LimitName.SESSION_IDLE)
say(
    "explained",
    value=idle.value,
    candidates=[{"source": one.source.value, "client": one.selector.client or None if one.selector else None, "value": one.value} for one in idle.candidates],
)

for _ in range(2):
    browse(settings["sign_in"])

sessions: list[Session] = []
pages = 0
after: str | Unset = UNSET
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

reader = api(token("sessions:read").access_token)
say("forbidden", **refused(session_end.sync_detailed(first, client=reader)))

ended = granted(Session, session_end.sync_detailed(first, client=admin))
say("ended", id=str(ended.id), ended_at=ended.ended_at.isoformat() if ended.ended_at else None, end_reason=ended.end_reason)

say("not_found", **refused(session_show.sync_detailed(UUID(settings["nobody"]), client=admin)))
