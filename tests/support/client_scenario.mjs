// One life of an application with a client library, the same for every language: discovery, code + PKCE, ID token, userinfo,
// refresh with a lost answer, rotation, replay and reuse, silent sign-in, revocation, logout, and the errors it meets.
// What the program says is evidence (tokens, texts): it is judged here.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { run } from './client_program.mjs';
import { Certificates, Front } from './front.mjs';
import { DATABASES, Gatekey, USER } from './gatekey.mjs';
import { UserAgent } from './user_agent.mjs';

const REDIRECT_URI = 'http://127.0.0.1:9/callback'; // Nobody listens there: where the browser was left is told to the program.
const CLAIMED_URI = 'https://app.example.test/callback'; // A native application's own (RFC 8252 §7.2): it may be signed in without a page.
const SIGNED_OUT_URI = 'http://127.0.0.1:9/signed-out';

/** Signs that have to be encoded on their way through HTTP Basic (RFC 6749 §2.3.1). */
export const AWKWARD_ASCII = ' : % + & %41';
export const AWKWARD = `${AWKWARD_ASCII} ü`;

const clients = (secret) => `
[[clients]]
id = "page"
name = "A page"
kind = "spa"
redirect_uris = ["${REDIRECT_URI}"]
post_logout_redirect_uris = ["${SIGNED_OUT_URI}"]
web_origins = ["http://127.0.0.1:9"]

[[clients]]
id = "app"
name = "An app"
kind = "native"
redirect_uris = ["${CLAIMED_URI}"]
post_logout_redirect_uris = ["${SIGNED_OUT_URI}"]

[[clients]]
id = "server"
name = "A server"
kind = "web"
redirect_uris = ["${REDIRECT_URI}"]
post_logout_redirect_uris = ["${SIGNED_OUT_URI}"]
secret_digest = "sha256:${createHash('sha256').update(secret).digest('hex')}"
`;

const payload = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'));

/**
 * `name`: as docs/clients.md names the library. `command`: its program. `as`: which of the clients above it is.
 * `secretSuffix`: what is added to the secret of "server". `met`: how the library says what it meets:
 *   network (null: it asks again by itself), refused, unauthorized, login_required, invalid_client.
 */
export function scenario({ name, command, env = () => ({}), as, secretSuffix = '', met }) {
  const certificates = new Certificates();
  after(() => certificates.remove());

  for (const kind of DATABASES) {
    describe(`${name} on ${kind}`, () => {
      const secret = `${randomBytes(32).toString('base64url')}${secretSuffix}`;
      let gatekey, back, front;
      before(async () => {
        gatekey = await Gatekey.install(kind, { clients: clients(secret), scheme: 'https' });
        gatekey.createUser();
        back = await gatekey.replica();
        front = await Front.listen(gatekey.port, certificates, back.url);
      });
      after(async () => {
        await front?.close();
        await back?.stop();
        await gatekey?.remove();
      });

      for (const id of as) {
        describe(`as "${id}"`, () => {
          let steps, pages;
          before(async () => {
            const agent = new UserAgent(gatekey.issuer, back.url);
            pages = [];
            steps = await run({
              command,
              env: env(certificates.authority),
              settings: { issuer: gatekey.issuer, client_id: id, client_secret: id === 'server' ? secret : null, redirect_uri: id === 'app' ? CLAIMED_URI : REDIRECT_URI, post_logout_redirect_uri: SIGNED_OUT_URI, ca: certificates.authority },
              async open(url) {
                // Only the first sign-in may need the user: everything after it happens without a page.
                const first = pages.length === 0;
                const left = first ? await agent.authorize(url, USER) : (await agent.visit(url)).left;
                assert.ok(left, `stayed at the issuer instead of coming back from ${url}`);
                pages.push({ url, left });
                return left.href;
              },
              async lose() {
                front.loseNextToken();
                return 'armed';
              },
            });
          });

          const user = () => payload(steps.code_pkce.id_token).sub;

          test('discovery, and docs/clients.md names this very version', (t) => {
            const { library, version, with: beside } = steps.discovery;
            t.diagnostic([`${library} ${version}`, beside].filter(Boolean).join(', '));
            const docs = readFileSync(fileURLToPath(new URL('../../docs/clients.md', import.meta.url)), 'utf8');
            const row = docs.split('\n').find((line) => line.startsWith(`| ${library} |`));
            assert.ok(row?.includes(`| ${version} |`), `the table has: ${row}`);
          });

          test('the authorization request has PKCE S256, state and nonce, and the code is redeemed', () => {
            const asked = pages[0].url.searchParams;
            assert.equal(asked.get('response_type'), 'code');
            assert.equal(asked.get('code_challenge_method'), 'S256');
            for (const parameter of ['code_challenge', 'state', 'nonce']) assert.ok(asked.get(parameter)?.length >= 10 || (parameter === 'state' && asked.get(parameter)), parameter);
            assert.equal(pages[0].left.searchParams.get('iss'), gatekey.issuer); // RFC 9207
            assert.match(steps.code_pkce.refresh_token, /^gk_rt_/);
          });

          test('the ID token is verified and is for this client', () => {
            const claims = payload(steps.code_pkce.id_token);
            assert.equal(claims.iss, gatekey.issuer);
            assert.equal(claims.aud, id);
            assert.equal(claims.nonce, pages[0].url.searchParams.get('nonce'));
            assert.equal(steps.id_token_verified.sub, claims.sub);
          });

          test('userinfo speaks of the same user', () => {
            assert.equal(steps.userinfo.sub, user());
            assert.equal(steps.userinfo.email, `${USER.name}@example.test`);
          });

          test('an answer that is lost is asked for again: the same successor', () => {
            assert.equal(front.lost.status, 200);
            const lost = JSON.parse(front.lost.body).refresh_token;
            assert.notEqual(lost, steps.code_pkce.refresh_token);
            assert.equal(steps.answer_lost.type, met.network);
            assert.equal(steps.retried.refresh_token, lost);
          });

          test('refreshing rotates, and a replay gets the same successor', () => {
            assert.notEqual(steps.refresh_rotated.refresh_token, steps.retried.refresh_token);
            assert.equal(steps.refresh_replayed.refresh_token, steps.refresh_rotated.refresh_token);
            assert.equal(payload(steps.refresh_rotated.access_token).sub, user());
          });

          test('an old refresh token is refused and ends the family', () => {
            for (const step of ['old_refresh_refused', 'family_ended']) {
              assert.equal(steps[step].type, met.refused, step);
              assert.equal(steps[step].error, 'invalid_grant', step);
            }
          });

          test('silently, on the same session: no page', () => {
            assert.equal(pages[1].url.searchParams.get('prompt'), 'none');
            const [before, now] = [payload(steps.code_pkce.id_token), payload(steps.silent.id_token)];
            assert.equal(now.sub, before.sub);
            assert.equal(now.sid, before.sid);
            assert.equal(now.auth_time, before.auth_time);
          });

          test('what is revoked is dead, and the access token with it', () => {
            assert.ok(steps.revoked);
            assert.equal(steps.refresh_after_revocation.type, met.refused);
            assert.equal(steps.refresh_after_revocation.error, 'invalid_grant');
            const { type, status, description } = steps.userinfo_after_revocation;
            assert.equal(type, met.unauthorized);
            assert.match(`${status ?? description}`, /401/);
          });

          test('logout leads back to the application and ends the session', () => {
            const { url, left } = pages[2];
            assert.ok(url.searchParams.get('id_token_hint'));
            assert.equal(url.searchParams.get('post_logout_redirect_uri'), SIGNED_OUT_URI);
            assert.equal(left.href.split('?')[0], SIGNED_OUT_URI);
            assert.equal(steps.logout.state_matches, true);
            assert.equal(pages[3].left.searchParams.get('error'), 'login_required');
          });

          test('the error of an authorization response is the library\'s own', () => {
            assert.equal(steps.error.type, met.login_required);
            assert.equal(steps.error.error ?? 'login_required', 'login_required');
          });

          if (id === 'server') {
            test('a wrong secret is named as such', () => {
              assert.equal(steps.wrong_secret.type, met.invalid_client ?? met.refused);
              // Of a 401 some libraries show the challenge and not the body.
              assert.equal(steps.wrong_secret.error ?? steps.wrong_secret.status, steps.wrong_secret.error ? 'invalid_client' : 401);
            });
          }
        });
      }
    });
  }
}

/** The program that tests/run has made for this library: its first word is the value of a variable. */
export function program(variable, ...rest) {
  const made = process.env[variable];
  if (!made) throw new Error(`${variable} is not set: run tests/run clients, which makes the program and sets it`);
  return [made, ...rest];
}

export const here = (path) => fileURLToPath(new URL(`../clients/${path}`, import.meta.url));
