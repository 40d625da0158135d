// docs/gatekey-js.md

const failure = (code, reason, description) => Object.assign(new Error(code), { code, reason, description, transient: /^(network|temp)/.test(code) });
const check = (found, expected) => {
  for (const name in expected) if (found[name] !== expected[name]) throw failure('invalid_response', name);
  if (found.error) throw failure(found.error, undefined, found.error_description);
};
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const alphabet = 'base64url';
const random = () => crypto.randomUUID() + crypto.randomUUID();
const query = (fields) => new URLSearchParams(Object.entries(fields).filter(([, value]) => value || value === 0));

const heard = (from, url, wanted, watch) => {
  const done = new AbortController();
  return new Promise((resolve, reject) => {
    addEventListener('message', ({ source, origin, data }) => source === from() && origin === new URL(url).origin && wanted(data) && resolve(data), done);
    watch((reason, code = 'no_answer') => reject(failure(code, reason)), done);
  }).finally(() => done.abort());
};

const framed = (src, place, say) => {
  const frame = document.createElement('iframe');
  Object.assign(frame, { src, allow: 'identity-credentials-get', hidden: !place, title: 'Gatekey', referrerPolicy: 'strict-origin' });
  let spoke;
  const answer = heard(() => frame.contentWindow, src, ({ granted, reason }) => ((spoke = place), place ? reason !== 'click_needed' : !granted), (giveUp, done) => {
    addEventListener('securitypolicyviolation', ({ effectiveDirective }) => effectiveDirective === 'frame-src' && giveUp('csp'), done);
    const later = (ms) => setTimeout(() => spoke || giveUp(), ms);
    later(1e4);
    frame.onload = () => {
      if (say) frame.contentWindow.postMessage(say, src);
      later(2000);
    };
  });
  (place ?? document.body).append(frame);
  return answer.finally(() => frame.remove());
};

export function createClient({ issuer, clientId: client_id, redirectUri: redirect_uri = `${location.origin}/`, scope = 'openid', resource, storage, ways: order = ['session', 'frame', 'storage_access', 'fedcm', 'refresh'] }) {
  if (!isSecureContext) throw failure('insecure_context');
  const born = Date.now();
  let cameBack = /[?&]state=/.test(location.search);
  const key = `gatekey ${issuer} ${client_id} ${resource}`;
  const at = (path) => issuer.replace(/\/?$/, `/${path}`);

  const store = window[`${storage}Storage`] ?? {};
  const client = new EventTarget();
  const channel = new BroadcastChannel(key);
  let state, left;
  const look = () => (state = JSON.parse(store[key] ?? null));
  const save = (next, lastWay) => {
    store[key] = JSON.stringify(next);
    const { claims, deadlines } = look() ?? {};
    Object.assign(client, { claims, deadlines, lastWay }).dispatchEvent(new Event('change'));
    if (lastWay !== 'tab') channel.postMessage(next);
  };
  channel.onmessage = ({ data }) => {
    if (data === 'ask') state && channel.postMessage(state);
    else if (!(data?.at <= (state?.at ?? left))) save(data, 'tab');
  };
  save(look(), 'tab');
  const told = state || (channel.postMessage('ask'), wait(50));

  const call = async (url, fields) => {
    let answer, body;
    try {
      answer = await fetch(url, { signal: AbortSignal.timeout(1e4), method: fields && 'POST', body: fields && query({ client_id, ...fields }) });
      if (answer.status < 500 && answer.status !== 429) body = await answer.json();
    } catch (error) {
      throw failure('network', undefined, error.message);
    }
    if (!body) throw failure('temporarily_unavailable');
    check(body);
    return body;
  };
  let metadata;
  const discover = async () => {
    metadata ??= await call(at('.well-known/openid-configuration'));
    check(metadata, { issuer });
    return metadata;
  };

  const begin = async (more) => {
    const [state, nonce, code_verifier] = [random(), random(), random()];
    const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(code_verifier));
    const code_challenge = new Uint8Array(hash).toBase64({ alphabet, omitPadding: true });
    const params = { scope, resource, nonce, code_challenge, code_challenge_method: 'S256' };
    const url = `${(await discover()).authorization_endpoint}?${query({ client_id, response_type: 'code', redirect_uri, state, ...params, ...more })}`;
    return { url, params, state, nonce, code_verifier, redirect_uri };
  };

  const redeem = async (way, grant, nonce, session_state = state?.session_state) => {
    const asked = Date.now() - 1000;
    const answer = await call((await discover()).token_endpoint, grant);
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(answer.id_token.split('.')[1], { alphabet })));
    check(claims, { iss: issuer, aud: client_id, nonce, sub: (nonce ? claims : state.claims).sub });
    const [token, session, idle] = [claims.iat + answer.expires_in, answer.session_expires_at, answer.session_idle_expires_at].map((at) => at && asked + (at - claims.iat) * 1000);
    cameBack = false;
    save({ ...answer, claims, deadlines: { token, session, idle }, session_state, at: Date.now() }, way);
    return true;
  };
  const finish = async (way, answer, { state, nonce, code_verifier, redirect_uri }) => {
    check(answer, { state, iss: issuer });
    return redeem(way, { grant_type: 'authorization_code', code: answer.code, code_verifier, redirect_uri }, nonce, answer.session_state);
  };
  let cookiesBlocked;
  const asked = async (way, open, more) => {
    const request = await begin({ response_mode: 'web_message', ...more });
    const { response } = await open(request.url);
    cookiesBlocked = !response;
    return response && finish(way, response, request);
  };

  const storageAccess = (place, request) => framed(`${at('storage-access')}?${query({ client_id, origin: location.origin, request })}`, place);
  const fedcm = async (mode, mediation, signal) => {
    const request = await begin();
    localStorage[key + 'fedcm'] = Date.now();
    const providers = [{ configURL: at('fedcm/config.json'), clientId: client_id, nonce: request.nonce, params: request.params }];
    const { token } = await navigator.credentials.get({ mediation, signal, identity: { mode, providers } }).catch((error) => {
      throw failure('fedcm_refused', undefined, error.message);
    });
    cookiesBlocked = false;
    return finish('fedcm', { code: token, state: request.state, iss: issuer }, { ...request, redirect_uri: '' });
  };
  const silent = async (way, open) => !cookiesBlocked && asked(way, open, { prompt: 'none', id_token_hint: state?.id_token });
  const ways = {
    frame: (way) => silent(way, framed),
    storage_access: (way) => silent(way, (url) => storageAccess(null, url.split('?')[1])),
    fedcm: async () => Date.now() - localStorage[key + 'fedcm'] > 6e5 && fedcm('passive', 'silent', AbortSignal.timeout(3000)),
    refresh: async (way) => state?.refresh_token && redeem(way, { grant_type: 'refresh_token', refresh_token: state.refresh_token }),
  };

  let checked, cookieSeen;
  const unchanged = async () => {
    if (!order.includes('session') || !state.session_state || cookiesBlocked || Date.now() - checked < 1e4) return true;
    checked = Date.now();
    const said = await discover().then((found) => framed(found.check_session_iframe, null, `${client_id} ${state.session_state}`)).catch(String);
    cookieSeen ||= said === 'unchanged';
    cookiesBlocked = said === 'changed' && !cookieSeen && state?.at > born;
    return said !== 'changed' || cookiesBlocked;
  };

  const renew = async () => {
    const errors = [];
    const attempt = (way, tries) =>
      ways[way]?.(way).catch(async (error) => {
        // An answer was lost: the same refresh token, or another code.
        if (tries && (error.transient || (error.code === 'invalid_grant' && way !== 'refresh'))) return wait(300).then(() => attempt(way, tries - 1));
        if (error.code === 'no_answer') ways[way] = () => Promise.reject(error);
        if (error.code !== 'fedcm_refused') errors.push(error);
      });
    for (const way of order) if (await attempt(way, 2)) return;
    const worst = errors.find(({ transient }) => transient) ?? errors.find(({ code }) => code !== 'no_answer') ?? errors[0] ?? failure('login_required');
    if (worst.code === 'network' && metadata) await call(metadata.jwks_uri).then(() => (worst.reason = 'cors'), () => {});
    if (!/login|grant/.test(worst.code)) throw worst;
    const reason = cookiesBlocked ? 'cookies_blocked' : state ? 'session_ended' : 'signed_out';
    if (state && (!cookiesBlocked || errors.some(({ code }) => code === 'invalid_grant'))) save(null);
    throw failure('login_required', reason);
  };

  return Object.assign(client, {
    async allowCookies(place) {
      const { granted } = await storageAccess(place);
      cookiesBlocked = !granted;
      return granted;
    },

    async token({ minValidity = 30, force, redirect } = {}) {
      const asked = Date.now();
      await told;
      const lasts = () => state && (force ? state.at > asked : state.deadlines.token - Date.now() > minValidity * 1000);
      const inHand = lasts();
      if (inHand) {
        if (await unchanged()) client.lastWay = 'session';
        else force = true;
      }
      const id_token_hint = state?.id_token;
      if (!lasts())
        await navigator.locks.request(key, async () => look() && lasts() || renew()).catch((error) => {
          if (inHand && cookiesBlocked && state) return;
          // Not in the lock: the window may stay.
          if (!redirect || error.transient || cameBack) throw error;
          return client.signIn({ prompt: 'none', id_token_hint, returnTo: location.href });
        });
      if (!state) throw failure('login_required', 'signed_out');
      return state.access_token;
    },

    async signIn({ returnTo, popup, fedcm: chooser, ...more } = {}) {
      if (chooser) return fedcm('active');
      if (!popup) {
        const request = await begin(more);
        sessionStorage[key + request.state] = JSON.stringify({ ...request, returnTo });
        location.assign(request.url);
        return new Promise(() => {});
      }
      const opened = open('', '', 'popup');
      if (!opened) throw failure('popup_blocked');
      const show = (url) => {
        opened.location = url;
        return heard(() => opened, url, () => true, async (giveUp) => {
          while (!opened.closed) await wait(300);
          giveUp('', 'popup_closed');
        });
      };
      await asked('popup', show, more).finally(() => opened.close());
    },

    async handleRedirect() {
      const answer = Object.fromEntries(new URLSearchParams(location.search));
      if (!answer.state || !(answer.code || answer.error)) return null;
      history.replaceState(null, '', redirect_uri);
      const request = JSON.parse(sessionStorage[key + answer.state] ?? '{}');
      delete sessionStorage[key + answer.state];
      const error = await finish('redirect', answer, request).then(() => null, (error) => error);
      return { returnTo: request.returnTo, error };
    },

    async signOut({ returnTo, local } = {}) {
      const { refresh_token: token, id_token: id_token_hint } = look() ?? {};
      save(null);
      // And what a renewal under way brings.
      await navigator.locks.request(key, () => save(null));
      left = Date.now();
      const { revocation_endpoint, end_session_endpoint } = await discover();
      if (token) await call(revocation_endpoint, { token }).catch(() => {});
      if (!local) location.assign(`${end_session_endpoint}?${query({ client_id, id_token_hint, post_logout_redirect_uri: returnTo })}`);
    },
  });
}
