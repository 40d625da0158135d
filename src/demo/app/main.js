// The page: what is shown when, and what happens when it is opened.

import { bindActions, problem } from "./actions.js";
import { clearChain, currentChain, learnToken, markEnded, showChain } from "./chain.js";
import { showClocks, stopClocks, warnings } from "./clocks.js";
import { announce, byId, element } from "./element.js";
import { moment } from "./format.js";
import { client, demo, forgetRefreshToken, held, renew, renewals, revoke } from "./issuer.js";
import { kept } from "./kept.js";
import { readRefreshToken } from "./refresh_token.js";
import { record, showTimeline } from "./timeline.js";
import { countWay, nameOf, showWays } from "./ways.js";
import { explain } from "./words.js";

const automatic = kept("automatic", true);
/** Signing out is under way, and leads back here. */
const goodbye = kept("goodbye", false);

// 1. What never changes while the page is open.
for (const place of document.querySelectorAll("[data-place]")) {
  place.textContent = new URL({ app: location.href, issuer: demo.issuer, api: demo.api }[place.dataset.place]).host;
}
for (const link of document.querySelectorAll("[data-site]")) {
  const there = new URL(demo[link.dataset.site]);
  link.href = there.href;
  link.querySelector("span").textContent = there.host;
  if (there.origin !== location.origin) continue;
  link.setAttribute("aria-current", "page");
  byId("site-words").textContent = link.dataset.site === "same_site"
    ? `To the browser ${there.hostname} is one site, whatever the port: the hidden frame has the issuer’s cookie.`
    : `To the browser this is another site than ${new URL(demo.issuer).hostname}: if it keeps third-party cookies back, the hidden frame has none, and another way is taken.`;
}
for (const place of document.querySelectorAll("[data-demo]")) place.textContent = demo[place.dataset.demo];
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(demo[button.dataset.copy]);
    announce("Copied.");
    button.dataset.done = "true";
    setTimeout(() => delete button.dataset.done, 1500);
  });
}

// 2. The three states of the page.
function show(state) {
  document.body.dataset.state = state;
  for (const id of ["waiting", "signed-out", "signed-in"]) byId(id).hidden = id !== state;
}

function showUser() {
  const { claims, refresh_token } = held();
  const name = claims.name ?? claims.preferred_username ?? demo.username;
  byId("name").textContent = name;
  byId("initials").textContent = name.split(/\s+/).map((part) => part[0]).slice(0, 2).join("").toUpperCase();
  byId("who-detail").textContent = [claims.email, claims.auth_time ? `password given at ${moment(claims.auth_time)}` : null].filter(Boolean).join(" · ");
  byId("notice").hidden = true;
  learnToken(refresh_token);
  if (!refresh_token && currentChain() && !currentChain().ended) clearChain();
  showChain();
  showWays();
  showClocks();
  show("signed-in");
}

function showSignedOut(error = null) {
  const place = byId("out-problem");
  place.hidden = !error;
  if (error) place.replaceChildren(...problem(error));
  show("signed-out");
}

/** Above everything: one sentence and the one thing to do about it. */
function notice(words, label, act) {
  byId("notice-words").textContent = words;
  byId("notice-action").textContent = label;
  byId("notice-action").onclick = act;
  byId("notice").hidden = false;
}

// 3. Each renewal, whoever asked for it.
renewals.happened = ({ way, asked, milliseconds, before, after, error }) => {
  const by = asked === "automatic" ? "by itself" : "you asked";
  if (error) {
    const { words, code } = explain(error);
    if (!before && error.code === "login_required") {
      record({ kind: "told", title: "Asked who is signed in", how: "no page was shown", milliseconds, facts: [error.reason === "cookies_blocked" ? words : "nobody, so no token"], code });
      return;
    }
    record({ kind: "bad", title: "Renewal refused", how: by, milliseconds, facts: [words], code });
    if (before) afterRefusal(error);
    return;
  }
  countWay(way, milliseconds);
  const was = readRefreshToken(before?.refresh_token);
  const is = readRefreshToken(after.refresh_token);
  const facts = [before ? "a new access token" : "you were signed in already"];
  if (is && was?.family === is.family) facts.push(`generation ${was.generation} → ${is.generation}`);
  else if (is) facts.push(`a new chain begins, generation ${is.generation}`);
  // The chain that the new one has replaced is handed back (RFC 7009), so that no live token lies about.
  if (was && is && was.family !== is.family && !currentChain()?.ended) {
    facts.push("the old chain is handed back");
    revoke(before.refresh_token);
  }
  const moved = Math.round(((after.deadlines.idle ?? 0) - (before?.deadlines.idle ?? 0)) / 1000);
  if (before && moved > 0) facts.push(`the idle limit moved ${moved} s away`);
  record({ kind: "good", title: way === "refresh" ? "Refreshed" : "Renewed silently", how: `${nameOf(way)}, ${by}`, milliseconds, facts });
  if (asked === "automatic") announce(`Renewed: ${nameOf(way)}.`);
};

function afterRefusal(error) {
  if (error.code === "invalid_grant") {
    markEnded("refused");
    forgetRefreshToken();
    showChain();
    notice("The issuer has ended this chain of refresh tokens. If your session is still alive, the page can go on without you.", "Renew silently", () => byId("renew").click());
  } else if (error.reason === "cookies_blocked") {
    notice(explain(error).words, "Go there and back", () => byId("renew").click());
  } else if (error.code === "login_required") {
    // The issuer knows better than the clocks: the session has ended before its time. They say so now, and the notice follows.
    stopClocks();
  } else if (!error.transient) {
    notice(`${explain(error).words} Sign in again to go on.`, "Sign in", () => signIn());
  }
}

warnings.near = (which) => {
  if (which === "idle") notice("Your session is about to end, because it was not used.", "Stay signed in", () => byId("renew").click());
  else if (which === "over") notice("Your session at the issuer has ended.", "Sign in again", () => signIn());
  else notice("Your session ends in less than two minutes, however busy you are. Sign in again to go on without a break.", "Sign in again", () => signIn({ prompt: "login" }));
};

// 4. Signing in and out.
async function signIn(how = {}) {
  try {
    await client.signIn(how);
  } catch (error) {
    showSignedOut(error);
  }
}

async function signOut() {
  record({ kind: "told", title: "Signed out", how: "at the issuer, for every application", facts: ["the session has ended, and every token below it"] });
  clearChain();
  goodbye.set(true);
  await client.signOut({ returnTo: `${location.origin}/` });
}

byId("sign-in").addEventListener("click", () => signIn());
bindActions(signOut);

const theSwitch = byId("automatic");
theSwitch.checked = automatic.get();
theSwitch.addEventListener("change", () => {
  automatic.set(theSwitch.checked);
  announce(theSwitch.checked ? "The page renews by itself." : "The page no longer renews by itself.");
});

// Tokens came, in this tab or in another one.
client.addEventListener("change", () => {
  if (client.claims && !goodbye.get()) showUser();
});

let renewing = false;
setInterval(async () => {
  const left = (client.deadlines?.token ?? Infinity) - Date.now();
  if (!automatic.get() || renewing || left > demo.renew_before * 1000 || left < 0) return;
  renewing = true;
  await renew("automatic").catch(() => {});
  renewing = false;
}, 1000);

// 5. What happens when the page is opened.
async function open() {
  showTimeline();
  const leaving = goodbye.get();
  goodbye.set(false);
  const before = held();
  const back = await client.handleRedirect();
  try {
    if (back?.error) throw back.error;
    if (back) {
      // a. Back from the issuer, which has shown a page or not.
      const silently = back.returnTo === location.href;
      if (silently) countWay("redirect");
      record(silently
        ? { kind: "good", title: "Renewed silently", how: nameOf("redirect"), facts: ["the window went to the issuer and came back, and no page was shown"] }
        : { kind: "good", title: "Signed in", how: "at the issuer", facts: ["the page got a one-time code and traded it for tokens"] });
      showUser();
      if (!silently) byId("name").focus({ preventScroll: true });
    } else if (leaving) {
      // b. Back from signing out.
      byId("goodbye").hidden = false;
      showSignedOut();
      byId("sign-in").focus();
    } else if (before && before.deadlines.token > Date.now()) {
      // c. Opened or reloaded: go on with what is in hand, or ask the issuer without showing anything.
      showUser();
    } else {
      await renew("by hand");
    }
  } catch (error) {
    // Not being signed in is no error when nobody was before.
    clearChain();
    showSignedOut(error.code === "login_required" && !before && !back ? null : error);
  }
}

await open();
