// What an application's account page does for its user with an SDK made of the account API's document, the same for every language: a token of the
// user's, their account, where they are signed in, the end of one of these, and what it is refused, as the SDK's own kind of error. What the program
// says is judged here.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { join } from 'node:path';

import { run } from './client_program.mjs';
import { DATABASES, Gatekey, USER } from './gatekey.mjs';
import { UserAgent } from './user_agent.mjs';

// Without that for the applications, which it is refused.
const SCOPE = 'openid account:profile:read account:sessions:read account:sessions:end account:password:change';
const CALLBACK = 'http://127.0.0.1:9/callback'; // Nobody listens there: where the browser was left is all that is wanted.
const CLIENT = 'my-account';

const clients = `
[[clients]]
id = "${CLIENT}"
kind = "spa"
redirect_uris = ["${CALLBACK}"]
resources = ["urn:gatekey:account"]
scope = "${SCOPE} account:applications:read"
`;

/** `folder`: what tests/run has made of this language, below that of all SDKs. `command`: from that folder to the program. */
export function scenario({ name, folder, command }) {
  const made = process.env.GATEKEY_SDK;
  if (!made) throw new Error('GATEKEY_SDK is not set: run tests/run sdk, which makes the SDKs and sets it');

  for (const kind of DATABASES) {
    describe(`the account API: ${name} on ${kind}`, () => {
      let gatekey, agents, steps;
      before(async () => {
        gatekey = await Gatekey.install(kind, { clients });
        gatekey.createUser();
        await gatekey.start();
        agents = [];
        const verifier = randomBytes(32).toString('base64url');
        steps = await run({
          command: command(join(made, folder)),
          settings: { issuer: gatekey.issuer, client_id: CLIENT, callback: CALLBACK, code_verifier: verifier, sign_in: authorization(verifier, {}).href },
          open: signIn,
        });
      });
      after(() => gatekey?.remove());

      function authorization(verifier, more) {
        const challenge = createHash('sha256').update(verifier).digest('base64url');
        const asked = { response_type: 'code', client_id: CLIENT, redirect_uri: CALLBACK, scope: SCOPE, resource: 'urn:gatekey:account', code_challenge: challenge, code_challenge_method: 'S256', ...more };
        return new URL(`authorize?${new URLSearchParams(asked)}`, gatekey.issuer);
      }

      /** Each time another browser. */
      async function signIn(url) {
        const agent = new UserAgent(gatekey.issuer);
        const left = await agent.authorize(url, USER);
        assert.ok(left.searchParams.get('code'), left.href);
        agents.push(agent);
        return left.href;
      }

      /** Whether the browser's session lives: `prompt=none` needs one. */
      const lives = async (agent) => {
        const { left } = await agent.visit(authorization('another', { prompt: 'none' }));
        if (left.searchParams.get('code')) return true;
        assert.equal(left.searchParams.get('error'), 'login_required');
        return false;
      };

      const refusal = (step, status, kind, of = []) => {
        const { answered, type, status: said, title, detail, members } = steps[step];
        assert.deepEqual({ answered, type, said, members }, { answered: status, type: `urn:gatekey:problem:${kind}`, said: status, members: of });
        assert.ok(title && detail);
      };

      test('the own account', () => {
        const { username, name, password_changeable } = steps.account;
        assert.deepEqual({ username, name, password_changeable }, { username: USER.name, name: 'Alice Example', password_changeable: true });
      });

      test('the own sessions, one of them the one that the token is from', () => {
        const { items } = steps.sessions;
        assert.deepEqual(items.map(({ applications }) => applications), [[CLIENT], [CLIENT]]);
        assert.deepEqual(items.map(({ current }) => current).sort(), [false, true]);
      });

      test('the other one is ended, with the tokens that are from it and for its browser; this one lives', async () => {
        const [here, there] = [true, false].map((wanted) => steps.sessions.items.find(({ current }) => current === wanted).id);
        assert.deepEqual({ id: steps.ended.id, answered: steps.ended.answered }, { id: there, answered: 204 });
        assert.deepEqual(steps.sessions_left.ids, [here]);
        refusal('ended_token', 401, 'token-invalid');
        assert.deepEqual([await lives(agents[0]), await lives(agents[1])], [false, true]);
      });

      test('what is not there any more is a typed error: 404', () => refusal('not_found', 404, 'not-found'));

      test('what its scope does not allow is a typed error: 403', () => refusal('forbidden', 403, 'scope-insufficient'));

      test('a wrong password is a typed error that tells the member: 422', () => refusal('invalid', 422, 'invalid', ['/current_password']));
    });
  }
}
