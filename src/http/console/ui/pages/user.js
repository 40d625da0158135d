// One user: who it is, where they are signed in, what they have allowed, and what may be done about it.
import { call, get, getVersioned, useList, useLoad } from '../api.js';
import { counted, useCount } from '../counts.js';
import { ActForm } from '../form.js';
import { useHeld } from '../held.js';
import { Fragment, html, useEffect, useState } from '../html.js';
import { ClientName, forget, inTurn } from '../names.js';
import { Beyond, Choice, Confirm, Copy, Dialog, Empty, Facts, Listed, Moment, Opens, Page, Read, Tag, When } from '../parts.js';
import { reaches } from '../reach.js';
import { go, to } from '../route.js';
import { count, plain } from '../words.js';
import { FAMILY, familyColumns } from './families.js';
import { NEWEST, sessionColumns } from './sessions.js';
import { UserForm, UserState } from './users.js';

const at = (id, more = '') => `/users/${encodeURIComponent(id)}${more}`;

const ROLES = [
  ['', 'None: an ordinary user'],
  ['administrator', 'Administrator: may do everything'],
  ['support', 'Support: reads, resets passwords, ends sessions, withdraws consents'],
  ['developer', 'Developer: registers applications'],
  ['auditor', 'Auditor: reads everything, changes nothing'],
];

function RoleForm({ user, etag, close, done }) {
  const [role, setRole] = useHeld('role', user.role ?? '');
  const act = () => call('PUT', at(user.id, '/role'), { body: { role: role || null }, headers: { 'If-Match': etag } });
  return html`<${ActForm} verb="Save" busy="Saving…" act=${act} close=${close} done=${done} changed=${done}>
    ${(wrong) => html`<${Choice} label="What this user may do here and at the admin API" hint="From their next request on." value=${role} set=${setRole} options=${ROLES} error=${wrong.role} />`}
  <//>`;
}

const ends = (living) => (living === undefined ? 'Ends every session of this user' : `Ends ${living}`);

function Acts({ user, etag, living, reload, told, reset }) {
  const { id, username } = user;
  const change = (path, said) => () => call('POST', at(id, path)).then(() => told(said));
  const save = async (body) => {
    await call('PUT', at(id), { body, headers: { 'If-Match': etag } });
    forget('users', id);
    reload();
  };
  return html`<${Fragment}>
    <${Opens} label="Edit" needs="users:write">${(close) => html`<${Dialog} title=${`Edit ${username}`} close=${close}><${UserForm} user=${user} save=${save} close=${close} changed=${reload} /><//>`}<//>
    <${Opens} label="Role" needs="roles:grant">${(close) => html`<${Dialog} title=${`Role of ${username}`} close=${close}><${RoleForm} user=${user} etag=${etag} close=${close} done=${reload} /><//>`}<//>
    ${!user.disabled_at && html`<${Opens} label=${user.has_password ? 'Reset password' : 'First password'} needs="users:reset-password">${(close) => html`<${Dialog} title=${`A ${user.has_password ? 'new' : 'first'} password for ${username}`} close=${close}><${ResetForm} user=${user} close=${close} done=${reset} /><//>`}<//>`}
    ${user.disabled_at
      ? html`<${Opens} label="Enable" needs="users:write">${(close) => html`<${Confirm} title=${`Enable ${username}?`} verb="Enable the user" consequence=${html`<p>They can sign in again. What was ended stays ended.</p>`} act=${change('/enable', 'They may sign in again.')} close=${close} done=${reload} />`}<//>`
      : html`<${Opens} label="Disable" needs="users:write" kind="danger">${(close) => html`<${Confirm} title=${`Disable ${username}?`} verb="Disable the user" consequence=${html`<p>${ends(living)}, with every token that came of it, and nobody can sign in as this user until somebody enables them.</p>`} act=${change('/disable', 'They are signed out, and may not sign in.')} close=${close} done=${reload} />`}<//>`}
    <${Opens} label="Delete" needs="users:write" kind="danger">${(close) => html`<${Confirm}
      title=${`Delete ${username}?`}
      word=${username}
      verb="Delete the user"
      consequence=${html`<p>${ends(living)}, and with them all refresh tokens and what the user has allowed applications. This cannot be undone: a new user of this name would be somebody else to every application.</p>`}
      act=${() => call('DELETE', at(id), { headers: { 'If-Match': etag } })}
      close=${close}
      done=${() => go('users')}
    />`}<//>
  <//>`;
}

/** What may be done on this page. */
const ACTS = [
  ['users:write', 'change, disable and delete users'],
  ['roles:grant', 'give roles'],
  ['users:reset-password', 'reset passwords'],
  ['sessions:end', 'end sessions'],
  ['consents:withdraw', 'withdraw consents'],
];

const PROFILE = ['given_name', 'family_name', 'middle_name', 'nickname', 'gender', 'birthdate', 'zoneinfo', 'locale', 'website', 'profile', 'picture'];
const verified = (value, is) => value && html`<bdi>${value}</bdi>${is ? '' : html` <span class="aside">not verified</span>`}`;

const facts = (user) => [
  ['User name', html`<bdi>${user.username}</bdi>`],
  ['Name', user.profile.name && html`<bdi>${user.profile.name}</bdi>`],
  ['E-mail', verified(user.profile.email, user.profile.email_verified)],
  ['Telephone', verified(user.profile.phone_number, user.profile.phone_number_verified)],
  ...PROFILE.filter((name) => user.profile[name]).map((name) => [plain(name).replace(/^./, (letter) => letter.toUpperCase()), html`<bdi>${user.profile[name]}</bdi>`]),
  ['Address', user.profile.address && html`<bdi>${Object.values(user.profile.address).join(', ')}</bdi>`],
  ['State', html`<${UserState} of=${user} />${user.disabled_at && html` <span class="aside">since <${When} at=${user.disabled_at} /></span>`}`],
  ['Role', user.role ? html`<${Tag}>${user.role}<//>` : html`<span class="none">none</span>`],
  ['Groups', user.groups.length > 0 ? user.groups.map((group) => html`<a key=${group} class="chip" href=${to('users', { group })}>${group}</a> `) : html`<span class="none">none</span>`],
  ['Created', html`<${Moment} at=${user.created_at} />`],
  ['Changed', html`<${Moment} at=${user.updated_at} />`],
  ['Id (sub)', html`<code>${user.id}</code>`],
];

const DAY = 86_400;
const GOOD_FOR = [
  [String(DAY / 24), 'An hour'],
  [String(DAY), 'A day'],
  [String(7 * DAY), 'A week'],
];

function ResetForm({ user, close, done }) {
  const [good, setGood] = useHeld('good', String(DAY / 24));
  const act = () => call('POST', at(user.id, '/password-reset'), { body: { expires_in: Number(good) } });
  return html`<${ActForm} verb="Make the link" busy="Making it…" act=${act} close=${close} done=${done}>
    ${(wrong) => html`<${Fragment}>
      <p>Makes a link by which the user sets a new password; nobody else learns it. Nothing ends before they do: then all their sessions and refresh tokens end, and they sign in with the new one. A link from before is dead.</p>
      <${Choice} label="The link is good for" value=${good} set=${setGood} options=${GOOD_FOR} error=${wrong.expires_in} />
    <//>`}
  <//>`;
}

/** A link that is told once. */
const ResetLink = ({ of: { link, expires_at: until } }) =>
  html`<div class="secret" role="status"><h2>The link to a new password</h2><p>Hand it to the user by a way that reaches nobody else: whoever has it can set the password. It is shown now and never again, and is good until <${Moment} at=${until} />.</p><div class="secret-row"><code>${link}</code><${Copy} text=${link} label="Copy link" /></div></div>`;

/** The applications that a session is used for, asked for when the row is there. */
function Applications({ session }) {
  const [found, set] = useState();
  useEffect(() => {
    let here = true;
    inTurn(() => get(`/sessions/${encodeURIComponent(session)}/clients`, { limit: 20 })).then(({ clients, next }) => here && set({ some: clients.filter(({ ended_at: ended }) => !ended), next }), () => here && set(null));
    return () => (here = false);
  }, [session]);
  if (found === undefined) return html`<span class="none">…</span>`;
  if (found === null) return html`<span class="none">not known</span>`;
  const { some, next } = found;
  const named = some.map(({ client_id: id }, i) => html`<${Fragment} key=${id}>${i > 0 && ', '}<${ClientName} id=${id} /><//>`);
  return next ? html`${named}${some.length > 0 && ', '}<a href=${to(['sessions', session])}>more</a>` : some.length > 0 ? named : html`<span class="none">none</span>`;
}

const WITH_APPLICATIONS = { name: 'Applications', cell: ({ id }) => html`<${Applications} session=${id} />` };

function Consents({ user }) {
  const list = useList(at(user, '/consents'), {});
  const columns = [
    { name: 'Application', first: true, cell: ({ client_id: id }) => html`<${ClientName} id=${id} />` },
    { name: 'Allowed', cell: ({ scope }) => html`<code>${scope}</code>` },
    { name: 'When', cell: ({ granted_at: granted }) => html`<${When} at=${granted} />` },
    reaches('consents:withdraw') && {
      name: 'Withdraw it',
      unseen: true,
      cell: ({ client_id: client }) => html`<${Opens} label="Withdraw" needs="consents:withdraw" about=${client}>${(close) => html`<${Confirm}
        title="Withdraw this consent?"
        verb="Withdraw the consent"
        consequence=${html`<p><code>${client}</code> loses at once what it has of this user, tokens and its share in every session, and has to ask the user again.</p>`}
        act=${() => call('DELETE', at(user, `/consents/${encodeURIComponent(client)}`))}
        close=${close}
        done=${list.reload}
      />`}<//>`,
    },
  ].filter(Boolean);
  return html`<${Listed} of=${list} caption="Consents of this user" columns=${columns} keyOf=${({ client_id: id }) => id} empty=${html`<${Empty} title="Nothing was asked"><p>Applications of our own ask for no consent; the others have not asked this user yet.</p><//>`} />`;
}

export function User({ id }) {
  const found = useLoad(() => getVersioned(at(id)), [id]);
  const sessions = useList('/sessions', { user: id, state: 'live', sort: NEWEST });
  const families = useList('/refresh-families', { user: id, state: 'live', sort: NEWEST });
  const living = useCount('/sessions', { user: id, state: 'live' }, 'session', 'sessions:read');
  const [said, setSaid] = useState();
  const [link, setLink] = useState();
  const user = found.data?.value;
  const reload = () => {
    found.reload();
    sessions.reload();
    families.reload();
    living.reload();
  };
  const ended = ({ sessions, client_sessions: shares, refresh_families: families }) => {
    setSaid(`Ended ${counted([[sessions, 'session'], [shares, 'share of an application', 'shares of applications'], [families, ...FAMILY]])}.`);
    reload();
  };
  return html`<${Page} title=${user ? user.username : 'User'} lead=${user?.profile.name && html`<bdi>${user.profile.name}</bdi>`} back=${{ href: to('users'), text: 'Users' }} actions=${user && html`<${Acts} user=${user} etag=${found.data.etag} living=${living.text} reload=${reload} told=${setSaid} reset=${setLink} />`}>
    ${said && html`<p class="told" role="status">${said}</p>`}
    ${user?.managed_by_file && html`<p class="told">This user is declared in the settings file, which wins at the next start: change it there too.</p>`}
    ${link && html`<${ResetLink} of=${link} />`}
    ${user && !user.has_password && !link && html`<p class="told"><span><strong>There is no password yet</strong>, so nobody can sign in as this user. “First password” makes a link by which they set one.</span></p>`}
    <${Read} of=${found}>${({ value: user }) => html`<${Fragment}>
      <section class="panel" aria-label="About the user"><${Facts} of=${facts(user)} /></section>
      <div class="section-head"><h2>Signed in</h2><div class="head-actions">
        <a class="plain-link" href=${to('sessions', { user: id, state: 'ended' })}>Ended sessions</a><a class="plain-link" href=${to('events', { user: id })}>What happened</a>
        ${sessions.items?.length > 0 && html`<${Opens} label="End all" needs="sessions:end" kind="danger">${(close) => html`<${Confirm} title="End all sessions?" verb="End them all" consequence=${html`<p>${ends(living.text)}: this user is signed out everywhere, at once, and every token that came of it is dead. They may sign in again.</p>`} act=${() => call('POST', at(id, '/sessions/end'))} close=${close} done=${ended} />`}<//>`}
      </div></div>
      <${Listed} of=${sessions} caption="Sessions of this user" columns=${sessionColumns(reload, { user: false, more: [WITH_APPLICATIONS] })} empty=${html`<${Empty} title="Signed in nowhere"><p>This user has no session that has not been ended.</p><//>`} />
      <div class="section-head"><h2>Refresh token families</h2><a class="plain-link" href=${to('families', { user: id, state: 'ended' })}>Ended ones</a></div>
      <${Listed} of=${families} caption="Refresh token families of this user" columns=${familyColumns(reload, { user: false })} empty=${html`<${Empty} title="None"><p>No application keeps this user signed in by a refresh token.</p><//>`} />
      <div class="section-head"><h2>Allowed</h2></div>
      <${Consents} user=${id} />
      <${Beyond} acts=${ACTS} />
    <//>`}<//>
  <//>`;
}
