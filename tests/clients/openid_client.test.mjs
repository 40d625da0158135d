// openid-client, unmodified, against the release binary: the life of an application that every library has to live, and beyond it
// introspection, what is logged and what is kept.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import * as oidc from 'openid-client';

import { AWKWARD, here, scenario } from '../support/client_scenario.mjs';
import { DATABASES, Gatekey, USER, until } from '../support/gatekey.mjs';
import { UserAgent } from '../support/user_agent.mjs';

const REDIRECT_URI = 'http://localhost:9/callback'; // Nobody listens there: the test reads the redirect itself.
const SIGNED_OUT_URI = 'http://localhost:9/signed-out';
// Signs that must be encoded on their way through HTTP Basic (RFC 6749 §2.3.1).
const SECRET = `a secret with : and % and + in it ${randomBytes(32).toString('base64')}`;

const CLIENTS = `
[[clients]]
id = "page"
name = "A page"
kind = "spa"
redirect_uris = ["${REDIRECT_URI}"]
post_logout_redirect_uris = ["${SIGNED_OUT_URI}"]
web_origins = ["http://localhost:9"]

[[clients]]
id = "server"
name = "A server"
kind = "web"
first_party = true
redirect_uris = ["${REDIRECT_URI}"]
scope = "openid profile email offline_access online_access"
secret_digest = "sha256:${createHash('sha256').update(SECRET).digest('hex')}"
`;

const payload = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

for (const kind of DATABASES) {
  describe(kind, () => {
    let gatekey;
    const secrets = new Set([USER.password, SECRET]);
    before(async () => {
      gatekey = await Gatekey.install(kind, { clients: CLIENTS, settings: '[log]\nlevel = "trace"' });
      gatekey.createUser();
      await gatekey.start();
    });
    after(() => gatekey?.remove());

    /** What nobody but its holder may ever read again. */
    function keep(agent, ...answers) {
      for (const secret of agent.secrets) secrets.add(secret);
      for (const { access_token, refresh_token, id_token } of answers) for (const token of [access_token, refresh_token, id_token]) if (token) secrets.add(token);
    }

    const discover = (id, ...rest) => oidc.discovery(new URL(gatekey.issuer), id, ...rest, { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] });

    /** Authorization code with PKCE (RFC 7636), state, nonce. */
    async function signIn(config, agent, scope, parameters = {}, options = undefined) {
      const verifier = oidc.randomPKCECodeVerifier();
      const state = oidc.randomState();
      const nonce = oidc.randomNonce();
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: REDIRECT_URI,
        scope,
        state,
        nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        ...parameters,
      });
      const response = await agent.authorize(url, USER);
      return oidc.authorizationCodeGrant(config, response, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }, undefined, options);
    }

    test('a public client: from discovery to logout', async () => {
      const config = await discover('page', undefined, oidc.None());
      const metadata = config.serverMetadata();
      assert.equal(metadata.issuer, gatekey.issuer);
      assert.deepEqual(metadata.code_challenge_methods_supported, ['S256']); // PK-09

      const agent = new UserAgent(gatekey.issuer);
      const tokens = await signIn(config, agent, 'openid profile email offline_access');
      const claims = tokens.claims();
      assert.equal(claims.aud, 'page');
      assert.ok(claims.session_expiry > claims.iat);
      assert.equal(tokens.token_type, 'bearer');
      assert.ok(tokens.expires_in > 60);

      const person = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
      assert.equal(person.email, `${USER.name}@example.test`);

      // Silently, on the same session: no page in between (OIDC Core §3.1.2.1, prompt=none).
      const silent = await signIn(config, agent, 'openid profile email offline_access', { prompt: 'none' });
      assert.equal(silent.claims().sub, claims.sub);
      assert.equal(silent.claims().auth_time, claims.auth_time);

      // RFC 6749 §6, and rotation: each answer brings the next refresh token; the last one may be replayed, once lost.
      const second = await oidc.refreshTokenGrant(config, tokens.refresh_token);
      assert.notEqual(second.refresh_token, tokens.refresh_token);
      assert.equal(second.claims().auth_time, claims.auth_time);
      const replayed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
      assert.equal(replayed.refresh_token, second.refresh_token);
      const third = await oidc.refreshTokenGrant(config, second.refresh_token);
      keep(agent, tokens, silent, second, replayed, third);

      // RFC 7009: what is given back is dead, and so is what came from it.
      await oidc.tokenRevocation(config, third.refresh_token);
      await assert.rejects(oidc.refreshTokenGrant(config, third.refresh_token), { error: 'invalid_grant', error_description: 'Unknown or invalid refresh token.' });
      await assert.rejects(oidc.fetchUserInfo(config, third.access_token, claims.sub), (error) => error.response.status === 401);

      // OIDC RP-Initiated Logout §2: with the hint nobody is asked.
      const end = oidc.buildEndSessionUrl(config, { id_token_hint: silent.id_token, post_logout_redirect_uri: SIGNED_OUT_URI, state: 'bye' });
      assert.equal((await agent.visit(end)).left?.href, `${SIGNED_OUT_URI}?state=bye`);
      await assert.rejects(signIn(config, agent, 'openid', { prompt: 'none' }), { error: 'login_required' });
    });

    test('a confidential client: introspection, and client authentication that is checked', async () => {
      const config = await discover('server', SECRET, oidc.ClientSecretBasic(SECRET));
      const agent = new UserAgent(gatekey.issuer);
      const tokens = await signIn(config, agent, 'openid offline_access');
      const active = await oidc.tokenIntrospection(config, tokens.access_token);
      assert.equal(active.active, true);
      assert.equal(active.client_id, 'server');
      assert.equal((await oidc.tokenIntrospection(config, tokens.refresh_token)).active, true);

      const next = await oidc.refreshTokenGrant(config, tokens.refresh_token);
      keep(agent, tokens, next);
      await oidc.tokenRevocation(config, next.refresh_token);
      assert.deepEqual(await oidc.tokenIntrospection(config, next.access_token), { active: false });

      const wrong = await discover('server', `${SECRET}x`, oidc.ClientSecretBasic(`${SECRET}x`));
      // RFC 6749 §5.2: 401, and the challenge of the scheme that was tried.
      await assert.rejects(oidc.refreshTokenGrant(wrong, next.refresh_token), (error) => error.status === 401 && error.cause[0].scheme === 'basic');
    });

    test('a refresh token that stands for the session: it stays the same, and giving it back signs out', async () => {
      const [config, page] = [await discover('server', SECRET, oidc.ClientSecretBasic(SECRET)), await discover('page', undefined, oidc.None())];
      assert.ok(config.serverMetadata().scopes_supported.includes('online_access'));
      const agent = new UserAgent(gatekey.issuer);
      const tokens = await signIn(config, agent, 'openid online_access');
      const other = await signIn(page, agent, 'openid');
      const next = await oidc.refreshTokenGrant(config, tokens.refresh_token);
      assert.equal(next.refresh_token, tokens.refresh_token);
      assert.notEqual(next.access_token, tokens.access_token);
      assert.equal(next.session_expires_at, tokens.session_expires_at);
      keep(agent, tokens, other, next);

      await oidc.tokenRevocation(config, next.refresh_token);
      await assert.rejects(oidc.refreshTokenGrant(config, next.refresh_token), { error: 'invalid_grant' });
      await assert.rejects(oidc.refreshTokenGrant(page, other.refresh_token), { error: 'invalid_grant' });
      assert.deepEqual(await oidc.tokenIntrospection(config, next.access_token), { active: false });
      await assert.rejects(signIn(page, agent, 'openid', { prompt: 'none' }), { error: 'login_required' });
      // Both at once contradict each other.
      await assert.rejects(signIn(config, agent, 'openid online_access offline_access'), { error: 'invalid_request' });
    });

    test('DPoP: tokens that are bound to a key (RFC 9449), of a public and of a confidential client', async () => {
      const [page, server] = [await discover('page', undefined, oidc.None()), await discover('server', SECRET, oidc.ClientSecretBasic(SECRET))];
      assert.deepEqual(page.serverMetadata().dpop_signing_alg_values_supported, ['ES256', 'EdDSA', 'Ed25519']);
      for (const alg of ['ES256', 'Ed25519']) {
        const [key, other] = [await oidc.randomDPoPKeyPair(alg), await oidc.randomDPoPKeyPair(alg)];
        for (const config of [page, server]) {
          const DPoP = oidc.getDPoPHandle(config, key);
          const jkt = await DPoP.calculateThumbprint();
          const agent = new UserAgent(gatekey.issuer);
          const tokens = await signIn(config, agent, 'openid email offline_access', { dpop_jkt: jkt }, { DPoP });
          assert.equal(tokens.token_type, 'dpop');
          assert.equal(payload(tokens.access_token).cnf.jkt, jkt);
          const { sub } = tokens.claims();
          assert.equal((await oidc.fetchUserInfo(config, tokens.access_token, sub, { DPoP })).email, `${USER.name}@example.test`);
          // Without the key it is no token.
          await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, sub), (error) => error.response.status === 401);
          const next = await oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
          assert.equal(payload(next.access_token).cnf.jkt, jkt);
          const [without, another] = [{}, { DPoP: oidc.getDPoPHandle(config, other) }].map((options) => () => oidc.refreshTokenGrant(config, next.refresh_token, undefined, options));
          if (config === page) {
            await assert.rejects(without(), { error: 'invalid_dpop_proof' });
            await assert.rejects(another(), { error: 'invalid_grant', error_description: 'Unknown or invalid refresh token.' });
            keep(agent, tokens, next, await oidc.refreshTokenGrant(config, next.refresh_token, undefined, { DPoP }));
          } else {
            // Its refresh tokens are bound to its secret (RFC 9449 §5): another key will do.
            const { cnf, token_type } = await oidc.tokenIntrospection(config, next.access_token);
            assert.deepEqual([cnf, token_type], [{ jkt }, 'DPoP']);
            const last = await another();
            assert.notEqual(payload(last.access_token).cnf.jkt, jkt);
            keep(agent, tokens, next, last);
          }
          // A code that was asked for with one key is not redeemed with another.
          await assert.rejects(signIn(config, agent, 'openid', { dpop_jkt: jkt }, { DPoP: oidc.getDPoPHandle(config, other) }), { error: 'invalid_grant' });
        }
      }
    });

    test('what a client does wrong is said in its own words', async () => {
      const config = await discover('page', undefined, oidc.None());
      const agent = new UserAgent(gatekey.issuer);
      await assert.rejects(signIn(config, agent, 'openid', { response_type: 'token' }), { error: 'unsupported_response_type' });
      await assert.rejects(signIn(config, agent, 'openid', { prompt: 'none' }), { error: 'login_required' });
      await assert.rejects(oidc.refreshTokenGrant(config, 'no such token'), { error: 'invalid_grant' });
    });

    // SE-01, CO-14
    test('nothing secret is in the log, even at its most talkative, but every request is', async () => {
      const answer = await fetch(`${gatekey.issuer}healthz`);
      const id = answer.headers.get('x-request-id');
      assert.ok(id);
      await until('the request is in the log', () => gatekey.log.includes(id));
      assert.ok(secrets.size > 15, `${secrets.size} secrets`);
      for (const secret of secrets) {
        assert.ok(!gatekey.log.includes(secret), `in the log: ${secret.slice(0, 12)}…`);
        // The part of a token that proves something, should the rest be cut off.
        assert.ok(!gatekey.log.includes(secret.slice(-24)), `the end of it is in the log: ${secret.slice(0, 12)}…`);
      }
    });

    // CO-09
    test('nothing in the database is of use to whoever copies it', () => {
      const dump = gatekey.dump();
      assert.ok(dump.includes(USER.name), 'the control: the user is in there');
      for (const secret of secrets) {
        const bytes = Buffer.from(secret.replace(/^gk_.._/, ''), 'base64url');
        for (const form of [secret, secret.slice(-24), bytes, bytes.toString('hex'), bytes.subarray(-24), bytes.subarray(-24).toString('hex')]) {
          assert.ok(!dump.includes(form), `in the database: ${secret.slice(0, 12)}…`);
        }
      }
    });
  });
}

scenario({
  name: 'openid-client',
  command: [process.execPath, here('openid_client/client.mjs')],
  env: (authority) => ({ NODE_EXTRA_CA_CERTS: authority }),
  as: ['page', 'server'],
  secretSuffix: AWKWARD,
  met: { network: 'TypeError', refused: 'ResponseBodyError', unauthorized: 'WWWAuthenticateChallengeError', login_required: 'AuthorizationResponseError', invalid_client: 'WWWAuthenticateChallengeError' },
});
