// Refresh token families: the tokens that one authorization gave, one after the other; and where an old one came back.
import { call, get, useList, useLoad } from '../api.js';
import { Happened } from '../happened.js';
import { Fragment, html } from '../html.js';
import { ClientName, UserName } from '../names.js';
import { Beyond, Confirm, Empty, Facts, Id, Listed, Moment, Opens, Page, Read, Tag, When } from '../parts.js';
import { PickClient, PickUser, isId } from '../pick.js';
import { refine, to } from '../route.js';
import { count, plain, short, span } from '../words.js';
import { ENDING, NEWEST, StateChoice, endColumn, stateOf } from './sessions.js';

export const Families = ({ rest: [id], query }) => (id ? html`<${One} id=${id} />` : html`<${All} query=${query} />`);

export const FAMILY = ['refresh token family', 'refresh token families'];

/** The first token is the first generation. */
const renewed = ({ generation }) => Math.max(0, generation - 1);

const HANGS_ON = { session: 'the session: it ends with it', online_access: 'the session, for which its token stands (online_access)', offline_access: 'itself: it outlives the session (offline_access)' };

const FamilyState = ({ of }) =>
  of.ended_at ? html`<${Tag} kind=${of.end_reason === 'reuse_detected' || of.end_reason === 'code_replayed' ? 'problem' : 'over'}>ended<//> <span class="aside">${plain(of.end_reason ?? '')}</span>` : html`<${Tag}>live<//>`;

const EndFamily = ({ family, done, kind }) =>
  html`<${Opens} label="End" needs="sessions:end" id=${family.id} about=${`refresh token family ${short(family.id)}`} kind=${kind}>${(close) => html`<${Confirm}
    title="End this refresh token family?"
    verb="End 1 family"
    consequence=${html`<p>Ends 1 refresh token family, and the access tokens that came of it: <code>${family.client_id}</code> loses what it was given by this sign-in. ${family.kind === 'offline_access' ? 'It has to send the user to sign in again.' : 'The session goes on, so the application may ask anew, without the user noticing.'}</p>`}
    act=${() => call('POST', `/refresh-families/${encodeURIComponent(family.id)}/end`)}
    close=${close}
    done=${done}
  />`}<//>`;

export const familyColumns = (done, { user = true, client = true } = {}) => [
  { name: 'Family', first: true, cell: ({ id }) => html`<${Id} id=${id} href=${to(['families', id])} />` },
  ...(client ? [{ name: 'Application', cell: ({ client_id: id }) => html`<${ClientName} id=${id} />` }] : []),
  ...(user ? [{ name: 'User', cell: ({ user_id: id }) => html`<${UserName} id=${id} />` }] : []),
  { name: 'Renewed', cell: (family) => count(renewed(family), 'time') },
  { name: 'Begun', cell: ({ created_at: created }) => html`<${When} at=${created} />` },
  { name: 'Last used', cell: ({ last_used_at: used }) => html`<${When} at=${used} />` },
  { name: 'State', cell: (family) => html`<${FamilyState} of=${family} />` },
  ...endColumn((family) => !family.ended_at && html`<${EndFamily} family=${family} done=${done} />`),
];

function All({ query }) {
  const { user, client, session } = query;
  const state = stateOf(query);
  const list = useList('/refresh-families', { user: isId(user ?? '') ? user : undefined, client, session, state: state === 'all' ? undefined : state, sort: NEWEST });
  return html`<${Page} title="Refresh token families" back=${{ href: to('sessions'), text: 'Sessions' }} lead="What applications keep to stay signed in: the tokens that one authorization gave, one after the other. The newest first.">
    <form class="filter" role="search" onSubmit=${(event) => event.preventDefault()}>
      <${PickUser} bare label="User" placeholder="Any user" id=${user} set=${(user) => refine({ user })} />
      <${PickClient} bare label="Client" placeholder="Any client" id=${client} set=${(client) => refine({ client })} />
      <${StateChoice} state=${state} set=${(state) => refine({ state })} />
      ${session && html`<span class="chosen">of session <${Id} id=${session} href=${to(['sessions', session])} /></span>`}
      ${(user || client || session) && html`<a class="plain-link" href=${to('families')}>All families</a>`}
      ${user && !isId(user) && html`<p class="error">Nobody has this name.</p>`}
    </form>
    <${Listed} of=${list} caption="Refresh token families" columns=${familyColumns(list.reload)} empty=${html`<${Empty} title="No families"><p>${state === 'live' ? 'None of these lives.' : 'There are none, or they are cleared away already.'}</p><//>`} />
    <${Beyond} acts=${ENDING} />
  <//>`;
}

/** Where an old token came back: what it says of who has it. */
function Reuse({ event, family }) {
  const { presented, current, rotated_at: rotated } = event.detail;
  const late = rotated && Math.max(0, Math.round((new Date(event.at) - new Date(rotated)) / 1000));
  return html`<div class="notice" role="note"><div>
    <strong>An old token of this family came back</strong>
    <p>${presented === undefined ? 'A token that was used up' : html`The token of generation ${presented}`} was presented <${Moment} at=${event.at} />${event.network ? html` from <code>${event.network}</code>` : ''}${current === undefined ? '' : html`, when generation ${current} was the newest`}${late === undefined ? '' : html`, ${span(late)} after the last renewal`}. Everything of the family was ended.</p>
    <p>${current - presented === 1 && late < 300 ? 'One behind, and soon after: a client that sent its token twice, too late for the overlap, looks like this.' : 'Whoever sent it has a copy of a token that its owner had used already: a thief, or a backup of the device.'} <a href=${to(['users', family.user_id])}>Look at the user</a>.</p>
  </div></div>`;
}

function One({ id }) {
  const found = useLoad((signal) => get(`/refresh-families/${encodeURIComponent(id)}`, {}, { signal }), [id]);
  const family = found.data?.family;
  return html`<${Page} title="Refresh token family" lead=${html`<code>${id}</code>`} back=${{ href: to('families', family && { user: family.user_id }), text: 'Refresh token families' }} actions=${family && !family.ended_at && html`<${EndFamily} family=${family} kind="danger" done=${found.reload} />`}>
    <${Read} of=${found}>${({ family, events }) => html`<${Fragment}>
      ${events?.filter(({ kind }) => kind === 'refresh.reuse_detected').map((event) => html`<${Reuse} key=${event.id} event=${event} family=${family} />`)}
      <section class="panel" aria-label="About the family"><${Facts}
        of=${[
          ['State', html`<${FamilyState} of=${family} />`],
          ['Application', html`<${ClientName} id=${family.client_id} />`],
          ['User', html`<${UserName} id=${family.user_id} />`],
          ['Session', html`<${Id} id=${family.session_id} href=${to(['sessions', family.session_id])} />`],
          ['Hangs on', HANGS_ON[family.kind] ?? plain(family.kind)],
          ['Scope', html`<code>${family.scope}</code>`],
          ['APIs', family.resources.length > 0 && family.resources.map((one) => html`<code key=${one}>${one}</code> `)],
          ['How', html`<code>${family.acr}</code>`],
          ['Renewed', html`${count(renewed(family), 'time')}${renewed(family) > 0 ? html`, last <${When} at=${family.rotated_at} />` : ''}`],
          ['Begun', html`<${Moment} at=${family.created_at} />`],
          ['Last used', html`<${Moment} at=${family.last_used_at} />`],
          ['Ended', family.ended_at && html`<${Moment} at=${family.ended_at} />`],
        ]}
      /></section>
      <div class="section-head"><h2>What happened to it</h2></div>
      ${events === undefined
        ? html`<${Empty} title="Not for you to read"><p>Your role does not reach to the events.</p><//>`
        : events.length === 0
          ? html`<${Empty} title="Nothing out of the ordinary"><p>Renewals are not told one by one.</p><//>`
          : html`<${Happened} events=${events} />`}
      <${Beyond} acts=${ENDING} />
    <//>`}<//>
  <//>`;
}
