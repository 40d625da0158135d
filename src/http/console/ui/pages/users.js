// Who can sign in: finding them, and making one.
import { call, useList } from '../api.js';
import { ActForm } from '../form.js';
import { Choice, Search } from '../filter.js';
import { useHeld } from '../held.js';
import { Fragment, html, useState } from '../html.js';
import { Beyond, Dialog, Empty, Listed, Opens, Page, Tag, Text, When } from '../parts.js';
import { PickGroup } from '../pick.js';
import { go, refine, to } from '../route.js';
import { User } from './user.js';

export const Users = ({ rest: [id], query }) => (id ? html`<${User} id=${id} />` : html`<${All} query=${query} />`);

export const UserState = ({ of }) => (of.disabled_at ? html`<${Tag} kind="problem">disabled<//>` : of.has_password ? html`<${Tag}>may sign in<//>` : html`<${Tag} kind="over">no password yet<//>`);

const none = html`<span class="none">–</span>`;

const columns = [
  { name: 'User', first: true, cell: ({ id, username, profile }) => html`<a href=${to(['users', id])}><bdi>${username}</bdi></a>${profile.name && html`<span class="aside"><bdi>${profile.name}</bdi></span>`}` },
  { name: 'E-mail', cell: ({ profile }) => (profile.email ? html`<bdi>${profile.email}</bdi>` : none) },
  { name: 'Groups', cell: ({ groups }) => (groups.length > 0 ? groups.join(', ') : none) },
  { name: 'Role', cell: ({ role }) => (role ? html`<${Tag}>${role}<//>` : none) },
  { name: 'State', cell: (user) => html`<${UserState} of=${user} />` },
  { name: 'Created', cell: ({ created_at: created }) => html`<${When} at=${created} />` },
];

const words = (text) => text.split(/[\s,]+/).filter(Boolean);

/** The fields that are filled in of the profile; what has none stays as it is. */
const PROFILE = [
  ['name', 'Name', 'As it is shown to others.'],
  ['email', 'E-mail'],
  ['given_name', 'Given name'],
  ['family_name', 'Family name'],
  ['phone_number', 'Telephone', 'With the country: +441134960000.'],
  ['locale', 'Language', 'Such as en or de-CH.'],
];

function profileOf(fields, before) {
  const made = { ...before };
  for (const [name] of PROFILE) {
    const value = fields[name].trim();
    if (value === (before[name] ?? '')) continue;
    if (value) made[name] = value;
    else delete made[name];
    // Another address, or number, has been proved by nobody.
    delete made[`${name}_verified`];
  }
  return made;
}

/** What is known of a user, as a form. `save` is given what the API takes. */
export function UserForm({ user, save, close, changed }) {
  const before = user?.profile ?? {};
  const [fields, set] = useHeld('fields', {
    username: user?.username ?? '',
    groups: (user?.groups ?? []).join(' '),
    verified: before.email_verified ?? false,
    ...Object.fromEntries(PROFILE.map(([name]) => [name, before[name] ?? ''])),
  });
  const field = (name) => ({ value: fields[name], set: (value) => set((fields) => ({ ...fields, [name]: value })) });
  const act = () => save({ username: fields.username.trim(), profile: profileOf(fields, before), groups: words(fields.groups) });
  const [main, more] = [PROFILE.slice(0, 2), PROFILE.slice(2)];
  return html`<${ActForm} verb=${user ? 'Save' : 'Create'} busy=${user ? 'Saving…' : 'Creating…'} act=${act} close=${close} changed=${changed}>
    ${(wrong) => {
      const ofProfile = (name) => wrong[`profile/${name}`];
      const text = ([name, label, hint]) => html`<${Text} key=${name} label=${label} hint=${hint} optional ...${field(name)} error=${ofProfile(name)} />`;
      return html`<${Fragment}>
        ${!user && html`<p>A user is made without a password, and sets it by a link that their page here makes next.</p>`}
        <${Text} label="User name" hint="What is typed to sign in; the case of letters does not matter." ...${field('username')} error=${wrong.username} required autofocus />
        ${main.map(text)}
        <${Text} label="Groups" optional hint="With spaces between. Lifetime rules may be for a group." ...${field('groups')} error=${wrong.groups} />
        <details class="more-fields"><summary>More</summary>${more.map(text)}</details>
      <//>`;
    }}
  <//>`;
}

function NewUser({ close }) {
  // The same request sent twice makes one user.
  const [key] = useState(() => crypto.randomUUID());
  const create = (body) => call('POST', '/users', { body, headers: { 'Idempotency-Key': key } }).then(({ id }) => go(['users', id]));
  return html`<${Dialog} title="New user" close=${close}><${UserForm} save=${create} close=${close} /><//>`;
}

/** By the word in the address: how the server is asked for it, and what it is called. */
const ORDERS = { newest: ['created_at_desc', 'Newest first'], oldest: ['created_at', 'Oldest first'], name: ['username', 'Name A–Z'] };

function All({ query }) {
  const { group, state, role } = query;
  const filtered = group || state || role;
  // A search has an order of its own, and by name the server has nobody but all.
  const sort = query.search ? undefined : query.sort === 'name' && filtered ? 'newest' : Object.hasOwn(ORDERS, query.sort ?? '') ? query.sort : 'newest';
  const list = useList('/users', { search: query.search, group, state, role, sort: ORDERS[sort]?.[0] });
  return html`<${Page} title="Users" lead="Who can sign in." actions=${html`<${Opens} label="New user" needs="users:write" kind="primary">${(close) => html`<${NewUser} close=${close} />`}<//>`}>
    <form class="filter" role="search" onSubmit=${(event) => event.preventDefault()}>
      <${Search} label="Search users" placeholder="Start of name or e-mail" value=${query.search} />
      <${PickGroup} bare label="Group" placeholder="Any group" id=${group} set=${(group) => refine({ group })} />
      <${Choice} name="role" label="Role" value=${role} options=${[['', 'Any role, or none'], ...['administrator', 'support', 'developer', 'auditor'].map((role) => [role, role])]} />
      <${Choice} name="state" label="State" value=${state} options=${[['', 'In any state'], ['active', 'Not disabled'], ['disabled', 'Disabled']]} />
      ${sort && html`<${Choice} name="sort" label="Order" value=${sort} options=${Object.entries(ORDERS).filter(([name]) => name !== 'name' || !filtered).map(([name, [, text]]) => [name, text])} />`}
      ${filtered && html`<a class="plain-link" href=${to('users', { search: query.search, sort: query.sort })}>All users</a>`}
      <p class="unseen" role="status">${list.items && query.search ? `${list.items.length} found` : ''}</p>
    </form>
    <${Listed}
      of=${list}
      caption="Users"
      columns=${columns}
      empty=${query.search ? html`<${Empty} title="Nobody is found"><p>No user name and no e-mail address begins with “<bdi>${query.search}</bdi>”${filtered && ', of those that the filter leaves'}.</p><//>` : filtered ? html`<${Empty} title="Nobody is found"><p>The filter leaves none.</p><//>` : html`<${Empty} title="No users yet"><p>Create the first one.</p><//>`}
    />
    <${Beyond} acts=${[['users:write', 'make and change users']]} />
  <//>`;
}
