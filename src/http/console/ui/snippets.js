// What an application needs to be written with, for a client as it is registered. After docs/clients.md, where the whole of it is.
import { issuer } from './issuer.js';

const quoted = (text) => `'${String(text).replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const discovery = `${issuer}.well-known/openid-configuration`;

const gatekeyJs = ({ id, metadata: { redirect_uris: [page], scope, resources: [resource] } }) => `import { createClient } from ${quoted(`${issuer}gatekey.js`)};

const gatekey = createClient({
  issuer: ${quoted(issuer)},
  clientId: ${quoted(id)},
  redirectUri: ${quoted(page)},
  scope: ${quoted(scope)},${resource ? `\n  resource: ${quoted(resource)},` : ''}
});

// When the page opens: takes the answer, if it comes back from the sign-in page.
await gatekey.handleRedirect();

// From buttons:
// gatekey.signIn({ returnTo: location.href });
// gatekey.signOut({ returnTo: \`\${location.origin}/\` });

// Before each call of your API: the token in hand while it lasts, else a new one.
const token = await gatekey.token();`;

const oidcClientTs = ({ id, metadata: { redirect_uris: [page], post_logout_redirect_uris: [out], scope, resources: [resource] } }) => `import { UserManager } from 'oidc-client-ts';

const users = new UserManager({
  authority: ${quoted(issuer)},
  client_id: ${quoted(id)},
  redirect_uri: ${quoted(page)},
  silent_redirect_uri: ${quoted(page)},${out ? `\n  post_logout_redirect_uri: ${quoted(out)},` : ''}
  scope: ${quoted(scope)},${resource ? `\n  resource: ${quoted(resource)},` : ''}
  automaticSilentRenew: true,
  revokeTokenTypes: ['refresh_token'],
});

// On the page of redirect_uri:
if (new URLSearchParams(location.search).has('state')) await users.signinCallback();

// From buttons:
// users.signinRedirect({ nonce: crypto.randomUUID() });
// users.signoutRedirect();

const user = await users.getUser();`;

const angular = ({ id, metadata: { redirect_uris: [page], post_logout_redirect_uris: [out], scope } }) => `import { provideAuth } from 'angular-auth-oidc-client';

// In the providers of bootstrapApplication:
provideAuth({
  config: {
    authority: ${quoted(issuer.replace(/\/$/, ''))}, // Without the slash at its end: the library adds one.
    clientId: ${quoted(id)},
    redirectUrl: ${quoted(page)},${out ? `\n    postLogoutRedirectUri: ${quoted(out)},` : ''}
    responseType: 'code',
    scope: ${quoted(scope)},
    silentRenew: true,
    useRefreshToken: true,
    useRefreshTokenLock: true,
  },
})`;

const node = ({ id, metadata: { redirect_uris: [page], scope } }, secret) => `import * as oidc from 'openid-client';

const config = await oidc.discovery(new URL(${quoted(issuer)}), ${quoted(id)}, undefined, ${secret ? 'oidc.ClientSecretBasic(process.env.CLIENT_SECRET)' : 'oidc.None()'});

// To the sign-in page; keep \`expected\` in the visitor's session.
const verifier = oidc.randomPKCECodeVerifier();
const expected = { pkceCodeVerifier: verifier, expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce(), idTokenExpected: true };
const url = oidc.buildAuthorizationUrl(config, {
  redirect_uri: ${quoted(page)},
  scope: ${quoted(scope)},
  state: expected.expectedState,
  nonce: expected.expectedNonce,
  code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
});

// Back again:
const tokens = await oidc.authorizationCodeGrant(config, new URL(request.url, ${quoted(new URL(page ?? 'http://localhost/').origin)}), expected);`;

const python = ({ id, metadata: { redirect_uris: [page], scope } }) => `import os

from authlib.integrations.flask_client import OAuth

oauth = OAuth(app)
gatekey = oauth.register(
    "gatekey",
    client_id="${id}",
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url="${discovery}",
    client_kwargs={"scope": "${scope}", "code_challenge_method": "S256"},
)

@app.get("/login")
def login():
    return gatekey.authorize_redirect("${page}")

@app.get("${new URL(page ?? 'http://localhost/callback').pathname}")
def callback():
    token = gatekey.authorize_access_token()
    return token["userinfo"]`;

const go = ({ id, metadata: { redirect_uris: [page], scope } }, secret) => `provider, err := oidc.NewProvider(ctx, "${issuer}") // github.com/coreos/go-oidc/v3/oidc
if err != nil {
	return err
}
config := oauth2.Config{ // golang.org/x/oauth2
	ClientID:     "${id}",${secret ? '\n\tClientSecret: os.Getenv("CLIENT_SECRET"),' : ''}
	Endpoint:     provider.Endpoint(),
	RedirectURL:  "${page}",
	Scopes:       strings.Fields("${scope}"),
}
verifier := oauth2.GenerateVerifier() // Keep it with state and nonce in the visitor's session.
address := config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier))

// Back again, with the state compared:
token, err := config.Exchange(ctx, request.URL.Query().Get("code"), oauth2.VerifierOption(verifier))`;

const curl = ({ id, metadata: { scope, resources: [resource] } }) => `curl -s ${issuer}oauth/token \\
  --user "${id}:$CLIENT_SECRET" \\
  -d grant_type=client_credentials${scope ? ` \\\n  -d 'scope=${scope}'` : ''}${resource ? ` \\\n  -d resource=${resource}` : ''}`;

const settings = ({ id, metadata: { redirect_uris: [page] } }, secret) => [
  ['Issuer', issuer],
  ['Discovery', discovery],
  ['Client id', id],
  ...(secret ? [['Client secret', '(shown once, when it is made)']] : []),
  ...(page ? [['Redirect URI', page]] : []),
].map(([name, value]) => `${name}: ${value}`).join('\n');

/** `[name, text]` for each way to write the application. */
export function snippets(client) {
  const secret = client.metadata.authentication !== 'none';
  const all = {
    spa: [['gatekey.js', gatekeyJs], ['oidc-client-ts', oidcClientTs], ['Angular', angular]],
    native: [['Go', go], ['Node', node]],
    web: [['Node', node], ['Python (Flask)', python], ['Go', go]],
    machine: [['curl', curl]],
  }[client.metadata.kind];
  return [...all, ['Any other', settings]].map(([name, make]) => [name, make(client, secret)]);
}
