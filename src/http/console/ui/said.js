// Events as sentences: who did what to what. A kind that is not known here, of a newer server, is told by its words.
import { counted } from './counts.js';
import { Fragment, html } from './html.js';
import { sentence, whom as whose } from './limits.js';
import { ClientName, UserName } from './names.js';
import { Id, Moment } from './parts.js';
import { to } from './route.js';
import { lasts, plain, short } from './words.js';

const ACTORS = { command_line: 'The command line', settings_file: 'The settings file', server: 'The server', anybody: 'Somebody' };

const Actor = ({ of: { kind, id } }) => (kind === 'user' ? html`<${UserName} id=${id} />` : kind === 'client' ? html`<${ClientName} id=${id} />` : (ACTORS[kind] ?? plain(kind)));

/** Where an object is shown. */
const PLACES = { user: 'users', client: 'clients', session: 'sessions', grant: 'families' };

/** What it happened to, with the way there. */
export function Thing({ of: { kind, id } }) {
  if (kind === 'user') return html`<${UserName} id=${id} />`;
  if (kind === 'client') return html`<${ClientName} id=${id} />`;
  if (kind === 'key') return html`<a href=${to('keys')}><code title=${id}>${short(id)}</code></a>`;
  if (kind === 'lifetime_policy') return html`<a href=${to('lifetimes')}>the lifetime rules</a>`;
  if (kind === 'instance') return 'the issuer';
  return PLACES[kind] && id ? html`<${Id} id=${id} href=${to([PLACES[kind], id])} />` : html`${plain(kind)}${id && html` <code>${id}</code>`}`;
}

/** The user it is about, by the name that the event itself has where the account is gone. */
const Whom = ({ of: { user_id: id, detail } }) => (id ? html`<${UserName} id=${id} />` : detail?.username ? html`<bdi>${detail.username}</bdi>` : 'somebody');

const session = (event, text = 'session') => html`<a href=${to(['sessions', event.object.id])}>${text}</a>`;
const family = (event, text = 'refresh token family') => html`<a href=${to(['families', event.object.id])}>${text}</a>`;
const atClient = ({ detail }) => detail.client && html` at <${ClientName} id=${detail.client} />`;
const named = ({ detail, object }) => (detail.username ? html`<a href=${to(['users', object.id])}><bdi>${detail.username}</bdi></a>` : html`<${Thing} of=${object} />`);

const ENDS = {
  expired_idle: (event, whom) => html`A ${session(event)} of ${whom} ended, unused for too long`,
  expired_absolute: (event, whom) => html`A ${session(event)} of ${whom} ended: its time was over`,
  superseded: (event, whom) => html`A ${session(event)} of ${whom} ended: another sign-in took its place in the browser`,
  revoked_by_client: (event, whom, who) => html`${who} gave a ${session(event)} of ${whom} back, and so ended it`,
};

/** Each is given the event, who did it and whom it concerns. */
const SAID = {
  'login.succeeded': (event, _, whom) => html`${whom} signed in${event.detail.again && ' again'}${event.detail.client && html` for <${ClientName} id=${event.detail.client} />`}: ${session(event)}`,
  'login.limit_reached': (event) => html`So many sign-ins failed that the next ones have to wait${event.detail.what && html` (counted by ${plain(event.detail.what)})`}`,
  'session.ended': (event, who, whom) => ENDS[event.detail.reason]?.(event, whom, who) ?? html`${whom} signed out: ${session(event)}`,
  'session.revoked': (event, who, whom) =>
    event.object.kind === 'session'
      ? html`${who} ended ${event.detail.client && html`the share of <${ClientName} id=${event.detail.client} /> in `}a ${session(event)} of ${whom}`
      : event.object.kind === 'client'
        ? html`${who} ended everything that <${Thing} of=${event.object} /> had`
        : html`${who} ended ${event.detail.kept ? 'all other sessions' : 'all sessions'} of ${whom}`,
  'grant.ended': (event, _, whom) => html`A ${family(event)} of ${whom}${atClient(event)} came to its end`,
  'grant.revoked': (event, who, whom) => (event.actor.kind === 'client' && event.detail.reason === 'revoked_by_client' ? html`${who} gave back the ${family(event, 'refresh tokens')} of ${whom}` : html`${who} ended a ${family(event)} of ${whom}`),
  'refresh.reuse_detected': (event, who, whom) => html`An old refresh token of ${whom} came back at ${who}: its ${family(event, 'family')} was ended`,
  'code.replayed': (event, who, whom) => html`An authorization code of ${whom} came a second time at ${who}: what it had given (${family(event)}) was ended`,
  'consent.granted': (event, _, whom) => html`${whom} allowed <${Thing} of=${event.object} /> <code>${event.detail.scope}</code>`,
  'consent.withdrawn': (event, who, whom) => html`${who} took back what ${event.actor.id && event.actor.id === event.user_id ? 'they' : whom} had allowed <${Thing} of=${event.object} />`,
  'user.created': (event, who) => html`${who} created the user ${named(event)}${event.detail.role && html`, with the role ${event.detail.role}`}`,
  'user.updated': (event, who, whom) => html`${who} changed ${changed(event)} of ${whom}`,
  'user.disabled': (_, who, whom) => html`${who} disabled ${whom}`,
  'user.enabled': (_, who, whom) => html`${who} let ${whom} in again`,
  'user.password_reset_started': (event, who, whom) => html`${who} made a link by which ${whom} sets a new password`,
  'user.password_set': (event, who, whom) => html`${event.detail.by === 'reset_link' ? html`${whom} set a new password by a link` : event.actor.id && event.actor.id === event.user_id ? html`${whom} set a new password` : html`${who} set a new password for ${whom}`}`,
  'user.deleted': (event, who) => html`${who} deleted the user <bdi>${event.detail.username ?? short(event.object.id)}</bdi>`,
  'client.created': (event, who) => html`${who} registered <${Thing} of=${event.object} />`,
  'client.updated': (event, who) => html`${who} changed ${changed(event)} of <${Thing} of=${event.object} />`,
  'client.disabled': (event, who) => html`${who} disabled <${Thing} of=${event.object} />`,
  'client.enabled': (event, who) => html`${who} enabled <${Thing} of=${event.object} />`,
  'client.secret_rotated': (event, who) => html`${who} gave <${Thing} of=${event.object} /> a new secret${event.detail.previous_secret_expires_at && html`; the one before works until <${Moment} at=${event.detail.previous_secret_expires_at} />`}`,
  'client.previous_secret_ended': (event, who) => html`${who} ended the secret before of <${Thing} of=${event.object} />`,
  'client.deleted': (event, who) => html`${who} deleted the client <code>${event.object.id}</code>`,
  'key.created': (event, who) => html`${who} made the signing key <${Thing} of=${event.object} />${event.detail.alg && ` (${event.detail.alg})`}`,
  'key.retired': (event, who) => html`${who} retired the signing key <${Thing} of=${event.object} />${event.detail.alg && ` (${event.detail.alg})`}`,
  'logout_notice.gave_up': (event, _, whom) => html`<${Thing} of=${event.object} /> could not be told that a session of ${whom} had ended, and is not tried any more`,
  'lifetime_policy.changed': ({ detail: { after, client, group, acr } }, who) =>
    html`${who} ${after ? 'set how long things last' : 'took a lifetime rule away'}: ${after ? sentence({ selector: { client, group, acr }, limits: after }).replace(/^For/, 'for').replace(/\.$/, '') : `that for ${whose({ client, group, acr })}`}`,
  'setting.changed': ({ detail: { setting, before, after } }, who) => html`${who} set <code>${setting}</code>: it was ${lasts(before)}, and is ${lasts(after)}`,
  'setup.completed': (event) => html`<${Thing} of=${event.object} /> became the first administrator, by the link of the first start`,
  'database.restored': (event) => html`The database had been put back from a copy${event.detail.why && `: ${event.detail.why}`}`,
};

/** The kinds that can be asked for. */
export const KINDS = Object.keys(SAID);

/** What was changed, by its names: `name and groups`. */
function changed({ detail: { before, after } }) {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].map(plain);
  if (names.length === 0 || names.length > 4) return 'the data';
  return names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)}` : names[0];
}

const ALARMS = new Set(['refresh.reuse_detected', 'code.replayed', 'login.limit_reached', 'logout_notice.gave_up', 'database.restored']);
export const isAlarm = ({ kind }) => ALARMS.has(kind);

export function Said({ event }) {
  const { sessions, client_sessions: shares, refresh_families: families } = event.detail ?? {};
  const told = Object.hasOwn(SAID, event.kind) && SAID[event.kind];
  const who = html`<${Actor} of=${event.actor} />`;
  const ended = counted([[sessions, 'session'], [shares, 'share of an application', 'shares of applications'], [families, 'refresh token family', 'refresh token families']]);
  return html`<${Fragment}>${told ? told(event, who, html`<${Whom} of=${event} />`) : html`${who}: ${plain(event.kind)} <${Thing} of=${event.object} />`}.${ended !== 'nothing' && html` <span class="aside">Ended ${ended}.</span>`}<//>`;
}
