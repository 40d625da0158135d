// An application that administers the server with what openapi-typescript makes of the document and openapi-fetch.
import { createInterface } from 'node:readline';

import createClient from 'openapi-fetch';

import type { components, paths } from './admin.d.ts';
import type { paths as ProtocolPaths } from './protocol.d.ts';

type Problem = components['schemas']['Problem'];

const heard = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const settings = JSON.parse((await heard.next()).value);
const say = (step: string, what: object) => console.log(JSON.stringify({ step, ...what }));
async function open(url: string) {
  console.log(JSON.stringify({ open: url }));
  await heard.next();
}

const basic = `Basic ${Buffer.from(`${settings.client_id}:${settings.client_secret}`).toString('base64')}`;
const protocol = createClient<ProtocolPaths>({ baseUrl: settings.issuer.replace(/\/$/, ''), headers: { authorization: basic } });

const ask = (scope: string) =>
  protocol.POST('/oauth/token', {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: { grant_type: 'client_credentials', resource: ['urn:gatekey:admin'], scope },
  });

async function token(scope: string) {
  const { data, error } = await ask(scope);
  if (!data) throw new Error(`no token: ${JSON.stringify(error)}`);
  return data;
}

const api = (accessToken: string) => createClient<paths>({ baseUrl: `${settings.issuer}admin/api/v1`, headers: { authorization: `Bearer ${accessToken}` } });

/** What was said instead of what was asked for: typed by the document, so nothing here is cast. */
function refused({ data, error, response }: { data?: unknown; error?: Problem; response: Response }) {
  if (error === undefined) throw new Error(`${response.status} is no refusal: ${JSON.stringify(data)}`);
  const { type, title, status, detail, errors } = error;
  return { answered: response.status, type, title, status, detail, members: (errors ?? []).map(({ pointer }) => pointer) };
}

/** What was asked for, or an end with what was said instead. */
function granted<T>({ data, error, response }: { data?: T; error?: Problem; response: Response }): T {
  if (data === undefined) throw new Error(`${response.status}: ${error?.type}: ${error?.detail}`);
  return data;
}

const all = await token(settings.scope);
say('token', { token_type: all.token_type, scope: all.scope });
const { error } = await ask('keys:read');
say('no_token', { error: typeof error === 'object' && 'error' in error ? error.error : null });
const admin = api(all.access_token);

const { version, issuer, database } = granted(await admin.GET('/server'));
say('server', { version, issuer, database });

const metadata: components['schemas']['ClientMetadata'] = { name: 'Notes', kind: 'spa', redirect_uris: [settings.callback], first_party: true };
const created = await admin.POST('/clients', { body: { id: 'notes', metadata } });
const { client, client_secret } = granted(created);
say('client_created', { id: client.id, kind: client.metadata.kind, grant_types: client.metadata.grant_types, secret: client_secret ?? null });
say('conflict', refused(await admin.POST('/clients', { body: { id: 'notes', metadata } })));
say('invalid', refused(await admin.POST('/clients', { body: { id: 'other', metadata: { ...metadata, redirect_uris: ['http://app.example.com/callback'] } } })));

const user: components['schemas']['UserMetadata'] = { username: 'Brenda', profile: { name: 'Brenda Example', email: 'brenda@example.com' }, groups: ['staff'] };
const once = { params: { header: { 'Idempotency-Key': 'brenda, once' } }, body: user };
const told = ({ id, username, profile: { name, email }, groups, has_password }: components['schemas']['User']) => ({ id, username, name, email, groups, has_password });
const made = granted(await admin.POST('/users', once));
say('user_created', told(made));
say('user_again', told(granted(await admin.POST('/users', once))));
say('user', told(granted(await admin.GET('/users/{id}', { params: { path: { id: made.id } } }))));
say('user_conflict', refused(await admin.POST('/users', { body: user })));

const notes = { params: { path: { id: 'notes' } } };
const read = await admin.GET('/clients/{id}', notes);
const tag = read.response.headers.get('etag')!;
const renamed = granted(await admin.PUT('/clients/{id}', { params: { ...notes.params, header: { 'If-Match': tag } }, body: { ...granted(read).metadata, name: 'Notebook' } }));
say('client_replaced', { name: renamed.metadata.name, redirect_uris: renamed.metadata.redirect_uris });
say('stale', refused(await admin.PUT('/clients/{id}', { params: { ...notes.params, header: { 'If-Match': tag } }, body: metadata })));

const rules = await admin.GET('/lifetime-rules');
const rule = granted(
  await admin.PUT('/lifetime-rules', {
    params: { header: { 'If-Match': rules.response.headers.get('etag')! } },
    body: { selector: { client: 'notes' }, limits: { session_idle: 'PT10M' } },
  }),
);
say('rule', { client: rule.selector.client, session_idle: rule.limits.session_idle });
const explained = granted(await admin.POST('/lifetime-rules/explain', { body: { client: 'notes' } }));
const idle = explained.limits.find(({ limit }) => limit === 'session_idle')!;
say('explained', { value: idle.value, candidates: idle.candidates.map(({ source, selector, value }) => ({ source, client: selector?.client ?? null, value })) });

for (let browsers = 0; browsers < 2; browsers++) await open(settings.sign_in);

const sessions: components['schemas']['Session'][] = [];
let pages = 0;
let after: string | undefined;
do {
  const page = granted(await admin.GET('/sessions', { params: { query: { limit: 1, ...(after && { after }) } } }));
  sessions.push(...page.items);
  after = page.next;
  pages++;
} while (after);
say('sessions', { pages, items: sessions.map(({ id, user_id, created_at, remembered }) => ({ id, user_id, created_at, remembered })) });

const id = sessions[0]!.id;
const shown = granted(await admin.GET('/sessions/{id}', { params: { path: { id } } }));
say('session', { id: shown.id, user_id: shown.user_id, ended_at: shown.ended_at ?? null });

const reader = api((await token('sessions:read')).access_token);
say('forbidden', refused(await reader.POST('/sessions/{id}/end', { params: { path: { id } } })));

const ended = granted(await admin.POST('/sessions/{id}/end', { params: { path: { id } } }));
say('ended', { id: ended.id, ended_at: ended.ended_at, end_reason: ended.end_reason });

say('not_found', refused(await admin.GET('/sessions/{id}', { params: { path: { id: settings.nobody } } })));
process.stdin.destroy();
