// FedCM in a real browser: an application of another site signs its user in through the browser's own account chooser, with third-party cookies
// kept back and not.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, afterEach, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { allow, signIn } from '../support/chromium.mjs';
import { Deployment, Profile } from '../support/deployment.mjs';
import { PARAMS, RegistrableDomain, VERIFIER, ask } from '../support/fedcm.mjs';
import { USER, databasesOf } from '../support/gatekey.mjs';

const PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Application</title><link rel="icon" href="data:,"><button>Sign in</button>';
const FILES = { '/': ['text/html; charset=utf-8', PAGE] };

/** Runs in the page: what the issuer's endpoints say to this page. */
async function redeem({ issuer, fields }) {
  const answer = await fetch(new URL('oauth/token', issuer), { method: 'POST', body: new URLSearchParams({ grant_type: 'authorization_code', ...fields }) });
  const tokens = await answer.json();
  if (!answer.ok) return tokens;
  const userinfo = await fetch(new URL('userinfo', issuer), { headers: { authorization: `Bearer ${tokens.access_token}` } });
  return { ...tokens, userinfo: await userinfo.json() };
}

/** Runs in the page: takes leave. */
async function leave(options) {
  try {
    await IdentityCredential.disconnect(options);
    return 'done';
  } catch (error) {
    return error.name;
  }
}

for (const kind of databasesOf(import.meta.url)) {
  for (const thirdPartyCookies of [false, true]) {
    describe(`${kind}, third-party cookies ${thirdPartyCookies ? 'allowed' : 'blocked'}`, () => {
      let deployment, domain, profile, page, fedcm, configURL;

      before(async () => {
        const client = (origin) => `fedcm = true

[[clients]]
id = "asks"
name = "Somebody else's"
kind = "spa"
redirect_uris = ["${origin}/"]
fedcm = true
policy_uri = "${origin}/privacy"
tos_uri = "${origin}/terms"

[[clients]]
id = "without"
name = "Without"
kind = "spa"
redirect_uris = ["${origin}/"]
`;
        deployment = await Deployment.start(kind, { shape: 'cross-site', files: FILES, client });
        configURL = new URL('fedcm/config.json', deployment.issuer).href;
        domain = await RegistrableDomain.listen(deployment);
      });
      after(async () => {
        domain?.close();
        await deployment?.remove();
      });
      afterEach(() => profile?.close());

      /** A fresh profile: browsers go on silently once in ten minutes only. */
      async function open() {
        profile = await Profile.open(chromium, { thirdPartyCookies, hosts: domain.hosts, args: ['--ignore-certificate-errors'] });
        page = await profile.context.newPage();
        fedcm = await profile.context.newCDPSession(page);
        // What the browser tells the user of a refusal is read, and done with.
        fedcm.on('FedCm.dialogShown', ({ dialogId, dialogType }) => dialogType === 'Error' && fedcm.send('FedCm.clickDialogButton', { dialogId, dialogButton: 'ErrorGotIt' }));
        await fedcm.send('FedCm.enable', { disableRejectionDelay: true });
      }

      async function signedIn() {
        await page.goto(new URL('login', deployment.issuer).href);
        await signIn(page, USER);
        await page.waitForURL(deployment.issuer);
        await page.goto(`${deployment.application}/`);
      }

      const asking = (more = {}) => page.evaluate(ask, { configURL, clientId: 'app', params: PARAMS, ...more });

      /** The same, with the account chosen in the browser's dialog; what that dialog showed too. */
      async function choosing(more) {
        const shown = once(fedcm, 'FedCm.dialogShown');
        // Else a browser goes on by itself with an account that it knows.
        const asked = asking({ mediation: 'required', ...more });
        const [dialog] = await Promise.race([shown, asked.then((early) => assert.fail(`no dialog: ${JSON.stringify(early)}`))]);
        assert.equal(dialog.dialogType, 'AccountChooser');
        await fedcm.send('FedCm.selectAccount', { dialogId: dialog.dialogId, accountIndex: 0 });
        return { dialog, asked };
      }

      const redeemed = (code, client_id = 'app') => page.evaluate(redeem, { issuer: deployment.issuer, fields: { client_id, code, code_verifier: VERIFIER } });
      /** What has been asked of the issuer by FedCM since the last look. */
      const seen = () => deployment.front.answered.splice(0).filter((one) => one.includes('/fedcm/'));

      test('first by choosing, then silently, and after signing out not at all', async () => {
        await open();
        await signedIn();
        // Before the first use nothing is silent.
        assert.equal((await asking({ mediation: 'silent' })).refused, 'NetworkError');
        seen();
        const { dialog, asked } = await choosing();
        assert.deepEqual(dialog.accounts.map(({ name, email }) => ({ name, email })), [{ name: 'Alice Example', email: 'alice@example.test' }]);
        const first = await asked;
        assert.equal(first.isAutoSelected, false);
        const tokens = await redeemed(first.token);
        assert.equal(tokens.userinfo?.name, 'Alice Example', JSON.stringify(tokens));
        assert.equal((await redeemed(first.token)).error, 'invalid_grant');
        assert.deepEqual(seen(), ['GET /fedcm/config.json 200', 'GET /fedcm/accounts 200', 'GET /fedcm/client-metadata 200', 'POST /fedcm/assertion 200']);
        const silent = await asking({ mediation: 'silent' });
        assert.equal(silent.isAutoSelected, true, JSON.stringify(silent));
        assert.equal((await redeemed(silent.token)).userinfo.sub, tokens.userinfo.sub);
        // What it showed then: the user need not be told again what the application is told.
        assert.equal((await choosing()).dialog.accounts[0].loginState, 'SignIn');
        await page.goto(new URL('oidc/logout', deployment.issuer).href);
        await allow(page);
        await page.waitForLoadState();
        await page.goto(`${deployment.application}/`);
        seen();
        for (const mediation of ['silent', 'optional']) assert.equal((await asking({ mediation })).refused, 'NetworkError', mediation);
        // The browser has been told, and asks for no account any more.
        assert.ok(seen().every((one) => one === 'GET /fedcm/config.json 200'));
      });

      test('silently in another visit, too', async () => {
        await open();
        await signedIn();
        await redeemed((await (await choosing()).asked).token);
        const again = await profile.context.newPage();
        await page.close();
        page = again;
        await page.goto(`${deployment.application}/`);
        const silent = await page.evaluate(ask, { configURL, clientId: 'app', params: PARAMS, mediation: 'silent' });
        assert.ok((await redeemed(silent.token)).access_token, JSON.stringify(silent));
      });

      test('somebody else asks for consent in a window of the browser', async () => {
        await open();
        await signedIn();
        const opened = profile.context.waitForEvent('page');
        const { dialog, asked } = await choosing({ clientId: 'asks' });
        assert.deepEqual([dialog.accounts[0].privacyPolicyUrl, dialog.accounts[0].termsOfServiceUrl], [`${deployment.application}/privacy`, `${deployment.application}/terms`]);
        const window = await opened;
        await window.waitForURL(`${deployment.issuer}consent?**`);
        await allow(window);
        const { token, ...rest } = await asked;
        assert.ok(token, JSON.stringify(rest));
        assert.equal((await redeemed(token, 'asks')).userinfo.email, 'alice@example.test');
        assert.ok((await asking({ clientId: 'asks', mediation: 'silent' })).token);
        // Who says no is not taken for anything.
        const denied = profile.context.waitForEvent('page');
        const more = await choosing({ clientId: 'asks', params: { ...PARAMS, prompt: 'consent' } });
        await (await denied).locator('button[name=decision][value=deny]').click();
        assert.equal((await more.asked).refused, 'NetworkError');
      });

      test('the password is asked for again in a window', async () => {
        await open();
        await signedIn();
        const opened = profile.context.waitForEvent('page');
        const { asked } = await choosing({ params: { ...PARAMS, prompt: 'login' } });
        const window = await opened;
        await window.waitForURL(`${deployment.issuer}login?**`);
        await window.locator('input[type=password]').fill(USER.password);
        await window.locator('input[type=password]').press('Enter');
        assert.ok((await redeemed((await asked).token)).access_token);
      });

      test('from a button, also of whoever is not signed in', async () => {
        await open();
        await page.goto(`${deployment.application}/`);
        // The browser opens a window for signing in, and comes back with the account.
        const opened = profile.context.waitForEvent('page');
        const asked = asking({ mode: 'active', pressed: true });
        // It asks which account, or, where third-party cookies are allowed, goes on by itself with one that is known to have used the application.
        fedcm.on('FedCm.dialogShown', ({ dialogId, dialogType }) => dialogType === 'AccountChooser' && fedcm.send('FedCm.selectAccount', { dialogId, accountIndex: 0 }));
        await page.getByRole('button').click();
        const window = await opened;
        await window.waitForURL(`${deployment.issuer}login?to=fedcm`);
        await signIn(window, USER);
        assert.ok((await redeemed((await asked).token)).access_token);
        const again = asking({ mode: 'active', pressed: true });
        await page.getByRole('button').click();
        assert.ok((await redeemed((await again).token)).access_token);
      });

      test('a refusal says why', async () => {
        await open();
        await signedIn();
        for (const [what, more, error] of [
          ['no challenge', { params: { scope: 'openid' } }, 'invalid_request'],
          ['a scope that is not allowed', { params: { ...PARAMS, scope: 'admin' } }, 'invalid_scope'],
          ['nobody is to be asked', { clientId: 'asks', params: { ...PARAMS, scope: 'openid offline_access', prompt: 'none' } }, 'consent_required'],
        ]) {
          assert.deepEqual(await (await choosing(more)).asked, { refused: 'IdentityCredentialError', error }, what);
        }
        // What is not enabled has nothing to show.
        assert.equal((await (await choosing({ clientId: 'without' })).asked).error, 'unauthorized_client');
      });

      test('taking leave', async () => {
        await open();
        await signedIn();
        const tokens = await redeemed((await (await choosing()).asked).token);
        assert.equal(await page.evaluate(leave, { configURL, clientId: 'app', accountHint: tokens.userinfo.sub }), 'done');
        assert.equal((await asking({ mediation: 'silent' })).refused, 'NetworkError');
        const refresh = await page.evaluate(redeem, { issuer: deployment.issuer, fields: { grant_type: 'refresh_token', client_id: 'app', refresh_token: tokens.refresh_token } });
        assert.equal(refresh.error, 'invalid_grant');
        assert.equal((await choosing()).dialog.accounts[0].loginState, 'SignUp');
      });

      test('no page can ask in the browser\'s place', async () => {
        await open();
        await signedIn();
        seen();
        const outcome = await page.evaluate(async (issuer) => {
          const answers = [];
          for (const [path, options] of [['accounts', {}], ['assertion', { method: 'POST', body: new URLSearchParams({ client_id: 'app', account_id: 'x', params: '{}' }) }], ['disconnect', { method: 'POST', body: new URLSearchParams({ client_id: 'app', account_hint: 'alice' }) }]]) {
            answers.push(await fetch(new URL(`fedcm/${path}`, issuer), { credentials: 'include', ...options }).then((answer) => answer.status, (error) => error.name));
          }
          return answers;
        }, deployment.issuer);
        assert.deepEqual(outcome, ['TypeError', 'TypeError', 'TypeError']);
        assert.deepEqual(seen(), ['GET /fedcm/accounts 400', 'POST /fedcm/assertion 400', 'POST /fedcm/disconnect 400']);
      });
    });
  }
}
