// What a page does with its client of gatekey.js, `window.client`. Only for what runs in the page: nothing here may use what is outside the function.

/** Runs in the page: a token's way, or why there is none. */
export async function token(options) {
  try {
    await client.token(options);
    return client.lastWay;
  } catch ({ code, reason }) {
    return reason ? `${code}, ${reason}` : code;
  }
}
