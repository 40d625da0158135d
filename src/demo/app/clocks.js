// The three countdowns: the session's two ends, as the token response told them, and the access token's own.

import { byId } from "./element.js";
import { moment, remaining } from "./format.js";
import { deadlines, demo, now } from "./issuer.js";

const WARN_BEFORE = 120;
const clocks = Object.fromEntries(["session", "idle", "token"].map((name) => {
  const card = document.querySelector(`[data-clock="${name}"]`);
  return [name, { card, digits: card.querySelector(".digits"), bar: card.querySelector(".bar i"), words: card.querySelector(".clock-words") }];
}));

let user = null;
let tokenLearned = 0;
let warned = null;

/** Called once for each end that is near, with `session`, `idle` or `over`: an application that knows its deadline can say so before it is too late. */
export const warnings = { near: () => {} };

/** Shows the clocks of a user who has just been loaded or renewed. */
export function showClocks(loaded) {
  if (loaded?.access_token !== user?.access_token) tokenLearned = loaded?.expires_in > 0 ? now() : 0;
  user = loaded;
  warned = null;
  tick();
}

function show(name, end, length, { words, never, over, low = WARN_BEFORE }) {
  const { card, digits, bar, words: place } = clocks[name];
  const left = end === null ? Infinity : end - now();
  const text = left === Infinity ? "no limit" : left <= 0 ? "ended" : remaining(left);
  const say = left === Infinity ? never : left <= 0 ? over : words;
  if (digits.textContent !== text) digits.textContent = text;
  if (place.textContent !== say) place.textContent = say;
  bar.style.transform = `scaleX(${left === Infinity ? 1 : Math.min(1, Math.max(0, left / length))})`;
  card.dataset.state = left <= 0 ? "ended" : left < low ? "low" : left === Infinity ? "never" : "running";
  return left;
}

function tick() {
  if (!user) return;
  const { session, idle, learned } = deadlines.get();
  const signedInAt = user.profile.auth_time ?? learned;
  const left = Math.min(
    show("session", session, session - signedInAt, {
      words: `At ${session ? moment(session) : ""}, however busy you are. The admin set this limit.`,
      never: "The admin has set no limit.",
      over: "Everything below it has ended too.",
    }),
    show("idle", idle, idle - learned, {
      words: `At ${idle ? moment(idle) : ""}. Renewing silently moves this end away, never past the first.`,
      never: "The admin has set no limit.",
      over: "The session was left unused for too long.",
    }),
  );
  show("token", user.expires_at ?? null, user.expires_at - tokenLearned, {
    words: byId("automatic").checked ? `Short on purpose. The page gets the next one ${demo.renew_before} seconds before.` : "Short on purpose, and nobody renews it: the switch above is off.",
    never: "The issuer named no end.",
    over: "The API refuses it now. Renew to get another.",
    low: 20,
  });
  const near = left <= 0 ? "over" : left >= WARN_BEFORE ? null : idle !== null && idle < (session ?? Infinity) ? "idle" : "session";
  if (near && near !== warned) warnings.near(near);
  warned = near;
}

setInterval(tick, 250);
