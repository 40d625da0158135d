// The admin API: one call, what it may be refused with, and the hooks that pages read by.
import { useCallback, useEffect, useRef, useState } from './html.js';
import { at, gatekey } from './issuer.js';

const API = at('admin/api/v1');

/** A refusal as the API says it (RFC 9457), or no answer at all (`kind`: `offline`). */
export class Problem extends Error {
  constructor(status, { type = '', title = 'The server did not answer as expected', detail = '', errors }, requestId) {
    super(detail || title);
    Object.assign(this, { status, kind: type.replace('urn:gatekey:problem:', ''), title, detail, errors, requestId });
  }
}

/** What concerns the whole console and not one page: `over` (nobody is signed in any more), `stale` (a sign-in too long ago), `stranger`, `beyond` (the role does not reach). */
export const state = new EventTarget();
const tell = (type, detail) => state.dispatchEvent(new CustomEvent(type, { detail }));

const offline = () =>
  new Problem(0, { type: 'offline', title: 'The server cannot be reached', detail: navigator.onLine ? 'It does not answer. Nothing was changed that was not confirmed.' : 'This device is offline.' });

async function token(options) {
  try {
    return await gatekey.token(options);
  } catch (error) {
    if (error.transient) throw offline();
    tell('over', error.reason);
    throw new Problem(401, { type: 'signed-out', title: 'Nobody is signed in', detail: 'The session has ended.' });
  }
}

/** `name="value"` of a challenge (RFC 9110 §11.6.1). */
const parameter = (challenge, name) => new RegExp(`[ ,]${name}="?([^",]*)`).exec(challenge ?? '')?.[1];

function ask(method, path, { query, body, headers, signal }, bearer) {
  const url = new URL(API + path);
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined && value !== null && value !== '') url.searchParams.set(name, value);
  const typed = body === undefined ? {} : { 'Content-Type': 'application/json' };
  return fetch(url, { method, signal, headers: { ...typed, ...headers, Authorization: `Bearer ${bearer}` }, body: body === undefined ? undefined : JSON.stringify(body) });
}

/** The response of the API; a refusal is thrown as a `Problem`. */
export async function request(method, path, options = {}) {
  let answer;
  for (const force of [false, true]) {
    const bearer = await token(force ? { force } : {});
    try {
      answer = await ask(method, path, options, bearer);
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw offline();
    }
    // A token can end before its time, with its session or its user's standing: one more try, with a new one.
    if (answer.status !== 401 || parameter(answer.headers.get('WWW-Authenticate'), 'error') !== 'invalid_token') break;
  }
  if (answer.ok) return answer;
  const details = await answer.json().catch(() => ({}));
  const problem = new Problem(answer.status, details, answer.headers.get('X-Request-Id'));
  problem.retryAfter = Number(answer.headers.get('Retry-After')) || undefined;
  if (answer.status === 401) {
    const challenge = answer.headers.get('WWW-Authenticate');
    // RFC 9470: the sign-in was too long ago for this.
    if (parameter(challenge, 'error') === 'insufficient_user_authentication') tell('stale', { maxAge: Number(parameter(challenge, 'max_age')) || 0 });
    else tell('over');
  }
  // A role that does not reach so far is told in these words too. Every role may read what runs here, which is asked then (reach.js); who may not even
  // that is none.
  if (problem.kind === 'administrator-required') tell(path === '/server' ? 'stranger' : 'beyond');
  throw problem;
}

/** What the API answers, as JSON; nothing where it answers nothing. */
export async function call(method, path, options) {
  const answer = await request(method, path, options);
  return answer.status === 204 ? null : answer.json();
}

export const get = (path, query, options) => call('GET', path, { query, ...options });

/** The same with the version it has, to be sent back as `If-Match`. */
export async function getVersioned(path) {
  const answer = await request('GET', path);
  return { value: await answer.json(), etag: answer.headers.get('ETag') };
}

const aborted = (error) => error.name === 'AbortError';

/** Reads something, again when `deps` change: `{ data, error, reload }`; neither data nor error while it is under way. */
export function useLoad(read, deps) {
  const [found, set] = useState({});
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    set(({ data }) => ({ data, busy: true }));
    read(stop.signal).then(
      (data) => stop.signal.aborted || set({ data }),
      // What was there stays to be read when there is no answer just now.
      (error) => stop.signal.aborted || aborted(error) || set(({ data }) => (error.status === 0 || error.status >= 500 ? { data, error } : { error })),
    );
    return () => stop.abort();
  }, [...deps, turn]);
  const reload = useCallback(() => setTurn((turn) => turn + 1), []);
  useEffect(() => {
    if (found.error?.kind !== 'offline') return undefined;
    addEventListener('online', reload);
    return () => removeEventListener('online', reload);
  }, [found.error]);
  return { ...found, reload };
}

/** A list that comes in pages: `{ items, error, busy, more, reload }`; `more` is there while there are more. `cursor`: what the next page is asked by; `itemsOf`: what of an answer
 * the items are. */
export function useList(path, query, { limit = 50, cursor = 'after', itemsOf = ({ items }) => items } = {}) {
  const key = JSON.stringify([path, query]);
  const [found, set] = useState({ key: null });
  const latest = useRef();
  const read = useCallback(
    (after, before) => {
      latest.current?.abort();
      const stop = (latest.current = new AbortController());
      set((found) => ({ ...found, busy: true, error: undefined }));
      return get(path, { ...query, limit, ...(after && { [cursor]: after }) }, { signal: stop.signal }).then(
        (page) => stop.signal.aborted || set({ key, items: [...before, ...itemsOf(page)], next: page.next }),
        (error) => stop.signal.aborted || aborted(error) || set((found) => ({ ...found, key, busy: false, error })),
      );
    },
    [key],
  );
  const reload = useCallback(() => read(undefined, []), [read]);
  useEffect(() => {
    set({ key: null });
    reload();
    return () => latest.current?.abort();
  }, [key]);
  useEffect(() => {
    if (found.error?.kind !== 'offline') return undefined;
    addEventListener('online', reload);
    return () => removeEventListener('online', reload);
  }, [found.error, reload]);
  const { items, next, busy, error } = found.key === key ? found : { busy: true };
  return { items, error, busy, reload, more: next && items ? () => read(next, items) : undefined };
}
