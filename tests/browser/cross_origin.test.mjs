// What a real browser lets pages of other origins read, and what it keeps: the cases of docs/security-cases.md that only it can show.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { LAUNCH, allow, signIn } from '../support/chromium.mjs';
import { Gatekey, USER, databasesOf, freePort } from '../support/gatekey.mjs';

/** An application; `/logout` posts a form to where its query says, as some applications do. */
function serveApplication(port) {
  const server = http.createServer((request, answer) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost');
    answer.setHeader('content-type', 'text/html; charset=utf-8');
    const fields = [...searchParams].filter(([name]) => name !== 'to').map(([name, value]) => `<input type="hidden" name="${name}" value="${value}">`);
    const form = pathname === '/logout' ? `<form method="post" action="${searchParams.get('to')}">${fields.join('')}<button>Sign out</button></form>` : '';
    answer.end(`<!doctype html><html lang="en"><title>Application</title><link rel="icon" href="data:,"><p>Application</p>${form}`);
  });
  return new Promise((resolve) => server.listen(port, () => resolve(server)));
}

/** Runs in a page: what a request across origins is answered, or that the browser does not say. */
async function ask({ url, options }) {
  try {
    const answer = await fetch(url, { redirect: 'follow', ...options, body: options?.fields ? new URLSearchParams(options.fields) : undefined });
    return { status: answer.status, text: await answer.text() };
  } catch (error) {
    return { unreadable: String(error.name) };
  }
}

/** Runs in a page: the same from a frame without an origin of its own (`Origin: null`). */
function askFromSandbox({ url, options, code }) {
  return new Promise((resolve) => {
    addEventListener('message', (message) => resolve(message.data), { once: true });
    const frame = document.createElement('iframe');
    frame.sandbox = 'allow-scripts';
    frame.srcdoc = `<script>(${code})(${JSON.stringify({ url, options })}).then((said) => parent.postMessage(said, '*'))</script>`;
    document.body.append(frame);
  });
}

const UNREADABLE = { unreadable: 'TypeError' };

for (const kind of databasesOf(import.meta.url)) {
  describe(kind, () => {
    let gatekey, lax, applications, registered, stranger, otherSite, browser, context, page;

    before(async () => {
      const [port, strange] = [await freePort(), await freePort()];
      registered = `http://localhost:${port}`;
      otherSite = `http://127.0.0.1:${port}`;
      stranger = `http://localhost:${strange}`;
      applications = [await serveApplication(port), await serveApplication(strange)];
      const clients = `
[[clients]]
id = "page"
name = "A page"
kind = "spa"
first_party = true
redirect_uris = ["${registered}/callback", "${otherSite}/callback"]
post_logout_redirect_uris = ["${registered}/", "${otherSite}/"]
web_origins = ["${registered}"]
`;
      gatekey = await Gatekey.install(kind, { clients });
      lax = await Gatekey.install(kind, { clients: `[cookies]\nsame_site = "lax"\n${clients}` });
      for (const issuer of [gatekey, lax]) {
        issuer.createUser();
        await issuer.start();
      }
      browser = await chromium.launch(LAUNCH);
    });
    after(async () => {
      await browser?.close();
      for (const application of applications ?? []) {
        application.closeAllConnections();
        application.close();
      }
      await gatekey?.remove();
      await lax?.remove();
    });
    beforeEach(async () => {
      context = await browser.newContext({ locale: 'en-US' });
      page = await context.newPage();
    });
    afterEach(() => context.close());

    function authorize(issuer, origin, changes = {}) {
      const url = new URL('authorize', issuer);
      // RFC 7636 Appendix B
      const parameters = { client_id: 'page', response_type: 'code', redirect_uri: `${origin}/callback`, scope: 'openid', state: 's', code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256', ...changes };
      url.search = new URLSearchParams(parameters);
      return url.href;
    }

    /** Signs in by hand; the tokens. */
    async function signedIn(issuer, origin = registered) {
      await page.goto(authorize(issuer, origin));
      await signIn(page, USER);
      await page.waitForURL((url) => url.origin === origin || url.pathname === '/consent');
      if (new URL(page.url()).origin !== origin) await allow(page);
      await page.waitForURL(`${origin}/callback?**`);
      const code = new URL(page.url()).searchParams.get('code');
      const fields = { grant_type: 'authorization_code', client_id: 'page', code, redirect_uri: `${origin}/callback`, code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk' };
      return (await fetch(new URL('oauth/token', issuer), { method: 'POST', body: new URLSearchParams(fields) })).json();
    }

    const asked = (path, options) => page.evaluate(ask, { url: new URL(path, gatekey.issuer).href, options });
    const refusal = { method: 'POST', fields: { grant_type: 'refresh_token', client_id: 'page', refresh_token: 'x' } };

    test('CR-01: no page of any origin reads a page of the issuer', async () => {
      await signedIn(gatekey.issuer);
      for (const origin of [registered, stranger]) {
        await page.goto(`${origin}/`);
        for (const path of ['', 'login', 'consent', 'oidc/logout', authorize(gatekey.issuer, registered), authorize(gatekey.issuer, registered, { prompt: 'none' })]) {
          for (const credentials of ['omit', 'include']) assert.deepEqual(await asked(path, { credentials }), UNREADABLE, `${origin} ${path} ${credentials}`);
          assert.deepEqual(await asked(path, { headers: { authorization: 'Bearer x' } }), UNREADABLE, `${origin} ${path} with a preflight`);
        }
      }
      // The control: what is public is read by everybody.
      assert.equal((await asked('.well-known/openid-configuration')).status, 200);
    });

    test('CR-02: only a registered origin reads what the token endpoint says, and never with cookies', async () => {
      const tokens = await signedIn(gatekey.issuer);
      const bearer = { headers: { authorization: `Bearer ${tokens.access_token}` } };
      await page.goto(`${registered}/`);
      assert.equal((await asked('oauth/token', refusal)).status, 400);
      assert.match((await asked('userinfo', bearer)).text, /sub/);
      for (const path of ['oauth/token', 'oauth/revoke', 'userinfo']) {
        assert.deepEqual(await asked(path, { ...refusal, credentials: 'include' }), UNREADABLE, `${path} with cookies`);
      }
      // From a frame without an origin.
      const sandboxed = (path, options) => page.evaluate(askFromSandbox, { url: new URL(path, gatekey.issuer).href, options, code: ask.toString() });
      assert.deepEqual(await sandboxed('oauth/token', refusal), UNREADABLE);
      assert.deepEqual(await sandboxed('userinfo', bearer), UNREADABLE);
      assert.equal((await sandboxed('.well-known/openid-configuration')).status, 200);
      for (const origin of [stranger, otherSite]) {
        await page.goto(`${origin}/`);
        assert.deepEqual(await asked('oauth/token', refusal), UNREADABLE, origin);
        assert.deepEqual(await asked('userinfo', bearer), UNREADABLE, origin);
      }
    });

    test('CR-04: no origin reads the admin API', async () => {
      await signedIn(gatekey.issuer);
      for (const origin of [registered, stranger]) {
        await page.goto(`${origin}/`);
        for (const options of [{}, { credentials: 'include' }, { headers: { authorization: 'Bearer x' } }]) {
          assert.deepEqual(await asked('admin/api/v1/server', options), UNREADABLE, origin);
        }
      }
      // The control: it is there.
      assert.equal((await fetch(new URL('admin/api/v1/server', gatekey.issuer))).status, 401);
    });

    test('CR-05: the browser keeps what is public and nothing personal', async () => {
      const tokens = await signedIn(gatekey.issuer);
      const client = await context.newCDPSession(page);
      await client.send('Network.enable');
      const addresses = new Map();
      const kept = [];
      client.on('Network.requestWillBeSent', ({ requestId, request }) => addresses.set(requestId, request.url));
      // From memory, or from the disk.
      client.on('Network.requestServedFromCache', ({ requestId }) => kept.push(addresses.get(requestId)));
      client.on('Network.responseReceived', ({ response }) => response.fromDiskCache && kept.push(response.url));
      await page.goto(`${registered}/`);
      for (let i = 0; i < 3; i++) {
        assert.equal((await asked('.well-known/jwks.json')).status, 200);
        assert.equal((await asked('userinfo', { headers: { authorization: `Bearer ${tokens.access_token}` } })).status, 200);
      }
      assert.ok(kept.includes(`${gatekey.issuer}.well-known/jwks.json`), 'the control: keys are kept');
      assert.ok(!kept.includes(`${gatekey.issuer}userinfo`), 'who somebody is, is asked each time');

      // The back button after signing out.
      await page.goto(gatekey.issuer);
      assert.match(await page.textContent('body'), /alice/i);
      const end = new URL('oidc/logout', gatekey.issuer);
      end.search = new URLSearchParams({ id_token_hint: tokens.id_token });
      await page.goto(end.href);
      await page.goBack();
      assert.equal(page.url(), gatekey.issuer);
      assert.doesNotMatch(await page.textContent('body'), /alice/i);
    });

    test('LO-04: a logout form of another site signs out where the cookie is Lax', async () => {
      const tokens = await signedIn(lax.issuer, otherSite);
      const silent = async () => {
        await page.goto(authorize(lax.issuer, otherSite, { prompt: 'none' }));
        return new URL(page.url()).searchParams.get('error') ?? 'signed in';
      };
      assert.equal(await silent(), 'signed in');
      const form = new URL('/logout', otherSite);
      form.search = new URLSearchParams({ to: `${lax.issuer}oidc/logout`, id_token_hint: tokens.id_token, post_logout_redirect_uri: `${otherSite}/` });
      await page.goto(form.href);
      await page.click('button');
      await page.waitForURL(`${otherSite}/`);
      assert.equal(await silent(), 'login_required');
    });
  });
}
