// The console in a browser: coming to a place of it, signed in, and what its page complained of.
import { complaints, signIn } from './chromium.mjs';
import { USER } from './gatekey.mjs';

/** What a refusal writes to the browser's console is what the test wants. */
export const isRefusal = (line) => /Failed to load resource.*(40[0-9]|412|422|503)/.test(line) || /Failed to load resource: net::ERR_/.test(line);

export const admin = (gatekey, place = '') => new URL(`admin${place}`, gatekey.issuer).href;

/** Makes the user an administrator signs in as. */
export const makeAdministrator = (gatekey, { name, password } = USER) => gatekey.run(['user', 'create', name, '--admin', '--email', `${name}@example.test`, '--name', 'Alice Example'], `${password}\n`);

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
