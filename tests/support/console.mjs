// The console in a browser: coming to a place of it, signed in, and what its page complained of.
import { createHash } from 'node:crypto';

import { LAUNCH, complaints, signIn } from './chromium.mjs';
import { Gatekey, USER } from './gatekey.mjs';
import { UserAgent } from './user_agent.mjs';

/** What a refusal writes to the browser's console is what the test wants. */
export const isRefusal = (line) => /Failed to load resource.*(40[0-9]|412|422|503)/.test(line) || /Failed to load resource: net::ERR_/.test(line);

export const admin = (gatekey, place = '') => new URL(`admin${place}`, gatekey.issuer).href;

/** Makes the user an administrator signs in as. */
export const makeAdministrator = (gatekey, { name, password } = USER) => gatekey.run(['user', 'create', name, '--admin', '--email', `${name}@example.test`, '--name', 'Alice Example'], `${password}\n`);

/** A server with an administrator, and a browser. `prepare` is given it before it starts. */
export async function begin(chromium, kind, options, prepare) {
  const gatekey = await Gatekey.install(kind, options);
  makeAdministrator(gatekey);
  prepare?.(gatekey);
  await gatekey.start();
  return { gatekey, browser: await chromium.launch(LAUNCH) };
}

/** Of a beginning that may have failed. */
export async function end({ gatekey, browser }) {
  await browser?.close();
  await gatekey?.remove();
}

/** A browser in which somebody has gone to a place of the console, signed in and come back to it. */
export async function visitor(browser, gatekey, { place = '#/', who = USER, ...options } = {}) {
  const context = await browser.newContext({ locale: 'en-US', ...options });
  const page = await context.newPage();
  const problems = complaints(page);
  await page.goto(admin(gatekey, place));
  await page.waitForURL('**/login?**');
  await signIn(page, who);
  await page.waitForURL(admin(gatekey, place));
  return { context, page, problems, heard: () => problems.filter((line) => !isRefusal(line)) };
}

export const heading = (page, name) => page.getByRole('heading', { level: 1, name, exact: true }).waitFor();

/** Where the applications of these tests live: nobody listens there. */
export const CALLBACK = 'http://127.0.0.1:9/callback';
export const VERIFIER = 'v'.repeat(43);
export const authorizeUrl = (gatekey, client, scope = 'openid') =>
  new URL(`authorize?${new URLSearchParams({ response_type: 'code', client_id: client, redirect_uri: CALLBACK, scope, code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'), code_challenge_method: 'S256' })}`, gatekey.issuer);

export const token = async (gatekey, client, fields) => (await fetch(new URL('oauth/token', gatekey.issuer), { method: 'POST', body: new URLSearchParams({ client_id: client, ...fields }) })).json();
export const redeem = (gatekey, client, code) => token(gatekey, client, { grant_type: 'authorization_code', redirect_uri: CALLBACK, code, code_verifier: VERIFIER });

/** Somebody signs in to an application; what it is given. */
export async function signedInto(gatekey, client, who) {
  const left = await new UserAgent(gatekey.issuer).authorize(authorizeUrl(gatekey, client), who);
  return redeem(gatekey, client, left.searchParams.get('code'));
}

/** Makes the sign-in of a page an hour old, and the page know it. */
export async function age(gatekey, page) {
  await page.getByRole('heading', { level: 1 }).waitFor();
  gatekey.ageSignIns();
  await page.reload();
  await page.getByRole('heading', { level: 1 }).waitFor();
}

/** Goes to the password by the dialog that says why, and comes back to the place. */
export async function prove(gatekey, page, place) {
  const again = page.getByRole('dialog', { name: 'Confirm that it is you' });
  await again.getByText('a sign-in that is no older than 10 minutes').waitFor();
  await again.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL('**/login?**');
  await page.locator('input[type=password]').fill(USER.password);
  await page.locator('input[type=password]').press('Enter');
  await page.waitForURL(admin(gatekey, place));
}

/** What a script of an attacker's would do, in the ways names can hold one. */
export const PAYLOADS = [
  '<script>window.hit=1</script>',
  '"><img src=x onerror=window.hit=1>',
  "'><svg onload=window.hit=1>",
  '</title></h1><iframe srcdoc="<script>parent.hit=1</script>">',
  'javascript:window.hit=1',
  '" autofocus onfocus="window.hit=1',
  '<a href="javascript:window.hit=1">x</a>',
  '${window.hit=1}{{ 7777*7 }}',
  '\u202e<script>window.hit=1</script>',
];

/** Whether something of a name became more than text. */
export const harmed = (page) => page.evaluate(() => [window.hit, document.querySelectorAll('img, iframe, main script, a[href^="javascript:"]').length]);
