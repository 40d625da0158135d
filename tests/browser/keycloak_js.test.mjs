// keycloak-js, as published, by discovery: what works with an issuer that is no Keycloak, and what does not.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { signIn } from '../support/chromium.mjs';
import { Deployment, Profile } from '../support/deployment.mjs';
import { USER, databasesOf } from '../support/gatekey.mjs';

const at = (path) => readFileSync(join(import.meta.dirname, path));
const HTML = 'text/html; charset=utf-8';
const HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Application</title><link rel="icon" href="data:,"><body>';

/** What the application's own server does with one path: the issuer answers. */
function passOn(request, answer, { replicas }) {
  const passed = http.request(new URL('oauth/token', replicas[0].url), { method: request.method, headers: request.headers }, (answered) => {
    answer.writeHead(answered.statusCode, answered.headers);
    answered.pipe(answer);
  });
  request.pipe(passed);
}

const FILES = {
  '/': [HTML, `${HEAD}<script type="module" src="application.js"></script>`],
  '/application.js': ['text/javascript', at('keycloak/application.js')],
  '/keycloak.js': ['text/javascript', at('node_modules/keycloak-js/lib/keycloak.js')],
  // Where the answer to a silent request comes back to, in the frame.
  '/silent': [HTML, `${HEAD}<script>parent.postMessage(location.href, location.origin)</script>`],
  '/oauth/token': passOn,
};
const NO_REFRESH = 'grant_types = ["authorization_code"]';

/** Runs in the page: makes the instance, and takes the answer if the address has one. */
async function begin([issuer, page, direct]) {
  try {
    window.provider = direct ? issuer : await passedOn(issuer, page);
    window.keycloak = await start(provider, page);
    return keycloak.authenticated ? { name: keycloak.idTokenParsed.name, token: keycloak.token } : { nobody: true };
  } catch (error) {
    return { error: error.message };
  }
}

for (const kind of databasesOf(import.meta.url)) {
  for (const shape of ['same origin', 'cross-site']) {
    describe(`${kind}, ${shape}`, () => {
      let deployment, profile, page, home;

      before(async () => {
        deployment = await Deployment.start(kind, { shape, files: FILES, client: NO_REFRESH });
        home = `${deployment.application}/`;
      });
      after(() => deployment?.remove());
      afterEach(() => profile?.close());

      async function open(thirdPartyCookies) {
        profile = await Profile.open(chromium, { thirdPartyCookies });
        page = await profile.context.newPage();page.setDefaultTimeout(8000);
        await page.goto(home);
      }

      const started = () => page.evaluate(begin, [deployment.issuer, home, shape === 'same origin']);

      async function signedIn() {
        assert.deepEqual(await started(), { nobody: true });
        await page.evaluate(() => void keycloak.login());
        await page.waitForURL(`${deployment.issuer}login**`);
        await signIn(page, USER);
        await page.waitForURL(`${home}#**`);
        const { name, token, error } = await started();
        assert.equal(name, 'Alice Example', error);
        return token;
      }

      test('signing in, asking in a frame, a new token, signing out', async () => {
        await open(true);
        const tokens = new Set([await signedIn()]);
        assert.equal((await page.evaluate(() => keycloak.loadUserInfo())).email, 'alice@example.test');
        // A reload: the frame knows.
        await page.goto(home);
        const again = await started();
        assert.equal(again.name, 'Alice Example');
        tokens.add(again.token);
        // Without a refresh token there is nothing to update with, and another instance is the way.
        assert.equal(await page.evaluate(() => keycloak.updateToken(-1).catch(({ message }) => message)), 'Unable to update token, no refresh token available.');
        tokens.add(await page.evaluate(async (home) => (await renew(provider, home)).token, home));
        assert.equal(tokens.size, 3);
        assert.ok(!tokens.has(undefined));
        await page.evaluate(() => void keycloak.logout());
        await page.waitForURL(home);
        await page.waitForFunction(() => window.start);
        assert.deepEqual(await started(), { nobody: true });
      });

      if (shape === 'same origin') return;

      test('where third-party cookies are kept back', async () => {
        await open(false);
        await signedIn();
        await page.goto(home);
        assert.deepEqual(await started(), { nobody: true }, 'the frame does not know');
        await page.evaluate(() => void keycloak.login({ prompt: 'none' }));
        await page.waitForURL(`${home}#**`);
        assert.equal((await started()).name, 'Alice Example', 'the whole window does');
      });
    });
  }
}

describe('what cannot be had', () => {
  let deployment, profile, page;
  afterEach(async () => {
    await profile?.close();
    await deployment?.remove();
  });

  /** Up to the answer that `code` makes something of, in the page. */
  async function back(shape, client) {
    deployment = await Deployment.start('sqlite', { shape, files: FILES, client });
    profile = await Profile.open(chromium, { thirdPartyCookies: true });
    page = await profile.context.newPage();
    const home = `${deployment.application}/`;
    await page.goto(home);
    await page.evaluate(begin, [deployment.issuer, home, true]);
    await page.evaluate(() => void keycloak.login());
    await page.waitForURL(`${deployment.issuer}login**`);
    await signIn(page, USER);
    await page.waitForURL(`${home}#**`);
    await page.waitForFunction(() => window.start);
    return [deployment.issuer, home, true];
  }

  test('the token endpoint of another origin: the library asks with cookies, and such an answer is for nobody', async () => {
    const how = await back('cross-site', NO_REFRESH);
    assert.deepEqual(await page.evaluate(begin, how), { error: 'Failed to fetch' });
    // The issuer did answer; the browser keeps it from the page.
    assert.equal(deployment.front.answered.findLast((one) => one.startsWith('POST /oauth/token')), 'POST /oauth/token 200');
  });

  test('refresh tokens: the library reads them as JWTs', async () => {
    const how = await back('same origin', '');
    assert.deepEqual(await page.evaluate(begin, how), { error: 'Unable to decode token, payload not found.' });
  });

  test('its session frame: it asks for a session that it has no word for, and drops its tokens', async () => {
    const [issuer, home] = await back('same origin', NO_REFRESH);
    const authenticated = await page.evaluate(
      async ([issuer, home]) => {
        const keycloak = new Keycloak({ oidcProvider: issuer, clientId: 'app' });
        // The rejection is nobody's: the library asks of its own accord.
        addEventListener('unhandledrejection', (event) => event.preventDefault());
        const out = new Promise((resolve) => (keycloak.onAuthLogout = resolve));
        const before = await keycloak.init({ redirectUri: home, checkLoginIframeInterval: 1 });
        await out;
        return [before, keycloak.authenticated];
      },
      [issuer, home],
    );
    assert.deepEqual(authenticated, [true, false]);
  });
});
