// What pages are made of.
import { useAct } from './act.js';
import { problemText } from './problem.js';
import { useHeld, useOpen } from './held.js';
import { Fragment, html, useEffect, useId, useRef, useState } from './html.js';
import { useReach, whoMay } from './reach.js';
import { to } from './route.js';
import { ago, moment, preciseMoment, short } from './words.js';

const ICONS = {
  overview: 'M3 10.5h3.5l2-6 3.5 11 2.2-7 1.1 2H17',
  users: 'M10 3.2a3.1 3.1 0 1 1 0 6.2 3.1 3.1 0 0 1 0-6.2ZM3.8 17c.5-3.3 3-5.2 6.2-5.2s5.7 1.9 6.2 5.2',
  sessions: 'M3 4.5h14v9H3ZM7.5 16.8h5',
  clients: 'M3.5 3.5h5.4v5.4H3.5ZM11.1 3.5h5.4v5.4h-5.4ZM3.5 11.1h5.4v5.4H3.5ZM13.8 11.1v5.4M11.1 13.8h5.4',
  lifetimes: 'M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14ZM10 6v4.3l2.8 1.7',
  keys: 'M7 7.4a3.6 3.6 0 1 1 0 5.2 3.6 3.6 0 0 1 0-5.2ZM10.6 10H18v3.2M14.8 10v2.4',
  events: 'M4 4.8h12M4 10h12M4 15.2h7',
  settings: 'M3 6h7.2M14.8 6H17M3 14h2.2M9.8 14H17M12.5 3.7a2.3 2.3 0 1 1 0 4.6 2.3 2.3 0 0 1 0-4.6ZM7.5 11.7a2.3 2.3 0 1 1 0 4.6 2.3 2.3 0 0 1 0-4.6Z',
  menu: 'M3 5.5h14M3 10h14M3 14.5h14',
  close: 'm5 5 10 10M15 5 5 15',
  copy: 'M7 7h9.5v9.5H7ZM4 13V3.5h9.5',
  done: 'm4 10.5 4 4 8-9',
  forward: 'm7.5 4 6 6-6 6',
  search: 'M8.8 3.5a5.3 5.3 0 1 1 0 10.6 5.3 5.3 0 0 1 0-10.6ZM12.8 12.8l4 4',
};

export const Icon = ({ name }) =>
  html`<svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><path d=${ICONS[name]} fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" /></svg>`;

/** The head of a page: where one is, what may be done with it as a whole. It takes the focus, as a page that was loaded would. */
export function Page({ title, back, lead, actions, children }) {
  const heading = useRef();
  useEffect(() => {
    document.title = `${title} · Console · ${document.documentElement.dataset.service}`;
  }, [title]);
  useEffect(() => {
    if (document.body.dataset.moved) heading.current?.focus({ preventScroll: true });
    document.body.dataset.moved = 'yes';
    scrollTo(0, 0);
  }, []);
  return html`<${Fragment}>
    <header class="page-head">
      <div>
        ${back && html`<a class="back" href=${back.href}>${back.text}</a>`}
        <h1 tabindex="-1" ref=${heading}><bdi>${title}</bdi></h1>
        ${lead && html`<p class="lead">${lead}</p>`}
      </div>
      ${actions && html`<div class="head-actions">${actions}</div>`}
    </header>
    ${children}
  <//>`;
}

export const Loading = ({ what = 'Loading' }) => html`<p class="loading" role="status"><span class="dots" aria-hidden="true"></span>${what}…</p>`;

/** A refusal: what happened in the server's words, and what can be done. */
export function Trouble({ error, retry, again = 'Try again' }) {
  const { title, text } = problemText(error);
  return html`<div class="notice" role="alert">
    <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><path fill="currentColor" fill-rule="evenodd" d="M10 1.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17ZM9 5.5v5.5h2V5.5Zm0 7v2h2v-2Z" /></svg>
    <div>
      <strong>${title}</strong>
      ${text && html`<p>${text}</p>`}
      ${error.requestId && html`<p class="request">Request <code>${error.requestId}</code></p>`}
      ${retry && html`<p><button type="button" class="secondary small-button" onClick=${retry}>${again}</button></p>`}
    </div>
  </div>`;
}

export const Empty = ({ title, children }) => html`<div class="empty"><h2>${title}</h2>${children}</div>`;

/** What a list or a thing that is read shows: trouble, waiting, or itself. */
export function Read({ of, children }) {
  if (of.error && !of.data) return html`<${Trouble} error=${of.error} retry=${of.reload} />`;
  if (of.data === undefined) return html`<${Loading} />`;
  return of.error ? html`<${Fragment}><${Trouble} error=${of.error} retry=${of.reload} />${children(of.data)}<//>` : children(of.data);
}

/** A moment, how long ago; the very moment on pointing at it. */
export const When = ({ at }) => (at ? html`<time datetime=${at} title=${preciseMoment(at)}>${ago(at)}</time>` : html`<span class="none">never</span>`);
export const Moment = ({ at }) => (at ? html`<time datetime=${at} title=${preciseMoment(at)}>${moment(at)}</time>` : html`<span class="none">–</span>`);

export const Tag = ({ kind = '', children }) => html`<span class=${`tag ${kind}`}>${children}</span>`;

/** An id, its end alone where there is no room; whole on pointing at it. */
export const Id = ({ id, href, whole }) => {
  const text = html`<code title=${id}>${whole ? id : short(id)}</code>`;
  return href ? html`<a href=${href}>${text}</a>` : text;
};

/** Rows of facts. A fact is `[name, value]`; one without a value is not shown. */
export const Facts = ({ of }) =>
  html`<dl class="facts">${of.filter(([, value]) => value !== undefined && value !== null && value !== false && value !== '').map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

/**
 * A table on a desk, cards on a phone. `columns`: `{ name, cell(row), wide }`. The roles are said, for a browser forgets them when a table is
 * laid out as anything else.
 */
export function Table({ caption, columns, rows, keyOf = (row) => row.id }) {
  return html`<table role="table" class="table">
    <caption class="unseen">${caption}</caption>
    <thead role="rowgroup"><tr role="row">${columns.map(({ name, unseen }) => html`<th role="columnheader" scope="col" key=${name}>${unseen ? html`<span class="unseen">${name}</span>` : name}</th>`)}</tr></thead>
    <tbody role="rowgroup">
      ${rows.map(
        (row) => html`<tr role="row" key=${keyOf(row)}>
          ${columns.map(({ name, cell, unseen, first }) => html`<td role="cell" key=${name} class=${first ? 'first' : unseen ? 'acts' : ''} data-name=${unseen || first ? undefined : name}>${unseen || first ? cell(row) : html`<div class="cell">${cell(row)}</div>`}</td>`)}
        </tr>`,
      )}
    </tbody>
  </table>`;
}

/** A list that comes in pages, with what it says when there is nothing in it. */
export function Listed({ of, caption, columns, empty, keyOf }) {
  const { items, error, busy, more, reload } = of;
  if (error && !items) return html`<${Trouble} error=${error} retry=${reload} />`;
  if (!items) return html`<${Loading} />`;
  if (items.length === 0 && !more) return error ? html`<${Trouble} error=${error} retry=${reload} />` : empty;
  // A page is as long as the server looks: it may have found nothing yet.
  if (items.length === 0) return html`<${Empty} title="Nothing among the first"><p><button type="button" class="secondary small-button" disabled=${busy} onClick=${more}>${busy ? 'Looking…' : 'Look further'}</button></p><//>`;
  return html`<${Fragment}>
    <${Table} caption=${caption} columns=${columns} rows=${items} keyOf=${keyOf} />
    ${error && html`<${Trouble} error=${error} retry=${more ?? reload} />`}
    ${more && html`<p class="more"><button type="button" class="secondary small-button" disabled=${busy} onClick=${more}>${busy ? 'Loading…' : 'Show more'}</button></p>`}
  <//>`;
}

/** A dialog that is open as long as it is there. Escape and the cross close it, unless something is under way. */
export function Dialog({ title, close, busy, wide, children }) {
  const dialog = useRef();
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current.showModal();
    // The focus goes back to where it was, or to the page's heading where that is gone.
    return () => setTimeout(() => (before?.isConnected && before !== document.body ? before : document.querySelector('main h1'))?.focus());
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    if (!busy) close();
  };
  return html`<dialog ref=${dialog} class=${wide ? 'wide' : ''} aria-labelledby=${id} onCancel=${cancel}>
    <header><h2 id=${id}>${title}</h2><button type="button" class="bare" aria-label="Close" disabled=${busy} onClick=${close}><${Icon} name="close" /></button></header>
    ${children}
  </dialog>`;
}

/**
 * Asks before something that cannot be taken back. `consequence` says what will have happened; `act` does it. With `word`, that word has to be
 * typed first.
 */
export function Confirm({ title, consequence, verb, act, close, done, word }) {
  const { busy, error, submit } = useAct({ act, close, done });
  const [typed, setTyped] = useHeld('word', '');
  const id = useId();
  return html`<${Dialog} title=${title} close=${close} busy=${busy}>
    <form onSubmit=${submit}>
      <div class="dialog-body">
        <div class="consequence">${consequence}</div>
        ${word && html`<label for=${id}>Type <code>${word}</code> to go on</label><input id=${id} value=${typed} autocomplete="off" spellcheck="false" onInput=${({ target }) => setTyped(target.value)} />`}
        ${error && html`<${Trouble} error=${error} />`}
      </div>
      <footer>
        <button type="button" class="secondary" disabled=${busy} onClick=${close} autofocus=${!word}>Cancel</button>
        <button type="submit" class="danger" disabled=${busy || (word && typed !== word)}>${busy ? 'Under way…' : verb}</button>
      </footer>
    </form>
  <//>`;
}

/**
 * A button that opens a dialog; `children` makes the dialog and is given what closes it. `id` tells it from others of the same words on the page. `needs`: the scope of
 * what it does; it is not there where the role does not reach so far, and the page says so (`Beyond`).
 */
export function Opens({ label, about, id, kind = 'secondary', disabled, needs, children }) {
  const [is, open, close] = useOpen(label, id ?? about);
  const reaches = useReach();
  // What is open already says itself that it is refused.
  if (!reaches(needs) && !is) return null;
  return html`<${Fragment}>
    <button type="button" class=${`${kind} small-button`} disabled=${disabled} onClick=${open}>${label}${about && html`<span class="unseen"> ${about}</span>`}</button>
    ${is && children(close)}
  <//>`;
}

/** Why something cannot be done here: who can. `acts`: `[scope, what]`, as in `can end sessions`. */
export function Beyond({ acts }) {
  const reaches = useReach();
  const told = acts.filter(([scope]) => !reaches(scope)).map(([scope, what]) => `${whoMay(scope)} can ${what}.`);
  return told.length > 0 && html`<p class="beyond aside">${told.join(' ')}</p>`;
}

/** Puts a text into the clipboard, and says so. */
export function Copy({ text, label = 'Copy' }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const back = setTimeout(() => setCopied(false), 2500);
    return () => clearTimeout(back);
  }, [copied]);
  const copy = () => navigator.clipboard.writeText(text).then(() => setCopied(true), () => setCopied(null));
  return html`<button type="button" class="secondary small-button copy" onClick=${copy}><${Icon} name=${copied ? 'done' : 'copy'} /><span role="status">${copied ? 'Copied' : copied === null ? 'Not allowed: select and copy' : label}</span></button>`;
}

/** A text that is to be taken elsewhere, with the button that does. */
export const Snippet = ({ text, label }) => html`<div class="snippet"><pre tabindex="0" aria-label=${label}><code>${text}</code></pre><${Copy} text=${text} /></div>`;

/** A labelled field. `children` is given the attributes that tie it to its label, its hint and its error. */
export function Field({ label, hint, error, optional, children }) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
  return html`<div class=${error ? 'field wrong' : 'field'}>
    <label for=${id}>${label}${optional && html` <span class="optional">optional</span>`}</label>
    ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
    ${error && html`<p class="error" id=${`${id}-error`}>${error}</p>`}
    ${children({ id, 'aria-describedby': described || undefined, 'aria-invalid': error ? 'true' : undefined })}
  </div>`;
}

/** A text field bound to a value. */
export const Text = ({ label, value, set, hint, error, optional, type = 'text', ...more }) =>
  html`<${Field} label=${label} hint=${hint} error=${error} optional=${optional}>${(ties) => html`<input ...${ties} type=${type} value=${value} autocomplete="off" spellcheck="false" onInput=${({ target }) => set(target.value)} ...${more} />`}<//>`;

/** Several lines, one thing a line. */
export const Lines = ({ label, value, set, hint, error, optional, rows = 3 }) =>
  html`<${Field} label=${label} hint=${hint} error=${error} optional=${optional}>${(ties) => html`<textarea ...${ties} rows=${rows} value=${value} autocomplete="off" spellcheck="false" onInput=${({ target }) => set(target.value)}></textarea>`}<//>`;

/** One of several. `options`: `[value, text]`. */
export const Choice = ({ label, value, set, hint, options, error }) =>
  html`<${Field} label=${label} hint=${hint} error=${error}>${(ties) => html`<select ...${ties} value=${value} onChange=${({ target }) => set(target.value)}>${options.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}</select>`}<//>`;

/** A box to tick. */
export function Check({ label, hint, value, set }) {
  const id = useId();
  return html`<div class="check"><input type="checkbox" id=${id} checked=${value} aria-describedby=${hint ? `${id}-hint` : undefined} onChange=${({ target }) => set(target.checked)} /><label for=${id}>${label}</label>${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}</div>`;
}

/** Links that each show a part of a page. */
export const Tabs = ({ label, of, here }) => html`<nav class="tabs" aria-label=${label}>${of.map(([id, text, href]) => html`<a key=${id} href=${href ?? to(id)} aria-current=${id === here ? 'page' : undefined}>${text}</a>`)}</nav>`;
