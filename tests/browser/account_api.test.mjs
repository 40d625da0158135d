// An application's own account page in a real browser, at another origin than the issuer: its script asks the account API with its token in a
// header, and no page of somebody else reads an answer.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { LAUNCH, allow, complaints, signIn } from '../support/chromium.mjs';
import { Gatekey, USER, databasesOf, freePort } from '../support/gatekey.mjs';

const SCOPES = ['profile:read', 'sessions:read', 'sessions:end', 'applications:read', 'applications:withdraw', 'password:change', 'activity:read'];
const SCOPE = ['openid', ...SCOPES.map((scope) => `account:${scope}`)].join(' ');
const NEW_PASSWORD = 'wrong donkey battery clip';

function serveApplication(port) {
  const server = http.createServer((_, answer) => {
    answer.setHeader('content-type', 'text/html; charset=utf-8');
    answer.end('<!doctype html><html lang="en"><title>My account</title><link rel="icon" href="data:,"><p>My account</p>');
  });
  return new Promise((resolve) => server.listen(port, () => resolve(server)));
}

/** Runs in a page: what the API answers, or that the browser does not say. */
async function ask({ url, token, options }) {
  try {
    const headers = { authorization: `Bearer ${token}`, ...(options?.body && { 'content-type': 'application/json' }) };
    const answer = await fetch(url, { ...options, headers });
    const text = await answer.text();
    const told = ['www-authenticate', 'retry-after', 'x-request-id'].filter((name) => answer.headers.has(name));
    return { status: answer.status, json: text && JSON.parse(text), told };
  } catch (error) {
    return { unreadable: String(error.name) };
  }
}

for (const kind of databasesOf(import.meta.url)) {
  describe(kind, () => {
    let gatekey, applications, registered, stranger, browser;

    before(async () => {
      const [port, strange] = [await freePort(), await freePort()];
      registered = `http://localhost:${port}`;
      stranger = `http://localhost:${strange}`;
      applications = [await serveApplication(port), await serveApplication(strange)];
      const clients = `
[[clients]]
id = "my-account"
name = "My account"
kind = "spa"
scope = "${SCOPE}"
resources = ["urn:gatekey:account"]
redirect_uris = ["${registered}/callback"]
web_origins = ["${registered}"]
`;
      gatekey = await Gatekey.install(kind, { clients });
      gatekey.createUser();
      await gatekey.start();
      browser = await chromium.launch(LAUNCH);
    });
    after(async () => {
      await browser?.close();
      for (const application of applications ?? []) {
        application.closeAllConnections();
        application.close();
      }
      await gatekey?.remove();
    });

    /** Signs in at the application, in a browser of its own; what its script asks then. */
    async function signedIn(password = USER.password) {
      const context = await browser.newContext({ locale: 'en-US' });
      const page = await context.newPage();
      const url = new URL('authorize', gatekey.issuer);
      // RFC 7636 Appendix B
      const parameters = { client_id: 'my-account', response_type: 'code', redirect_uri: `${registered}/callback`, scope: SCOPE, resource: 'urn:gatekey:account', state: 's', code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' };
      url.search = new URLSearchParams(parameters);
      await page.goto(url.href);
      await signIn(page, { name: USER.name, password });
      await page.waitForURL((at) => at.origin === registered || at.pathname === '/consent');
      if (new URL(page.url()).origin !== registered) {
        // The person is asked in words, not in names of scopes.
        const shown = await page.locator('ul.scopes').innerText();
        for (const words of ['See where you are signed in', 'Change your password']) assert.ok(shown.includes(words), shown);
        assert.ok(!shown.includes('account:'), shown);
        await allow(page);
      }
      await page.waitForURL(`${registered}/callback?**`);
      const code = new URL(page.url()).searchParams.get('code');
      const fields = { grant_type: 'authorization_code', client_id: 'my-account', code, redirect_uri: `${registered}/callback`, code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk' };
      const token = await page.evaluate(async ({ url, fields }) => (await (await fetch(url, { method: 'POST', body: new URLSearchParams(fields) })).json()).access_token, { url: new URL('oauth/token', gatekey.issuer).href, fields });
      return { context, page, token, asked: (path, options) => page.evaluate(ask, { url: new URL(`account/api/v1/${path}`, gatekey.issuer).href, token, options }) };
    }

    test('a page at its own origin shows the account, signs out elsewhere, changes the password', async () => {
      const [phone, desk] = [await signedIn(), await signedIn()];
      const problems = complaints(desk.page);
      assert.equal((await desk.asked('profile')).json.username, USER.name);
      const sessions = (await desk.asked('sessions')).json.items;
      assert.deepEqual(sessions.map((session) => session.current), [true, false]);
      assert.match(sessions[0].user_agent, /Chrome/);
      assert.equal((await desk.asked('applications')).json.items[0].name, 'My account');
      assert.equal((await desk.asked('activity?limit=1')).json.items.length, 1);

      // Another method, with a preflight, and an answer without a body.
      assert.deepEqual(await desk.asked(`sessions/${sessions[1].id}/end`, { method: 'POST' }), { status: 204, json: '', told: ['x-request-id'] });
      assert.deepEqual(problems, [], 'nothing was refused so far');
      const ended = await phone.asked('sessions');
      assert.equal(ended.json.type, 'urn:gatekey:problem:token-invalid');
      assert.deepEqual(ended.told, ['www-authenticate', 'x-request-id'], 'what to do next is read by the page');

      const change = (current) => desk.asked('password', { method: 'PUT', body: JSON.stringify({ current_password: current, new_password: NEW_PASSWORD }) });
      const wrong = await change('not this one');
      assert.deepEqual([wrong.status, wrong.json.errors[0].pointer], [422, '/current_password']);
      assert.equal((await change(USER.password)).status, 204);
      assert.equal((await desk.asked('profile')).status, 401, 'its tokens have ended');
      // So has the session: the browser's cookie is as old as the password.
      await desk.page.goto(new URL('account', gatekey.issuer).href);
      await desk.page.waitForURL((at) => at.pathname === '/login');

      // Withdrawing what the application itself was given takes its token along.
      const again = await signedIn(NEW_PASSWORD);
      assert.equal((await again.asked('applications/my-account', { method: 'DELETE' })).status, 204);
      assert.equal((await again.asked('profile')).status, 401);
      for (const { context } of [phone, desk, again]) await context.close();
      gatekey.run(['user', 'set-password', USER.name], `${USER.password}\n`);
    });

    test('CR-02: a page of another origin reads nothing, whatever token it has', async () => {
      const { context, page, asked } = await signedIn();
      assert.equal((await asked('profile')).status, 200, 'the control');
      await page.goto(stranger);
      for (const [path, options] of [['profile'], ['sessions', { credentials: 'include' }], ['password', { method: 'PUT', body: '{}' }], ['sessions/end-others', { method: 'POST' }]]) {
        assert.deepEqual(await asked(path, options), { unreadable: 'TypeError' }, path);
      }
      await context.close();
    });
  });
}
