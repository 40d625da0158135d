// FedCM on a session that is bound to the device, in Chromium: the browser shows its key before it asks who is signed in; where it cannot, it takes it that nobody is,
// and there are ways back.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { signIn } from '../support/chromium.mjs';
import { Deployment, Profile } from '../support/deployment.mjs';
import { PARAMS, RegistrableDomain, ask } from '../support/fedcm.mjs';
import { USER, databasesOf, until } from '../support/gatekey.mjs';

const FILES = { '/': ['text/html; charset=utf-8', '<!doctype html><html lang="en"><meta charset="utf-8"><title>Application</title><link rel="icon" href="data:,"><p>Application'] };
/** As in `device_bound.test.mjs`: keys in software, and a second cookie that runs out while the test looks. */
const ARGS = ['--enable-features=DeviceBoundSessions,EnableBoundSessionCredentialsSoftwareKeysForManualTesting'];
const PROOF_SECONDS = 10;
const SETTINGS = `[sessions]\ndevice_bound = "where_supported"\ndevice_proof = "PT${PROOF_SECONDS}S"\n`;

for (const kind of databasesOf(import.meta.url)) {
  describe(kind, () => {
    let deployment, domain, profile, page, fedcm, lost;
    /** Every request that came, in order. */
    const requests = [];

    before(async () => {
      deployment = await Deployment.start(kind, { shape: 'cross-site', files: FILES, settings: SETTINGS, client: 'fedcm = true' });
      domain = await RegistrableDomain.listen(deployment);
      deployment.front.heard = ({ method, path, status }) => requests.push(`${method} ${path} ${status}`);
      const { own } = deployment.front;
      // What is in front of the issuer does not reach it where the key is shown.
      deployment.front.own = (request, answer) => {
        if (!lost || request.url !== '/dbsc/refresh') return own(request, answer);
        answer.statusCode = 503;
        answer.end();
        return true;
      };
    });
    after(async () => {
      domain?.close();
      await deployment?.remove();
    });
    afterEach(() => profile?.close());

    const authorize = (changes) => {
      const url = new URL('authorize', deployment.issuer);
      const { nonce, ...params } = PARAMS;
      url.search = new URLSearchParams({ client_id: 'app', response_type: 'code', redirect_uri: `${deployment.application}/`, state: 's', ...params, ...changes });
      return url.href;
    };
    const shown = async () => (await profile.context.cookies(deployment.issuer)).some(({ name }) => name.endsWith('-device'));
    const ranOut = () => until('the second cookie has run out', async () => !(await shown()), PROOF_SECONDS + 20);
    const asking = () => page.evaluate(ask, { configURL: new URL('fedcm/config.json', deployment.issuer).href, clientId: 'app', params: PARAMS, mediation: 'required' });

    /** A fresh profile, for Chromium signs only so often; signed in and bound, and the second cookie has run out. */
    async function open() {
      lost = false;
      profile = await Profile.open(chromium, { thirdPartyCookies: false, hosts: domain.hosts, args: ARGS, trusted: deployment.certificates });
      page = await profile.context.newPage();
      fedcm = await profile.context.newCDPSession(page);
      fedcm.on('FedCm.dialogShown', ({ dialogId, dialogType }) => dialogType === 'AccountChooser' && fedcm.send('FedCm.selectAccount', { dialogId, accountIndex: 0 }));
      await fedcm.send('FedCm.enable', { disableRejectionDelay: true });
      await page.goto(authorize());
      await signIn(page, USER);
      await page.waitForURL(`${deployment.application}/?**`);
      await until('the session is bound', shown);
      await page.goto(`${deployment.application}/`);
      await ranOut();
      requests.length = 0;
    }

    /** What the browser asks when it takes it that the user is signed in and hears that they are not: whether they want to sign in. */
    const wondered = (act) => fedcm.on('FedCm.dialogShown', ({ dialogId, dialogType }) => dialogType === 'ConfirmIdpLogin' && act(dialogId));

    test('the key is shown before the browser asks who is signed in', async () => {
      await open();
      const { token, ...rest } = await asking();
      assert.ok(token, JSON.stringify(rest));
      const refreshed = requests.indexOf('POST /dbsc/refresh 200');
      assert.ok(refreshed >= 0 && refreshed < requests.indexOf('GET /fedcm/accounts 200'), requests.join(', '));
      assert.ok(!requests.includes('GET /fedcm/accounts 401'), requests.join(', '));
    });

    test('where it cannot be, nobody is signed in until a look at the issuer', async () => {
      await open();
      lost = true;
      wondered((dialogId) => fedcm.send('FedCm.dismissDialog', { dialogId }));
      assert.equal((await asking()).refused, 'NetworkError');
      assert.ok(requests.includes('GET /fedcm/accounts 401'), requests.join(', '));
      assert.match(deployment.gatekey.log, /path=\/fedcm\/accounts\}: .*device_proof_missing/);
      // The browser has taken it in, and asks no more, whether it could show the key again or not.
      lost = false;
      requests.length = 0;
      assert.equal((await asking()).refused, 'NetworkError');
      assert.ok(!requests.some((one) => one.includes('/fedcm/accounts')), requests.join(', '));
      // A request without a page in the whole window tells it that the user is signed in after all.
      await page.evaluate((url) => location.assign(url), authorize({ prompt: 'none' }));
      await page.waitForURL(`${deployment.application}/?**`);
      assert.ok(new URL(page.url()).searchParams.get('code'), page.url());
      const { token, ...rest } = await asking();
      assert.ok(token, JSON.stringify(rest));
    });

    test('or until the password, for which the browser opens a window itself', async () => {
      await open();
      lost = true;
      wondered((dialogId) => fedcm.send('FedCm.clickDialogButton', { dialogId, dialogButton: 'ConfirmIdpLoginContinue' }));
      const opened = profile.context.waitForEvent('page');
      const asked = asking();
      const window = await opened;
      await window.waitForURL(`${deployment.issuer}login?to=fedcm`);
      // Away from its device the page tells nothing of whose session it was.
      assert.doesNotMatch(await window.textContent('body'), /alice/i);
      await signIn(window, USER);
      const { token, ...rest } = await asked;
      assert.ok(token, JSON.stringify(rest));
    });
  });
}
