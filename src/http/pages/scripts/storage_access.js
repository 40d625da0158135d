"use strict";
const { origin, next } = document.currentScript.dataset;
const framed = parent !== window;
const say = (state, granted, reason) => {
  for (const part of document.querySelectorAll("[data-state]")) part.hidden = part.dataset.state !== state;
  // To the registered origin that the server wrote down, and to nobody else, whoever holds the frame.
  if (framed) parent.postMessage(granted ? { type: "storage_access", granted } : { type: "storage_access", granted, reason }, origin);
};
const granted = () => {
  say("granted", true);
  // From this very page: only what it asks for itself keeps the access that it was given.
  if (next) location.replace(next);
};
const ask = (state, reason) => document.requestStorageAccess().then(granted, () => say(state, false, reason));
document.querySelector("button").addEventListener("click", () => ask("refused", "denied"));
if (!framed) say("top", false);
else if (!document.requestStorageAccess) say("unsupported", false, "unsupported");
else ask("ask", "click_needed");
