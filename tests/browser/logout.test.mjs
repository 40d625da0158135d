// How a real browser tells applications of a sign-out: the frames of front-channel logout, and the frame that watches the session.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { LAUNCH, complaints, signIn } from '../support/chromium.mjs';
import { DATABASES, Gatekey, USER, freePort } from '../support/gatekey.mjs';

const OTHER = { name: 'bobby', password: USER.password };

/** An application with a session of its own, which its logout page ends; it writes down what that page was asked. */
class Application {
  told = [];
  /** Whether the logout page answers at all. */
  answers = true;

  constructor(id, port) {
    Object.assign(this, { id, port, origin: `http://localhost:${port}` });
    this.server = http.createServer((request, answer) => {
      const url = new URL(request.url, this.origin);
      answer.setHeader('content-type', 'text/html; charset=utf-8');
      if (url.pathname === '/callback') answer.setHeader('set-cookie', `${id}=signed-in; Path=/; HttpOnly`);
      if (url.pathname === '/logout') {
        this.told.push({ ...Object.fromEntries(url.searchParams), cookie: request.headers.cookie ?? '', dest: request.headers['sec-fetch-dest'] });
        if (!this.answers) return;
        answer.setHeader('set-cookie', `${id}=; Path=/; Max-Age=0`);
        // A page that would take the whole window, if it could.
        answer.end('<!doctype html><title>Logout</title><script>try { top.location = "/taken" } catch {}</script>');
        return;
      }
      answer.end('<!doctype html><html lang="en"><title>Application</title><link rel="icon" href="data:,"><p>Application</p>');
    });
  }

  listen() {
    return new Promise((resolve) => this.server.listen(this.port, '127.0.0.1', resolve));
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }

  toml() {
    return `
[[clients]]
id = "${this.id}"
kind = "spa"
first_party = true
redirect_uris = ["${this.origin}/callback"]
post_logout_redirect_uris = ["${this.origin}/bye"]
frontchannel_logout_uri = "${this.origin}/logout?of=${this.id}"
`;
  }
}

/** Runs in an application's page: what the check-session frame answers to these messages within a while. */
function watch({ frame: url, messages, wait }) {
  return new Promise((resolve) => {
    const heard = [];
    addEventListener('message', (event) => {
      if (event.origin !== new URL(url).origin) return;
      heard.push(event.data);
      if (heard.length === messages.length) resolve(heard);
    });
    const frame = document.createElement('iframe');
    frame.hidden = true;
    frame.src = url;
    frame.onload = () => {
      for (const message of messages) frame.contentWindow.postMessage(message, '*');
      setTimeout(() => resolve(heard), wait);
    };
    document.body.append(frame);
  });
}

for (const kind of DATABASES) {
  describe(kind, () => {
    let gatekey, one, two, stranger, browser, context, page, said;

    before(async () => {
      one = new Application('one', await freePort());
      two = new Application('two', await freePort());
      stranger = new Application('stranger', await freePort());
      gatekey = await Gatekey.install(kind, { clients: one.toml() + two.toml() });
      gatekey.createUser();
      gatekey.createUser(OTHER.name, OTHER.password);
      for (const application of [one, two, stranger]) await application.listen();
      await gatekey.start();
      browser = await chromium.launch(LAUNCH);
    });
    after(async () => {
      await browser?.close();
      for (const application of [one, two, stranger]) application?.close();
      await gatekey?.remove();
    });
    beforeEach(async () => {
      context = await browser.newContext();
      page = await context.newPage();
      said = complaints(page);
      for (const application of [one, two]) Object.assign(application, { told: [], answers: true });
    });
    afterEach(() => context.close());

    /** Signs in at an application as a person does; its answer and tokens. */
    async function signInAt(application, user, changes = {}, tab = page) {
      const verifier = randomBytes(32).toString('base64url');
      const url = new URL('authorize', gatekey.issuer);
      const challenge = createHash('sha256').update(verifier).digest('base64url');
      const parameters = { client_id: application.id, response_type: 'code', redirect_uri: `${application.origin}/callback`, scope: 'openid', state: 's', code_challenge: challenge, code_challenge_method: 'S256', ...changes };
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
      await tab.goto(url.href);
      if (!tab.url().startsWith(application.origin)) {
        await signIn(tab, user);
        await tab.waitForURL(`${application.origin}/callback?*`);
      }
      const answer = Object.fromEntries(new URL(tab.url()).searchParams);
      const fields = { grant_type: 'authorization_code', client_id: application.id, code: answer.code, redirect_uri: parameters.redirect_uri, code_verifier: verifier };
      const response = await fetch(new URL('oauth/token', gatekey.issuer), { method: 'POST', body: new URLSearchParams(fields) });
      assert.equal(response.status, 200);
      const tokens = await response.json();
      return { ...answer, ...tokens, claims: JSON.parse(Buffer.from(tokens.id_token.split('.')[1], 'base64url')) };
    }

    function logoutUrl(application, hint) {
      const url = new URL('oidc/logout', gatekey.issuer);
      url.searchParams.set('id_token_hint', hint);
      url.searchParams.set('post_logout_redirect_uri', `${application.origin}/bye`);
      return url.href;
    }

    test('LO-08: signing out loads the applications in frames, and then goes on by itself', async () => {
      const first = await signInAt(one, USER);
      const second = await signInAt(two, USER);
      const began = Date.now();
      await page.goto(logoutUrl(one, first.id_token));
      await page.waitForURL(`${one.origin}/bye`);
      assert.ok(Date.now() - began < 2900, 'as soon as the frames have loaded');
      for (const [application, { claims }] of [[one, first], [two, second]]) {
        assert.equal(application.told.length, 1);
        const [told] = application.told;
        assert.deepEqual([told.of, told.iss, told.sid, told.dest], [application.id, gatekey.issuer, claims.sid, 'iframe']);
        assert.match(told.cookie, new RegExp(`${application.id}=signed-in`), 'with its own cookie');
      }
      assert.deepEqual((await context.cookies()).filter(({ name }) => ['one', 'two'].includes(name)), [], 'both have ended their sessions');
      assert.deepEqual(said.filter((line) => /Content.Security.Policy/i.test(line)), []);
    });

    test('an application that does not answer keeps nobody for long; without scripts it goes on too', async () => {
      for (const javaScriptEnabled of [true, false]) {
        // Without scripts the browser itself waits for the frames before it counts.
        two.answers = !javaScriptEnabled;
        const visitor = await browser.newContext({ javaScriptEnabled });
        const tab = await visitor.newPage();
        await signInAt(two, USER, {}, tab);
        const first = await signInAt(one, USER, {}, tab);
        await tab.goto(logoutUrl(one, first.id_token), { waitUntil: 'commit' });
        await tab.waitForURL(`${one.origin}/bye`, { timeout: 15_000 });
        assert.equal(two.told.length, 1);
        two.told = [];
        await visitor.close();
      }
    });

    test('the check-session frame notices a sign-in, another user and a sign-out', async () => {
      const { check_session_iframe: frame } = await (await fetch(new URL('.well-known/openid-configuration', gatekey.issuer))).json();
      const ask = async (...messages) => page.evaluate(watch, { frame, messages, wait: 5000 });
      const first = await signInAt(one, USER);
      const message = `one ${first.session_state}`;
      assert.deepEqual(await ask(message), ['unchanged']);
      // Of another client, altered, and nonsense.
      assert.deepEqual(await ask(`two ${first.session_state}`, `one x${first.session_state}`), ['changed', 'changed']);
      assert.deepEqual(await ask('one', 'one a.b c', 'one a', 'one a.b.c', '', ' '), Array(6).fill('error'));
      // Silently, in another tab: the same.
      const tab = await context.newPage();
      const again = await signInAt(one, USER, { prompt: 'none' }, tab);
      assert.notEqual(again.session_state, first.session_state);
      assert.deepEqual(await ask(message, `one ${again.session_state}`), ['unchanged', 'unchanged']);
      // Another user in another tab.
      const other = await signInAt(one, OTHER, { prompt: 'login' }, tab);
      assert.deepEqual(await ask(message, `one ${other.session_state}`), ['unchanged', 'unchanged'], 'each has its own state');
      await tab.goto(logoutUrl(one, other.id_token));
      await tab.waitForURL(`${one.origin}/bye`);
      assert.deepEqual(await ask(message, `one ${other.session_state}`), ['unchanged', 'changed']);
      // The same user again, and then out.
      const anew = await signInAt(one, USER, { prompt: 'login' }, tab);
      assert.deepEqual(await ask(message, `one ${anew.session_state}`), ['changed', 'unchanged']);
      await tab.goto(logoutUrl(one, anew.id_token));
      await tab.waitForURL(`${one.origin}/bye`);
      assert.deepEqual(await ask(`one ${anew.session_state}`), ['changed']);
    });

    test('RM-05: the frame is for registered pages, asks the server nothing, and answers no flood', async () => {
      const { check_session_iframe: frame } = await (await fetch(new URL('.well-known/openid-configuration', gatekey.issuer))).json();
      const { session_state: state } = await signInAt(one, USER);
      const requests = [];
      page.on('request', (request) => requests.push(request.url()));
      const flood = Array(10_000).fill(`one ${state}`);
      const answers = await page.evaluate(watch, { frame, messages: flood, wait: 900 });
      assert.ok(answers.length >= 1 && answers.length <= 150, `${answers.length} answers`);
      assert.deepEqual(requests, [frame], 'the frame itself, and nothing more');
      // A page that is not registered gets no frame.
      await page.goto(`${stranger.origin}/`);
      assert.deepEqual(await page.evaluate(watch, { frame, messages: [`one ${state}`], wait: 1500 }), []);
    });
  });
}
