// What may be done with a client as a whole, each with what it ends.
import { call } from '../api.js';
import { counted, useCount } from '../counts.js';
import { ActForm } from '../form.js';
import { useHeld } from '../held.js';
import { Fragment, html } from '../html.js';
import { forget } from '../names.js';
import { Choice, Confirm, Dialog, Opens } from '../parts.js';
import { go } from '../route.js';
import { EditForm } from './client_form.js';
import { FAMILY } from './families.js';

const at = (id, more = '') => `/clients/${encodeURIComponent(id)}${more}`;

const DAY = 86_400;
const OVERLAPS = [
  ['0', 'It is dead at once: others may know it'],
  [String(DAY / 24), 'For an hour'],
  [String(DAY), 'For a day'],
  [String(7 * DAY), 'For a week'],
  [String(30 * DAY), 'For 30 days'],
];

/** Whether a secret before the present one still works. */
export const beside = ({ previous_secret_expires_at: until }) => Boolean(until && new Date(until) > Date.now());

function SecretForm({ client, close, done }) {
  const [overlap, setOverlap] = useHeld('overlap', String(DAY));
  const act = () => call('POST', at(client.id, '/secret'), { body: { overlap: Number(overlap) } });
  return html`<${ActForm} verb="Make a new secret" busy="Making it…" kind=${overlap === '0' ? 'danger' : 'primary'} act=${act} close=${close} done=${done}>
    ${(wrong) => html`<${Fragment}>
      <p>It is shown once. What the application got already stays good.</p>
      <${Choice} label="The secret it has now" value=${overlap} set=${setOverlap} options=${OVERLAPS} error=${wrong.overlap} />
      <p>${overlap === '0' ? 'The application gets no tokens until it has the new one.' : 'Both work until then, so that nothing of the application is without one.'}${beside(client) && ' The one before it, which still works, is dead at once.'}</p>
    <//>`}
  <//>`;
}

/** `told` is given what was done, in words; `secret` a new secret. */
export function Acts({ client, etag, reload, told, secret }) {
  const { id, metadata } = client;
  const { name } = metadata;
  const machine = metadata.kind === 'machine';
  const sessions = useCount('/sessions', { client: id, state: 'live' }, 'session', 'sessions:read');
  const families = useCount('/refresh-families', { client: id, state: 'live' }, FAMILY, 'sessions:read');
  const loses = `It loses its share in ${sessions.text ?? 'every session'} and ${families.text ?? 'every refresh token family'}, and its access tokens are refused.`;
  const done = () => {
    forget('clients', id);
    reload();
    sessions.reload();
    families.reload();
  };
  const save = async (metadata) => {
    await call('PUT', at(id), { body: metadata, headers: { 'If-Match': etag } });
    done();
  };
  const change = (path, said) => () => call('POST', at(id, path), { headers: { 'If-Match': etag } }).then(() => told(said));
  const ended = ({ client_sessions: shares, refresh_families: families }) => {
    told(`Ended ${counted([[shares, 'share in a session', 'shares in sessions'], [families, ...FAMILY]])}.`);
    done();
  };
  return html`<${Fragment}>
    <${Opens} label="Edit" needs="clients:write">${(close) => html`<${Dialog} title=${`Edit ${name}`} close=${close} wide><${EditForm} metadata=${metadata} save=${save} close=${close} changed=${done} /><//>`}<//>
    ${metadata.authentication !== 'none' && html`<${Opens} label="New secret" needs="clients:write">${(close) => html`<${Dialog} title=${`A new secret for ${name}`} close=${close}><${SecretForm} client=${client} close=${close} done=${({ client_secret: made }) => (secret(made), done())} /><//>`}<//>`}
    ${beside(client) && html`<${Opens} label="End the old secret" needs="clients:write">${(close) => html`<${Confirm} title="End the old secret?" verb="End the old secret" consequence=${html`<p>Whatever of the application has not got the new secret yet gets no tokens from here on. What it got already stays good.</p>`} act=${() => call('POST', at(id, '/secret/end-previous'))} close=${close} done=${() => (told('Only the new secret works now.'), done())} />`}<//>`}
    ${!machine && html`<${Opens} label="End everything" needs="sessions:end">${(close) => html`<${Confirm} title=${`End everything that ${name} has?`} verb="End it all" consequence=${html`<p>${loses} The sessions themselves go on, so people come back into it without a password.</p>`} act=${() => call('POST', at(id, '/sessions/end'))} close=${close} done=${ended} />`}<//>`}
    ${client.disabled_at
      ? html`<${Opens} label="Enable" needs="clients:write">${(close) => html`<${Confirm} title=${`Enable ${name}?`} verb="Enable the client" consequence=${html`<p>It may ask for tokens again. What was ended stays ended.</p>`} act=${change('/enable', 'It may ask for tokens again.')} close=${close} done=${done} />`}<//>`
      : html`<${Opens} label="Disable" needs="clients:write" kind="danger">${(close) => html`<${Confirm} title=${`Disable ${name}?`} verb="Disable the client" consequence=${html`<p>${machine ? 'It gets no tokens any more, and those it has are refused.' : `${loses} Nobody can sign in to it until somebody enables it; the sessions go on for other applications.`}</p>`} act=${change('/disable', 'It gets no tokens any more, and what it had was ended.')} close=${close} done=${done} />`}<//>`}
    <${Opens} label="Delete" needs="clients:write" kind="danger">${(close) => html`<${Confirm}
      title=${`Delete ${name}?`}
      word=${id}
      verb="Delete the client"
      consequence=${html`<p>Nobody can sign in to it any more. Everything it was given ends with it: its share in ${sessions.text ?? 'every session'}, its refresh tokens, what people have allowed it, and the lifetime rules that are for it alone. This cannot be undone.</p>`}
      act=${() => call('DELETE', at(id), { headers: { 'If-Match': etag } })}
      close=${close}
      done=${() => go('clients')}
    />`}<//>
  <//>`;
}
