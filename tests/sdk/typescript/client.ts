// An application that administers the server with what openapi-typescript makes of the document and openapi-fetch.
import { createInterface } from 'node:readline';

import createClient from 'openapi-fetch';

import type { components, paths } from './admin.d.ts';

type Problem = components['schemas']['Problem'];

const heard = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const settings = JSON.parse((await heard.next()).value);
const say = (step: string, what: object) => console.log(JSON.stringify({ step, ...what }));

async function token(scope: string) {
  const answer = await fetch(`${settings.issuer}oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${settings.client_id}:${settings.client_secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: 'urn:gatekey:admin', scope }),
  });
  return (await answer.json()) as { access_token: string; token_type: string; scope: string };
}

const api = (accessToken: string) => createClient<paths>({ baseUrl: `${settings.issuer}admin/api/v1`, headers: { authorization: `Bearer ${accessToken}` } });

/** What was said instead of what was asked for: typed by the document, so nothing here is cast. */
function refused({ data, error, response }: { data?: unknown; error?: Problem; response: Response }) {
  if (error === undefined) throw new Error(`${response.status} is no refusal: ${JSON.stringify(data)}`);
  const { type, title, status, detail } = error;
  return { answered: response.status, type, title, status, detail };
}

/** What was asked for, or an end with what was said instead. */
function granted<T>({ data, error, response }: { data?: T; error?: Problem; response: Response }): T {
  if (data === undefined) throw new Error(`${response.status}: ${error?.type}: ${error?.detail}`);
  return data;
}

const all = await token(settings.scope);
say('token', { token_type: all.token_type, scope: all.scope });
const admin = api(all.access_token);

const { version, issuer, database } = granted(await admin.GET('/server'));
say('server', { version, issuer, database });

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
