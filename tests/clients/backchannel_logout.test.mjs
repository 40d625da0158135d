// A logout token as an application's server gets and judges it: over HTTP, verified by jose with the published keys (Back-Channel Logout 1.0 §2.6).
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';

import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as oidc from 'openid-client';

import { DATABASES, Gatekey, USER, freePort, until } from '../support/gatekey.mjs';
import { UserAgent } from '../support/user_agent.mjs';

const REDIRECT_URI = 'http://localhost:9/callback'; // Nobody listens there: the test reads the redirect itself.
const EVENT = 'http://schemas.openid.net/event/backchannel-logout';

for (const kind of DATABASES) {
  describe(kind, () => {
    let gatekey, server;
    const heard = [];
    let answers = [];

    before(async () => {
      const port = await freePort();
      server = http.createServer(async (request, answer) => {
        const chunks = [];
        for await (const chunk of request) chunks.push(chunk);
        heard.push({ method: request.method, type: request.headers['content-type'], fields: Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString())) });
        answer.writeHead(answers.shift() ?? 200, { 'cache-control': 'no-store' }).end();
      });
      await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
      const client = (alg) => `
[[clients]]
id = "site-${alg}"
kind = "spa"
first_party = true
redirect_uris = ["${REDIRECT_URI}"]
id_token_signed_response_alg = "${alg}"
backchannel_logout_uri = "http://localhost:${port}/logout"
`;
      gatekey = await Gatekey.install(kind, { clients: client('ES256') + client('RS256') });
      gatekey.createUser();
      await gatekey.start();
    });
    after(async () => {
      server?.close();
      await gatekey?.remove();
    });

    /** What an application does with a logout token, by the book. */
    async function judge(token, client, keys) {
      const { payload } = await jwtVerify(token, keys, { issuer: gatekey.issuer, audience: client, typ: 'logout+jwt', maxTokenAge: '2m', requiredClaims: ['jti', 'exp', 'events'] });
      assert.deepEqual(payload.events, { [EVENT]: {} });
      assert.equal(payload.nonce, undefined);
      return payload;
    }

    for (const alg of ['ES256', 'RS256']) {
      test(`${alg}: an administrator ends the session, and the application hears of it, again if it failed`, async () => {
        const client = `site-${alg}`;
        const config = await oidc.discovery(new URL(gatekey.issuer), client, { id_token_signed_response_alg: alg }, oidc.None(), { execute: [oidc.allowInsecureRequests] });
        const verifier = oidc.randomPKCECodeVerifier();
        const url = oidc.buildAuthorizationUrl(config, { redirect_uri: REDIRECT_URI, scope: 'openid', code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' });
        const answer = await new UserAgent(gatekey.issuer).authorize(url, USER);
        const tokens = await oidc.authorizationCodeGrant(config, answer, { pkceCodeVerifier: verifier, idTokenExpected: true });

        heard.length = 0;
        answers = [503];
        gatekey.run(['session', 'revoke', '--user', USER.name]);
        await until('it is told twice', () => heard.length === 2, 30);
        const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
        const claims = [];
        for (const { method, type, fields } of heard) {
          assert.deepEqual([method, type, Object.keys(fields)], ['POST', 'application/x-www-form-urlencoded', ['logout_token']]);
          claims.push(await judge(fields.logout_token, client, keys));
        }
        for (const { sub, sid } of claims) assert.deepEqual({ sub, sid }, { sub: tokens.claims().sub, sid: tokens.claims().sid });
        assert.notEqual(claims[0].jti, claims[1].jti);
        // Neither passes for an ID token or an access token.
        await assert.rejects(jwtVerify(heard[0].fields.logout_token, keys, { typ: 'JWT' }));
        await assert.rejects(oidc.fetchUserInfo(config, heard[0].fields.logout_token, tokens.claims().sub));
        await until('nothing waits', () => gatekey.run(['logout-notice', 'list', '--json']).trim() === '[]');
      });
    }
  });
}
