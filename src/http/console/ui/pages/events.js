// What happened: the audit trail, by whom it concerns, what, and when; and all of it as a file.
import { request, useList } from '../api.js';
import { Happened } from '../happened.js';
import { Fragment, html, useEffect, useRef, useState } from '../html.js';
import { Empty, Field, Loading, Page, Trouble } from '../parts.js';
import { PickUser, isId } from '../pick.js';
import { useReach } from '../reach.js';
import { refine, to } from '../route.js';
import { KINDS } from '../said.js';
import { number, plain } from '../words.js';

const PAGE = 5000;

/** The id that an event of that moment would have at the least (RFC 9562 §5.7): older ones have a smaller one. */
export function idAt(moment) {
  const hex = Math.max(0, Math.floor(moment)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}

/** A day as the reader's own calendar has it, and where it begins; nothing where it is no day. */
function dayBegins(day, later = 0) {
  const [year, month, date] = (day ?? '').split('-').map(Number);
  const moment = new Date(year, month - 1, date + later).getTime();
  return Number.isNaN(moment) ? undefined : moment;
}

/** What the address of the page asks the API for. `until` is the last day that is shown. */
function asked({ user, object, kind, since, until }) {
  const [from, to] = [dayBegins(since), dayBegins(until, 1)];
  return { user: isId(user ?? '') ? user : undefined, object, kind, since: from === undefined ? undefined : new Date(from).toISOString(), before: to === undefined ? undefined : idAt(to) };
}

/** Saves every event that the filter leaves, page by page, as one file. */
function Export({ query }) {
  const [under, setUnder] = useState();
  const [error, setError] = useState();
  const stop = useRef();
  useEffect(() => () => stop.current?.abort(), []);
  const save = async () => {
    const abort = (stop.current = new AbortController());
    setError(undefined);
    setUnder(0);
    try {
      const [parts, lines] = [[], { count: 0 }];
      let next = { ...query, limit: PAGE };
      while (next) {
        const answer = await request('GET', '/events/export', { query: next, signal: abort.signal });
        const text = await answer.text();
        parts.push(text);
        lines.count += text.split('\n').length - 1;
        setUnder(lines.count);
        // The older ones are where the answer says, relative to what was asked.
        const link = /<\?([^>]*)>; rel="next"/.exec(answer.headers.get('Link') ?? '')?.[1];
        next = link ? Object.fromEntries(new URLSearchParams(link)) : undefined;
      }
      const url = URL.createObjectURL(new Blob(parts, { type: 'application/x-ndjson' }));
      const there = Object.assign(document.createElement('a'), { href: url, download: `events-${new Date().toISOString().slice(0, 10)}.ndjson` });
      there.click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } catch (error) {
      if (error.name !== 'AbortError') setError(error);
    }
    setUnder(undefined);
  };
  return html`<${Fragment}>
    ${under === undefined
      ? html`<button type="button" class="secondary small-button" onClick=${save}>Export</button>`
      : html`<span class="busy" role="status">${number(under)} events…</span><button type="button" class="secondary small-button" onClick=${() => stop.current.abort()}>Stop</button>`}
    ${error && html`<${Trouble} error=${error} retry=${save} />`}
  <//>`;
}

function List({ of: { items, error, busy, more, reload }, filtered }) {
  if (error && !items) return html`<${Trouble} error=${error} retry=${reload} />`;
  if (!items) return html`<${Loading} />`;
  if (items.length === 0) return html`<${Empty} title="Nothing happened"><p>${filtered ? 'Nothing that this filter leaves, or it is older than events are kept.' : 'Nothing was written down yet.'}</p><//>`;
  return html`<${Fragment}>
    <${Happened} events=${items} />
    ${error && html`<${Trouble} error=${error} retry=${more ?? reload} />`}
    ${more && html`<p class="more"><button type="button" class="secondary small-button" disabled=${busy} onClick=${more}>${busy ? 'Loading…' : 'Show older ones'}</button></p>`}
  <//>`;
}

/** A filter is in the address: it can be kept, and sent to somebody. */
export function Events({ query }) {
  const filter = asked(query);
  const list = useList('/events', filter, { cursor: 'before' });
  const may = useReach();
  const [object, setObject] = useState(query.object ?? '');
  useEffect(() => setObject(query.object ?? ''), [query.object]);
  const kinds = query.kind && !KINDS.includes(query.kind) ? [query.kind, ...KINDS] : KINDS;
  const filtered = Object.values(query).some(Boolean);
  const day = (name, label) => html`<${Field} label=${label}>${(ties) => html`<input ...${ties} type="date" value=${query[name] ?? ''} onChange=${({ target }) => refine({ [name]: target.value })} />`}<//>`;
  return html`<${Page} title="Events" lead="Who did what to what, the newest first." actions=${html`<${Fragment}><button type="button" class="secondary small-button" onClick=${list.reload}>Look again</button><${Export} query=${filter} /><//>`}>
    <form class="filter by-fields" role="search" aria-label="Filter events" onSubmit=${(event) => (event.preventDefault(), refine({ object: object.trim() }))}>
      <${Field} label="What">${(ties) => html`<select ...${ties} value=${query.kind ?? ''} onChange=${({ target }) => refine({ kind: target.value })}><option value="">Everything</option>${kinds.map((kind) => html`<option key=${kind} value=${kind}>${plain(kind.replace('.', ': '))}</option>`)}</select>`}<//>
      ${may('users:read') && html`<${Field} label="User">${(ties) => html`<${PickUser} ties=${ties} placeholder="Anybody" id=${query.user} set=${(user) => refine({ user })} />`}<//>`}
      <${Field} label="Object">${(ties) => html`<input ...${ties} value=${object} placeholder="The id of anything" autocomplete="off" spellcheck="false" onInput=${({ target }) => setObject(target.value)} onChange=${({ target }) => refine({ object: target.value.trim() })} />`}<//>
      ${day('since', 'From')}${day('until', 'To')}
      ${filtered && html`<a class="plain-link" href=${to('events')}>Everything</a>`}
      ${query.user && !isId(query.user) && html`<p class="error">Nobody has this name.</p>`}
    </form>
    <${List} of=${list} filtered=${filtered} />
  <//>`;
}
