// Firefox as Debian packages it, driven by WebDriver BiDi. A page has the names of Playwright's as far as the tests need them:
// Playwright itself asks for a newer Firefox than an ESR is. The caller brings WebSocket, which Node 20 has not.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { HOSTS } from './deployment.mjs';

const DEADLINE = 20_000;

/** Nothing is asked of the network outside, and the names of the tests are this machine. */
const PREFERENCES = {
  'network.dns.localDomains': HOSTS.join(','),
  'intl.accept_languages': 'en-US, en',
  'app.normandy.enabled': false,
  'app.update.disabledForTesting': true,
  'browser.newtabpage.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.search.update': false,
  'browser.startup.page': 0,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.systemAddon.update.enabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,#remote-settings-dummy/v1',
  'toolkit.telemetry.enabled': false,
};

const KEYS = { Enter: '\uE007' };

/** Whether an address is what is waited for: as text, as text that ends with `**`, or by a function. */
function matches(url, wanted) {
  if (typeof wanted === 'function') return wanted(new URL(url));
  return wanted.endsWith('**') ? url.startsWith(wanted.slice(0, -2)) : url === wanted;
}

/** A document that the browser shows: a tab, a window, or a frame in one. */
class Page {
  constructor(firefox, context) {
    Object.assign(this, { firefox, context });
  }

  url() {
    return this.firefox.contexts.get(this.context)?.url;
  }

  goto(url) {
    return this.firefox.command('browsingContext.navigate', { context: this.context, url, wait: 'complete' });
  }

  /** Waits until a document with that address has loaded. */
  waitForURL(wanted) {
    return this.firefox.until(`the address ${wanted}`, () => this.firefox.contexts.get(this.context)?.loaded && matches(this.url(), wanted));
  }

  /** The frame of this page with that address, once it has loaded. */
  async frame(wanted) {
    let found;
    await this.firefox.until(`a frame with the address ${wanted}`, () => {
      found = [...this.firefox.contexts.values()].find((one) => one.parent === this.context && one.loaded && matches(one.url, wanted));
      return found;
    });
    return new Page(this.firefox, found.context);
  }

  async #call(functionDeclaration, ...texts) {
    const said = await this.firefox.command('script.callFunction', {
      functionDeclaration,
      arguments: texts.map((value) => ({ type: 'string', value })),
      awaitPromise: true,
      target: { context: this.context },
    });
    if (said.type === 'exception') throw new Error(said.exceptionDetails.text);
    return said.result;
  }

  /** Runs a function in the page; what goes in and comes out is JSON. */
  async evaluate(code, argument) {
    const { value } = await this.#call(`async (text) => JSON.stringify(await (${code})(text ? JSON.parse(text) : undefined))`, JSON.stringify(argument) ?? '');
    return value === undefined ? undefined : JSON.parse(value);
  }

  #act(...sources) {
    return this.firefox.command('input.performActions', { context: this.context, actions: sources });
  }

  /** A click as a person's: the page has had its user's attention afterwards. */
  async click(selector) {
    const element = await this.#call('(selector) => document.querySelector(selector)', selector);
    if (!element.sharedId) throw new Error(`${this.url()} has no ${selector}`);
    const origin = { type: 'element', element: { sharedId: element.sharedId } };
    const actions = [
      { type: 'pointerMove', x: 0, y: 0, origin },
      { type: 'pointerDown', button: 0 },
      { type: 'pointerUp', button: 0 },
    ];
    await this.#act({ type: 'pointer', id: 'mouse', parameters: { pointerType: 'mouse' }, actions });
  }

  #type(text) {
    return this.#act({ type: 'key', id: 'keyboard', actions: [...text].flatMap((value) => [{ type: 'keyDown', value }, { type: 'keyUp', value }]) });
  }

  async fill(selector, text) {
    await this.click(selector);
    await this.#type(text);
  }

  async press(selector, key) {
    await this.click(selector);
    await this.#type(KEYS[key]);
  }

  close() {
    return this.firefox.command('browsingContext.close', { context: this.context });
  }
}

/** A process of Firefox with a profile of its own, which is gone when it is closed. */
export class Firefox {
  /** What it shows, by BiDi's name: `{ context, parent, url, loaded }`. */
  contexts = new Map();
  #answers = new Map();
  #last = 0;
  #waiting = new Set();

  /**
   * Without `thirdPartyCookies` they are as Firefox ships: in a jar for each site that a frame is on, until the user or a rule of the
   * browser's own lets a frame have those of its own site. With `refuse` it is as for somebody who chose that none of third parties is kept.
   */
  static async open(WebSocket, { thirdPartyCookies, refuse = false }) {
    const firefox = new Firefox();
    firefox.folder = mkdtempSync(join(tmpdir(), 'gatekey-firefox-'));
    try {
      const behavior = thirdPartyCookies ? 0 : refuse ? 1 : 5;
      await firefox.#start(WebSocket, { ...PREFERENCES, 'network.cookie.cookieBehavior': behavior });
    } catch (error) {
      await firefox.close();
      throw error;
    }
    return firefox;
  }

  async #start(WebSocket, preferences) {
    const lines = Object.entries(preferences).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`);
    writeFileSync(join(this.folder, 'user.js'), lines.join(''));
    this.process = spawn(process.env.GATEKEY_FIREFOX ?? 'firefox-esr', ['--headless', '--no-remote', '--remote-debugging-port=0', '--profile', this.folder], {
      env: { ...process.env, MOZ_CRASHREPORTER_DISABLE: '1' },
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true, // A group of its own: its content processes end with it.
    });
    this.ended = new Promise((resolve) => this.process.once('exit', resolve).once('error', resolve));
    const address = await this.#within('Firefox to say where it listens', this.#address());
    this.socket = new WebSocket(`${address}/session`, { perMessageDeflate: false });
    this.socket.on('message', (text) => this.#hear(JSON.parse(text)));
    await this.#within('a connection', new Promise((resolve, reject) => this.socket.once('open', resolve).on('error', reject)));
    const { capabilities } = await this.command('session.new', { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
    this.version = capabilities.browserVersion;
    await this.command('session.subscribe', { events: ['browsingContext'] });
  }

  async #address() {
    let said = '';
    for await (const line of createInterface({ input: this.process.stderr })) {
      const address = /WebDriver BiDi listening on (ws:\S+)/.exec(line)?.[1];
      if (address) {
        this.process.stderr.resume();
        return address;
      }
      said += `${line}\n`;
    }
    throw new Error(`Firefox did not start:\n${said}`);
  }

  async #within(what, promise) {
    let timer;
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`${what}: not within ${DEADLINE} ms`)), DEADLINE)));
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  }

  #hear({ id, type, error, message, result, method, params }) {
    if (type === 'event') {
      this.#notice(method, params);
      for (const check of [...this.#waiting]) check();
      return;
    }
    const { resolve, reject } = this.#answers.get(id);
    this.#answers.delete(id);
    if (type === 'success') resolve(result);
    else reject(new Error(`${error}: ${message}`));
  }

  #notice(method, { context, parent = null, url }) {
    const known = this.contexts.get(context);
    if (method === 'browsingContext.contextCreated') this.contexts.set(context, { context, parent, url, loaded: false });
    else if (method === 'browsingContext.contextDestroyed') this.contexts.delete(context);
    else if (!known) return;
    else if (method === 'browsingContext.navigationStarted') known.loaded = false;
    else if (method === 'browsingContext.load') Object.assign(known, { url, loaded: true });
    else if (method === 'browsingContext.fragmentNavigated' || method === 'browsingContext.historyUpdated') known.url = url;
  }

  /** One command of WebDriver BiDi. */
  command(method, params) {
    const id = ++this.#last;
    const answer = new Promise((resolve, reject) => this.#answers.set(id, { resolve, reject }));
    this.socket.send(JSON.stringify({ id, method, params }));
    return this.#within(method, answer);
  }

  /** Waits for what an event brings about. */
  until(what, check) {
    const happened = new Promise((resolve) => {
      const again = () => {
        if (!check()) return;
        this.#waiting.delete(again);
        resolve();
      };
      this.#waiting.add(again);
      again();
    });
    return this.#within(what, happened);
  }

  async newPage() {
    const { context } = await this.command('browsingContext.create', { type: 'tab' });
    return new Page(this, context);
  }

  /** The window that a page has opened, once it is there. */
  async opened(wanted) {
    let found;
    await this.until(`a window with the address ${wanted}`, () => {
      found = [...this.contexts.values()].find((one) => one.parent === null && one.loaded && matches(one.url, wanted));
      return found;
    });
    return new Page(this, found.context);
  }

  async close() {
    try {
      if (this.socket?.readyState === 1) await this.command('browser.close', {});
      else if (this.process?.pid) process.kill(-this.process.pid, 'SIGKILL');
      await this.#within('the end of Firefox', this.ended ?? Promise.resolve());
    } finally {
      // What is left of it when it did not end by itself.
      if (this.process?.pid && this.process.exitCode === null && this.process.signalCode === null) process.kill(-this.process.pid, 'SIGKILL');
      this.socket?.terminate();
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
    }
  }
}

/** Signs in as a person does: by typing. */
export async function signIn(page, { name, password }) {
  await page.fill('input[autocomplete~=username]', name);
  await page.fill('input[type=password]', password);
  await page.press('input[type=password]', 'Enter');
}

/** A page of the issuer that asks for its cookies at the click of its user; it tells the page around it what came of it. */
export const ASK = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Ask</title><button onclick="document.requestStorageAccess().then(() => 'granted', ({ name }) => name).then((said) => parent.postMessage(said, '*'))">Ask</button>`;

/** Shows that page in a frame and clicks as a person does; `granted`, or the name of the error. */
export async function askForCookies(page, address) {
  await page.evaluate((address) => {
    window.said = new Promise((resolve) => addEventListener('message', ({ data }) => resolve(data), { once: true }));
    const frame = document.createElement('iframe');
    frame.src = address;
    document.body.append(frame);
  }, address);
  await (await page.frame(address)).click('button');
  return page.evaluate(() => window.said);
}
