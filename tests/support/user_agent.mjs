// A browser of few lines: cookies, redirects within the issuer, forms. Enough to sign in as a person would.

export class UserAgent {
  /** `server` is where the issuer's requests go, when TLS ends before it: Node's fetch trusts no authority of ours. */
  constructor(issuer, server = issuer) {
    this.origin = new URL(issuer).origin;
    this.server = server;
    this.cookies = new Map();
    /** Everything that only this browser, its user and the application may know. */
    this.secrets = new Set();
  }

  async request(url, options = {}) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { accept: 'text/html', 'accept-language': 'en', 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', ...options.headers };
    if (cookie) headers.cookie = cookie;
    const { pathname, search } = new URL(url);
    const answer = await fetch(new URL(pathname + search, this.server), { ...options, headers, redirect: 'manual' });
    for (const header of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(header);
      if (/max-age=0(;|$)/i.test(header)) this.cookies.delete(name);
      else this.cookies.set(name, value);
      if (value) this.secrets.add(value);
    }
    return answer;
  }

  /** Follows redirects while they stay at the issuer: `{ left: URL }` or `{ url, status, html }`. */
  async visit(url, options) {
    let answer = await this.request(url, options);
    for (let hops = 0; answer.status >= 300 && answer.status < 400; hops++) {
      if (hops === 10) throw new Error(`redirects go round in circles at ${url}`);
      await answer.arrayBuffer();
      url = new URL(answer.headers.get('location'), url);
      if (url.origin !== this.origin) return { left: url };
      answer = await this.request(url);
    }
    return { url: new URL(url), status: answer.status, html: await answer.text() };
  }

  /** Fills fields of the form that has them, presses a button, follows. */
  async submit(page, fields, button) {
    const form = forms(page.html).find((one) => Object.keys(fields).every((name) => one.fields.some((field) => field.name === name)) && (!button || one.fields.some((field) => field.submit && field.value === button)));
    if (!form) throw new Error(`no form with ${Object.keys(fields)} ${button ?? ''} at ${page.url} (${page.status}):\n${page.html}`);
    const body = new URLSearchParams();
    for (const { name, value, submit } of form.fields) {
      if (!submit || value === button) body.append(name, fields[name] ?? value);
    }
    return this.visit(new URL(form.action, page.url), { method: 'POST', body, headers: { origin: this.origin } });
  }

  /** From an authorization URL to where the application is answered: signs in, and allows what is asked. */
  async authorize(url, { name, password }) {
    let page = await this.visit(url);
    if (!page.left && /type="password"/.test(page.html)) page = await this.submit(page, { username: name, password });
    if (!page.left) page = await this.submit(page, {}, 'allow');
    if (page.left?.searchParams.has('code')) this.secrets.add(page.left.searchParams.get('code'));
    if (!page.left) throw new Error(`still at ${page.url} (${page.status}):\n${page.html}`);
    return page.left;
  }
}

function attribute(tag, name) {
  const found = new RegExp(`\\s${name}="([^"]*)"`, 'i').exec(tag);
  return found && unescape(found[1]);
}

const NAMED = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
function unescape(text) {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (_, hex, decimal, name) => (name ? NAMED[name] : String.fromCodePoint(hex ? parseInt(hex, 16) : Number(decimal))));
}

/** Forms with their named inputs and buttons. */
export function forms(html) {
  return [...html.matchAll(/<form\b[^>]*>([\s\S]*?)<\/form>/gi)].map(([whole, inside]) => ({
    action: attribute(/^<form\b[^>]*>/i.exec(whole)[0], 'action') ?? '',
    fields: [...inside.matchAll(/<(input|button)\b[^>]*>/gi)]
      .map(([tag, element]) => ({
        name: attribute(tag, 'name'),
        value: attribute(tag, 'value') ?? '',
        submit: element.toLowerCase() === 'button' || attribute(tag, 'type') === 'submit',
      }))
      .filter((field) => field.name),
  }));
}
