// The chain of refresh tokens: which generations there were, which one is live, and whether the chain has ended.

import { byId, element } from "./element.js";
import { kept } from "./kept.js";
import { readRefreshToken } from "./refresh_token.js";

const SHOWN = innerWidth < 480 ? 8 : 12;
const chain = kept("chain", null);

/** Takes note of the refresh token in hand; answers `{ began, from, to }`: whether a new chain began, and the step. */
export function learnToken(token) {
  const read = readRefreshToken(token);
  const known = chain.get();
  if (!read) return null;
  if (known?.family !== read.family) {
    chain.set({ family: read.family, oldest: token, from: read.generation, newest: read.generation, retried: [], ended: null });
    return { began: true, from: null, to: read.generation };
  }
  const from = known.newest;
  if (read.generation > from) chain.set({ ...known, newest: read.generation });
  return { began: false, from, to: read.generation };
}

export const currentChain = () => chain.get();

/** The token of this generation was sent twice, and answered twice with the same successor. */
export function markRetried(generation) {
  const known = chain.get();
  chain.set({ ...known, retried: [...known.retried, generation] });
}

/** `why` is `replay` or `refused`. */
export function markEnded(why) {
  const known = chain.get();
  if (known) chain.set({ ...known, ended: why });
}

export function clearChain() {
  chain.set(null);
}

export function showChain() {
  const known = chain.get();
  byId("chain").dataset.state = known ? (known.ended ? "ended" : "live") : "none";
  byId("generation").textContent = known ? String(known.newest) : "–";
  byId("chain-words").textContent = words(known);
  const beads = byId("beads");
  if (!known) {
    beads.replaceChildren();
    return;
  }
  const first = Math.max(known.from, known.newest - SHOWN + 1);
  const items = [];
  if (first > known.from) items.push(element("li", { class: "more" }, element("span", {}, `${first - known.from} more`)));
  for (let generation = first; generation <= known.newest; generation += 1) {
    const newest = generation === known.newest;
    const state = known.ended ? "dead" : newest ? "live" : "used";
    const told = { dead: "refused for ever", live: "live", used: "used up" }[state] + (known.retried.includes(generation) ? ", sent twice" : "");
    items.push(element("li", { class: state + (known.retried.includes(generation) ? " twice" : ""), title: `Generation ${generation}: ${told}` },
      element("i", { "aria-hidden": "true" }), element("span", {}, String(generation), element("span", { class: "unseen" }, ` ${told}`))));
  }
  beads.replaceChildren(...items);
}

function words(known) {
  if (!known) return "There is no refresh token just now. The page renews by hidden frame.";
  if (known.ended === "replay") return "An old token came back, so the issuer ended the whole chain: it cannot tell thief from owner. Your session is not touched.";
  if (known.ended) return "The issuer has ended this chain. Your session may still be alive: renew silently to begin another.";
  if (known.newest === known.from) return "One token so far. Each refresh uses it up and adds the next; only the newest one is live.";
  return "Each refresh uses up one token and adds the next. Only the newest one, at the end, is live.";
}
