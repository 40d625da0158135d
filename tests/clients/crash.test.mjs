// A process that is killed between its commit and its answer logs nobody out: the client asks again with the token it has.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';

import * as oidc from 'openid-client';

import { DATABASES, Gatekey, USER } from '../support/gatekey.mjs';
import { UserAgent } from '../support/user_agent.mjs';

const ROUNDS = 20;
const REDIRECT_URI = 'http://localhost:9/callback';
const CLIENTS = `
[[clients]]
id = "page"
name = "A page"
kind = "spa"
redirect_uris = ["${REDIRECT_URI}"]
`;

/** The generation that a refresh token carries in the clear: key id (4 bytes), family id (16), generation (8), MAC. */
const generation = (token) => Number(Buffer.from(token.slice('gk_rt_'.length), 'base64url').readBigUInt64BE(20));

/** One refresh over a connection that is kept; null when the connection breaks before the whole answer is there. */
function refresh(agent, issuer, token) {
  return new Promise((resolve) => {
    const body = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'page', refresh_token: token }).toString();
    const request = http.request(`${issuer}oauth/token`, { agent, method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body) } });
    request.on('error', () => resolve(null));
    request.on('response', (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk) => (text += chunk));
      answer.on('error', () => resolve(null));
      answer.on('end', () => resolve(answer.complete ? { status: answer.statusCode, text } : null));
    });
    request.end(body);
  });
}

for (const kind of DATABASES) {
  describe(kind, () => {
    let gatekey;
    before(async () => {
      gatekey = await Gatekey.install(kind, { clients: CLIENTS });
      gatekey.createUser();
      await gatekey.start();
    });
    after(() => gatekey?.remove());

    test(`${ROUNDS} times kill -9 in the middle of a refresh`, async (t) => {
      const config = await oidc.discovery(new URL(gatekey.issuer), 'page', undefined, oidc.None(), { execute: [oidc.allowInsecureRequests] });
      const verifier = oidc.randomPKCECodeVerifier();
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: REDIRECT_URI,
        scope: 'openid offline_access',
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      });
      const response = await new UserAgent(gatekey.issuer).authorize(url, USER);
      let token = (await oidc.authorizationCodeGrant(config, response, { pkceCodeVerifier: verifier })).refresh_token;

      let unanswered = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        // How long one takes here and now, so that the kill falls before, into and after the commit.
        const began = performance.now();
        for (let i = 0; i < 5; i++) {
          const answer = await refresh(agent, gatekey.issuer, token);
          assert.equal(answer?.status, 200, answer?.text);
          token = JSON.parse(answer.text).refresh_token;
        }
        const typical = (performance.now() - began) / 5;
        const killAt = performance.now() + typical * (1 + 3 * Math.random());
        // Killed by a busy loop's clock: a timer is too coarse for a window of a millisecond.
        const ended = new Promise((resolve) => {
          const tick = () => (performance.now() >= killAt ? resolve(gatekey.stop('SIGKILL')) : setImmediate(tick));
          tick();
        });
        for (;;) {
          const answer = await refresh(agent, gatekey.issuer, token);
          if (!answer) break;
          assert.equal(answer.status, 200, answer.text);
          token = JSON.parse(answer.text).refresh_token;
        }
        await ended;
        agent.destroy();
        // Only to be told: whether this round fell between the commit and the answer.
        if (kind === 'postgres' && Number(gatekey.query('SELECT generation FROM refresh_families')) > generation(token)) unanswered++;
        await gatekey.start();
        const again = await refresh(undefined, gatekey.issuer, token);
        assert.equal(again?.status, 200, `round ${round}: logged out by a crash: ${again?.text}`);
        const successor = JSON.parse(again.text).refresh_token;
        const replayed = await refresh(undefined, gatekey.issuer, token);
        assert.equal(JSON.parse(replayed.text).refresh_token, successor, 'a retry gets the same successor');
        token = successor;
      }
      if (kind === 'postgres') t.diagnostic(`${unanswered} of ${ROUNDS} were killed between the commit and the answer`);
    });
  });
}
