// The applications that ask for tokens.
import { getVersioned, useList, useLoad } from '../api.js';
import { Choice, Search } from '../filter.js';
import { Fragment, html, useState } from '../html.js';
import { kindTitle } from '../kinds.js';
import { LIMITS } from '../limits.js';
import { Beyond, Empty, Facts, Listed, Moment, Page, Read, Tag, When } from '../parts.js';
import { useReach } from '../reach.js';
import { to } from '../route.js';
import { lasts, plain } from '../words.js';
import { Acts, beside } from './client_acts.js';
import { Code, NewClient, Secret } from './client_new.js';

export const Clients = ({ rest: [id, kind], query }) => (id === 'new' ? html`<${NewClient} kind=${kind} />` : id ? html`<${One} id=${id} />` : html`<${All} query=${query} />`);

const CONSOLE = document.documentElement.dataset.client;
const at = (id) => `/clients/${encodeURIComponent(id)}`;

const State = ({ of }) => (of.disabled_at ? html`<${Tag} kind="problem">disabled<//>` : html`<${Tag}>in use<//>`);

const columns = (byTime) => [
  { name: 'Name', first: true, cell: ({ id, metadata }) => html`<a href=${to(['clients', id])}><bdi>${metadata.name}</bdi></a>` },
  { name: 'Client id', cell: ({ id }) => html`<code>${id}</code>` },
  { name: 'Kind', cell: ({ metadata }) => kindTitle(metadata.kind) },
  { name: 'State', cell: (client) => html`<${State} of=${client} />` },
  { name: 'Declared by', cell: ({ id, managed_by_file: file }) => (file ? 'the settings file' : id === CONSOLE ? 'the issuer itself' : 'an administrator') },
  // What they are in the order of is seen.
  byTime ? { name: 'Registered', cell: ({ created_at: at }) => html`<${When} at=${at} />` } : { name: 'Changed', cell: ({ updated_at: at }) => html`<${When} at=${at} />` },
];

/** By the word in the address: how the server is asked for it, and what it is called. */
const ORDERS = { id: ['id', 'Client id A–Z'], 'id-back': ['id_desc', 'Client id Z–A'], newest: ['created_at_desc', 'Newest first'], oldest: ['created_at', 'Oldest first'] };

function All({ query }) {
  const { search, state } = query;
  const filtered = search || state;
  const order = Object.hasOwn(ORDERS, query.sort ?? '') ? query.sort : 'id';
  const [sort] = ORDERS[order];
  const list = useList('/clients', { search, state, sort });
  const own = list.items?.filter(({ id }) => id !== CONSOLE);
  const may = useReach();
  const writes = may('clients:write');
  const first = writes && own?.length === 0 && !list.more && !filtered;
  return html`<${Page} title="Clients" lead="The applications that people sign in to, and the machines that act for themselves." actions=${writes && html`<a class="primary small-button" href=${to(['clients', 'new'])}>New client</a>`}>
    ${first && html`<${Empty} title="No application yet"><p>Register the first one: it takes a minute, and ends with the code to paste.</p><p><a class="primary" href=${to(['clients', 'new'])}>Register an application</a></p><//>`}
    <form class="filter" role="search" onSubmit=${(event) => event.preventDefault()}>
      <${Search} label="Search clients" placeholder="Part of name or client id" value=${search} />
      <${Choice} name="state" label="State" value=${state} options=${[['', 'In any state'], ['active', 'In use'], ['disabled', 'Disabled']]} />
      <${Choice} name="sort" label="Order" value=${order} options=${Object.entries(ORDERS).map(([name, [, text]]) => [name, text])} />
      ${filtered && html`<a class="plain-link" href=${to('clients', { sort: query.sort })}>All clients</a>`}
      <p class="unseen" role="status">${list.items && filtered ? `${list.items.length} found` : ''}</p>
    </form>
    <${Listed}
      of=${list}
      caption="Clients"
      columns=${columns(sort.startsWith('created_at'))}
      empty=${filtered && html`<${Empty} title="No client is found"><p>${search ? html`No name and no client id has “<bdi>${search}</bdi>” in it${state && ', of those that the filter leaves'}.` : 'The filter leaves none.'}</p><//>`}
    />
    <${Beyond} acts=${[['clients:write', 'register and change clients']]} />
  <//>`;
}

const several = (values) => values?.length > 0 && html`<ul class="plain-list">${values.map((value) => html`<li key=${value}><code>${value}</code></li>`)}</ul>`;

function One({ id }) {
  const client = useLoad(() => getVersioned(at(id)), [id]);
  const [secret, setSecret] = useState();
  const [said, setSaid] = useState();
  const may = useReach();
  const found = client.data?.value;
  const byFile = found?.managed_by_file;
  const actions = found && html`<${Acts} client=${found} etag=${client.data.etag} reload=${client.reload} told=${setSaid} secret=${setSecret} />`;
  return html`<${Page} title=${found ? found.metadata.name : 'Client'} back=${{ href: to('clients'), text: 'Clients' }} actions=${actions}>
    ${byFile && html`<p class="told">This client is declared in the settings file, which wins at the next start: change it there too.</p>`}
    ${id === CONSOLE && html`<p class="told">This is the console you are in. The issuer registers it by itself at each start.</p>`}
    ${said && html`<p class="told" role="status">${said}</p>`}
    ${secret && html`<${Secret} secret=${secret} />`}
    <${Read} of=${client}>${({ value: client }) => html`<div class="columns">
      <div>
        <section class="panel" aria-label="About the client"><${Facts} of=${facts(client)} />
          <p class="ways">${client.metadata.kind !== 'machine' && may('sessions:read') && html`<${Fragment}><a href=${to('sessions', { client: id })}>Its sessions</a><a href=${to('families', { client: id })}>Its refresh tokens</a><//>`}${may('events:read') && html`<a href=${to('events', { object: id })}>What happened to it</a>`}</p>
        </section>
        ${client.metadata.lifetimes && Object.keys(client.metadata.lifetimes).length > 0 && html`<section class="panel" aria-labelledby="limits"><h2 id="limits">Limits of its own</h2><${Facts} of=${Object.entries(client.metadata.lifetimes).map(([name, value]) => [LIMITS[name]?.title ?? plain(name), lasts(value)])} /></section>`}
      </div>
      <div>
        <${Beyond} acts=${[['clients:write', 'change this client'], ...(client.metadata.kind === 'machine' ? [] : [['sessions:end', 'end what it has']])]} />
        ${id !== CONSOLE && html`<section class="panel" aria-labelledby="code"><h2 id="code">The application</h2><${Code} client=${client} /></section>`}
      </div>
    </div>`}<//>
  <//>`;
}

const facts = ({ id, metadata, disabled_at: disabled, created_at: created, updated_at: updated, previous_secret_expires_at: until }) => [
  ['Client id', html`<code>${id}</code>`],
  ['Kind', kindTitle(metadata.kind)],
  ['State', html`<${State} of=${{ disabled_at: disabled }} />`],
  ['Proves itself by', metadata.authentication === 'none' ? 'PKCE alone: it keeps no secret' : html`its secret (<code>${metadata.authentication}</code>)${metadata.require_pkce ? ' and PKCE' : ''}`],
  ['The secret before', beside({ previous_secret_expires_at: until }) && html`works until <${Moment} at=${until} />`],
  ['Redirect URIs', several(metadata.redirect_uris)],
  ['After signing out', several(metadata.post_logout_redirect_uris)],
  ['Origins', several(metadata.web_origins)],
  ['APIs', several(metadata.resources)],
  ['Scope', metadata.scope && html`<code>${metadata.scope}</code>`],
  ['Asks for consent', metadata.kind !== 'machine' && (metadata.first_party ? 'No: it is our own' : 'Yes')],
  ['Hidden frames', metadata.kind !== 'machine' && (metadata.may_be_framed ? 'It may renew in them' : 'It may not')],
  ['FedCM', metadata.fedcm && 'Its pages may ask by it'],
  ['Its tokens', metadata.dpop_bound_access_tokens && 'Must be bound to a key (DPoP)'],
  ['Told of the end', metadata.backchannel_logout_uri && html`<code>${metadata.backchannel_logout_uri}</code>`],
  ['Registered', html`<${Moment} at=${created} />`],
  ['Changed', html`<${Moment} at=${updated} />`],
];
