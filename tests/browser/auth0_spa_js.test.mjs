// auth0-spa-js, as published, at an issuer of the same site and at one of another site, with third-party cookies and without.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';
import { WebSocket } from 'ws';

import { complaints, signIn } from '../support/chromium.mjs';
import { Deployment, FOLDER, Profile } from '../support/deployment.mjs';
import { ASK, Firefox, askForCookies, signIn as signInByBidi } from '../support/firefox.mjs';
import { DATABASES, USER } from '../support/gatekey.mjs';

const SDK = readFileSync(join(import.meta.dirname, 'node_modules/@auth0/auth0-spa-js/dist/auth0-spa-js.production.js'));
const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Application</title><link rel="icon" href="data:,"><script src="/sdk.js"></script>
<button onclick="window.opened = client.loginWithPopup().then(() => client.getUser()).catch(String)">Sign in in a window</button></html>`;
const FILES = { '/': ['text/html; charset=utf-8', PAGE], '/sdk.js': ['text/javascript', SDK], '/ask': ['text/html; charset=utf-8', ASK] };

const APIS = ['https://notes.example.test/', 'https://photos.example.test/'];
/** What Auth0 calls an audience is a resource here (RFC 8707), by either name. */
const api = (address) => ({ authorizationParams: { audience: address } });
const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

/** Runs in the page: makes the client, and takes the answer if the address has one. */
async function start(options) {
  window.client = new auth0.Auth0Client(options);
  if (/[?&](code|error)=/.test(location.search)) await client.handleRedirectCallback();
  return (await client.getUser()) ?? null;
}

/** Runs in the page: a token, or why there is none. */
async function token(options) {
  try {
    return { token: await client.getTokenSilently({ cacheMode: 'off', timeoutInSeconds: 10, ...options }) };
  } catch (error) {
    return { error: error.error, description: error.error_description };
  }
}

/** The issuer's answer, in whole: the browser finds its name, and Node does not. */
function askIssuer(url, headers, body) {
  const { hostname, host, port, pathname } = new URL(url);
  const sent = Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(':') && name !== 'accept-encoding'));
  const options = { host: '127.0.0.1', port, path: pathname, method: 'POST', servername: hostname, rejectUnauthorized: false, headers: { ...sent, host, 'content-length': Buffer.byteLength(body) } };
  return new Promise((resolve, reject) => {
    const request = https.request(options, async (answer) => {
      const parts = [];
      for await (const part of answer) parts.push(part);
      resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts).toString() });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Runs in the page: starts something that leads away from it, and does not wait. */
const leave = (what) => {
  client[what]();
};

for (const kind of DATABASES) {
  for (const shape of ['same site', 'cross-site']) {
    describe(`${kind}, ${shape}`, () => {
      let deployment, profile, page, asked, bound;

      before(async () => {
        deployment = await Deployment.start(kind, { shape, files: FILES, client: `id_token_signed_response_alg = "RS256"\nresources = ${JSON.stringify(APIS)}` });
      });
      after(() => deployment?.remove());
      afterEach(() => profile?.close());

      async function open(thirdPartyCookies) {
        profile = await Profile.open(chromium, { thirdPartyCookies });
        page = await profile.context.newPage();
        [asked, bound] = [[], []];
        profile.context.on('request', (request) => {
          const { origin, pathname, searchParams } = new URL(request.url());
          if (!deployment.issuer.startsWith(origin)) return;
          const grant = pathname === '/oauth/token' && request.method() === 'POST' ? new URLSearchParams(request.postData()).get('grant_type') : searchParams.get('response_mode');
          asked.push(`${pathname} ${grant ?? ''}`.trim());
          if (pathname === '/authorize' && searchParams.has('dpop_jkt')) bound.push(searchParams.get('dpop_jkt'));
        });
      }

      const options = (more) => ({ domain: deployment.issuer.slice(0, -1), clientId: 'app', authorizationParams: { redirect_uri: `${deployment.application}/` }, ...more });
      const begin = (more) => page.evaluate(start, options(more));
      const renew = (more) => page.evaluate(token, more);

      /** By hand, with a redirect there and back. */
      async function signedIn(more) {
        await page.goto(`${deployment.application}/`);
        assert.equal(await begin(more), null);
        await page.evaluate(leave, 'loginWithRedirect');
        await page.waitForURL(`${deployment.issuer}login**`);
        await signIn(page, USER);
        await page.waitForURL(`${deployment.application}/?**`);
        const user = await begin(more);
        assert.equal(user.name, 'Alice Example');
        return user;
      }

      test('a redirect, a frame, a window, a reload, signing out', async () => {
        await open(true);
        const { sub } = await signedIn();
        const complained = complaints(page);
        const tokens = new Set();
        for (let i = 0; i < 3; i++) tokens.add((await renew()).token);
        assert.equal(tokens.size, 3);
        assert.ok(!tokens.has(undefined));
        assert.equal(asked.filter((one) => one === '/authorize web_message').length, 3);
        // A reload: the library asks silently who is there.
        await page.goto(`${deployment.application}/`);
        assert.equal((await begin()) ?? (await page.evaluate(async () => (await client.checkSession(), client.getUser()))).sub, sub);
        // A window, of somebody who is signed in and then of nobody.
        await page.getByRole('button').click();
        assert.equal((await page.evaluate(() => window.opened)).sub, sub);
        assert.deepEqual(complained, []);
        await page.evaluate(() => void client.logout({ logoutParams: { returnTo: `${location.origin}/signed-out` } }));
        await page.waitForURL(`${deployment.application}/signed-out`);
        assert.equal(await begin(), null);
        assert.deepEqual(await renew(), { error: 'login_required', description: 'Login required' });
        const second = profile.context.waitForEvent('page');
        await page.getByRole('button').click();
        const opened = await second;
        await opened.waitForURL(`${deployment.issuer}login**`);
        await signIn(opened, USER);
        assert.equal((await page.evaluate(() => window.opened)).sub, sub);
        assert.ok((await renew()).token);
      });

      test('refresh tokens, and the frame when they are gone', async () => {
        await open(true);
        const more = { useRefreshTokens: true, useRefreshTokensFallback: true };
        await signedIn(more);
        const refreshed = () => asked.filter((one) => one === '/oauth/token refresh_token').length;
        for (let i = 1; i <= 3; i++) {
          assert.ok((await renew()).token);
          assert.equal(refreshed(), i);
        }
        assert.ok(!asked.includes('/authorize web_message'));
        await page.evaluate(() => client.revokeRefreshToken());
        assert.ok((await renew()).token);
        assert.ok(asked.includes('/authorize web_message'));
        // It came with a new one.
        const before = refreshed();
        assert.ok((await renew()).token);
        assert.equal(refreshed(), before + 1);
      });

      test('where third-party cookies are kept back', async () => {
        await open(false);
        const { sub } = await signedIn();
        const silently = () => asked.filter((one) => one === '/authorize web_message').length;
        const began = Date.now();
        const first = await renew();
        assert.ok(Date.now() - began < 5000, 'at once, not after the time that the library waits');
        if (shape === 'same site') {
          assert.ok(first.token);
          assert.equal(silently(), 1);
        } else {
          // It is told at once.
          assert.deepEqual(first, { error: 'login_required', description: 'Login required' });
          assert.equal(silently(), 1);
          // The user has allowed the cookies at this page: the browser asks twice, the library once.
          const browser = await profile.context.newCDPSession(page);
          await browser.send('Browser.setPermission', { permission: { name: 'storage-access' }, setting: 'granted', origin: deployment.application, embeddedOrigin: deployment.issuer });
          assert.ok((await renew()).token);
          assert.deepEqual(deployment.front.answered.filter((one) => one.startsWith('GET /authorize')).slice(-2), ['GET /authorize 401', 'GET /authorize 200']);
          await browser.send('Browser.resetPermissions');
          assert.equal((await renew()).error, 'login_required');
        }
        // In the window itself, without a page.
        await page.goto(`${deployment.application}/`);
        await begin();
        await page.evaluate(() => void client.loginWithRedirect({ authorizationParams: { prompt: 'none' } }));
        await page.waitForURL(`${deployment.application}/?code=**`);
        assert.equal((await begin()).sub, sub);
        // In another window.
        await page.getByRole('button').click();
        assert.equal((await page.evaluate(() => window.opened)).sub, sub);
        // And with a refresh token.
        const more = { useRefreshTokens: true };
        await page.goto(`${deployment.application}/`);
        await begin(more);
        await page.evaluate(leave, 'loginWithRedirect');
        await page.waitForURL(`${deployment.application}/?code=**`);
        assert.equal((await begin(more)).sub, sub);
        assert.ok((await renew()).token);
        assert.ok(asked.includes('/oauth/token refresh_token'));
      });

      if (kind !== 'sqlite') return;

      test('in Firefox as it ships', async () => {
        profile = await Firefox.open(WebSocket, { thirdPartyCookies: false });
        page = await profile.newPage();
        // Signed in at the issuer itself, so that Firefox does not know who belongs to whom.
        await page.goto(`${deployment.issuer}login`);
        await signInByBidi(page, USER);
        await page.waitForURL(deployment.issuer);
        // By a redirect there and back, silently, with a refresh token.
        const more = { useRefreshTokens: true };
        await page.goto(`${deployment.application}/`);
        assert.equal(await begin(more), null);
        await page.evaluate(() => void client.loginWithRedirect({ authorizationParams: { prompt: 'none' } }));
        await page.waitForURL(`${deployment.application}/?code=**`);
        const { sub, name } = await begin(more);
        assert.equal(name, 'Alice Example');
        assert.ok((await renew()).token);
        // In a frame.
        await page.goto(`${deployment.application}/`);
        await begin();
        const first = await renew();
        if (shape === 'same site') {
          assert.ok(first.token);
        } else {
          assert.deepEqual(first, { error: 'login_required', description: 'Login required' });
          assert.equal(await askForCookies(page, new URL(`${FOLDER}/ask`, deployment.issuer).href), 'granted');
          assert.ok((await renew()).token);
          assert.deepEqual(deployment.front.answered.filter((one) => one.startsWith('GET /authorize')).slice(-2), ['GET /authorize 401', 'GET /authorize 200']);
        }
        // And in a window of its own.
        await page.click('button');
        assert.equal((await page.evaluate(() => window.opened)).sub, sub);
      });

      // What follows is of the library and the issuer, and not of where they are.
      if (shape === 'cross-site') return;

      test('a token for each of two APIs', async () => {
        await open(true);
        // Refresh tokens for the API of the sign-in, the frame for any other.
        const more = { useRefreshTokens: true, useRefreshTokensFallback: true };
        await signedIn(more);
        asked.length = 0;
        for (const address of APIS) {
          const { token } = await renew(api(address));
          assert.equal(claims(token).aud[0], address);
          assert.equal(asked.shift(), '/authorize web_message');
          assert.equal(asked.shift(), '/oauth/token authorization_code');
          // It is kept under that name.
          assert.deepEqual(await renew({ cacheMode: 'on', ...api(address) }), { token });
          assert.deepEqual(asked, []);
        }
        const refused = { error: 'invalid_target', description: '`audience` names an API that is not registered for this client.' };
        assert.deepEqual(await renew(api('https://others.example.test/')), refused);
        // By both names, as it may be too.
        const { token } = await renew({ authorizationParams: { audience: APIS[1], resource: APIS[1] } });
        assert.equal(claims(token).aud[0], APIS[1]);
      });

      test('one refresh token for several APIs is for those of the sign-in', async () => {
        await open(true);
        const more = { useRefreshTokens: true, useMrrt: true };
        await signedIn(more);
        assert.equal(claims((await renew(api(APIS[0]))).token).aud[0], APIS[0]);
        const refused = { error: 'invalid_target', description: '`audience` names an API that was not part of the grant.' };
        assert.deepEqual(await renew(api(APIS[1])), refused);
        // The refusal has cost nothing.
        assert.ok((await renew(api(APIS[0]))).token);
        assert.ok(!asked.includes('/authorize web_message'));
      });

      test('the library knows when the session ends', async () => {
        await open(true);
        await signedIn();
        const { session_expiry } = await page.evaluate(() => client.getIdTokenClaims());
        assert.ok(session_expiry > Date.now() / 1000);
        const before = (seconds) => page.clock.setFixedTime((session_expiry - seconds) * 1000);
        await before(31);
        assert.equal((await page.evaluate(() => client.getUser())).name, 'Alice Example');
        await before(29);
        assert.equal(await page.evaluate(() => client.getUser()), undefined);
        // And it asks no more.
        asked.length = 0;
        assert.equal((await renew()).token, undefined);
        assert.deepEqual(asked, []);
      });

      for (const [way, more] of [
        // Where a worker holds it, it does not outlast the page: the frame begins anew.
        ['by refresh token', { useRefreshTokens: true, useRefreshTokensFallback: true }],
        ['by refresh tokens that workers do not hold', { useRefreshTokens: true, cacheLocation: 'localstorage' }],
        ['by the frame', {}],
      ]) {
        test(`DPoP, ${way}: tokens are bound to a key of the browser's, and renewed with it`, async () => {
          await open(true);
          await signedIn({ useDpop: true, ...more });
          const tokens = [await page.evaluate(() => client.getTokenSilently()), (await renew()).token, (await renew()).token];
          assert.equal(new Set(tokens).size, 3);
          const keys = new Set(tokens.map((token) => claims(token).cnf.jkt));
          assert.deepEqual([keys.size, [...keys][0].length], [1, 43]);
          assert.equal(asked.includes('/authorize web_message'), !more.useRefreshTokens);
          // The code was asked for with the key as well.
          assert.equal(bound.length > 0 && bound.every((jkt) => keys.has(jkt)), true);
          const userinfo = `${deployment.issuer}userinfo`;
          const by = (scheme) => page.evaluate(([url, token, scheme]) => fetch(url, { headers: { authorization: `${scheme} ${token}` } }).then((answer) => answer.status), [userinfo, tokens[2], scheme]);
          assert.deepEqual([await by('Bearer'), await by('DPoP')], [401, 401]);
          const email = (url) => client.createFetcher({ dpopNonceId: 'userinfo' }).fetchWithAuth(url).then(async (answer) => [answer.status, (await answer.json()).email]);
          for (let i = 0; i < 2; i++) assert.deepEqual(await page.evaluate(email, userinfo), [200, 'alice@example.test']);
          // A reload: the key is the browser's, not the page's.
          await page.goto(`${deployment.application}/`);
          await begin({ useDpop: true, ...more });
          const after = await renew();
          assert.ok(keys.has(claims(after.token).cnf.jkt), JSON.stringify(after));
        });
      }

      test('DPoP: an answer that is lost is asked for again with the same proof, and nobody is signed out', async () => {
        await open(true);
        const more = { useDpop: true, useRefreshTokens: true, useRefreshTokensFallback: false };
        await signedIn(more);
        const [sent, answered] = [[], []];
        let lose = 2;
        await profile.context.route(`${deployment.issuer}oauth/token`, async (route) => {
          const request = route.request();
          if (request.method() !== 'POST') return route.fallback();
          sent.push([request.headers().dpop, request.postData()].join('\n'));
          const answer = await askIssuer(request.url(), await request.allHeaders(), request.postData());
          answered.push(JSON.parse(answer.body).refresh_token);
          return lose-- > 0 ? route.abort('connectionreset') : route.fulfill(answer);
        });
        const first = await renew();
        assert.ok(first.token, JSON.stringify(first));
        // The very same request three times, and one successor.
        assert.deepEqual([sent.length, new Set(sent).size, new Set(answered).size], [3, 1, 1]);
        assert.ok((await renew()).token);
        assert.equal(new Set(answered).size, 2);
      });

      test('DPoP: a refresh token is nothing without the key', async () => {
        await open(true);
        const more = { useDpop: true, useRefreshTokens: true, cacheLocation: 'localstorage' };
        await signedIn(more);
        const stolen = await page.evaluate(() => Object.entries(localStorage).map(([, text]) => text.match(/gk_rt_[\w-]+/)?.[0]).find(Boolean));
        const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'app', refresh_token: stolen });
        const { status, body } = await askIssuer(`${deployment.issuer}oauth/token`, { 'content-type': 'application/x-www-form-urlencoded' }, `${form}`);
        assert.deepEqual([status, JSON.parse(body).error], [400, 'invalid_dpop_proof']);
        assert.ok((await renew()).token);
      });
    });
  }
}
