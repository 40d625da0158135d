// Reads the public part of a refresh token: `gk_rt_` + base64url(key id 4 ‖ family id 16 ‖ generation 8 ‖ MAC 32).
// An ordinary application treats the token as opaque; only a demo has a reason to look inside.

const PREFIX = "gk_rt_";
const LENGTH = 4 + 16 + 8 + 32;

/** `{ family, generation }`, or `null` if the text is no refresh token of Gatekey. */
export function readRefreshToken(text) {
  if (!text?.startsWith(PREFIX)) return null;
  let bytes;
  try {
    const base64 = text.slice(PREFIX.length).replaceAll("-", "+").replaceAll("_", "/");
    bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
  if (bytes.length !== LENGTH) return null;
  const family = Array.from(bytes.subarray(4, 20), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const generation = Number(new DataView(bytes.buffer).getBigUint64(20));
  return { family, generation };
}

/** The beginning and the end: enough to see whether two tokens are the same, too little to use one. */
export function shorten(token) {
  return token ? `${token.slice(0, 10)}…${token.slice(-8)}` : "none";
}
