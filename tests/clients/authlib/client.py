"""Drives an application that uses Authlib. What is said and heard is told in tests/support/client_program.mjs."""

import json
import sys
from importlib.metadata import version
from urllib.parse import urlsplit

import requests
from application import Application
from authlib.integrations.base_client import OAuthError


def say(**line):
    print(json.dumps(line), flush=True)


def hear():
    return sys.stdin.readline().strip()


def browse(location):
    """The user's browser goes there; where it was left, as the application's own server sees it."""
    say(open=location)
    left = urlsplit(hear())
    return f"{left.path}?{left.query}"


def tokens(step, token):
    say(step=step, **{name: token.get(name) for name in ("access_token", "refresh_token", "id_token")})
    return token["refresh_token"]


def refused(step, call):
    """The library's own word for a refusal."""
    try:
        call()
        say(step=step, type="nothing")
    except OAuthError as error:
        say(step=step, type=type(error).__name__, error=error.error)
    except requests.HTTPError as error:
        say(step=step, type=f"requests.{type(error).__name__}", status=error.response.status_code)
    except requests.RequestException as error:
        say(step=step, type=f"requests.{type(error).__name__}")


settings = json.loads(hear())
app = Application(settings["issuer"], settings["client_id"], settings["client_secret"], settings["redirect_uri"], settings["post_logout_redirect_uri"])
browser = app.flask.test_client()

location = browser.get("/login").location
say(step="discovery", library="Authlib", version=version("authlib"))
person = browser.get(browse(location))
assert person.status_code == 200, person.text
oldest = tokens("code_pkce", app.token)
say(step="id_token_verified", sub=person.json["sub"])
profile = app.userinfo(app.token)
say(step="userinfo", sub=profile["sub"], email=profile["email"])

say(lose="the next answer of the token endpoint")
hear()
refused("answer_lost", lambda: app.refresh(oldest))
second = tokens("retried", app.refresh(oldest))
# As the library renews by itself: a call with an expired access token, and `update_token` gets the new one.
app.userinfo({**app.token, "refresh_token": second, "expires_at": 1})
tokens("refresh_rotated", app.token)
third = tokens("refresh_replayed", app.refresh(second))
refused("old_refresh_refused", lambda: app.refresh(oldest))
refused("family_ended", lambda: app.refresh(third))

person = browser.get(browse(browser.get("/login?prompt=none").location))
assert person.status_code == 200, person.text
token = tokens("silent", app.token)
app.revoke(token)
say(step="revoked")
refused("refresh_after_revocation", lambda: app.refresh(token))
refused("userinfo_after_revocation", lambda: app.userinfo(app.token))

ended = browser.get(browse(browser.get("/logout").location))
say(step="logout", state_matches=ended.status_code == 200)
answer = browser.get(browse(browser.get("/login?prompt=none").location))
say(step="error", **answer.json)
if settings["client_secret"]:
    refused("wrong_secret", lambda: app.refresh(token, client_secret=settings["client_secret"] + "x"))
