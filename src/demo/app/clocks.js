// The three countdowns: the session's two ends, as the token response told them, and the access token's own.

import { byId } from "./element.js";
import { moment, remaining } from "./format.js";
import { demo, held } from "./issuer.js";

const WARN_BEFORE = 120;
const clocks = Object.fromEntries(["session", "idle", "token"].map((name) => {
  const card = document.querySelector(`[data-clock="${name}"]`);
  return [name, { card, digits: card.querySelector(".digits"), bar: card.querySelector(".bar i"), words: card.querySelector(".clock-words") }];
}));

let shown = null;
let warned = null;

/** Called once for each end that is near, with `session`, `idle` or `over`: an application that knows its deadline can say so before it is too late. */
export const warnings = { near: () => {} };

/** The session has ended before its time, and the issuer knows it. */
let over = false;

/** Shows the clocks of somebody who has just come or been renewed. */
export function showClocks() {
  shown = held();
  over = false;
  warned = null;
  tick();
}

/** Stops them where they are told to: the session is over now. */
export function stopClocks() {
  over = true;
  tick();
}

function show(name, end, length, { words, never, over, low = WARN_BEFORE }) {
  const { card, digits, bar, words: place } = clocks[name];
  const left = end ? end - Date.now() / 1000 : Infinity;
  const text = left === Infinity ? "no limit" : left <= 0 ? "ended" : remaining(left);
  const say = left === Infinity ? never : left <= 0 ? over : words;
  if (digits.textContent !== text) digits.textContent = text;
  if (place.textContent !== say) place.textContent = say;
  bar.style.transform = `scaleX(${left === Infinity ? 1 : Math.min(1, Math.max(0, left / length))})`;
  card.dataset.state = left <= 0 ? "ended" : left < low ? "low" : left === Infinity ? "never" : "running";
  return left;
}

function tick() {
  if (!shown) return;
  const state = (shown = held() ?? shown);
  const now = Date.now() / 1000;
  const end = (name) => state.deadlines[name] && state.deadlines[name] / 1000;
  const [session, idle] = over ? [now, now] : [end("session"), end("idle")];
  const learned = state.at / 1000;
  const signedInAt = state.claims.auth_time ?? learned;
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
  show("token", end("token"), end("token") - learned, {
    words: byId("automatic").checked ? `Short on purpose. The page gets the next one ${demo.renew_before} seconds before.` : "Short on purpose, and nobody renews it: the switch above is off.",
    never: "The issuer named no end.",
    over: "The API refuses it now. Renew to get another.",
    low: 20,
  });
  const near = left <= 0 ? "over" : left >= WARN_BEFORE ? null : idle && idle < (session || Infinity) ? "idle" : "session";
  if (near && near !== warned) warnings.near(near);
  warned = near;
}

setInterval(tick, 250);
