// Who is signed in where, and ending it.
import { call, get, useList, useLoad } from '../api.js';
import { html, useState } from '../html.js';
import { Confirm, Empty, Facts, Icon, Id, Listed, Moment, Opens, Page, Read, Tag, When } from '../parts.js';
import { settle, to } from '../route.js';
import { device, plain } from '../words.js';

export const Sessions = ({ rest: [id], query }) => (id ? html`<${One} id=${id} />` : html`<${All} query=${query} />`);

export const endSession = (id) => call('POST', `/sessions/${encodeURIComponent(id)}/end`);

export const SessionState = ({ of }) => (of.ended_at ? html`<${Tag} kind="over">ended<//> <span class="aside">${plain(of.end_reason)}</span>` : html`<${Tag}>open<//>`);

const EndSession = ({ session, done, about, kind }) =>
  html`<${Opens} label="End" about=${about} kind=${kind}>${(close) => html`<${Confirm}
    title="End this session?"
    verb="End 1 session"
    consequence=${html`<p>Ends 1 session: ${device(session.user_agent)}${session.network ? `, ${session.network}` : ''}. Its user is signed out of every application it was used for, at once, and every token that came from it is dead.</p>`}
    act=${() => endSession(session.id)}
    close=${close}
    done=${done}
  />`}<//>`;

export const sessionColumns = (done, { user = true } = {}) => [
  { name: 'Browser', first: true, cell: (session) => html`<a href=${to(['sessions', session.id])}>${device(session.user_agent)}</a>` },
  ...(user ? [{ name: 'User', cell: (session) => html`<${Id} id=${session.user_id} href=${to('sessions', { user: session.user_id })} />` }] : []),
  { name: 'Network', cell: (session) => session.network ?? html`<span class="none">–</span>` },
  { name: 'Signed in', cell: (session) => html`<${When} at=${session.auth_time} />` },
  { name: 'Last used', cell: (session) => html`<${When} at=${session.last_used_at} />` },
  { name: 'State', cell: (session) => html`<${SessionState} of=${session} />` },
  { name: 'End it', unseen: true, cell: (session) => !session.ended_at && html`<${EndSession} session=${session} about=${device(session.user_agent)} done=${done} />` },
];

function All({ query }) {
  const [user, setUser] = useState(query.user ?? '');
  const list = useList('/sessions', { user: query.user });
  const search = (event) => {
    event.preventDefault();
    settle('sessions', { user: user.trim() });
  };
  return html`<${Page} title="Sessions" lead="Browsers that are signed in, in the order they signed in; ended ones too.">
    <form class="filter" role="search" onSubmit=${search}>
      <div class="search"><${Icon} name="search" /><input type="search" aria-label="User" placeholder="A user’s id" value=${user} spellcheck="false" autocomplete="off" onInput=${({ target }) => setUser(target.value)} /></div>
      <button type="submit" class="secondary small-button">Filter</button>
      ${query.user && html`<a class="plain-link" href=${to('sessions')} onClick=${() => setUser('')}>All users</a>`}
    </form>
    <${Listed}
      of=${list}
      caption="Sessions"
      columns=${sessionColumns(list.reload)}
      empty=${html`<${Empty} title="No sessions"><p>${query.user ? 'This user has never signed in here, or the sessions are cleared away already.' : 'Nobody has signed in yet.'}</p><//>`}
    />
  <//>`;
}

function One({ id }) {
  const session = useLoad((signal) => get(`/sessions/${encodeURIComponent(id)}`, {}, { signal }), [id]);
  const found = session.data;
  return html`<${Page}
    title=${found ? device(found.user_agent) : 'Session'}
    back=${{ href: to('sessions'), text: 'Sessions' }}
    actions=${found && !found.ended_at && html`<${EndSession} session=${found} kind="danger" done=${session.reload} />`}
  >
    <${Read} of=${session}>${(session) => html`<section class="panel" aria-label="About the session"><${Facts}
      of=${[
        ['State', html`<${SessionState} of=${session} />`],
        ['User', html`<${Id} whole id=${session.user_id} href=${to('sessions', { user: session.user_id })} />`],
        ['Begun', html`<${Moment} at=${session.created_at} />`],
        ['Last proof', html`<${Moment} at=${session.auth_time} />`],
        ['Last used', html`<${Moment} at=${session.last_used_at} />`],
        ['Ended', session.ended_at && html`<${Moment} at=${session.ended_at} />`],
        ['How', html`<code>${session.acr}</code>`],
        ['Remembered', session.remembered ? 'Yes: the browser keeps it when it is closed' : 'No: it is gone when the browser is closed'],
        ['Network', session.network],
        ['Browser', session.user_agent],
        ['Id', html`<code>${session.id}</code>`],
      ]}
    /></section>`}<//>
  <//>`;
}
