// Talks to the issuer: by `gatekey.js`, which the issuer serves, and by hand where something is to go wrong on purpose.

export const demo = await (await fetch("/demo.json")).json();
const { createClient } = await import(`${demo.issuer}gatekey.js`);

export const client = createClient({
  issuer: demo.issuer,
  clientId: demo.client_id,
  redirectUri: `${location.origin}/`,
  scope: demo.scope,
  resource: demo.api,
  storage: "session",
});

// An ordinary application has no business with what `gatekey.js` keeps; this one shows it.
const KEY = `gatekey ${demo.issuer} ${demo.client_id} ${demo.api}`;
const tabs = new BroadcastChannel(KEY);

/** `{ access_token, refresh_token, claims, deadlines, at }`, or `null`. */
export const held = () => JSON.parse(sessionStorage.getItem(KEY));

function hold(state) {
  const next = { ...held(), ...state, at: Date.now() };
  sessionStorage.setItem(KEY, JSON.stringify(next));
  tabs.postMessage(next);
}

let last = Promise.resolve();
/** One use of the refresh token at a time: what runs by itself waits for what was asked for, and the other way round. */
export function exclusive(work) {
  const mine = last.then(work, work);
  last = mine.catch(() => {});
  return mine;
}

/** Called after each renewal with `{ way, asked, milliseconds, before, after, error }`. */
export const renewals = { happened: () => {} };

const watched = (asked, work) =>
  exclusive(async () => {
    const facts = { asked, before: held(), way: null, error: null };
    const started = performance.now();
    try {
      facts.way = await work();
    } catch (error) {
      facts.error = error;
      throw error;
    } finally {
      facts.after = held();
      facts.milliseconds = Math.round(performance.now() - started);
      renewals.happened(facts);
    }
    return facts;
  });

/** By the best way that the browser allows. `asked` is `by hand` or `automatic`. */
export const renew = (asked, options) =>
  watched(asked, async () => {
    await client.token({ force: true, ...options });
    return client.lastWay;
  });

/** By the refresh token and by nothing else. */
export const refresh = () =>
  watched("by hand", async () => {
    const answer = await sendRefreshToken(held().refresh_token);
    if (answer.status !== 200) throw refusal(answer);
    keep(answer.body);
    return "refresh";
  });

const endpoint = async (name) => (await (await fetch(`${demo.issuer}.well-known/openid-configuration`)).json())[name];
const post = async (name, fields) => fetch(await endpoint(name), { method: "POST", body: new URLSearchParams({ client_id: demo.client_id, ...fields }) });

/** So that the answer can be lost or refused on purpose: `{ status, body }`; throws only when there is no answer. */
export async function sendRefreshToken(token) {
  const answer = await post("token_endpoint", { grant_type: "refresh_token", refresh_token: token });
  const text = await answer.text();
  try {
    return { status: answer.status, body: JSON.parse(text) };
  } catch {
    return { status: answer.status, body: { error_description: text } };
  }
}

/** The answer of the token endpoint as an error that `explain` understands. */
export const refusal = ({ status, body }) => Object.assign(new Error(body.error_description || `The issuer answered ${status}.`), { code: body.error });

/** Keeps what `sendRefreshToken` brought. */
export function keep(body) {
  const now = Date.now();
  const instant = (seconds) => seconds && seconds * 1000;
  hold({ ...body, deadlines: { token: now + body.expires_in * 1000, session: instant(body.session_expires_at), idle: instant(body.session_idle_expires_at) } });
}

/** Forgets a refresh token that the issuer refuses. */
export const forgetRefreshToken = () => held() && hold({ refresh_token: "" });

/** Gives back a chain that a newer one has replaced. Nothing depends on the answer. */
export const revoke = (token) => post("revocation_endpoint", { token, token_type_hint: "refresh_token" }).catch(() => {});
