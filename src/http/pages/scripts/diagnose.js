"use strict";
const { client, origin } = document.currentScript.dataset;
const about = { client_id: client, ...(origin && { origin }) };
// Beside the page, wherever the browser has found it.
const ask = (path, facts, options) => fetch(`${path}?${new URLSearchParams(facts)}`, { cache: "no-store", ...options });
const fedcm = () => {
  if (!("IdentityCredential" in window)) return "missing";
  const features = document.permissionsPolicy ?? document.featurePolicy;
  return features && !features.allowsFeature("identity-credentials-get") ? "not-allowed" : "available";
};
const facts = async () => {
  const page = await ask("diagnose", about, { method: "HEAD" });
  const header = (name) => page.headers.get(name) ?? "";
  return {
    ...about,
    seen: new URL(".", location).href,
    framed: parent !== window,
    access: document.hasStorageAccess ? await document.hasStorageAccess() : "",
    fedcm: fedcm(),
    frame_options: header("x-frame-options"),
    policy: header("content-security-policy"),
    opener_policy: header("cross-origin-opener-policy"),
    // Last: whatever time passes until the server reads it looks like a clock that is behind.
    asked_at: Date.now(),
  };
};
const show = ({ code, level, text, change }) => {
  const row = document.querySelector(`template[data-level="${level}"]`).content.cloneNode(true);
  const fill = (name, words) => {
    const part = row.querySelector(`[data-part="${name}"]`);
    if (words) part.textContent = words;
    else part.remove();
  };
  fill("text", text);
  fill("change", change);
  fill("code", code);
  document.querySelector("#browser").append(row);
};
const run = async () => {
  const { findings } = await (await ask("diagnose/browser", await facts())).json();
  findings.forEach(show);
  document.querySelector("#waiting").remove();
};
run().catch((error) => {
  const failed = document.querySelector("#failed");
  failed.hidden = false;
  failed.append(` ${error}`);
});
