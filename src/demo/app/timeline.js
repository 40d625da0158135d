// What happened, newest first.

import { byId, element } from "./element.js";
import { momentWithSeconds, took } from "./format.js";
import { kept } from "./kept.js";

const KEPT = 40;
const events = kept("events", []);

/** `{ kind, title, how, facts, milliseconds, code }`; `kind` is `good`, `told` or `bad`. */
export function record(event) {
  events.set([{ at: Date.now(), facts: [], ...event }, ...events.get()].slice(0, KEPT));
  showTimeline();
}

export function showTimeline() {
  const all = events.get();
  byId("timeline").hidden = all.length === 0;
  byId("events").replaceChildren(...all.map(item));
}

function item({ at, kind, title, how, facts, milliseconds, code }) {
  return element("li", { class: kind },
    element("div", { class: "event-head" },
      element("strong", {}, title),
      milliseconds === undefined ? null : element("span", { class: "took" }, took(milliseconds))),
    element("p", { class: "event-how" }, element("time", { datetime: new Date(at).toISOString() }, momentWithSeconds(at)), how ? ` · ${how}` : null),
    facts.length === 0 && !code ? null : element("ul", {}, ...facts.map((fact) => element("li", {}, fact)), code ? element("li", {}, element("code", {}, code)) : null));
}
