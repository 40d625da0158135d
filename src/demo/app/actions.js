// The six buttons. Each one does one thing, and tells beneath itself what came of it.

import { currentChain, learnToken, markEnded, markRetried, showChain } from "./chain.js";
import { byId, element } from "./element.js";
import { client, demo, exclusive, forgetRefreshToken, held, keep, refresh, refusal, renew, sendRefreshToken } from "./issuer.js";
import { readRefreshToken, shorten } from "./refresh_token.js";
import { record } from "./timeline.js";
import { countWay, nameOf } from "./ways.js";
import { explain } from "./words.js";

/** Binds a button: while it works no second press counts, and whatever it throws is told in words. */
function bind(id, work) {
  const button = byId(id);
  const result = document.querySelector(`[data-result="${id}"]`);
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    for (const other of document.querySelectorAll("[data-result]")) other.replaceChildren();
    try {
      result.replaceChildren(...await work((...steps) => result.replaceChildren(...steps)));
      result.dataset.kind = "good";
    } catch (error) {
      result.replaceChildren(...problem(error));
      result.dataset.kind = "bad";
    } finally {
      button.setAttribute("aria-disabled", "false");
    }
  });
}

const said = (...content) => element("p", {}, ...content);
const code = (text) => element("code", {}, text);

export function problem(error) {
  const { words, code: name } = explain(error);
  return [said(words, name ? " " : null, name ? code(name) : null)];
}

function refreshTokenInHand() {
  const token = held()?.refresh_token;
  if (!token) throw new Error("There is no refresh token in hand. Renew silently first: that begins a new chain.");
  return token;
}

export function bindActions(signOut) {
  bind("renew", async () => {
    // Where nothing else is left, the window goes there and back.
    const { way } = await renew("by hand", { redirect: true });
    return [said("Done, and no page was shown. The way: ", element("strong", {}, nameOf(way)), ".")];
  });

  bind("refresh", async () => {
    const before = readRefreshToken(refreshTokenInHand())?.generation;
    const { after } = await refresh();
    return [said(`Done: generation ${before} is used up, generation ${readRefreshToken(after.refresh_token)?.generation} is live.`)];
  });

  bind("lose", () => exclusive(async () => {
    const token = refreshTokenInHand();
    const started = performance.now();
    const lost = await sendRefreshToken(token);
    if (lost.status !== 200) throw refusal(lost);
    // Here the first answer is lost: nothing of it is used, only compared below.
    const again = await sendRefreshToken(token);
    if (again.status !== 200) throw refusal(again);
    const same = lost.body.refresh_token === again.body.refresh_token;
    const sent = readRefreshToken(token)?.generation;
    const got = readRefreshToken(again.body.refresh_token)?.generation;
    if (same) markRetried(sent);
    keep(again.body);
    record({
      kind: same ? "good" : "bad",
      title: "Lost a response, retried",
      how: "refresh token, sent twice",
      milliseconds: Math.round(performance.now() - started),
      facts: [same ? `both answers carried generation ${got}, byte for byte` : "the two answers differ", `one step: generation ${sent} → ${got}`],
    });
    return [
      element("dl", { class: "compare" },
        element("dt", {}, "Answer 1, lost"), element("dd", {}, code(shorten(lost.body.refresh_token))),
        element("dt", {}, "Answer 2, kept"), element("dd", {}, code(shorten(again.body.refresh_token)))),
      said(element("strong", {}, same ? "The same token, byte for byte." : "They differ."), same ? " The chain grew by one, and you are still signed in." : " That should not be."),
    ];
  }));

  bind("replay", (tell) => exclusive(async () => {
    let token = refreshTokenInHand();
    // The direct predecessor may still be replayed for a while (that is what makes a retry safe), so go on until the oldest is older.
    while (currentChain().newest - currentChain().from < 2) {
      tell(said(`The chain is too short to have an old token: refreshing first, generation ${currentChain().newest} → ${currentChain().newest + 1} …`));
      const answer = await sendRefreshToken(token);
      if (answer.status !== 200) throw refusal(answer);
      keep(answer.body);
      token = answer.body.refresh_token;
      learnToken(token);
    }
    const { oldest, from, newest } = currentChain();
    const started = performance.now();
    const old = await sendRefreshToken(oldest);
    if (old.status === 200) throw new Error(`The issuer accepted generation ${from} again. That should not be.`);
    if (old.body.error !== "invalid_grant") throw refusal(old);
    const live = await sendRefreshToken(token);
    if (live.status === 200) {
      keep(live.body);
      throw new Error(`Generation ${from} was refused, but the chain lives on. That should not be.`);
    }
    markEnded("replay");
    forgetRefreshToken();
    showChain();
    record({
      kind: "bad",
      title: "Replayed an old token",
      how: `generation ${from}, long used up`,
      milliseconds: Math.round(performance.now() - started),
      facts: [`generation ${from} refused`, `generation ${newest}, the live one, refused too: the chain has ended`, "the session at the issuer is not touched"],
      code: old.body.error,
    });
    const next = element("button", { type: "button", class: "primary" }, "Renew silently");
    next.addEventListener("click", () => { byId("renew").focus(); byId("renew").click(); });
    return [
      said(`The old token, generation ${from}: refused. `, code(old.body.error)),
      said(`The newest, generation ${newest}: refused too. `, code(live.body.error ?? String(live.status))),
      said("So neither thief nor owner can go on with this chain, and its access token is refused as well: call the API and see. But you are still signed in at the issuer, and the thief is not:"),
      next,
    ];
  }));

  bind("call", async () => {
    // The one in hand, or a new one if it is about to end.
    const token = await client.token();
    countWay(client.lastWay);
    const started = performance.now();
    const answer = await fetch(new URL("notes", demo.api), { headers: { Authorization: `Bearer ${token}` } });
    const milliseconds = Math.round(performance.now() - started);
    if (!answer.ok) {
      // RFC 6750 §3: the reason is in the challenge.
      const reason = /error="([^"]+)"/.exec(answer.headers.get("WWW-Authenticate") ?? "")?.[1] ?? null;
      record({ kind: "bad", title: "The API refused", how: `status ${answer.status}`, milliseconds, code: reason });
      throw Object.assign(new Error(`The API answered ${answer.status}.`), { code: reason });
    }
    const { notes, scope } = await answer.json();
    record({ kind: "told", title: "Called the API", how: "access token", milliseconds, facts: [`${notes.length} notes came back`] });
    return [said("The API checked the token: signed by the issuer, not ended, meant for this API, with the scope ", code(scope), ". Here are your notes:"), element("ul", { class: "notes" }, ...notes.map((note) => element("li", {}, note)))];
  });

  bind("sign-out", async () => {
    await signOut();
    return [said("On the way to the issuer …")];
  });
}
