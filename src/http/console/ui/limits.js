// The limits of sessions and tokens: what they are called, and rules as sentences.
import { lasts } from './words.js';

export const LIMITS = {
  session_absolute: { title: 'A session, however much it is used', says: 'a session lasts at most' },
  session_idle: { title: 'A session that is not used', says: 'a session ends when it is not used for' },
  unremembered_absolute: { title: 'A session the browser forgets, at most', says: 'a session that is not remembered lasts at most' },
  unremembered_idle: { title: 'A session the browser forgets, unused', says: 'a session that is not remembered ends when it is not used for' },
  client_session_absolute: { title: 'An application’s share, at most', says: 'an application’s share in it lasts at most' },
  client_session_idle: { title: 'An application’s share, unused', says: 'an application’s share in it ends when it is not used for' },
  refresh_absolute: { title: 'Refresh tokens, at most', says: 'refresh tokens last at most' },
  refresh_idle: { title: 'Refresh tokens, unused', says: 'refresh tokens end when they are not used for' },
  access_token: { title: 'An access token', says: 'an access token lasts' },
  id_token: { title: 'An ID token', says: 'an ID token lasts' },
  code: { title: 'An authorization code', says: 'an authorization code lasts' },
};

/** Whom a rule is for. */
export function whom({ client, group, acr } = {}) {
  const parts = [group ? `people in the group ${group}` : client || acr ? 'people' : 'everybody'];
  if (client) parts.push(`at ${client}`);
  if (acr) parts.push(`who signed in with ${acr} or better`);
  return parts.join(' ');
}

/** What a rule says: `a session lasts at most 8 hours`. */
export const says = ([limit, value]) => (value === 'unlimited' ? `the limit “${LIMITS[limit]?.title ?? limit}” is off` : `${LIMITS[limit]?.says ?? limit} ${lasts(value)}`);

/** A rule in one sentence. */
export function sentence({ selector, limits }) {
  const all = Object.entries(limits).filter(([, value]) => value).map(says);
  const told = all.length > 1 ? `${all.slice(0, -1).join(', ')} and ${all.at(-1)}` : all[0];
  return `For ${whom(selector)}, ${told}.`;
}
