// What an administrator's program does with an SDK made of the document, the same for every language: a token, the server, a client through
// which a user signs in, another user, a rule for its lifetimes and what comes of it, sessions page by page, one of them, its end, and what it is refused, as the SDK's own kind of error.
// What the program says is judged here.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { join } from 'node:path';

import { run } from './client_program.mjs';
import { DATABASES, Gatekey, USER } from './gatekey.mjs';
import { UserAgent } from './user_agent.mjs';

const SCOPE = 'server:read users:read users:write clients:read clients:write lifetimes:read lifetimes:write sessions:read sessions:end';
const NOBODY = '0198c5f2-7d3e-7b52-8c3a-61f02e4d9a18';
const CALLBACK = 'http://127.0.0.1:9/callback'; // Nobody listens there: where the browser was left is all that is wanted.

const clients = (secret) => `
[[clients]]
id = "robot"
kind = "machine"
resources = ["https://api.example.com/", "urn:gatekey:admin"] # the first is what a token is for that asks for none
scope = "${SCOPE}"
secret_digest = "sha256:${createHash('sha256').update(secret).digest('hex')}"
`;

/** `folder`: what tests/run has made of this language, below that of all SDKs. `command`: from that folder to the program. */
export function scenario({ name, folder, command }) {
  const made = process.env.GATEKEY_SDK;
  if (!made) throw new Error('GATEKEY_SDK is not set: run tests/run sdk, which makes the SDKs and sets it');

  for (const kind of DATABASES) {
    describe(`${name} on ${kind}`, () => {
      let gatekey, agents, steps;
      before(async () => {
        const secret = randomBytes(32).toString('base64url');
        gatekey = await Gatekey.install(kind, { clients: clients(secret) });
        gatekey.createUser();
        await gatekey.start();
        agents = [];
        steps = await run({
          command: command(join(made, folder)),
          settings: { issuer: gatekey.issuer, client_id: 'robot', client_secret: secret, scope: SCOPE, nobody: NOBODY, callback: CALLBACK, sign_in: authorization({}).href },
          open: signIn,
        });
      });
      after(() => gatekey?.remove());

      function authorization(more) {
        const challenge = createHash('sha256').update(randomBytes(32)).digest('base64url');
        return new URL(`authorize?${new URLSearchParams({ response_type: 'code', client_id: 'notes', redirect_uri: CALLBACK, scope: 'openid', code_challenge: challenge, code_challenge_method: 'S256', ...more })}`, gatekey.issuer);
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
        const { left } = await agent.visit(authorization({ prompt: 'none' }));
        if (left.searchParams.get('code')) return true;
        assert.equal(left.searchParams.get('error'), 'login_required');
        return false;
      };

      const refusal = (step, status, kind, of = []) => {
        const { answered, type, status: said, title, detail, members } = steps[step];
        assert.deepEqual({ answered, type, said, members }, { answered: status, type: `urn:gatekey:problem:${kind}`, said: status, members: of });
        assert.ok(title && detail);
      };

      test('a token for the scopes it asked for', () => {
        assert.equal(steps.token.token_type, 'Bearer');
        assert.deepEqual(steps.token.scope.split(' ').sort(), SCOPE.split(' ').sort());
      });

      test('none for a scope that is not registered: the error of OAuth', () => assert.equal(steps.no_token.error, 'invalid_scope'));

      test('the server, an enumeration among what it says', () => {
        const { version, issuer, database } = steps.server;
        assert.match(version, /^\d+\.\d+\.\d+/);
        assert.deepEqual({ issuer, database }, { issuer: gatekey.issuer, database: kind });
      });

      test('a client is made, with the defaults of its kind for what was left out', () => {
        const { id, kind, grant_types, secret } = steps.client_created;
        assert.deepEqual({ id, kind, grant_types, secret }, { id: 'notes', kind: 'spa', grant_types: ['authorization_code', 'refresh_token'], secret: null });
      });

      test('a second one of the same id is a typed error: 409', () => refusal('conflict', 409, 'already-exists'));

      test('one that breaks a rule is a typed error that tells the member: 422', () => refusal('invalid', 422, 'invalid', ['/metadata/redirect_uris/0']));

      test('a user is made, whose name is kept in lowercase', () => {
        const { id, username, name, email, groups, has_password } = steps.user_created;
        assert.match(id, /^[0-9a-f-]{36}$/);
        assert.deepEqual({ username, name, email, groups, has_password }, { username: 'brenda', name: 'Brenda Example', email: 'brenda@example.com', groups: ['staff'], has_password: false });
      });

      test('sent again with the same key, that makes nobody else and is answered the same', () => assert.deepEqual({ ...steps.user_again, step: 'user_created' }, steps.user_created));

      test('the user is read as they were made', () => assert.deepEqual({ ...steps.user, step: 'user_created' }, steps.user_created));

      test('another one of the same name is a typed error: 409', () => refusal('user_conflict', 409, 'already-exists'));

      test('the client is changed as it was read', () => {
        const { name, redirect_uris } = steps.client_replaced;
        assert.deepEqual({ name, redirect_uris }, { name: 'Notebook', redirect_uris: [CALLBACK] });
      });

      test('a change of what is another by now is a typed error: 412', () => refusal('stale', 412, 'precondition-failed'));

      test('a rule is set for how long its sessions last', () => {
        const { client, session_idle } = steps.rule;
        assert.deepEqual({ client, session_idle }, { client: 'notes', session_idle: 'PT10M' });
      });

      test('it is why they last as long as they do', () => {
        const { value, candidates } = steps.explained;
        assert.equal(value, 'PT10M');
        assert.deepEqual(candidates[0], { source: 'rule', client: 'notes', value: 'PT10M' });
        assert.equal(candidates.at(-1).source, 'settings');
      });

      test('all sessions, page by page, in the order they were begun', () => {
        const { pages, items } = steps.sessions;
        assert.equal(pages, 2);
        assert.equal(items.length, 2);
        assert.notEqual(items[0].id, items[1].id);
        assert.equal(items[0].user_id, items[1].user_id);
        assert.ok(new Date(items[0].created_at) < new Date(items[1].created_at), JSON.stringify(items));
        assert.ok(Math.abs(Date.now() - new Date(items[0].created_at)) < 300_000);
      });

      test('one of them, which lives', () => {
        const [first] = steps.sessions.items;
        const { id, user_id, ended_at } = steps.session;
        assert.deepEqual({ id, user_id, ended_at }, { id: first.id, user_id: first.user_id, ended_at: null });
      });

      test('what its scope does not allow is a typed error: 403', () => refusal('forbidden', 403, 'scope-insufficient'));

      test('it is ended, and the browser has none any more; the other one lives', async () => {
        const { id, ended_at, end_reason } = steps.ended;
        assert.deepEqual({ id, end_reason }, { id: steps.session.id, end_reason: 'revoked_by_admin' });
        assert.ok(Math.abs(Date.now() - new Date(ended_at)) < 300_000);
        assert.deepEqual([await lives(agents[0]), await lives(agents[1])], [false, true]);
      });

      test('what is not there is a typed error: 404', () => refusal('not_found', 404, 'not-found'));
    });
  }
}
