// The demo, as somebody uses it who has just started it: opens the page, signs in, presses every button.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

import { LAUNCH, allow, complaints, signIn } from '../support/chromium.mjs';
import { ENVIRONMENT, freePort, until } from '../support/gatekey.mjs';

let demo, browser, page, problems, address, user;

before(async () => {
  const [issuer, app, api] = [await freePort(), await freePort(), await freePort()];
  demo = spawn(process.env.GATEKEY_BIN, ['demo', '--issuer-port', issuer, '--app-port', app, '--api-port', api].map(String), { env: ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  let ended = false;
  demo.on('exit', () => (ended = true));
  demo.stdout.on('data', (chunk) => (printed += chunk));
  demo.stderr.on('data', (chunk) => (printed += chunk));
  // It says what to open and whom to sign in as: that is all a newcomer has.
  const said = await until('the demo says what to open', () => {
    if (ended) throw new Error(`the demo ended:\n${printed}`);
    return /Open\s+(\S+)[\s\S]*Sign in\s+as (\S+) with the password (.+)/.exec(printed);
  });
  address = said[1];
  user = { name: said[2], password: said[3].trim() };
  browser = await chromium.launch(LAUNCH);
  page = await (await browser.newContext({ locale: 'en-US' })).newPage();
  problems = complaints(page);
});

after(async () => {
  await browser?.close();
  if (demo) {
    const exited = new Promise((resolve) => demo.on('exit', (code) => resolve(code)));
    demo.kill('SIGTERM');
    assert.equal(await exited, 0, 'SIGTERM is a clean end');
  }
});

/** Presses a button and waits for what it says beneath. */
async function press(id) {
  await page.locator(`#${id}`).click();
  const result = page.locator(`[data-result="${id}"][data-kind]`);
  await page.locator(`#${id}[aria-disabled="false"]`).waitFor();
  await result.filter({ hasText: /\S/ }).waitFor();
  return { kind: await result.getAttribute('data-kind'), text: await result.innerText() };
}

const generation = async () => Number(await page.locator('#generation').innerText());

test('sign in', async () => {
  await page.goto(address);
  await page.locator('#sign-in').click();
  await signIn(page, user);
  await page.waitForURL((url) => url.href.startsWith(address) || url.pathname === '/consent');
  if (!page.url().startsWith(address)) await allow(page);
  await page.locator('#signed-in').waitFor();
  assert.match(await page.locator('#name').innerText(), /\S/);
  for (const clock of ['session', 'idle', 'token']) {
    assert.match(await page.locator(`[data-clock="${clock}"] .digits`).innerText(), /\d/, clock);
  }
});

test('renew silently: a new token, no page', async () => {
  assert.equal((await press('renew')).kind, 'good');
  assert.ok(page.url().startsWith(address));
});

test('refresh: one generation on', async () => {
  const before = await generation();
  assert.equal((await press('refresh')).kind, 'good');
  assert.equal(await generation(), before + 1);
});

test('lose a response and retry: the same successor', async () => {
  const before = await generation();
  const { kind, text } = await press('lose');
  assert.equal(kind, 'good', text);
  assert.match(text, /same token, byte for byte/);
  assert.equal(await generation(), before + 1);
});

test('call the API', async () => {
  const { kind, text } = await press('call');
  assert.equal(kind, 'good', text);
  assert.ok((await page.locator('[data-result="call"] .notes li').count()) > 0);
});

test('replay an old token: the chain ends, the session does not', async () => {
  const { kind, text } = await press('replay');
  assert.equal(kind, 'good', text);
  assert.match(text, /refused/);
  assert.equal((await press('renew')).kind, 'good');
  assert.equal((await press('refresh')).kind, 'good');
});

test('a reload finds the session again, without a page of the issuer', async () => {
  await page.reload();
  await page.locator('#signed-in').waitFor();
});

test('sign out', async () => {
  await page.locator('#sign-out').click();
  await page.locator('#signed-out').waitFor();
  await page.reload();
  await page.locator('#signed-out').waitFor();
  assert.ok(await page.locator('#signed-in').isHidden());
});

test('nothing was complained of', () => assert.deepEqual(problems, []));
