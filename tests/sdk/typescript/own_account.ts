// An application's account page, with what openapi-typescript makes of the documents and openapi-fetch.
import { createInterface } from 'node:readline';

import createClient from 'openapi-fetch';

import type { components, paths } from './account.d.ts';
import type { paths as ProtocolPaths } from './protocol.d.ts';

type Problem = components['schemas']['Problem'];

const heard = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const settings = JSON.parse((await heard.next()).value);
const say = (step: string, what: object) => console.log(JSON.stringify({ step, ...what }));
async function open(url: string): Promise<URL> {
  console.log(JSON.stringify({ open: url }));
  return new URL((await heard.next()).value);
}

const protocol = createClient<ProtocolPaths>({ baseUrl: settings.issuer.replace(/\/$/, '') });

/** Each time the user of another browser. */
async function signedIn(): Promise<string> {
  const code = (await open(settings.sign_in)).searchParams.get('code')!;
  const { data, error } = await protocol.POST('/oauth/token', {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: { grant_type: 'authorization_code', client_id: settings.client_id, code, redirect_uri: settings.callback, code_verifier: settings.code_verifier },
  });
  if (!data) throw new Error(`no token: ${JSON.stringify(error)}`);
  return data.access_token;
}

const api = (accessToken: string) => createClient<paths>({ baseUrl: `${settings.issuer}account/api/v1`, headers: { authorization: `Bearer ${accessToken}` } });

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

const elsewhere = await signedIn();
const account = api(await signedIn());

const { username, profile, password_changeable } = granted(await account.GET('/profile'));
say('account', { username, name: profile.name ?? null, password_changeable });

const sessions = granted(await account.GET('/sessions')).items;
say('sessions', { items: sessions.map(({ id, current, applications }) => ({ id, current, applications: applications.map(({ client_id }) => client_id) })) });

const other = sessions.find(({ current }) => !current)!;
const ended = await account.POST('/sessions/{id}/end', { params: { path: { id: other.id } } });
if (ended.error) throw new Error(ended.error.detail);
say('ended', { id: other.id, answered: ended.response.status });
say('sessions_left', { ids: granted(await account.GET('/sessions')).items.map(({ id }) => id) });
say('ended_token', refused(await api(elsewhere).GET('/profile')));

say('not_found', refused(await account.GET('/sessions/{id}', { params: { path: { id: other.id } } })));
say('forbidden', refused(await account.GET('/applications')));
say('invalid', refused(await account.PUT('/password', { body: { current_password: 'not the one', new_password: 'wrong donkey battery clip' } })));
process.stdin.destroy();
