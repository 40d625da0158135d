// A real browser between the issuer and an application on the same site, then on another one.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { LAUNCH, allow, complaints, signIn } from '../support/chromium.mjs';
import { Gatekey, USER, databasesOf, freePort } from '../support/gatekey.mjs';

const DAY = 86400;

/** An application of one empty page: what it does, the test does in it. */
function serveApplication(port) {
  const server = http.createServer((request, answer) => {
    answer.setHeader('content-type', 'text/html; charset=utf-8');
    answer.end('<!doctype html><html lang="en"><title>Application</title><link rel="icon" href="data:,"><p>Application</p>');
  });
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}

/** Runs in the application's page: an authorization URL with PKCE, whose verifier the page keeps. */
async function authorizationUrl({ issuer, changes }) {
  const text = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  const random = () => text(crypto.getRandomValues(new Uint8Array(32)));
  const verifier = random();
  const state = random();
  sessionStorage.verifier = verifier;
  sessionStorage.state = state;
  const challenge = text(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)));
  const url = new URL('authorize', issuer);
  const parameters = { client_id: 'page', response_type: 'code', redirect_uri: `${location.origin}/callback`, scope: 'openid profile offline_access', state, nonce: random(), code_challenge: challenge, code_challenge_method: 'S256', ...changes };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** Runs in the application's page: what a hidden frame is answered. */
function inFrame(url) {
  return new Promise((resolve) => {
    const frame = document.createElement('iframe');
    frame.hidden = true;
    frame.src = url;
    frame.onload = () => {
      let answer = { page: 'of another origin' };
      try {
        answer = Object.fromEntries(new URLSearchParams(frame.contentWindow.location.search));
      } catch {
        // The frame shows a document that is not the application's.
      }
      frame.remove();
      resolve(answer);
    };
    document.body.append(frame);
  });
}

/** Runs in the application's page: a call of the token endpoint across origins. */
async function token({ issuer, fields }) {
  const answer = await fetch(new URL('oauth/token', issuer), { method: 'POST', body: new URLSearchParams({ client_id: 'page', ...fields }) });
  return { status: answer.status, ...(await answer.json()) };
}

for (const kind of databasesOf(import.meta.url)) {
  describe(kind, () => {
    let gatekey, application, origin, otherSite, browser, context, page, problems;

    before(async () => {
      const port = await freePort();
      origin = `http://localhost:${port}`;
      otherSite = `http://127.0.0.1:${port}`;
      application = await serveApplication(port);
      gatekey = await Gatekey.install(kind, {
        clients: `
[[clients]]
id = "page"
name = "A page"
kind = "spa"
redirect_uris = ["${origin}/callback", "${otherSite}/callback"]
post_logout_redirect_uris = ["${origin}/"]
web_origins = ["${origin}", "${otherSite}"]
`,
      });
      gatekey.createUser();
      await gatekey.start();
      browser = await chromium.launch(LAUNCH);
    });
    after(async () => {
      await browser?.close();
      application?.closeAllConnections();
      application?.close();
      await gatekey?.remove();
    });
    beforeEach(async () => {
      context = await browser.newContext({ locale: 'en-US' });
      page = await context.newPage();
      problems = complaints(page);
    });
    afterEach(async () => {
      await context.close();
      assert.deepEqual(problems, [], 'no violation of a Content-Security-Policy, no script error');
    });

    const home = () => page.goto(`${origin}/`);
    const call = (fields) => page.evaluate(token, { issuer: gatekey.issuer, fields });
    const refresh = (refreshToken) => call({ grant_type: 'refresh_token', refresh_token: refreshToken });
    const silently = async (changes = {}) => page.evaluate(inFrame, await page.evaluate(authorizationUrl, { issuer: gatekey.issuer, changes: { prompt: 'none', ...changes } }));

    async function redeem(answer) {
      const { state, verifier } = await page.evaluate(() => ({ ...sessionStorage }));
      assert.equal(answer.state, state);
      assert.equal(answer.iss, gatekey.issuer); // RFC 9207
      const tokens = await call({ grant_type: 'authorization_code', code: answer.code, code_verifier: verifier, redirect_uri: `${await page.evaluate(() => location.origin)}/callback` });
      assert.equal(tokens.status, 200, JSON.stringify(tokens));
      return tokens;
    }

    /** By hand, through the pages. */
    async function signedIn() {
      await home();
      await page.goto(await page.evaluate(authorizationUrl, { issuer: gatekey.issuer }));
      // A browser moves the focus when it draws the page, which may be after it has loaded.
      await page.waitForFunction(() => document.activeElement?.name === 'username');
      await signIn(page, USER);
      await page.waitForURL((url) => url.origin === origin || url.pathname === '/consent' || url.pathname === '/authorize');
      if (new URL(page.url()).origin !== origin) await allow(page);
      await page.waitForURL(`${origin}/callback?**`);
      return redeem(Object.fromEntries(new URL(page.url()).searchParams));
    }

    test('sign in by hand; renew silently in a frame; refresh; lose a response; replay; sign out', async () => {
      const first = await signedIn();

      const silent = await redeem(await silently());
      assert.ok(silent.access_token && silent.access_token !== first.access_token);

      const second = await refresh(first.refresh_token);
      assert.equal(second.status, 200);
      // The answer was lost: the page asks again with the token it has, and gets the same successor.
      assert.equal((await refresh(first.refresh_token)).refresh_token, second.refresh_token);
      const third = await refresh(second.refresh_token);
      assert.equal(third.status, 200);
      // The first one is now older than the direct predecessor: somebody else has it. The family ends.
      assert.deepEqual(await refresh(first.refresh_token), { status: 400, error: 'invalid_grant', error_description: 'Unknown or invalid refresh token.' });
      assert.equal((await refresh(third.refresh_token)).error, 'invalid_grant');
      // The session is another matter: its owner is not signed out by it.
      assert.ok((await silently()).code);

      const end = new URL('oidc/logout', gatekey.issuer);
      end.search = new URLSearchParams({ id_token_hint: silent.id_token, post_logout_redirect_uri: `${origin}/` });
      await page.goto(end.href);
      assert.equal(page.url(), `${origin}/`);
      assert.equal((await silently()).error, 'login_required');
    });

    test('the session cookie, as the browser has it', async () => {
      await signedIn();
      const cookies = await context.cookies(gatekey.issuer);
      const session = cookies.filter((cookie) => /^__Host-gatekey-[0-9a-f]{8}$/.test(cookie.name));
      assert.equal(session.length, 1, JSON.stringify(cookies));
      const { httpOnly, secure, sameSite, path, domain, expires } = session[0];
      assert.deepEqual({ httpOnly, secure, sameSite, path, domain }, { httpOnly: true, secure: true, sameSite: 'None', path: '/', domain: 'localhost' });
      const days = (expires - Date.now() / 1000) / DAY;
      assert.ok(days > 1 && days <= 400, `${days} days`);
      for (const cookie of cookies) assert.ok(cookie.secure && cookie.name.startsWith('__Host-'), cookie.name);
      // The check-session frame compares one of them; it says only that something has changed, and is no proof of anything.
      assert.deepEqual(cookies.filter((cookie) => !cookie.httpOnly).map((cookie) => cookie.name), [`${session[0].name}-state`]);
    });

    test('prompt=none without a session is an answer, not a page', async () => {
      await home();
      assert.equal((await silently()).error, 'login_required');
      const url = await page.evaluate(authorizationUrl, { issuer: gatekey.issuer, changes: { prompt: 'none' } });
      await page.goto(url);
      assert.equal(new URL(page.url()).searchParams.get('error'), 'login_required');
    });

    test('on another site, where the browser withholds cookies, prompt=none says login_required', async () => {
      await signedIn();
      await page.goto(`${otherSite}/`);
      assert.equal((await silently()).error, 'login_required');
      // The same request in the top window has its cookies: silent renewal by redirect.
      const url = await page.evaluate(authorizationUrl, { issuer: gatekey.issuer, changes: { prompt: 'none' } });
      await page.goto(url);
      assert.ok((await redeem(Object.fromEntries(new URL(page.url()).searchParams))).access_token);
    });

    test('everything works without JavaScript', async () => {
      await home();
      const url = await page.evaluate(authorizationUrl, { issuer: gatekey.issuer, changes: { response_mode: 'query' } });
      const plain = await browser.newContext({ javaScriptEnabled: false });
      const tab = await plain.newPage();
      await tab.goto(url);
      await signIn(tab, USER);
      await tab.waitForURL((at) => at.href !== url);
      if (new URL(tab.url()).origin !== origin) await allow(tab);
      await tab.waitForURL(`${origin}/callback?**`);
      assert.ok(new URL(tab.url()).searchParams.get('code'));
      await plain.close();
    });
  });
}
