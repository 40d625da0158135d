// gatekey.js and FedCM in Chromium, at an issuer of another site, with third-party cookies kept back: after one sign-in by the browser's own dialog it renews
// silently.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { signIn } from '../support/chromium.mjs';
import { Deployment, Profile } from '../support/deployment.mjs';
import { RegistrableDomain } from '../support/fedcm.mjs';
import { USER, databasesOf } from '../support/gatekey.mjs';
import { token } from '../support/gatekey_js.mjs';

const MODULE = readFileSync(join(import.meta.dirname, '../../src/http/gatekey_js/gatekey.js'));
const FILES = {
  '/': ['text/html; charset=utf-8', '<!doctype html><html lang="en"><meta charset="utf-8"><title>Application</title><link rel="icon" href="data:,">'],
  '/gatekey.js': ['text/javascript', MODULE],
};

/** Runs in the page: makes the client. */
async function start(options) {
  const { createClient } = await import('/gatekey.js');
  window.client = createClient(options);
}

/** Runs in the page: the browser's dialog; what came of it. */
const chooser = () => client.signIn({ fedcm: true }).then(() => client.lastWay, ({ code }) => code);

/** Runs in the page: so many seconds have passed. */
function pass(seconds) {
  const { now } = Date;
  Date.now = () => now() + seconds * 1000;
}

for (const kind of databasesOf(import.meta.url)) {
  describe(kind, () => {
    let deployment, domain, profile, page, fedcm;

    before(async () => {
      deployment = await Deployment.start(kind, { shape: 'cross-site', files: FILES, client: 'fedcm = true' });
      domain = await RegistrableDomain.listen(deployment);
    });
    after(async () => {
      domain?.close();
      await deployment?.remove();
    });
    afterEach(() => profile?.close());

    async function open() {
      profile = await Profile.open(chromium, { thirdPartyCookies: false, hosts: domain.hosts, args: ['--ignore-certificate-errors'] });
      page = await profile.context.newPage();
      fedcm = await profile.context.newCDPSession(page);
      await fedcm.send('FedCm.enable', { disableRejectionDelay: true });
      await page.goto(new URL('login', deployment.issuer).href);
      await signIn(page, USER);
      await page.waitForURL(deployment.issuer);
      await reopen();
    }
    async function reopen(more) {
      await page.goto(`${deployment.application}/`);
      await page.evaluate(start, { issuer: deployment.issuer, clientId: 'app', scope: 'openid profile', ...more });
    }
    async function chosen(act) {
      const shown = new Promise((resolve) => fedcm.once('FedCm.dialogShown', resolve));
      const done = page.evaluate(chooser);
      const { dialogId } = await shown;
      await act(dialogId);
      return done;
    }
    const choose = () => chosen((dialogId) => fedcm.send('FedCm.selectAccount', { dialogId, accountIndex: 0 }));

    test('one sign-in by the dialog, and then silently', async () => {
      await open();
      // Never used here: nothing is asked of the browser.
      await reopen({ ways: ['fedcm'] });
      assert.equal(await page.evaluate(token), 'login_required, signed_out');
      assert.equal(await choose(), 'fedcm');
      assert.equal(await page.evaluate(() => client.claims.name), 'Alice Example');
      // Within ten minutes the browser would refuse: it is not asked.
      assert.equal(await page.evaluate(token, { force: true }), 'login_required, session_ended');
      await page.evaluate(pass, 601);
      assert.equal(await page.evaluate(token, { force: true }), 'fedcm');
    });

    test('fedcm_refused: the user closes the dialog', async () => {
      await open();
      assert.equal(await chosen((dialogId) => fedcm.send('FedCm.dismissDialog', { dialogId })), 'fedcm_refused');
    });
  });
}
