// gatekey.js in Firefox, at the issuer's site and at another, with third-party cookies allowed, in jars as it ships, and refused: which way renews, and what it
// says where none does. Its user has signed in at the issuer itself, so that Firefox does not know who belongs to whom.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import { WebSocket } from 'ws';

import { Deployment, SHAPES } from '../support/deployment.mjs';
import { Firefox, signIn } from '../support/firefox.mjs';
import { USER, databasesOf } from '../support/gatekey.mjs';
import { token } from '../support/gatekey_js.mjs';

const FILES = {
  '/': ['text/html; charset=utf-8', '<!doctype html><html lang="en"><meta charset="utf-8"><title>Application</title><link rel="icon" href="data:,"><div></div>'],
  '/gatekey.js': ['text/javascript', readFileSync(join(import.meta.dirname, '../../src/http/gatekey_js/gatekey.js'))],
};
const FORCE = { force: true };

/** Runs in the page: makes the client, and takes the answer if the address has one. */
async function start(options) {
  const { createClient } = await import(`${location.pathname.replace(/[^/]*$/, '')}gatekey.js`);
  window.client = createClient(options);
  const back = await client.handleRedirect();
  return back?.error ? back.error.code : null;
}

for (const kind of databasesOf(import.meta.url)) {
  describe(kind, () => {
    let deployment, firefox, page;

    before(async () => (deployment = await Deployment.start(kind, { shapes: SHAPES, files: FILES })));
    after(() => deployment?.remove());
    afterEach(() => firefox?.close());

    const at = (shape) => `${deployment.applications[shape]}/`;
    const begin = (shape, more) => page.evaluate(start, { issuer: deployment.issuer, clientId: 'app', redirectUri: at(shape), scope: 'openid profile', ...more });
    async function reopen(shape, more) {
      await page.goto(at(shape));
      return begin(shape, more);
    }
    async function open(shape, cookies) {
      firefox = await Firefox.open(WebSocket, cookies);
      page = await firefox.newPage();
      await page.goto(`${deployment.issuer}login`);
      await signIn(page, USER);
      await page.waitForURL(deployment.issuer);
      await reopen(shape);
    }

    for (const [shape, what, cookies] of [
      ['same origin', 'in jars', { thirdPartyCookies: false }],
      ['same site', 'in jars', { thirdPartyCookies: false }],
      ['same site', 'refused', { thirdPartyCookies: false, refuse: true }],
      ['cross-site', 'allowed', { thirdPartyCookies: true }],
    ]) {
      test(`${shape}, third-party cookies ${what}: by the hidden frame`, async () => {
        await open(shape, cookies);
        assert.equal(await page.evaluate(token), 'frame');
        assert.equal(await page.evaluate(() => client.claims.name), 'Alice Example');
        assert.equal(await page.evaluate(token), 'session');
        assert.equal(await page.evaluate(token, FORCE), 'frame');
      });
    }

    for (const [what, cookies, granted] of [
      ['in jars', { thirdPartyCookies: false }, true],
      ['refused', { thirdPartyCookies: false, refuse: true }, false],
    ]) {
      test(`cross-site, third-party cookies ${what}: by the whole window and by the refresh token${granted ? ', and by the frame once they are allowed' : ''}`, async () => {
        await open('cross-site', cookies);
        assert.equal(await page.evaluate(token), 'login_required, cookies_blocked');
        // There is no FedCM, and it is said.
        assert.equal(await page.evaluate(() => client.signIn({ fedcm: true }).catch(({ code }) => code)), 'fedcm_refused');
        // By the button of the issuer, which the user has to click.
        await page.evaluate(() => void (window.allowed = client.allowCookies(document.querySelector('div')).catch(({ code }) => code)));
        await (await page.frame(`${deployment.issuer}storage-access**`)).click('button');
        assert.equal(await page.evaluate(() => window.allowed), granted);
        assert.equal(await page.evaluate(token), granted ? 'frame' : 'login_required, cookies_blocked');
        await reopen('cross-site', { ways: granted ? ['frame'] : undefined });
        if (granted) assert.equal(await page.evaluate(token, FORCE), 'frame', 'after a reload, too');
        await reopen('cross-site', { ways: ['refresh'] });
        await page.evaluate(() => void client.token({ redirect: true }));
        await page.waitForURL((url) => url.searchParams.has('code'));
        assert.equal(await begin('cross-site', { ways: ['refresh'] }), null);
        assert.equal(await page.evaluate(token, FORCE), 'refresh');
      });
    }
  });
}
