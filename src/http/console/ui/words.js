// Moments, spans and browsers in words.

const moments = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' });
const precise = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'long' });
const numbers = new Intl.NumberFormat('en-GB');

export const number = (value) => numbers.format(value);
/** `412 sessions`, `1 session`. */
export const count = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;
export const moment = (text) => moments.format(new Date(text));
export const preciseMoment = (text) => precise.format(new Date(text));

const UNITS = [['day', 86_400], ['hour', 3600], ['minute', 60], ['second', 1]];

/** How long ago, or how far off, in its largest unit. */
export function ago(text, now = Date.now()) {
  const seconds = Math.round((now - new Date(text)) / 1000);
  const far = Math.abs(seconds);
  if (far < 5) return 'just now';
  const [unit, size] = UNITS.find(([, size]) => far >= size);
  const said = count(Math.floor(far / size), unit);
  return seconds > 0 ? `${said} ago` : `in ${said}`;
}

/** Seconds in at most two units: `8 hours`, `1 day 12 hours`. */
export function span(seconds) {
  const parts = [];
  let rest = Math.round(seconds);
  for (const [unit, size] of UNITS) {
    const whole = Math.floor(rest / size);
    if (whole > 0) parts.push(count(whole, unit));
    rest -= whole * size;
  }
  return parts.slice(0, 2).join(' ') || '0 seconds';
}

const DURATION = /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/;

/** An ISO 8601 duration in seconds, `Infinity` for `unlimited`; nothing for what is none. */
export function seconds(duration) {
  if (duration === 'unlimited') return Infinity;
  const found = /\d/.test(duration ?? '') && DURATION.exec(duration);
  if (!found) return undefined;
  return [31_536_000, 2_592_000, 604_800, 86_400, 3600, 60, 1].reduce((sum, size, i) => sum + size * Number(found[i + 1] ?? 0), 0);
}

/** An ISO 8601 duration as people say it. */
export function lasts(duration) {
  const length = seconds(duration);
  if (length === undefined) return String(duration);
  return length === Infinity ? 'without limit' : span(length);
}

const BROWSERS = [['Edg/', 'Edge'], ['OPR/', 'Opera'], ['Firefox/', 'Firefox'], ['FxiOS/', 'Firefox'], ['CriOS/', 'Chrome'], ['Chrome/', 'Chrome'], ['Safari/', 'Safari']];
const SYSTEMS = [['iPhone', 'iOS'], ['iPad', 'iPadOS'], ['Android', 'Android'], ['Windows', 'Windows'], ['Mac OS', 'macOS'], ['CrOS', 'ChromeOS'], ['Linux', 'Linux']];

/** What a browser says of itself, for people. */
export function device(userAgent) {
  if (!userAgent) return 'A browser that says nothing of itself';
  const named = (list) => list.find(([sign]) => userAgent.includes(sign))?.[1];
  const [browser, system] = [named(BROWSERS), named(SYSTEMS)];
  if (!browser) return userAgent.length > 60 ? `${userAgent.slice(0, 60)}…` : userAgent;
  return system ? `${browser} on ${system}` : browser;
}

/** `revoked_by_admin` → `revoked by admin`. */
export const plain = (word) => String(word).replaceAll('_', ' ');

/** The last part of an id, which is what tells ids of one minute apart. */
export const short = (id) => (id.length > 14 ? `…${id.slice(-8)}` : id);
