// Two processes on one database: whoever is asked, the answer is one.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import * as oidc from 'openid-client';

import { DATABASES, Gatekey, USER } from '../support/gatekey.mjs';
import { UserAgent } from '../support/user_agent.mjs';

const CALLERS = 64;
const REDIRECT_URI = 'http://localhost:9/callback';
const CLIENTS = `
[[clients]]
id = "page"
name = "A page"
kind = "spa"
redirect_uris = ["${REDIRECT_URI}"]
`;

for (const kind of DATABASES) {
  describe(kind, () => {
    let gatekey, replica;
    before(async () => {
      gatekey = await Gatekey.install(kind, { clients: CLIENTS });
      gatekey.createUser();
      await gatekey.start();
      replica = await gatekey.replica();
    });
    after(async () => {
      await replica?.stop();
      await gatekey?.remove();
    });

    async function refresh(server, token) {
      const answer = await fetch(new URL('oauth/token', server), { method: 'POST', body: new URLSearchParams({ grant_type: 'refresh_token', client_id: 'page', refresh_token: token }) });
      return { status: answer.status, ...(await answer.json()) };
    }

    test(`${CALLERS} refreshes of one token at once: one successor, nobody logged out`, async () => {
      const config = await oidc.discovery(new URL(gatekey.issuer), 'page', undefined, oidc.None(), { execute: [oidc.allowInsecureRequests] });
      const verifier = oidc.randomPKCECodeVerifier();
      const url = oidc.buildAuthorizationUrl(config, { redirect_uri: REDIRECT_URI, scope: 'openid', code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' });
      const response = await new UserAgent(gatekey.issuer).authorize(url, USER);
      const first = (await oidc.authorizationCodeGrant(config, response, { pkceCodeVerifier: verifier, idTokenExpected: true })).refresh_token;

      const servers = [gatekey.issuer, replica.url];
      let token = first;
      for (let round = 0; round < 5; round++) {
        const answers = await Promise.all(Array.from({ length: CALLERS }, (_, i) => refresh(servers[i % 2], token)));
        for (const answer of answers) assert.equal(answer.status, 200, JSON.stringify(answer));
        const successors = new Set(answers.map((answer) => answer.refresh_token));
        assert.equal(successors.size, 1);
        [token] = successors;
      }
      // An ancestor is known for what it is at the other process too, and ends the family at both.
      assert.equal((await refresh(replica.url, first)).error, 'invalid_grant');
      for (const server of servers) assert.equal((await refresh(server, token)).error, 'invalid_grant');
    });
  });
}
