// Chromium, and what a page of the issuer may never do in it. The caller brings playwright-core.

/** How Debian's Chromium is started; as root it has no sandbox to offer. */
export const LAUNCH = {
  executablePath: process.env.GATEKEY_CHROMIUM ?? '/usr/bin/chromium',
  args: process.getuid() === 0 ? ['--no-sandbox'] : [],
};

/** Collects what a page complains of: violations of its Content-Security-Policy and errors of its scripts. */
export function complaints(page) {
  const list = [];
  page.on('console', (message) => {
    // A refused token request is shown as a network error, and to be refused is what the test wants.
    const refusal = /Failed to load resource/.test(message.text()) && message.location().url.endsWith('/oauth/token');
    if (message.type() === 'error' && !refusal) list.push(`${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => list.push(String(error)));
  return list;
}

/** Signs in and, when asked, allows, as a person does: by typing and clicking. */
export async function signIn(page, { name, password }) {
  await page.getByLabel(/user ?name/i).fill(name);
  await page.locator('input[type=password]').fill(password);
  await page.locator('input[type=password]').press('Enter');
}

export const allow = (page) => page.locator('button[name=decision][value=allow]').click();

/** What has the focus: its role as far as it matters here, and its name as it is read out. */
export const focused = (page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    const names = (element.getAttribute('aria-labelledby') ?? '').split(' ').filter(Boolean).map((id) => document.getElementById(id).textContent);
    const label = element.labels?.[0]?.textContent ?? element.textContent;
    return (names.length > 0 ? names.join(' ') : label).trim().replace(/\s+/g, ' ');
  });

/** Presses Tab until what has the focus is called that. */
export async function tabTo(page, name) {
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab');
    if (name.test(await focused(page))) return;
  }
  throw new Error(`Tab never comes to ${name}`);
}
