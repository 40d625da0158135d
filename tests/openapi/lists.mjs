// How long a page of each list takes beside a million users, sessions, refresh token families, consents and events. Run by hand on a quiet machine
// (docs/performance.md):
//
//   GATEKEY_BIN=… GATEKEY_TEST_POSTGRES_URL=… node tests/openapi/lists.mjs sqlite|postgres [ROWS]
//
// Each line is one page, asked for one request at a time over one connection: median and slowest of 40, after 5 that are not counted. It fails when a
// median is not under 20 ms.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { Agent, request } from 'node:http';
import { once } from 'node:events';

import { Gatekey } from '../support/gatekey.mjs';

const [kind = 'sqlite', rows = '1000000'] = process.argv.slice(2);
const ROWS = Number(rows);
const LIMIT_MS = 20;
const CLIENTS = 20;
/** Beside those: more than anybody has, but they are not made by sign-ins. One of fifty has lifetimes of its own. */
const REGISTERED = 10_000;
const GROUPS = 50;
const BATCH = 500;

const gatekey = await Gatekey.install(kind, {});
const document = JSON.parse(gatekey.run(['openapi']));
const scope = Object.keys(document.components.securitySchemes.access_token.flows.clientCredentials.scopes).join(' ');
gatekey.run(['migrate']);
const robot = JSON.parse(gatekey.run(['client', 'create', 'robot', '--kind', 'machine', '--resource', 'urn:gatekey:admin', '--scope', scope, '--json']));
for (let n = 0; n < CLIENTS; n++) gatekey.run(['client', 'create', `client-${n}`, '--kind', 'spa', '--redirect-uri', `https://app${n}.example.test/callback`]);

// ---- filling ----

const NOW = Date.now();
const START = NOW - 30 * 86_400_000;
/** When the nth row was made: all of them in the last month. */
const when = (n) => START + Math.floor((n * (NOW - START)) / ROWS);
const hash = (text) => createHash('sha256').update(text).digest();

/** A UUIDv7 of the time, the nth of its table. */
function uuid(table, n) {
  const bytes = hash(`${table} ${n}`).subarray(0, 16);
  bytes.writeUIntBE(when(n), 0, 6);
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  return { uuid: bytes };
}
const text = (bytes) => bytes.toString('hex').replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5');
const at = (ms) => ({ at: ms });
const bool = (value) => ({ bool: value });

const lite = (value) => {
  if (value === null) return 'NULL';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
  if (Buffer.isBuffer(value)) return `X'${value.toString('hex')}'`;
  if (value.uuid) return `X'${value.uuid.toString('hex')}'`;
  if ('at' in value) return String(value.at * 1000);
  return value.bool ? '1' : '0';
};
const pg = (value) => {
  if (value === null) return '\\N';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return value.replaceAll('\\', '\\\\');
  if (Buffer.isBuffer(value)) return `\\\\x${value.toString('hex')}`;
  if (value.uuid) return text(value.uuid);
  if ('at' in value) return new Date(value.at).toISOString();
  return value.bool ? 't' : 'f';
};

async function fill(table, columns, row) {
  const child =
    kind === 'sqlite'
      ? spawn('sqlite3', [gatekey.database.replace('sqlite://', '')], { stdio: ['pipe', 'inherit', 'inherit'] })
      : spawn('psql', ['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', gatekey.database, '--command', `COPY ${table} (${columns.join(', ')}) FROM STDIN`], { stdio: ['pipe', 'inherit', 'inherit'] });
  const ended = once(child, 'exit');
  const say = async (words) => {
    if (!child.stdin.write(words)) await once(child.stdin, 'drain');
  };
  if (kind === 'sqlite') await say('PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF;\nBEGIN;\n');
  for (let from = 0; from < ROWS; from += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, ROWS - from) }, (_, n) => row(from + n));
    if (kind === 'sqlite') await say(`INSERT INTO ${table} (${columns.join(', ')}) VALUES ${batch.map((values) => `(${values.map(lite).join(',')})`).join(',')};\n`);
    else await say(batch.map((values) => `${values.map(pg).join('\t')}\n`).join(''));
  }
  child.stdin.end(kind === 'sqlite' ? 'COMMIT;\n' : '');
  const [code] = await ended;
  if (code !== 0) throw new Error(`${table} could not be filled`);
}

// Neither the users nor the clients come in an order that an index would like.
const spread = (n) => (n * 7919) % ROWS;
const clientOf = (n) => `client-${n % CLIENTS}`;
const FACTS = '{"scope":"offline_access openid","auth_time":"2026-11-27T21:51:50.114545Z","acr":"urn:gatekey:acr:pwd"}';
const began = Date.now();
await fill('users', ['id', 'username', 'name', 'email', 'email_verified', 'password_changed_at', 'admin', 'disabled_at', 'managed_by_file', 'created_at', 'updated_at', 'group_names'], (n) => {
  const made = at(when(n));
  const group = n % 4 === 0 ? `group-${n % GROUPS}` : null;
  return [uuid('user', n), `user${String(spread(n)).padStart(7, '0')}`, `User ${n}`, `mail${spread(n)}@example.test`, bool(true), made, bool(false), n % 100 === 7 ? made : null, bool(false), made, made, group];
});
const SESSION = ['id', 'cookie_digest', 'user_id', 'created_at', 'auth_time', 'last_used_at', 'acr', 'user_agent', 'network', 'ended_at', 'end_reason', 'remembered'];
// All but one in a thousand have ended, so that whoever looks for those that live has far to look.
const ends = (n) => (n % 1000 === 0 ? [null, null] : [at(when(n)), 'logout']);
await fill('sessions', SESSION, (n) => {
  const made = at(when(n));
  return [uuid('session', n), hash(`cookie ${n}`), uuid('user', spread(n)), made, made, made, 'urn:gatekey:acr:pwd', 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', '192.0.2.7', ...ends(n), bool(true)];
});
await fill('client_sessions', ['session_id', 'client_id', 'created_at', 'last_used_at', 'ended_at', 'end_reason'], (n) => [uuid('session', n), clientOf(n), at(when(n)), at(when(n)), ...ends(n)]);
const FAMILY = ['id', 'client_id', 'user_id', 'session_id', 'grant_facts', 'offline', 'secret', 'generation', 'rotated_at', 'created_at', 'last_used_at', 'ended_at', 'end_reason'];
await fill('refresh_families', FAMILY, (n) => {
  const made = at(when(n));
  return [uuid('family', n), clientOf(n), uuid('user', spread(n)), uuid('session', n), FACTS, bool(true), hash(`family ${n}`), 3, made, made, made, ...ends(n)];
});
await fill('consents', ['user_id', 'client_id', 'scope', 'granted_at'], (n) => [uuid('user', n), clientOf(n), 'openid offline_access', at(when(n))]);
const KINDS = ['login.succeeded', 'login.succeeded', 'session.ended', 'login.succeeded', 'consent.granted', 'user.updated', 'session.revoked'];
await fill('events', ['id', 'at', 'kind', 'actor_kind', 'actor_id', 'network', 'object_kind', 'object_id', 'user_id', 'detail'], (n) => {
  const user = uuid('user', spread(n));
  const rare = n % 100_000 === 17;
  return [uuid('event', n), at(when(n)), rare ? 'refresh.reuse_detected' : KINDS[n % KINDS.length], 'user', text(user.uuid), '192.0.2.7', 'session', text(uuid('session', n).uuid), user, '{}'];
});
const registered = `WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${REGISTERED - 1})
  INSERT INTO clients (id, metadata, disabled_at, managed_by_file, created_at, updated_at)
  SELECT 'registered-' || (10000 + n), CASE WHEN n % 50 = 0 THEN replace(metadata, '"lifetimes":{}', '"lifetimes":{"access_token":"PT' || (5 + n % 7) || 'M"}') ELSE metadata END, CASE WHEN n % 1000 = 0 THEN created_at END, managed_by_file, created_at, updated_at FROM numbers, clients WHERE id = 'client-0'`;
const registering = kind === 'sqlite' ? spawn('sqlite3', [gatekey.database.replace('sqlite://', ''), registered], { stdio: ['ignore', 'inherit', 'inherit'] }) : spawn('psql', ['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', gatekey.database, '--command', registered], { stdio: ['ignore', 'inherit', 'inherit'] });
if ((await once(registering, 'exit'))[0] !== 0) throw new Error('clients could not be filled');
const settle = kind === 'sqlite' ? spawn('sqlite3', [gatekey.database.replace('sqlite://', ''), 'ANALYZE; PRAGMA wal_checkpoint(TRUNCATE);'], { stdio: 'ignore' }) : spawn('psql', [gatekey.database, '--command', 'VACUUM ANALYZE'], { stdio: 'ignore' });
await once(settle, 'exit');
console.log(`${kind}: ${ROWS} rows in each of six tables, in ${Math.round((Date.now() - began) / 1000)} s`);

// ---- measuring ----

await gatekey.start();
const basic = Buffer.from(`robot:${robot.client_secret ?? robot.secret}`).toString('base64');
const answer = await fetch(new URL('oauth/token', gatekey.issuer), {
  method: 'POST',
  headers: { authorization: `Basic ${basic}` },
  body: new URLSearchParams({ grant_type: 'client_credentials', resource: 'urn:gatekey:admin', scope }),
});
const { access_token } = await answer.json();

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
function get(path) {
  return new Promise((resolve, reject) => {
    const begun = process.hrtime.bigint();
    const asking = request(new URL(`admin/api/v1${path}`, gatekey.issuer), { agent, headers: { authorization: `Bearer ${access_token}` } }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (body += chunk));
      response.on('end', () => {
        if (response.statusCode !== 200) reject(new Error(`${path}: ${response.statusCode} ${body}`));
        else resolve({ ms: Number(process.hrtime.bigint() - begun) / 1e6, body });
      });
    });
    asking.on('error', reject);
    asking.end();
  });
}

const middle = Math.floor(ROWS / 2);
const id = (table, n) => text(uuid(table, n).uuid);
const user = id('user', spread(middle));
const { created_at } = JSON.parse((await get('/clients/registered-15000')).body);
/** Where a client in the middle of those that were registered at one moment stands. */
const moment = `time,${BigInt(Date.parse(created_at)) * 1000n + BigInt((/\.\d{3}(\d{3})/.exec(created_at) ?? [0, 0])[1])},registered-15000`;
const pages = [
  ['/server', '/settings', '/statistics', '/clients', '/keys', '/lifetime-rules', '/groups'],
  ['/users', `/users?after=${id('user', middle)}`, '/users?limit=200', '/users?search=user05', '/users?search=mail77', '/users?search=user0500001', '/users?search=nobody', `/users/${user}`],
  ['/users?group=group-4', '/users?group=group-4&limit=200', '/users?state=disabled', '/users?role=administrator', '/users?group=group-4&state=disabled', '/users?group=group-4&search=user05', '/users?search=user05&state=disabled'],
  ['/sessions', `/sessions?after=${id('session', middle)}`, '/sessions?limit=200', `/sessions?user=${user}`, '/sessions?client=client-7', `/sessions?client=client-7&after=${id('session', middle)}`],
  ['/sessions?state=live', `/sessions?state=live&after=${id('session', middle)}`, '/sessions?state=ended', '/sessions?client=client-7&state=live', `/sessions?user=${user}&client=${clientOf(middle)}`, `/sessions/${id('session', middle)}/clients`],
  ['/refresh-families', `/refresh-families?after=${id('family', middle)}`, `/refresh-families?user=${user}`, '/refresh-families?client=client-7', `/refresh-families?user=${user}&client=${clientOf(middle)}`, `/refresh-families?session=${id('session', middle)}`],
  ['/refresh-families?state=live', '/refresh-families?state=ended', '/refresh-families?client=client-7&state=live', `/refresh-families/${id('family', middle)}`],
  [`/users/${user}/consents`],
  ['/users?sort=created_at_desc', `/users?sort=created_at_desc&after=${id('user', middle)}`, '/users?sort=username', '/users?sort=username_desc', `/users?sort=username_desc&after=name.${Buffer.from('user0500000').toString('base64url')}`],
  ['/users?sort=created_at_desc&group=group-4', '/users?sort=created_at_desc&state=disabled', '/users?sort=created_at_desc&state=active', '/users?sort=created_at_desc&role=administrator', '/users?sort=created_at_desc&group=group-4&state=disabled'],
  ['', `&after=${id('session', middle)}`, `&user=${user}`, '&client=client-7', '&state=live', '&state=ended', '&client=client-7&state=live', `&user=${user}&client=${clientOf(middle)}`].map((filter) => `/sessions?sort=created_at_desc${filter}`),
  ['', `&after=${id('family', middle)}`, `&user=${user}`, '&client=client-7', '&state=live', '&client=client-7&state=live', `&user=${user}&client=${clientOf(middle)}`, `&session=${id('session', middle)}`].map((filter) => `/refresh-families?sort=created_at_desc${filter}`),
  ['', '&limit=200', '&after=registered-15000', '&search=client-7', '&search=nobody', '&state=active', '&state=disabled'].flatMap((filter) => ['id', 'id_desc'].map((sort) => `/clients?sort=${sort}${filter}`)),
  ['', '&limit=200', `&after=${moment}`, '&search=client-7', '&search=nobody', '&state=active', '&state=disabled'].flatMap((filter) => ['created_at', 'created_at_desc'].map((sort) => `/clients?sort=${sort}${filter}`)),
  ['/events', `/events?before=${id('event', middle)}`, '/events?limit=200', `/events?user=${user}`, `/events?object=${id('session', middle)}`, '/events?kind=login.succeeded', '/events?kind=refresh.reuse_detected', '/events?kind=key.retired'],
  [`/events?user=${user}&kind=refresh.reuse_detected`, `/events?user=${user}&kind=login.succeeded`, `/events?user=${user}&object=${id('session', middle)}`, `/events?object=${id('session', middle)}&kind=login.succeeded`, `/events?kind=login.succeeded&since=${new Date(NOW - 3600_000).toISOString()}`, '/events/export?limit=200'],
  ['', `&after=${id('event', middle)}`, `&user=${user}`, '&kind=login.succeeded', '&kind=refresh.reuse_detected', `&user=${user}&kind=refresh.reuse_detected`, `&since=${new Date(NOW - 3600_000).toISOString()}`].map((filter) => `/events?sort=at${filter}`),
  [`/events/export?sort=at&limit=200&after=${id('event', middle)}`, '/groups?sort=name_desc', `/users/${user}/consents?sort=client_id_desc`],
].flat();
/** What a place in the middle is asked by: what `next` of this very list begins with, and the place. */
async function placed(path) {
  const [, list, place, rest] = /^(\/(?!events).*[?&])after=([^&]*)(.*)$/.exec(path) ?? [];
  if (!place) return path;
  const { next } = JSON.parse((await get(`${list}limit=1${rest}`)).body);
  return `${list}after=${next.split('.')[0]}.${place}${rest}`;
}

const extra = (process.env.LISTS ?? '').split(' ').filter(Boolean);
let slow = 0;
for (const path of [...pages, ...extra]) {
  const times = [];
  let items = 0;
  const address = await placed(path);
  for (let turn = 0; turn < 45; turn++) {
    const { ms, body } = await get(address);
    if (turn >= 5) times.push(ms);
    else items = path.startsWith('/events/export') ? body.split('\n').length - 1 : (JSON.parse(body).items?.length ?? 1);
  }
  times.sort((one, other) => one - other);
  const median = times[times.length >> 1];
  if (median >= LIMIT_MS) slow++;
  console.log(`${median.toFixed(1).padStart(7)} ms ${times.at(-1).toFixed(1).padStart(7)} ms  ${String(items).padStart(3)}  ${path}`);
}
agent.destroy();
await gatekey.remove();
console.log(`${kind}: ${pages.length + extra.length} pages, ${slow} not under ${LIMIT_MS} ms`);
process.exit(slow ? 1 : 0);
