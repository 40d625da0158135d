// The page: what is shown when, and what happens when it is opened.

import { bindActions, problem } from "./actions.js";
import { clearChain, currentChain, learnToken, markEnded, showChain } from "./chain.js";
import { showClocks, warnings } from "./clocks.js";
import { announce, byId, element } from "./element.js";
import { moment } from "./format.js";
import { deadlines, demo, forgetRefreshToken, manager, now, revoke } from "./issuer.js";
import { kept } from "./kept.js";
import { readRefreshToken } from "./refresh_token.js";
import { record, showTimeline } from "./timeline.js";
import { explain } from "./words.js";

const automatic = kept("automatic", true);

// 1. What never changes while the page is open.
for (const place of document.querySelectorAll("[data-place]")) {
  place.textContent = new URL({ app: location.href, issuer: demo.issuer, api: demo.api }[place.dataset.place]).host;
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

function showUser(user) {
  const { profile } = user;
  const name = profile.name ?? profile.preferred_username ?? demo.username;
  byId("name").textContent = name;
  byId("initials").textContent = name.split(/\s+/).map((part) => part[0]).slice(0, 2).join("").toUpperCase();
  byId("who-detail").textContent = [profile.email, profile.auth_time ? `password given at ${moment(profile.auth_time)}` : null].filter(Boolean).join(" · ");
  byId("notice").hidden = true;
  learnToken(user.refresh_token);
  if (!user.refresh_token && currentChain() && !currentChain().ended) clearChain();
  showChain();
  showClocks(user);
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
manager.onRenewal = ({ way, asked, milliseconds, before, user, error, deadlinesBefore }) => {
  const how = `${way === "frame" ? "hidden frame, prompt=none" : "refresh token"}, ${asked === "automatic" ? "by itself" : "you asked"}`;
  if (error) {
    const { words, code } = explain(error);
    if (!before && code === "login_required") {
      record({ kind: "told", title: "Asked who is signed in", how: "hidden frame, prompt=none", milliseconds, facts: ["nobody, so no token, and no page was shown"], code });
      return;
    }
    record({ kind: "bad", title: way === "frame" ? "Silent renewal refused" : "Refresh refused", how, milliseconds, facts: [words], code });
    if (before) afterRefusal(way, error);
    return;
  }
  const was = readRefreshToken(before?.refresh_token);
  const is = readRefreshToken(user.refresh_token);
  const facts = [before ? "a new access token" : "you were signed in already"];
  if (is && was?.family === is.family) facts.push(`generation ${was.generation} → ${is.generation}`);
  else if (is) facts.push(`a new chain begins, generation ${is.generation}`);
  // The chain that the new one has replaced is handed back (RFC 7009), so that no live token lies about.
  if (was && is && was.family !== is.family && !currentChain()?.ended) {
    facts.push("the old chain is handed back");
    revoke(before.refresh_token);
  }
  const moved = Math.round((deadlines.get().idle ?? 0) - (deadlinesBefore.idle ?? 0));
  if (before && moved > 0) facts.push(`the idle limit moved ${moved} s away`);
  record({ kind: "good", title: way === "frame" ? "Renewed silently" : "Refreshed", how, milliseconds, facts });
  if (asked === "automatic") announce(way === "frame" ? "Renewed silently." : `Refreshed. Generation ${is?.generation}.`);
};

async function afterRefusal(way, error) {
  if (way === "refresh" && error.error === "invalid_grant") {
    markEnded("refused");
    await forgetRefreshToken();
    showChain();
    notice("The issuer has ended this chain of refresh tokens. If your session is still alive, the page can go on without you.", "Renew silently", () => byId("renew").click());
  } else if (error.error === "login_required") {
    // The issuer knows better than the clocks: the session has ended before its time. They say so now, and the notice follows.
    deadlines.set({ ...deadlines.get(), session: now(), idle: now() });
  } else if (error.error) {
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
    await manager.signinRedirect(how);
  } catch (error) {
    showSignedOut(error);
  }
}

async function signOut() {
  manager.stopSilentRenew();
  record({ kind: "told", title: "Signed out", how: "at the issuer, for every application", facts: ["the session has ended, and every token below it"] });
  clearChain();
  // With a state of its own, the way back can be told from a plain visit.
  await manager.signoutRedirect({ state: "signed-out" });
}

byId("sign-in").addEventListener("click", () => signIn());
bindActions(signOut);

const theSwitch = byId("automatic");
theSwitch.checked = automatic.get();
theSwitch.addEventListener("change", async () => {
  automatic.set(theSwitch.checked);
  if (theSwitch.checked) await manager.startSilentRenew();
  else manager.stopSilentRenew();
  announce(theSwitch.checked ? "The page renews by itself." : "The page no longer renews by itself.");
});

manager.events.addUserLoaded(showUser);
manager.events.addAccessTokenExpired(async () => {
  showClocks(await manager.getUser());
});

// 5. What happens when the page is opened.
async function renewOnOpening() {
  try {
    await manager.signinSilent();
  } catch (error) {
    if (error.error !== "invalid_grant") throw error;
    // The refresh token is dead, the session may not be.
    await forgetRefreshToken();
    await manager.signinSilent();
  }
}

async function open() {
  showTimeline();
  const answer = new URLSearchParams(location.search);
  try {
    if (answer.has("code") || answer.has("error")) {
      // a. Back from the sign-in page.
      history.replaceState(null, "", "/");
      const user = await manager.signinRedirectCallback(`${location.origin}/?${answer}`);
      record({ kind: "good", title: "Signed in", how: "at the issuer, with a password", facts: ["the page got a one-time code and traded it for tokens"] });
      showUser(user);
      byId("name").focus({ preventScroll: true });
    } else if (answer.has("state")) {
      // b. Back from signing out.
      history.replaceState(null, "", "/");
      await manager.signoutRedirectCallback(`${location.origin}/?${answer}`);
      byId("goodbye").hidden = false;
      showSignedOut();
      byId("sign-in").focus();
    } else {
      // c. Opened or reloaded: go on with what is in hand, or ask the issuer without showing anything.
      const user = await manager.getUser();
      if (user && !user.expired) showUser(user);
      else await renewOnOpening();
    }
  } catch (error) {
    // Not being signed in is no error when nobody was before.
    const nobody = error.error === "login_required" && !(await manager.getUser());
    await manager.removeUser();
    clearChain();
    showSignedOut(nobody ? null : error);
  }
  if (automatic.get()) await manager.startSilentRenew();
}

await open();
