// A refusal in words for people: the server's own, and what can be done where it does not say.
import { whoMay } from './reach.js';

const ADVICE = {
  'scope-insufficient': 'Your account may not do this. Somebody with more rights can, or can give you the role.',
  'precondition-failed': 'Somebody else changed this meanwhile. Nothing of yours was saved: look at what it is now, and decide again.',
  unavailable: 'Try again in a moment.',
  internal: 'This is a mistake of the server. Its log has more under the number below.',
  offline: '',
};

/** Who can, where the server names the scope that is lacking. */
function beyond(detail) {
  const can = whoMay(/`([\w-]+:[\w-]+)`/.exec(detail)?.[1]);
  return can ? `Your account may not do this. ${can} can.` : ADVICE['scope-insufficient'];
}

export function problemText(error) {
  if (error.status === undefined) return { title: 'The console made a mistake', text: String(error.message ?? error) };
  const advice = error.kind === 'administrator-required' ? beyond(error.detail) : ADVICE[error.kind];
  return { title: error.title, text: [error.detail, advice].filter(Boolean).join(' ') };
}

/** The refusals of the body, by the member they are about, and where it is nested by its path, its first and its last (`profile/email`, `profile`, `email`). */
export function errorsOf(error) {
  const found = {};
  for (const { pointer, detail } of error?.errors ?? []) {
    const path = pointer.replace(/^\/(metadata\/)?/, '');
    found[path] ??= detail;
    for (const name of [path.split('/')[0], path.split('/').at(-1)]) found[name] ??= detail;
  }
  return found;
}
