// Every code with which gatekey.js explains a failure, and what it does not let itself be told: messages and answers of others. In Chromium, over TLS, at an
// issuer of another site; third-party cookies are allowed where the test does not say otherwise.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { allow, signIn } from '../support/chromium.mjs';
import { Deployment, Profile } from '../support/deployment.mjs';
import { USER, databasesOf } from '../support/gatekey.mjs';
import { token } from '../support/gatekey_js.mjs';

const MODULE = readFileSync(join(import.meta.dirname, '../../src/http/gatekey_js/gatekey.js'));
const HTML = 'text/html; charset=utf-8';
const HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Application</title><link rel="icon" href="data:,">';
const FILES = {
  '/': [HTML, HEAD],
  '/strict': [HTML, `${HEAD}<meta http-equiv="content-security-policy" content="frame-src 'none'">`],
  '/gatekey.js': ['text/javascript', MODULE],
};
const OTHER = { name: 'bob', password: 'another horse battery staple' };

/** Runs in the page: makes the client, and takes the answer if the address has one. */
async function start(options) {
  const { createClient } = await import('/gatekey.js');
  window.client = createClient(options);
  const back = await client.handleRedirect();
  return back?.error ? { code: back.error.code, reason: back.error.reason } : null;
}

const FORCE = { force: true };

for (const kind of databasesOf(import.meta.url)) {
  describe(kind, () => {
    let deployment, profile, page;

    before(async () => {
      const client = (origin) => {
        const more = (id, settings) => `[[clients]]\nid = "${id}"\nname = "${id}"\nkind = "spa"\nredirect_uris = ["${origin}/"]\nweb_origins = ["${origin}"]\n${settings}\n`;
        return more('third', '') + more('unframed', 'first_party = true\nmay_be_framed = false');
      };
      deployment = await Deployment.start(kind, { shape: 'cross-site', files: FILES, client });
      deployment.gatekey.createUser(OTHER.name, OTHER.password);
    });
    after(() => deployment?.remove());
    afterEach(() => profile?.close());

    const options = (more) => ({ issuer: deployment.issuer, clientId: 'app', ...more });
    const begin = (more) => page.evaluate(start, options(more));
    const renew = (more) => page.evaluate(token, more);
    async function reopen(more, path = '/') {
      await page.goto(path.startsWith('http') ? path : `${deployment.application}${path}`);
      return begin(more);
    }
    async function open(more, path) {
      await profile?.close();
      profile = await Profile.open(chromium, { thirdPartyCookies: true });
      page = await profile.context.newPage();
      return reopen(more, path);
    }
    async function signedIn(more, user = USER) {
      await open(more);
      await page.evaluate(() => void client.signIn());
      await page.waitForURL(`${deployment.issuer}login**`);
      await signIn(page, user);
      await page.waitForURL((url) => url.origin === deployment.application || url.pathname === '/consent');
      if (new URL(page.url()).origin !== deployment.application) await allow(page);
      await page.waitForURL(`${deployment.application}/?**`);
      assert.equal(await begin(more), null);
    }

    test('login_required, consent_required, access_denied', async () => {
      await open();
      assert.equal(await renew(), 'login_required, signed_out');
      await signedIn();
      await reopen({ clientId: 'third' });
      assert.equal(await renew(), 'consent_required');
      await page.evaluate(() => void client.signIn());
      await page.waitForURL(`${deployment.issuer}consent**`);
      await page.locator('button[name=decision][value=deny]').click();
      await page.waitForURL(`${deployment.application}/?**`);
      assert.deepEqual(await begin({ clientId: 'third' }), { code: 'access_denied', reason: undefined });
    });

    test('interaction_required: a client that may not be framed renews by its refresh token', async () => {
      await signedIn({ clientId: 'unframed' });
      assert.equal(await renew(FORCE), 'refresh');
      await reopen({ clientId: 'unframed' });
      assert.equal(await renew(), 'interaction_required');
    });

    test('account_selection_required: a page is not handed to somebody else', async () => {
      await signedIn({ storage: 'session' });
      const sub = await page.evaluate(() => client.claims.sub);
      const other = await profile.context.newPage();
      await other.goto(`${deployment.issuer}oidc/logout`);
      await other.locator('button[name=decision][value=allow]').click();
      await other.waitForURL((url) => url.pathname === '/oidc/logout/confirm');
      await other.goto(`${deployment.issuer}login`);
      await signIn(other, OTHER);
      await other.waitForURL(deployment.issuer);
      assert.equal(await page.evaluate(() => client.claims.sub), sub);
      assert.equal(await renew(FORCE), 'account_selection_required');
    });

    test('no_answer: by the page’s own policy, or because the issuer does not know the page', async () => {
      await signedIn();
      await reopen({ ways: ['frame'] }, '/strict');
      assert.equal(await renew(), 'no_answer, csp');
      await reopen({ ways: ['frame'], redirectUri: `${deployment.application}/not-registered` });
      assert.equal(await renew(), 'no_answer');
      await reopen({ ways: ['frame'], clientId: 'nobody' });
      assert.equal(await renew(), 'no_answer');
      // The control.
      await reopen({ ways: ['frame'] });
      assert.equal(await renew(), 'frame');
    });

    test('network, and cors where the issuer is there but not for this origin', async () => {
      await signedIn({ storage: 'session', ways: ['refresh'] });
      await profile.context.setOffline(true);
      assert.equal(await renew(FORCE), 'network');
      await profile.context.setOffline(false);
      assert.equal(await renew(FORCE), 'refresh');
      // The same application at an address that was not registered.
      const kept = await page.evaluate(() => ({ ...sessionStorage }));
      await page.goto(deployment.application.replace('app.', 'moved.'));
      await page.evaluate((kept) => Object.assign(sessionStorage, kept), kept);
      await begin({ storage: 'session', ways: ['refresh'] });
      assert.equal(await renew(FORCE), 'network, cors');
    });

    test('invalid_response: another issuer, an answer to nothing, an answer of another issuer', async () => {
      await open({ issuer: deployment.issuer.slice(0, -1) });
      assert.equal(await renew(), 'invalid_response, issuer');
      // Somebody else's code under a state that was never sent (cross-site request forgery).
      assert.deepEqual(await reopen({}, `/?code=x&state=forged&iss=${encodeURIComponent(deployment.issuer)}`), { code: 'invalid_response', reason: 'state' });
      // A state that was sent, and an answer of another issuer, or of one that does not say which it is (RFC 9207 §2.4).
      for (const iss of ['&iss=https%3A%2F%2Fevil.example%2F', '']) {
        await reopen();
        await page.route(`${deployment.issuer}authorize**`, (route) => {
          const state = new URL(route.request().url()).searchParams.get('state');
          return route.fulfill({ status: 303, headers: { location: `${deployment.application}/?code=x&state=${state}${iss}` } });
        });
        await page.evaluate(() => void client.signIn());
        await page.waitForURL(`${deployment.application}/?code=**`);
        await page.unroute(`${deployment.issuer}authorize**`);
        assert.deepEqual(await begin(), { code: 'invalid_response', reason: 'iss' });
      }
      assert.equal(await page.evaluate(() => client.claims), undefined);
    });

    test('invalid_response: an ID token of another issuer, for another client, of another sign-in, of another user', async () => {
      await signedIn({ storage: 'session' });
      const before = await page.evaluate(() => client.claims);
      /** Changes the ID tokens that come, as the page gets them. */
      const forge = (claims) =>
        page.evaluate((claims) => {
          const { fetch } = window;
          const options = { alphabet: 'base64url', omitPadding: true };
          window.fetch = async (url, init) => {
            const answer = await fetch(url, init);
            if (!url.endsWith('/oauth/token')) return answer;
            const body = await answer.json();
            const [head, payload, signature] = body.id_token.split('.');
            const changed = { ...JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(payload, options))), ...claims };
            body.id_token = [head, new TextEncoder().encode(JSON.stringify(changed)).toBase64(options), signature].join('.');
            return Response.json(body);
          };
          window.honest = () => (window.fetch = fetch);
        }, claims);
      for (const [way, claims] of [['frame', { iss: 'https://evil.example/' }], ['frame', { aud: 'another' }], ['frame', { nonce: 'another' }], ['refresh', { sub: 'another' }]]) {
        await reopen({ storage: 'session', ways: [way] });
        await forge(claims);
        assert.equal(await renew(FORCE), `invalid_response, ${Object.keys(claims)[0]}`);
        await page.evaluate(() => void honest());
        assert.equal(await page.evaluate(() => client.claims.sub), before.sub);
        assert.equal(await renew(FORCE), way, 'the control');
      }
    });

    test('messages of others are not heard', async () => {
      await signedIn();
      await reopen({ ways: ['frame'] });
      // The page itself, and a frame of another origin, say what the issuer's frame would say; they know the state.
      await page.evaluate((iss) => {
        window.sent = 0;
        const append = HTMLElement.prototype.append;
        HTMLElement.prototype.append = function (frame) {
          const state = new URL(frame.src).searchParams.get('state');
          const data = { type: 'authorization_response', response: { code: 'forged', state, iss } };
          window.postMessage(data, '*');
          const stranger = document.createElement('iframe');
          stranger.sandbox = 'allow-scripts';
          stranger.srcdoc = `<script>for (let i = 0; i < 20; i++) parent.postMessage(${JSON.stringify(data)}, '*')</script>`;
          append.call(this, stranger);
          window.sent += 2;
          append.call(this, frame);
        };
      }, deployment.issuer);
      assert.equal(await renew(), 'frame');
      assert.equal(await page.evaluate(() => window.sent), 2);
      // The issuer's own frame with an answer to another question.
      await reopen({ ways: ['frame'] });
      const said = (state) => `<!doctype html><script>parent.postMessage({ type: 'authorization_response', response: { code: 'x', state: '${state}', iss: '${deployment.issuer}' } }, '${deployment.application}')</script>`;
      await page.route(`${deployment.issuer}authorize**`, (route) => route.fulfill({ contentType: HTML, body: said('forged') }));
      assert.equal(await renew(), 'invalid_response, state');
      await page.unroute(`${deployment.issuer}authorize**`);
      // A frame that was led away to another origin is not the issuer's any more.
      await page.route(`${deployment.issuer}authorize**`, (route) => route.fulfill({ status: 303, headers: { location: `https://evil.other.test:${new URL(deployment.application).port}/evil?${new URL(route.request().url()).searchParams.get('state')}` } }));
      await page.route('https://evil.other.test:**/evil**', (route) => route.fulfill({ contentType: HTML, body: said(new URL(route.request().url()).search.slice(1)) }));
      assert.equal(await renew(), 'no_answer');
    });

    test('insecure_context', async () => {
      profile = await Profile.open(chromium, { thirdPartyCookies: true });
      page = await profile.context.newPage();
      await page.route('http://plain.other.test/**', (route) => {
        const [contentType, body] = FILES[new URL(route.request().url()).pathname] ?? FILES['/'];
        return route.fulfill({ contentType, body });
      });
      await page.goto('http://plain.other.test/');
      assert.equal(await page.evaluate(({ start, options }) => new Function(`return (${start})`)()(options).catch(({ code }) => code), { start: String(start), options: options() }), 'insecure_context');
    });
  });
}
