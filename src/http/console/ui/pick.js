// Fields in which a user or a client is chosen by name: what is typed is searched, and the browser's own list offers what was found.
import { get } from './api.js';
import { html, useEffect, useId, useRef, useState } from './html.js';
import { Field } from './parts.js';
import { count } from './words.js';

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/**
 * `search(text)` gives `[{ id, name, more }]`. What is no name of one of them is taken as it is typed: in a form (with a `hint`) with each letter, as a filter when
 * one leaves the field or presses Enter.
 */
function Pick({ label, hint, error, placeholder, id: chosen, set, search, bare, ties: around }) {
  const [text, setText] = useState(chosen ?? '');
  /** As it is now: an effect of the render before would know what was there before the last letter. */
  const there = useRef(text);
  const write = (text) => setText((there.current = text));
  const [found, setFound] = useState([]);
  const given = useRef(chosen ?? '');
  const list = useId();
  // Somebody else has set it: the name it has, if that was found.
  if (given.current !== (chosen ?? '')) {
    given.current = chosen ?? '';
    write(found.find(({ id }) => id === chosen)?.name ?? chosen ?? '');
  }
  useEffect(() => {
    const typed = text.trim();
    if (!typed) return undefined;
    const stop = new AbortController();
    const later = setTimeout(() => search(typed, stop.signal).then((found) => stop.signal.aborted || setFound(found), () => {}), 150);
    return () => {
      clearTimeout(later);
      stop.abort();
    };
  }, [text]);
  const say = (typed, found, whole) => {
    const id = found.find(({ id, name }) => name === typed.trim().toLowerCase() || id === typed.trim())?.id ?? (whole || !typed.trim() ? typed.trim() : undefined);
    if (id === undefined || id === given.current) return;
    given.current = id;
    set(id);
  };
  // What was typed in full before the list came is that very one.
  useEffect(() => {
    // An id that came with the address is shown by its name.
    const known = found.find(({ id }) => id === there.current);
    if (known) write(known.name);
    say(there.current, found, false);
  }, [found]);
  const typed = ({ target: { value } }) => {
    write(value);
    say(value, found, hint);
  };
  const left = ({ target: { value } }) => say(value, found, true);
  const options = html`<datalist id=${list}>${found.map(({ id, name, more }) => html`<option key=${id} value=${name}>${more}</option>`)}</datalist>`;
  const input = (ties) => html`<input ...${ties} list=${list} placeholder=${placeholder} value=${text} autocomplete="off" autocapitalize="off" spellcheck="false" onInput=${typed} onChange=${left} />${options}`;
  if (around) return input(around);
  if (bare) return html`<span class="pick">${input({ 'aria-label': label })}</span>`;
  return html`<${Field} label=${label} hint=${hint} error=${error} optional>${input}<//>`;
}

const users = (search, signal) => (UUID.test(search) ? get(`/users/${search}`, {}, { signal }).then((user) => [user]) : get('/users', { search, limit: 20 }, { signal }).then(({ items }) => items)).then((users) => users.map(({ id, username, profile }) => ({ id, name: username, more: profile.name ?? profile.email ?? '' })));

const SHOWN = 20;
/** The server looks at so many for a page, and then says that there are more: what is far behind is written in full. */
const PAGES = 5;
async function searchClients(search, signal) {
  const found = [];
  for (let page = 0, after; page < PAGES && found.length < SHOWN; page++) {
    const { items, next } = await get('/clients', { search, limit: SHOWN, after }, { signal });
    found.push(...items.map(({ id, metadata }) => ({ id, name: id, more: metadata.name })));
    if (!(after = next)) break;
  }
  return found;
}

let groups;
/** Likewise the groups. */
const searchGroups = () => (groups ??= get('/groups', { limit: 200 }).then(({ items }) => items.map(({ name, members }) => ({ id: name, name, more: count(members, 'user') })), (error) => ((groups = undefined), Promise.reject(error))));

/** `id`: the user's id; `set` is given the id, or what was typed when that is nobody's name. */
export const PickUser = (props) => html`<${Pick} search=${users} ...${props} />`;
export const PickClient = (props) => html`<${Pick} search=${searchClients} ...${props} />`;
export const PickGroup = (props) => html`<${Pick} search=${searchGroups} ...${props} />`;
/** Whether a text can be the id of a user. */
export const isId = (text) => UUID.test(text);
/** The id of the user of a name, or of an id; nothing where nobody is called so. */
export const userOf = async (text) => (isId(text) ? text : (await get('/users', { search: text, limit: 20 })).items.find(({ username }) => username === text.toLowerCase())?.id);
