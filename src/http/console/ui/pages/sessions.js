// Who is signed in where, what hangs on it, and ending it.
import { call, get, useList, useLoad } from '../api.js';
import { Fragment, html, useEffect } from '../html.js';
import { ClientName, UserName } from '../names.js';
import { Beyond, Confirm, Empty, Facts, Listed, Moment, Opens, Page, Read, Table, Tag, When } from '../parts.js';
import { PickClient, PickUser, isId } from '../pick.js';
import { reaches } from '../reach.js';
import { refine, to } from '../route.js';
import { ago, device, plain } from '../words.js';
import { familyColumns } from './families.js';

export const Sessions = ({ rest: [id], query }) => (id ? html`<${One} id=${id} />` : html`<${All} query=${query} />`);

/** The order of every list of sessions and of families. */
export const NEWEST = 'created_at_desc';

export const endSession = (id) => call('POST', `/sessions/${encodeURIComponent(id)}/end`);

/** What a list shows of what has ended: `live`, unless the address says otherwise. */
export const stateOf = ({ state }) => (state === 'ended' || state === 'all' ? state : 'live');

const STATES = [
  ['live', 'Not ended'],
  ['ended', 'Ended'],
  ['all', 'Both'],
];

export const StateChoice = ({ state, set }) => html`<select aria-label="State" value=${state} onChange=${({ target }) => set(target.value)}>${STATES.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}</select>`;

export const SessionState = ({ of }) => (of.ended_at ? html`<${Tag} kind="over">ended<//> <span class="aside">${plain(of.end_reason)}</span>` : html`<${Tag}>open<//>`);

/** The column of what ends a row, for whoever may. */
export const endColumn = (cell) => (reaches('sessions:end') ? [{ name: 'End it', unseen: true, cell }] : []);
/** What is said to everybody else. */
export const ENDING = [['sessions:end', 'end sessions and refresh tokens']];

const EndSession = ({ session, done, about, kind }) =>
  html`<${Opens} label="End" needs="sessions:end" id=${session.id} about=${about} kind=${kind}>${(close) => html`<${Confirm}
    title="End this session?"
    verb="End 1 session"
    consequence=${html`<p>Ends 1 session: ${device(session.user_agent)}${session.network ? `, ${session.network}` : ''}. Its user is signed out of every application it was used for, at once, and every token that came from it is dead.</p>`}
    act=${() => endSession(session.id)}
    close=${close}
    done=${done}
  />`}<//>`;

export const sessionColumns = (done, { user = true, more = [] } = {}) => [
  { name: 'Browser', first: true, cell: (session) => html`<a href=${to(['sessions', session.id])}>${device(session.user_agent)}</a>` },
  ...(user ? [{ name: 'User', cell: (session) => html`<${UserName} id=${session.user_id} />` }] : []),
  { name: 'Network', cell: (session) => session.network ?? html`<span class="none">–</span>` },
  { name: 'Signed in', cell: (session) => html`<${When} at=${session.auth_time} />` },
  { name: 'Last used', cell: (session) => html`<${When} at=${session.last_used_at} />` },
  ...more,
  { name: 'State', cell: (session) => html`<${SessionState} of=${session} />` },
  ...endColumn((session) => !session.ended_at && html`<${EndSession} session=${session} about=${device(session.user_agent)} done=${done} />`),
];

function All({ query }) {
  const { user, client } = query;
  const state = stateOf(query);
  const list = useList('/sessions', { user: isId(user ?? '') ? user : undefined, client, state: state === 'all' ? undefined : state, sort: NEWEST });
  return html`<${Page} title="Sessions" lead="Browsers that are signed in, the newest session first." actions=${html`<a class="secondary small-button" href=${to('families', { user, client })}>Refresh tokens</a>`}>
    <form class="filter" role="search" onSubmit=${(event) => event.preventDefault()}>
      <${PickUser} bare label="User" placeholder="Any user" id=${user} set=${(user) => refine({ user })} />
      <${PickClient} bare label="Client" placeholder="Any client" id=${client} set=${(client) => refine({ client })} />
      <${StateChoice} state=${state} set=${(state) => refine({ state })} />
      ${(user || client) && html`<a class="plain-link" href=${to('sessions')}>All sessions</a>`}
      ${user && !isId(user) && html`<p class="error">Nobody has this name.</p>`}
    </form>
    <${Listed}
      of=${list}
      caption="Sessions"
      columns=${sessionColumns(list.reload)}
      empty=${html`<${Empty} title="No sessions"><p>${state === 'live' ? 'Nobody of these is signed in now.' : 'There are none, or they are cleared away already.'}</p><//>`}
    />
    <${Beyond} acts=${ENDING} />
  <//>`;
}

const WATCHED = 4000;
const WATCHES = 75;

/** Reads a thing anew from time to time while it is looked at, for five minutes: what somebody has left open is not to keep them signed in. */
function useWatch(reload, on) {
  useEffect(() => {
    if (!on) return undefined;
    let left = WATCHES;
    const timer = setInterval(() => {
      if (left-- <= 0) clearInterval(timer);
      else if (!document.hidden) reload();
    }, WATCHED);
    return () => clearInterval(timer);
  }, [reload, on]);
}

/** When it ends by its age, as the rules are now: of a session that was not ended. */
function Left({ of: { expires_at: most, idle_expires_at: idle, unusable } }) {
  if (unusable) return html`<${Tag} kind="over">past its lifetime<//> <span class="aside">${plain(unusable)}: its next use finds it ended</span>`;
  const said = [most && html`<${Fragment} key="most"><time datetime=${most}>${ago(most)}</time> at the latest<//>`, idle && idle !== most && html`<${Fragment} key="idle"><time datetime=${idle}>${ago(idle)}</time> if it is not used<//>`].filter(Boolean);
  return said.length > 0 ? html`${said[0]}${said[1] && html`, ${said[1]}`}` : 'Never by its age';
}

const EndShare = ({ share, session, done }) =>
  html`<${Opens} label="End" needs="sessions:end" id=${share.client_id} about=${share.client_id}>${(close) => html`<${Confirm}
    title="End this application’s share?"
    verb="End 1 share"
    consequence=${html`<p><code>${share.client_id}</code> loses at once what it was given in this session, and has to ask anew. The session goes on, for the other applications too, so people come back into it without a password.</p>`}
    act=${() => call('POST', `/sessions/${encodeURIComponent(session)}/clients/${encodeURIComponent(share.client_id)}/end`)}
    close=${close}
    done=${done}
  />`}<//>`;

const shareColumns = (session, done) => [
  { name: 'Application', first: true, cell: ({ client_id: id }) => html`<${ClientName} id=${id} />` },
  { name: 'Since', cell: ({ created_at: at }) => html`<${When} at=${at} />` },
  { name: 'Last used', cell: ({ last_used_at: at }) => html`<${When} at=${at} />` },
  { name: 'State', cell: (share) => html`<${SessionState} of=${share} />` },
  ...endColumn((share) => !share.ended_at && html`<${EndShare} share=${share} session=${session} done=${done} />`),
];

/** How many applications a page of a session shows at once. */
const SHARES = 50;
/** Applications, each with its newest refresh token families. */
const sharesOf = ({ clients, refresh_families: families }) => clients.map((share) => ({ ...share, families: families.filter(({ client_id: client }) => client === share.client_id) }));

function One({ id }) {
  const at = `/sessions/${encodeURIComponent(id)}`;
  const session = useLoad((signal) => get(at, {}, { signal }), [id]);
  const below = useList(`${at}/clients`, {}, { limit: SHARES, itemsOf: sharesOf });
  const families = below.items?.flatMap(({ families }) => families) ?? [];
  const found = session.data;
  const live = found && !found.ended_at;
  // Who may not read lifetimes reads the rest.
  const judged = useLoad((signal) => (live ? call('POST', '/lifetime-rules/explain', { body: { session: id }, signal }).catch(() => null) : Promise.resolve(null)), [id, live]);
  const reload = () => [session, below, judged].forEach((one) => one.reload());
  useWatch(session.reload, live);
  // Whoever has gone on to further ones is not taken back to the first.
  useWatch(below.reload, live && !(below.items?.length > SHARES));
  useWatch(judged.reload, live);
  return html`<${Page}
    title=${found ? device(found.user_agent) : 'Session'}
    back=${{ href: to('sessions'), text: 'Sessions' }}
    actions=${html`<${Fragment}><a class="secondary small-button" href=${to('events', { object: id })}>What happened</a>${live && html`<${EndSession} session=${found} kind="danger" done=${reload} />`}<//>`}
  >
    <${Read} of=${session}>${(session) => html`<${Fragment}>
      <section class="panel" aria-label="About the session"><${Facts}
        of=${[
          ['State', html`<${SessionState} of=${session} />`],
          ['User', html`<${UserName} id=${session.user_id} />`],
          ['Begun', html`<${Moment} at=${session.created_at} />`],
          ['Last proof', html`<${Moment} at=${session.auth_time} />`],
          ['Last used', html`<${Moment} at=${session.last_used_at} />`],
          ['Ends', live && judged.data?.session && html`<${Left} of=${judged.data.session} />`],
          ['Ended', session.ended_at && html`<${Moment} at=${session.ended_at} />`],
          ['How', html`<code>${session.acr}</code>`],
          ['Remembered', session.remembered ? 'Yes: the browser keeps it when it is closed' : 'No: it is gone when the browser is closed'],
          ['Network', session.network],
          ['Browser', session.user_agent],
          ['Id', html`<code>${session.id}</code>`],
        ]}
      /></section>
      <div class="section-head"><h2>Applications</h2></div>
      <${Listed} of=${below} caption="Applications in this session" columns=${shareColumns(id, reload)} keyOf=${({ client_id: id }) => id} empty=${html`<${Empty} title="None yet"><p>It was used for the issuer’s own pages only.</p><//>`} />
      ${families.length > 0 && html`<${Fragment}><div class="section-head"><h2>Refresh token families</h2></div><${Table} caption="Refresh token families of this session" columns=${familyColumns(reload, { user: false })} rows=${families} />${(families.length >= 50 || below.more) && html`<p class="ways"><a href=${to('families', { session: id, state: 'all' })}>All its refresh tokens</a></p>`}<//>`}
      <${Beyond} acts=${ENDING} />
    <//>`}<//>
  <//>`;
}
