// Which way of silent renewal works where: the table of docs/browsers.md. Real browsers, pages of an application without a library, an issuer over TLS.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';
import { WebSocket } from 'ws';

import { signIn } from '../support/chromium.mjs';
import { Deployment, Profile, SHAPES } from '../support/deployment.mjs';
import { ASK, Firefox, askForCookies, signIn as signInByBidi } from '../support/firefox.mjs';
import { USER, freePort, until } from '../support/gatekey.mjs';

const HTML = 'text/html; charset=utf-8';
const PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Application</title><link rel="icon" href="data:,"><body><button>Renew</button><script src="application.js"></script>';
const FILES = {
  '/': [HTML, PAGE],
  '/ask': [HTML, ASK],
  '/application.js': ['text/javascript', readFileSync(join(import.meta.dirname, 'ways/application.js'))],
};

const BROWSERS = {
  Chromium: { open: async (cookies) => (await Profile.open(chromium, cookies)).context, signIn },
  Firefox: { open: (cookies) => Firefox.open(WebSocket, cookies), signIn: signInByBidi },
};
const ALLOWED = 'allowed';
const KEPT_BACK = 'kept back';
const REFUSED = 'refused';

/** A refusal comes at once: libraries wait ten seconds and more for an answer. */
const AT_ONCE = 2000;
/** The server sent the browser back for its cookies (Storage Access Headers). */
const TWICE = ['GET /authorize 401', 'GET /authorize 200', 'POST /oauth/token 200'];
const ONCE = TWICE.slice(1);
const TOLD = ['GET /authorize 200'];

/** By the name that the test has, what the table calls it. */
const WAYS = { frame: 'hidden frame', refresh: 'refresh token', window: 'whole window', popup: 'window of its own', access: 'frame, storage access', fedcm: 'FedCM, silently' };

/** A line of the table in docs/browsers.md. */
const line = (cells) => `| ${cells.join(' | ')} |`;
const HEAD = line(['the application is', 'browser', 'third-party cookies', ...Object.values(WAYS)]);
const code = (result) => (/^[a-z ]+$/.test(result) ? result : `\`${result}\``);
const rows = [];

const RUNS = {
  sqlite: [
    ['Chromium', ALLOWED, SHAPES],
    ['Chromium', KEPT_BACK, SHAPES],
    ['Firefox', ALLOWED, SHAPES],
    ['Firefox', KEPT_BACK, SHAPES],
    ['Firefox', REFUSED, ['cross-site']],
  ],
  postgres: [
    ['Chromium', KEPT_BACK, ['cross-site']],
    ['Firefox', KEPT_BACK, ['cross-site']],
  ],
};

for (const [kind, runs] of Object.entries(RUNS)) {
  describe(kind, () => {
    let deployment, domain, hosts;

    before(async () => {
      deployment = await Deployment.start(kind, { shapes: SHAPES, files: FILES, client: 'fedcm = true' });
      // Where browsers look for the issuer's well-known file of FedCM: at the registrable domain, at the default port.
      const file = await (await fetch(new URL('.well-known/web-identity', deployment.replicas[0].url))).text();
      const { key, cert } = deployment.certificates;
      domain = https.createServer({ key, cert }, (request, answer) => answer.setHeader('content-type', 'application/json').end(file));
      const port = await freePort();
      await new Promise((resolve) => domain.listen(port, '127.0.0.1', resolve));
      hosts = [`MAP example.test:443 127.0.0.1:${port}`];
    });
    after(async () => {
      domain?.closeAllConnections();
      domain?.close();
      await deployment?.remove();
    });

    /** What the issuer was asked of late, but for what makes its pages beautiful. */
    const asked = () => deployment.front.answered.filter((one) => !one.startsWith('GET /assets/'));
    const place = (shape) => ({ issuer: deployment.issuer, redirect_uri: `${deployment.applications[shape]}/` });

    for (const [name, cookies, shapes] of runs) {
      describe(`${name}, third-party cookies ${cookies}`, () => {
        const browser = BROWSERS[name];
        let profile, page;

        before(async () => {
          profile = await browser.open({ thirdPartyCookies: cookies === ALLOWED, refuse: cookies === REFUSED, hosts, args: ['--ignore-certificate-errors'] });
          page = await profile.newPage();
          // At the issuer itself: an application that its user has signed in from is another matter, below.
          await page.goto(`${deployment.issuer}login`);
          await browser.signIn(page, USER);
          await page.waitForURL(deployment.issuer);
        });
        after(() => profile?.close());

        for (const shape of shapes) {
          describe(shape, () => {
            const row = {};
            const withoutCookies = shape === 'cross-site' && cookies !== ALLOWED;
            let at;

            before(async () => {
              at = place(shape);
              await page.goto(at.redirect_uri);
            });
            after(() => rows.push(line([shape, name, cookies, ...Object.keys(WAYS).map((way) => code(row[way] ?? 'nothing'))])));

            /** What came of a way, and what the issuer was asked. */
            async function renew(way) {
              deployment.front.answered.length = 0;
              const { token, error, took } = await page.evaluate((how) => renew(how), [way, at]);
              assert.ok(took < AT_ONCE, `${way}: ${took} ms`);
              row[way] ??= error ?? (token ? 'yes' : 'no token');
              return { result: error ?? (token ? 'yes' : 'no token'), asked: asked() };
            }

            test(WAYS.frame, async () => {
              const { log } = deployment.gatekey;
              assert.deepEqual(await renew('frame'), withoutCookies ? { result: 'login_required', asked: TOLD } : { result: 'yes', asked: ONCE });
              // And the log has the reason.
              if (withoutCookies) await until('the reason', () => /no_cookie/.test(deployment.gatekey.log.slice(log.length)));
            });

            test(WAYS.window, async () => {
              await page.evaluate((how) => leave(how), [at, { prompt: 'none' }]);
              await page.waitForURL(`${at.redirect_uri}?**`);
              const { token, error } = await page.evaluate((at) => arrive(at), at);
              assert.ok(token, error);
              row.window = 'yes';
            });

            test(WAYS.refresh, async () => {
              for (let i = 0; i < 2; i++) assert.deepEqual(await renew('refresh'), { result: 'yes', asked: ['POST /oauth/token 200'] });
            });

            test(WAYS.popup, async () => {
              deployment.front.answered.length = 0;
              await page.evaluate((at) => void (window.at = at), at);
              await page.click('button');
              const { token, error, took } = await page.evaluate(() => window.renewed);
              assert.ok(token, error);
              assert.ok(took < AT_ONCE, `${took} ms`);
              assert.deepEqual(asked(), ONCE);
              row.popup = 'yes';
            });

            test(WAYS.access, async () => {
              if (!withoutCookies) {
                // Nothing to ask for: the cookies come as it is.
                assert.deepEqual(await renew('frame'), { result: 'yes', asked: ONCE });
                row.access = 'not needed';
                return;
              }
              assert.equal((await renew('frame')).result, 'login_required', 'the control: none of the ways before has opened it');
              const answer = await ask();
              if (cookies === REFUSED) {
                assert.equal(answer, 'NotAllowedError');
                assert.deepEqual(await renew('frame'), { result: 'login_required', asked: TOLD });
                row.access = answer;
                return;
              }
              assert.equal(answer, 'granted');
              assert.deepEqual(await renew('frame'), { result: 'yes', asked: TWICE });
              // It lasts, and nobody is asked again.
              await page.goto(at.redirect_uri);
              assert.deepEqual(await renew('frame'), { result: 'yes', asked: TWICE });
              row.access = 'yes';
            });

            test(WAYS.fedcm, async () => {
              if (name === 'Firefox') {
                assert.equal(await page.evaluate(() => typeof IdentityCredential), 'undefined');
                const { error, took } = await page.evaluate((at) => byBrowser(at, 'silent'), at);
                assert.ok(took < AT_ONCE, `${took} ms`);
                row.fedcm = error;
                assert.equal(error, 'NotSupportedError');
                return;
              }
              const session = await profile.newCDPSession(page);
              await session.send('FedCm.enable', { disableRejectionDelay: true });
              // Where a frame has its cookies, the browser takes the issuer's word for whose application this user has been at. Elsewhere the user
              // has to have chosen the account once.
              if (withoutCookies) {
                assert.equal((await page.evaluate((at) => byBrowser(at, 'silent'), at)).error, 'NetworkError');
                const shown = once(session, 'FedCm.dialogShown');
                const chosen = page.evaluate((at) => byBrowser(at, 'optional'), at);
                const [{ dialogId }] = await Promise.race([shown, chosen.then((early) => assert.fail(`no dialog: ${early.error}`))]);
                await session.send('FedCm.selectAccount', { dialogId, accountIndex: 0 });
                assert.ok((await chosen).token);
              }
              const { token, error, took } = await page.evaluate((at) => byBrowser(at, 'silent'), at);
              assert.ok(token, error);
              assert.ok(took < AT_ONCE, `${took} ms`);
              row.fedcm = 'yes';
              // And then not for ten minutes.
              assert.equal((await page.evaluate((at) => byBrowser(at, 'silent'), at)).error, 'NetworkError');
            });

            /** The user allows the issuer its cookies on this page. */
            async function ask() {
              if (name === 'Chromium') {
                // Without a window it has nobody to ask.
                const session = await profile.newCDPSession(page);
                await session.send('Browser.setPermission', { permission: { name: 'storage-access' }, setting: 'granted', origin: new URL(at.redirect_uri).origin, embeddedOrigin: at.issuer });
                return 'granted';
              }
              return askForCookies(page, `${place('same origin').redirect_uri}ask`);
            }
          });
        }
      });
    }

    if (kind !== 'sqlite') return;

    test('Firefox keeps nothing back from the frame of an issuer that its user has signed in at from this application', async () => {
      const firefox = await Firefox.open(WebSocket, { thirdPartyCookies: false });
      try {
        const at = place('cross-site');
        const page = await firefox.newPage();
        await page.goto(at.redirect_uri);
        await page.evaluate((how) => leave(how), [at]);
        await page.waitForURL(`${at.issuer}login**`);
        await signInByBidi(page, USER);
        await page.waitForURL(`${at.redirect_uri}?**`);
        assert.ok((await page.evaluate((at) => arrive(at), at)).token);
        deployment.front.answered.length = 0;
        assert.ok((await page.evaluate((how) => renew(how), ['frame', at])).token);
        assert.deepEqual(asked(), ONCE);
      } finally {
        await firefox.close();
      }
    });

    test('docs/browsers.md has the table as it was seen', () => {
      const seen = [HEAD, line(Array(3 + Object.keys(WAYS).length).fill('---')), ...rows].join('\n');
      const page = readFileSync(join(import.meta.dirname, '../../docs/browsers.md'), 'utf8');
      assert.ok(page.includes(`${seen}\n`), `it is:\n${seen}`);
    });
  });
}
