// A new client, step by step: what it is, where it is, and the code it needs.
import { call } from '../api.js';
import { useHeld, usePage } from '../held.js';
import { Fragment, html, useState } from '../html.js';
import { KINDS } from '../kinds.js';
import { Copy, Page, Snippet, Text, Trouble } from '../parts.js';
import { errorsOf } from '../problem.js';
import { go, to } from '../route.js';
import { snippets } from '../snippets.js';
import { registered } from '../tour.js';
import { Fields, filled, idOf, metadataOf } from './client_form.js';

const Kinds = () =>
  html`<ul class="kinds">${Object.entries(KINDS).map(([kind, { title, text }]) => html`<li key=${kind}><a href=${to(['clients', 'new', kind])}><strong>${title}</strong><span>${text}</span></a></li>`)}</ul>`;

/** The code of an application, one way to write it at a time. */
export function Code({ client }) {
  const all = snippets(client);
  const [shown, show] = useState(all[0][0]);
  const [, text] = all.find(([name]) => name === shown) ?? all[0];
  return html`<${Fragment}>
    <div class="choices" role="group" aria-label="Written with">${all.map(([name]) => html`<button key=${name} type="button" aria-pressed=${String(name === shown)} onClick=${() => show(name)}>${name}</button>`)}</div>
    <${Snippet} text=${text} label=${`Code for ${shown}`} />
  <//>`;
}

/** A secret that is told once. */
export const Secret = ({ secret }) =>
  html`<div class="secret" role="status"><h2>Its secret</h2><p>It is shown now and never again: put it where the application keeps its secrets.</p><div class="secret-row"><code>${secret}</code><${Copy} text=${secret} label="Copy secret" /></div></div>`;

function Made({ client, secret }) {
  return html`<${Page} title=${`${client.metadata.name} is registered`} back=${{ href: to('clients'), text: 'Clients' }} lead="What is left is the application’s part.">
    ${secret && html`<${Secret} secret=${secret} />`}
    <section class="panel" aria-labelledby="code"><h2 id="code">The application</h2><${Code} client=${client} /></section>
    <div class="actions"><a class="primary" href=${to(['clients', client.id])}>Show the client</a><a class="secondary" href=${to(['clients', 'new'])}>Register another</a></div>
  <//>`;
}

function About({ kind }) {
  usePage(`new ${kind}`);
  const [fields, set] = useHeld('fields', { ...filled({}), name: '' });
  const [id, setId] = useHeld('id', null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState();
  const [made, setMade] = useState();
  // The same request sent twice makes one client.
  const [key] = useState(() => crypto.randomUUID());
  const shownId = id ?? idOf(fields.name);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const { client, client_secret: secret } = await call('POST', '/clients', { body: { id: shownId, metadata: metadataOf(fields, { kind }) }, headers: { 'Idempotency-Key': key } });
      setMade({ client, secret });
      registered(client);
    } catch (error) {
      setError(error);
      setBusy(false);
    }
  };
  if (made) return html`<${Made} ...${made} />`;
  const wrong = errorsOf(error);
  return html`<${Page} title=${`New client: ${KINDS[kind].title}`} back=${{ href: to(['clients', 'new']), text: 'Another kind' }} lead=${KINDS[kind].text}>
    <form class="panel form" onSubmit=${submit}>
      ${error && html`<${Trouble} error=${error} />`}
      <${Fields} kind=${kind} fields=${fields} set=${set} wrong=${wrong} more />
      <${Text} label="Client id" hint="What the application calls itself to this server. It cannot be changed." value=${shownId} set=${setId} error=${wrong.id} required />
      <div class="actions"><button type="submit" class="primary" disabled=${busy}>${busy ? 'Registering…' : 'Register'}</button><button type="button" class="secondary" onClick=${() => go('clients')}>Cancel</button></div>
    </form>
  <//>`;
}

export const NewClient = ({ kind }) =>
  KINDS[kind] ? html`<${About} kind=${kind} />` : html`<${Page} title="New client" back=${{ href: to('clients'), text: 'Clients' }} lead="Where does its code run?"><${Kinds} /><//>`;
