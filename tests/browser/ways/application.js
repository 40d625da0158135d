// An application without a library: each way of renewal in the fewest lines. `at` is `{ issuer, redirect_uri }`.

const text = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

const challenge = async (verifier) => text(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)));

/** The address of an authorization request; what its answer needs is kept. */
async function authorization({ issuer, redirect_uri }, more) {
  const verifier = text(crypto.getRandomValues(new Uint8Array(32)));
  const state = crypto.randomUUID();
  sessionStorage.pending = JSON.stringify({ verifier, state });
  const url = new URL('authorize', issuer);
  const code_challenge = await challenge(verifier);
  url.search = new URLSearchParams({ client_id: 'app', response_type: 'code', redirect_uri, scope: 'openid offline_access', state, code_challenge, code_challenge_method: 'S256', ...more });
  return url.href;
}

async function tokens({ issuer }, fields) {
  const answer = await (await fetch(new URL('oauth/token', issuer), { method: 'POST', body: new URLSearchParams({ client_id: 'app', ...fields }) })).json();
  if (answer.refresh_token) sessionStorage.refresh = answer.refresh_token;
  return answer.access_token ? { token: answer.access_token } : { error: answer.error };
}

/** From an authorization response to tokens. */
function finish(at, { code, state, error }) {
  const { verifier, state: expected } = JSON.parse(sessionStorage.pending);
  if (state !== expected) return { error: 'another state' };
  return error ? { error } : tokens(at, { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: at.redirect_uri });
}

/** The answer that comes as a message from a window of the issuer. */
const answered = (issuer) =>
  new Promise((resolve) => {
    addEventListener('message', function hear({ origin, data }) {
      if (origin !== new URL(issuer).origin || data.type !== 'authorization_response') return;
      removeEventListener('message', hear);
      resolve(data.response);
    });
  });

const SILENT = { prompt: 'none', response_mode: 'web_message' };

const ways = {
  async frame(at) {
    const frame = document.createElement('iframe');
    const answer = answered(at.issuer);
    frame.src = await authorization(at, SILENT);
    document.body.append(frame);
    const response = await answer;
    frame.remove();
    return finish(at, response);
  },

  refresh: (at) => tokens(at, { grant_type: 'refresh_token', refresh_token: sessionStorage.refresh }),

  async popup(at) {
    const answer = answered(at.issuer);
    // Opened while the click counts, led to its address when that is there.
    const opened = open('', '_blank', 'popup');
    opened.location = await authorization(at, SILENT);
    const response = await answer;
    opened.close();
    return finish(at, response);
  },
};

/** FedCM: the browser itself hands over a code. `mediation` is `silent` where nothing may be shown. */
async function byBrowser(at, mediation) {
  const verifier = text(crypto.getRandomValues(new Uint8Array(32)));
  const params = { scope: 'openid offline_access', code_challenge: await challenge(verifier), code_challenge_method: 'S256' };
  const providers = [{ configURL: new URL('fedcm/config.json', at.issuer).href, clientId: 'app', params }];
  const began = performance.now();
  try {
    const { token } = await navigator.credentials.get({ identity: { providers }, mediation });
    return { ...(await tokens(at, { grant_type: 'authorization_code', code: token, code_verifier: verifier })), took: performance.now() - began };
  } catch (error) {
    return { error: error.name, took: performance.now() - began };
  }
}

/** A way, and how long it took. */
async function renew([way, at]) {
  const began = performance.now();
  const said = await ways[way](at);
  return { ...said, took: performance.now() - began };
}

/** Leaves this page for the issuer, which answers by coming back to it. */
async function leave([at, more]) {
  location.href = await authorization(at, more);
}

/** What is in the address after that. */
async function arrive(at) {
  const answer = Object.fromEntries(new URLSearchParams(location.search));
  history.replaceState(null, '', location.pathname);
  return finish(at, answer);
}

document.querySelector('button').onclick = () => {
  window.renewed = renew(['popup', window.at]);
};
