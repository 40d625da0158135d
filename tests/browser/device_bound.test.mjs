// Device Bound Session Credentials in a real browser: the session is bound at the sign-in, the browser shows its key before a request of an application goes
// on, and a copied cookie opens nothing.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { signIn } from '../support/chromium.mjs';
import { Deployment, Profile } from '../support/deployment.mjs';
import { USER, databasesOf, until } from '../support/gatekey.mjs';

const FILES = { '/': ['text/html; charset=utf-8', '<!doctype html><html lang="en"><meta charset="utf-8"><title>Application</title><link rel="icon" href="data:,"><p>Application'] };

/** Keys in software, as a machine without a TPM has to; the feature is still behind a flag in Chromium for Linux. */
const ARGS = ['--enable-features=DeviceBoundSessions,EnableBoundSessionCredentialsSoftwareKeysForManualTesting'];

/**
 * Shorter than anybody would set it, so that the second cookie runs out while the test looks. Chromium then shows the key ahead of time at nearly every request, and
 * stops for minutes after about six times: so what comes later has a profile of its own.
 */
const PROOF_SECONDS = 10;
const SETTINGS = `[sessions]\ndevice_bound = "where_supported"\ndevice_proof = "PT${PROOF_SECONDS}S"\n`;

/** Runs in the application's page: what a hidden frame is answered. */
function askInFrame(url) {
  return new Promise((resolve) => {
    const frame = document.createElement('iframe');
    frame.hidden = true;
    addEventListener('message', ({ data }) => {
      if (data?.type !== 'authorization_response') return;
      frame.remove();
      resolve(data.response);
    });
    frame.src = url;
    document.body.append(frame);
  });
}

for (const kind of databasesOf(import.meta.url)) {
  describe(kind, () => {
    let deployment, profile, page, thief, stolen;
    const others = [];
    /** Every request that came to the issuer, in order. */
    const requests = [];
    const waiting = [];

    before(async () => {
      deployment = await Deployment.start(kind, { shape: 'cross-site', files: FILES, settings: SETTINGS });
      deployment.front.heard = (request) => {
        requests.push(request);
        for (const waits of waiting.filter(({ matches }) => matches(request))) waits.resolve(request);
      };
      profile = await open();
      page = await profile.context.newPage();
      thief = await Profile.open(chromium, { thirdPartyCookies: true, trusted: deployment.certificates });
      stolen = await thief.context.newPage();
    });
    after(async () => {
      for (const one of [profile, thief, ...others]) await one?.close();
      await deployment?.remove();
    });

    const open = () => Profile.open(chromium, { thirdPartyCookies: true, args: ARGS, trusted: deployment.certificates });

    const authorize = (changes = {}) => {
      const url = new URL('authorize', deployment.issuer);
      // RFC 7636 Appendix B
      const parameters = { client_id: 'app', response_type: 'code', redirect_uri: `${deployment.application}/`, scope: 'openid', state: 's', code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256', ...changes };
      url.search = new URLSearchParams(parameters);
      return url.href;
    };

    /** The next request to this path with this answer. */
    const next = (path, status) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`${path} ${status}: not within 60 s; there were ${requests.map((one) => `${one.method} ${one.path} ${one.status}`).join(', ')}`)), 60_000);
        waiting.push({ matches: (request) => request.path === path && request.status === status, resolve: (request) => resolve(clearTimeout(late) ?? request) });
      });

    /** Signs in, and waits until the session is bound. */
    async function bind(page, changes) {
      const registered = next('/dbsc/register', 200);
      await page.goto(authorize(changes));
      await signIn(page, USER);
      await page.waitForURL(`${deployment.application}/?**`);
      return registered;
    }

    async function another() {
      const other = await open();
      others.push(other);
      const page = await other.context.newPage();
      await bind(page);
      return { context: other.context, page };
    }

    const onlyIn = (cookies, ending) => cookies.filter(({ name }) => name.endsWith(ending));
    const issuerCookies = (context) => context.cookies(deployment.issuer);
    /** Waits until the browser itself has let the second cookie go. */
    const ranOut = (context = profile.context) => until('the second cookie has run out', async () => onlyIn(await issuerCookies(context), '-device').length === 0, PROOF_SECONDS + 20);
    const silentInFrame = (page) => page.evaluate(askInFrame, authorize({ prompt: 'none', response_mode: 'web_message' }));

    test('the sign-in binds the session', async () => {
      const registration = await bind(page);
      assert.match(registration.headers.cookie, /__Host-gatekey-/);
      await until('the second cookie is there', async () => onlyIn(await issuerCookies(profile.context), '-device').length === 1);
      const [cookie] = onlyIn(await issuerCookies(profile.context), '-device');
      assert.deepEqual([cookie.httpOnly, cookie.secure, cookie.sameSite, cookie.path], [true, true, 'None', '/']);
    });

    test("an application's frame waits for the key to be shown", async () => {
      await page.goto(`${deployment.application}/`);
      await ranOut();
      const before = requests.length;
      const answer = await silentInFrame(page);
      assert.ok(answer.code, JSON.stringify(answer));
      const seen = requests.slice(before).map(({ method, path, status }) => `${method} ${path} ${status}`);
      const shown = seen.indexOf('POST /dbsc/refresh 200');
      assert.ok(shown >= 0 && shown < seen.indexOf('GET /authorize 200'), seen.join(', '));
    });

    test('so does a link of the application', async () => {
      await ranOut();
      const before = requests.length;
      await page.evaluate((url) => location.assign(url), authorize({ prompt: 'none' }));
      await page.waitForURL(`${deployment.application}/?**`);
      assert.ok(new URL(page.url()).searchParams.get('code'), page.url());
      const seen = requests.slice(before).map(({ method, path, status }) => `${method} ${path} ${status}`);
      assert.ok(seen.includes('POST /dbsc/refresh 200'), seen.join(', '));
    });

    test('a copied cookie opens nothing', async () => {
      const all = await issuerCookies(profile.context);
      const session = all.find(({ name }) => /^__Host-gatekey-[0-9a-f]{8}$/.test(name));
      const asked = async () => {
        await stolen.goto(authorize({ prompt: 'none' }));
        await stolen.waitForURL(`${deployment.application}/?**`);
        return new URL(stolen.url()).searchParams;
      };
      // The control: together with what shows the device, while that lasts. Then alone.
      await thief.context.addCookies([session, ...onlyIn(all, '-device')]);
      assert.ok((await asked()).get('code'));
      await thief.context.clearCookies({ name: /-device$/ });
      assert.equal((await asked()).get('error'), 'login_required');
      assert.equal((await silentInFrame(stolen)).error, 'login_required');
      await stolen.goto(deployment.issuer);
      assert.doesNotMatch(await stolen.textContent('body'), /alice/i);
      assert.match(deployment.gatekey.log, /device_proof_missing/);
    });

    test('a sign-in in the same browser binds the session anew, and what was bound before is forgotten', async () => {
      const { context, page } = await another();
      await bind(page, { prompt: 'login' });
      await ranOut(context);
      const before = requests.length;
      const answer = await silentInFrame(page);
      assert.ok(answer.code, JSON.stringify(answer));
      const seen = new Map();
      for (const { path, headers, status } of requests.slice(before)) {
        const name = headers['sec-secure-session-id'];
        if (path === '/dbsc/refresh') seen.set(name, [...(seen.get(name) ?? []), status]);
      }
      // One is over and is told so; the other is asked, and answers.
      const [over, bound] = [...seen.values()].sort((one, other) => one.length - other.length);
      assert.equal(seen.size, 2);
      assert.deepEqual([over, bound.slice(0, 2)], [[200], [403, 200]]);
    });

    test('after signing out the browser is told to stop', async () => {
      const { page } = await another();
      const told = next('/dbsc/refresh', 200);
      await page.goto(new URL('oidc/logout', deployment.issuer).href);
      await page.locator('button[value=allow]').click();
      await page.waitForURL((url) => url.pathname === '/oidc/logout/confirm');
      await page.goto(deployment.issuer);
      await told;
      await page.goto(authorize({ prompt: 'none' }));
      await page.waitForURL(`${deployment.application}/?**`);
      assert.equal(new URL(page.url()).searchParams.get('error'), 'login_required');
    });
  });
}
