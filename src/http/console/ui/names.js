// What users and clients are called. A name is asked for once, some at a time, and kept for as long as the page is open; where the reader may not
// read it, or it is gone, the id stands in its place.
import { get } from './api.js';
import { html, useEffect, useState } from './html.js';
import { to } from './route.js';
import { short } from './words.js';

const AT_ONCE = 4;
const known = new Map();
/** The kinds that the reader may not read. */
const shut = new Set();
const waiting = [];
let running = 0;

function next() {
  if (running >= AT_ONCE || waiting.length === 0) return;
  running++;
  waiting.shift()().finally(() => {
    running--;
    next();
  });
}

/** Reads something in its turn, so that a page of fifty ids does not ask fifty things at once. */
export const inTurn = (read) =>
  new Promise((resolve, reject) => {
    waiting.push(() => read().then(resolve, reject));
    next();
  });

function ask(kind, id) {
  const path = `/${kind}/${encodeURIComponent(id)}`;
  if (!known.has(path)) {
    const read = async () => {
      if (shut.has(kind)) return null;
      try {
        return await get(path);
      } catch (error) {
        if (error.status === 403) shut.add(kind);
        else if (error.status !== 404) known.delete(path);
        return null;
      }
    };
    known.set(path, inTurn(read));
  }
  return known.get(path);
}

/** After a change: the next one who wants the name asks again. */
export const forget = (kind, id) => known.delete(`/${kind}/${encodeURIComponent(id)}`);

function useNamed(kind, id) {
  const [found, set] = useState();
  useEffect(() => {
    let here = true;
    set(undefined);
    if (id) ask(kind, id).then((found) => here && set(found));
    return () => (here = false);
  }, [kind, id]);
  return found;
}

/** By the user name, which is one user's alone; the full name on pointing at it. */
export function UserName({ id, href = to(['users', id]) }) {
  const user = useNamed('users', id);
  return html`<a href=${href} title=${user?.profile?.name ?? id}>${user ? html`<bdi>${user.username}</bdi>` : html`<code>${short(id)}</code>`}</a>`;
}

export function ClientName({ id, href = to(['clients', id]) }) {
  const client = useNamed('clients', id);
  return html`<a href=${href} title=${id}>${client ? html`<bdi>${client.metadata.name}</bdi>` : html`<code>${id}</code>`}</a>`;
}
