// What a client program in Node says and hears (client_program.mjs tells the rest).
import { createInterface } from 'node:readline';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export const hear = async () => (await lines.next()).value;
export const say = (line) => console.log(JSON.stringify(line));

/** The user's browser goes there; where it was left. */
export async function open(url) {
  say({ open: String(url) });
  return hear();
}

/** The library's own word for a refusal. */
export async function refused(step, promise) {
  const error = await promise.then(
    () => ({ constructor: { name: 'nothing' } }),
    (error) => error,
  );
  say({ step, type: error.constructor.name, error: error.error, status: error.status ?? error.response?.status });
}

export function tokens(step, { access_token, refresh_token, id_token }) {
  say({ step, access_token, refresh_token, id_token });
  return refresh_token;
}
