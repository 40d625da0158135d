// Talks to the issuer: the client library (unmodified), and beside it an observer that reads what the library does not pass on.

import { kept } from "./kept.js";

const { User, UserManager } = globalThis.oidc;

export const demo = await (await fetch("/demo.json")).json();

/** Both ends of the session, as the last token response told them: seconds since 1970, or `null`. */
export const deadlines = kept("deadlines", { session: null, idle: null, learned: null });

// The library keeps only the members of a token response that it knows. `session_expires_at` and
// `session_idle_expires_at` are read on the way, from a copy of the answer.
const plainFetch = window.fetch.bind(window);
const issuerOrigin = new URL(demo.issuer).origin;

window.fetch = async (input, init) => {
  const answer = await plainFetch(input, init);
  const body = String(init?.body ?? "");
  if (answer.ok && init?.method === "POST" && answer.url.startsWith(issuerOrigin) && body.includes("grant_type=")) {
    const { session_expires_at: session = null, session_idle_expires_at: idle = null } = await answer.clone().json();
    deadlines.set({ session, idle, learned: now() });
  }
  return answer;
};

export const now = () => Date.now() / 1000;

class WatchedUserManager extends UserManager {
  #last = Promise.resolve();
  /** Called after each renewal with `{ way, asked, milliseconds, before, user, error }`. */
  onRenewal = () => {};

  // The library calls this one when a token is about to expire.
  signinSilent(args = {}) {
    return this.exclusive(() => this.#renew(args, "automatic"));
  }

  /** `way` is `frame` or `refresh`. */
  renewByHand(way) {
    return this.exclusive(() => this.#renew({ forceIframeAuth: way === "frame" }, "by hand"));
  }

  /** One use of the refresh token at a time: what runs by itself waits for what was asked for, and the other way round. */
  exclusive(work) {
    const mine = this.#last.then(work, work);
    this.#last = mine.catch(() => {});
    return mine;
  }

  async #renew(args, asked) {
    const before = await this.getUser();
    const way = args.forceIframeAuth || !before?.refresh_token ? "frame" : "refresh";
    const started = performance.now();
    const facts = { way, asked, before, deadlinesBefore: deadlines.get(), user: null, error: null };
    try {
      facts.user = await super.signinSilent(args);
      return facts.user;
    } catch (error) {
      facts.error = error;
      throw error;
    } finally {
      facts.milliseconds = Math.round(performance.now() - started);
      this.onRenewal(facts);
    }
  }
}

export const manager = new WatchedUserManager({
  authority: demo.issuer,
  client_id: demo.client_id,
  redirect_uri: `${location.origin}/`,
  silent_redirect_uri: `${location.origin}/silent.html`,
  post_logout_redirect_uri: `${location.origin}/`,
  scope: demo.scope,
  resource: demo.api,
  filterProtocolClaims: false, // `auth_time` is shown
  automaticSilentRenew: false, // the switch on the page starts it
  accessTokenExpiringNotificationTimeInSeconds: demo.renew_before,
  silentRequestTimeoutInSeconds: 8,
});

/**
 * Sends a refresh token without the library, so that the answer can be lost or refused on purpose.
 * Answers `{ status, body }`; throws only when there is no answer.
 */
export async function sendRefreshToken(token) {
  const answer = await window.fetch(await manager.metadataService.getTokenEndpoint(), {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ grant_type: "refresh_token", client_id: demo.client_id, refresh_token: token }),
  });
  const text = await answer.text();
  try {
    return { status: answer.status, body: JSON.parse(text) };
  } catch {
    return { status: answer.status, body: { error: null, error_description: text } };
  }
}

/** Stores what `sendRefreshToken` brought, as the library would have. */
export async function keep(user, body) {
  const renewed = new User({ ...user, ...body, id_token: body.id_token ?? user.id_token, profile: user.profile });
  renewed.expires_in = body.expires_in;
  await manager.storeUser(renewed);
  await manager.events.load(renewed);
}

/** Forgets a refresh token that the issuer refuses; the library then renews by frame. */
export async function forgetRefreshToken() {
  const user = await manager.getUser();
  if (!user) return;
  user.refresh_token = undefined;
  await manager.storeUser(user);
  await manager.events.load(user);
}

/** Gives back a chain that a newer one has replaced. Nothing depends on the answer. */
export async function revoke(refreshToken) {
  const endpoint = await manager.metadataService.getRevocationEndpoint(true);
  if (!endpoint) return;
  const body = new URLSearchParams({ client_id: demo.client_id, token: refreshToken, token_type_hint: "refresh_token" });
  await window.fetch(endpoint, { method: "POST", headers: { "Content-Type": "application/x-www-form-urlencoded" }, body }).catch(() => {});
}
