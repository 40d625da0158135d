"""What an application does with Authlib and Flask: docs/clients.md shows parts of this file."""

import secrets

from authlib.integrations.flask_client import OAuth, OAuthError
from authlib.integrations.requests_client import OAuth2Session
from flask import Flask, jsonify, request, session

SCOPE = "openid profile email offline_access"


class Application:
    def __init__(self, issuer, client_id, client_secret, redirect_uri, signed_out_uri):
        self.flask = app = Flask(__name__)
        app.secret_key = secrets.token_bytes(32)
        self.client_id, self.client_secret = client_id, client_secret
        self.token = None

        oauth = OAuth(app, update_token=self.keep)
        self.gatekey = oauth.register(
            "gatekey",
            client_id=client_id,
            client_secret=client_secret,
            server_metadata_url=f"{issuer}.well-known/openid-configuration",
            client_kwargs={"scope": SCOPE, "code_challenge_method": "S256"},
        )

        @app.get("/login")
        def login():
            return oauth.gatekey.authorize_redirect(redirect_uri, **request.args)

        @app.get("/callback")
        def callback():
            # State, PKCE, the ID token's signature, nonce, audience and times: all are checked in here.
            self.token = oauth.gatekey.authorize_access_token()
            session["id_token"] = self.token["id_token"]
            return jsonify(self.token["userinfo"])

        @app.errorhandler(OAuthError)
        def refused(error):
            return jsonify(error=error.error, description=error.description, type=type(error).__name__), 400

        @app.get("/logout")
        def logout():
            return oauth.gatekey.logout_redirect(post_logout_redirect_uri=signed_out_uri, id_token_hint=session["id_token"])

        @app.get("/signed-out")
        def signed_out():
            oauth.gatekey.validate_logout_response()
            session.clear()
            return jsonify(signed_out=True)

    def keep(self, name, token, refresh_token=None, access_token=None):
        """Authlib has renewed the token by itself: the new refresh token takes the place of the old one."""
        self.token = token

    def userinfo(self, token):
        # Renews the access token first, when it has expired.
        with self.flask.app_context():
            return self.gatekey.userinfo(token=token)

    def connection(self, client_secret):
        metadata = self.gatekey.load_server_metadata()
        return OAuth2Session(self.client_id, client_secret, scope=SCOPE, **metadata), metadata

    def refresh(self, refresh_token, client_secret=None):
        """By hand. After a lost answer send the same refresh token again."""
        connection, metadata = self.connection(client_secret or self.client_secret)
        return connection.refresh_token(metadata["token_endpoint"], refresh_token=refresh_token)

    def revoke(self, refresh_token):
        connection, metadata = self.connection(self.client_secret)
        # Bound to no token: revocation is proved by the client's own authentication.
        connection.revoke_token(metadata["revocation_endpoint"], token=refresh_token, token_type_hint="refresh_token").raise_for_status()
