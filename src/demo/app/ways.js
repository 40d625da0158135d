// Which ways there are to a token without a page, in the order in which they are tried, and which one was used.

import { byId, element } from "./element.js";
import { took } from "./format.js";
import { kept } from "./kept.js";

const WAYS = {
  session: ["Session check", "The token in hand lasts, and the issuer’s own frame sees the session that it is of."],
  frame: ["Hidden frame", "The issuer is asked in a frame that nobody sees. Its cookie must get there."],
  storage_access: ["Storage access", "The browser lets the frame have the cookie all the same, once you have allowed it."],
  fedcm: ["FedCM", "The browser itself asks the issuer, after a first sign-in by its own dialog."],
  refresh: ["Refresh token", "Needs no cookie: it works wherever this application is."],
  redirect: ["There and back", "The window itself goes to the issuer and comes back. No page is shown."],
};

const used = kept("ways", {});

export const nameOf = (way) => WAYS[way]?.[0] ?? way;

/** Takes note of a way that led to a token; `milliseconds` where it was measured. */
export function countWay(way, milliseconds) {
  const all = used.get();
  used.set({ ...all, last: way, [way]: { times: (all[way]?.times ?? 0) + 1, milliseconds } });
  showWays();
}

export function showWays() {
  const all = used.get();
  byId("ways").replaceChildren(...Object.entries(WAYS).map(([way, [name, about]]) => {
    const here = all[way];
    const told = here && `${here.times} ×${here.milliseconds === undefined ? "" : `, ${took(here.milliseconds)}`}`;
    const state = all.last === way ? { class: "way last", "aria-current": "true" } : { class: here ? "way used" : "way" };
    return element("li", { ...state, "data-way": way },
      element("h3", {}, name), element("p", {}, about),
      element("span", { class: "way-told" }, told ?? "not yet", all.last === way ? element("span", { class: "unseen" }, ", the last one used") : null));
  }));
}
