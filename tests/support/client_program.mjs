// An application in any language, as a program that says one JSON object a line and hears one line at a time.
//
// It hears its settings first, one JSON object: issuer, client_id, client_secret (null: a public client), redirect_uri,
// post_logout_redirect_uri, ca (the file of the authority to trust). Then it says
//
//   {"step": NAME, …}   what it did, with what it got
//   {"open": URL}       send the user's browser there; it hears the URL where the browser was left
//   {"lose": WHAT}      lose the next answer of the token endpoint; it hears "armed"
//
// and ends with 0. Whatever else it prints to standard output is a failure.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

import { ENVIRONMENT } from './gatekey.mjs';

/** Runs it to its end: the steps it said, by name. `open` and `lose` answer its requests. */
export async function run({ command, env, settings, open, lose, seconds = 60 }) {
  const child = spawn(command[0], command.slice(1), { env: { ...ENVIRONMENT, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  let complaints = '';
  child.stderr.on('data', (chunk) => (complaints += chunk));
  const deadline = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
  const steps = {};
  const tell = (text) => child.stdin.write(`${text}\n`);
  // A program that has ended early hears nothing more: its exit status tells why.
  child.stdin.on('error', () => {});
  try {
    tell(JSON.stringify(settings));
    for await (const line of createInterface({ input: child.stdout })) {
      const said = JSON.parse(line);
      if (said.open) tell(await open(new URL(said.open), steps));
      else if (said.lose) tell(await lose());
      else if (said.step && !(said.step in steps)) steps[said.step] = said;
      else throw new Error(`not a step, or one twice: ${line}`);
    }
    const { code, signal } = await ended;
    if (code !== 0) throw new Error(`the program ended with ${code ?? signal}`);
    return steps;
  } catch (error) {
    child.kill('SIGKILL');
    await ended.catch(() => {});
    throw new Error(`${command.join(' ')}: ${error.message}; it had done ${Object.keys(steps).join(', ') || 'nothing'}\n${complaints}`, { cause: error });
  } finally {
    clearTimeout(deadline);
  }
}
