// The keys that sign tokens: which, since when, and what comes next.
import { call, get, useLoad } from '../api.js';
import { ActForm } from '../form.js';
import { useHeld } from '../held.js';
import { Fragment, html } from '../html.js';
import { Beyond, Check, Choice, Confirm, Dialog, Empty, Id, Moment, Opens, Page, Read, Table, Tag, When } from '../parts.js';
import { reaches } from '../reach.js';
import { to } from '../route.js';
import { ago, short } from '../words.js';

const ALGORITHMS = ['ES256', 'RS256', 'PS256', 'EdDSA'];

const STATES = { announced: ['', 'announced'], active: ['', 'signs'], retiring: ['over', 'retiring'], retired: ['over', 'retired'] };
const State = ({ of }) => html`<${Tag} kind=${STATES[of]?.[0] ?? ''}>${STATES[of]?.[1] ?? of}<//>`;

const inFuture = (at) => new Date(at) > Date.now();

/** What comes next for a key. */
function Next({ of: { state, active_from: from, retires_at: end } }) {
  if (state === 'announced') return html`signs <${When} at=${from} />`;
  if (state === 'active') return end ? html`signs until the next one, leaves <${When} at=${end} />` : 'signs until the next one does';
  if (state === 'retiring') return end ? html`leaves the published keys <${When} at=${end} />` : 'leaves the published keys when what it signed is over';
  return html`<span class="none">–</span>`;
}

const CONSEQUENCES = {
  announced: 'It has signed nothing yet. It leaves the published keys, within a minute everywhere, and will never sign.',
  retiring: 'It leaves the published keys, within a minute everywhere. Tokens that it signed and that are still good are refused from then on: applications ask for new ones, and what cannot renew silently leads people to sign in again.',
  retired: 'It has left the published keys already. ID tokens that it signed are no longer taken as a hint of who was signed in.',
};

/** What retiring one leads to. */
const consequence = (state, rotated) => `${CONSEQUENCES[state]}${state === 'announced' ? (rotated ? ' The server makes and announces another when one is due.' : ' Until somebody makes another, the one that signs goes on.') : ''}`;

const Retire = ({ of: { kid, state }, rotated, done }) =>
  html`<${Opens} label="Retire" needs="keys:rotate" id=${kid} about=${short(kid)}>${(close) => html`<${Confirm}
    title="Retire this key?"
    verb="Retire the key"
    consequence=${html`<p><code>${kid}</code></p><p>${consequence(state, rotated)} This cannot be undone.</p>`}
    act=${() => call('POST', `/keys/${encodeURIComponent(kid)}/retire`)}
    close=${close}
    done=${done}
  />`}<//>`;

function RotateForm({ keys, close, done }) {
  const algorithms = [...new Set([...keys.map(({ alg }) => alg), ...ALGORITHMS])];
  const [alg, setAlg] = useHeld('alg', keys.find(({ state }) => state === 'active')?.alg ?? 'ES256');
  const [now, setNow] = useHeld('now', false);
  const signing = keys.some((key) => key.alg === alg && key.state === 'active');
  const waiting = keys.find((key) => key.alg === alg && key.state === 'announced');
  const act = () => call('POST', '/keys/rotate', { body: now ? { alg, at_once: true } : { alg } });
  return html`<${ActForm} verb=${now ? 'Make a key that signs at once' : 'Make the next key'} busy="Making it…" kind=${now ? 'danger' : 'primary'} act=${act} close=${close} done=${done}>
    ${(wrong) => html`<${Fragment}>
      <${Choice} label="Algorithm" value=${alg} set=${setAlg} options=${algorithms.map((alg) => [alg, alg])} error=${wrong.alg} />
      ${waiting && !now && html`<p>One is announced already: it signs <${When} at=${waiting.active_from} />. A second one is not made beside it.</p>`}
      ${signing && html`<${Check} label="It signs at once" hint="For a key that is known to others. What checks tokens and keeps the published keys for a while refuses the first ones, until it reads them again." value=${now} set=${setNow} />`}
      <p>${now ? 'The key that signs now signs nothing more; what it has signed stays good.' : signing ? 'It is published now, and signs when everybody has had the time to read it. Nobody notices.' : 'It is the first of its algorithm, so it signs at once.'}</p>
    <//>`}
  <//>`;
}

const columns = (rotated, done) => [
  { name: 'Key', first: true, cell: ({ kid }) => html`<${Id} id=${kid} href=${to('events', { object: kid })} />` },
  { name: 'State', cell: ({ state }) => html`<${State} of=${state} />` },
  { name: 'Published', cell: ({ announced_at: at }) => html`<${When} at=${at} />` },
  { name: 'Signs', cell: ({ active_from: at }) => (inFuture(at) ? html`from <${Moment} at=${at} />` : html`since <${When} at=${at} />`) },
  { name: 'Next', cell: (key) => html`<${Next} of=${key} />` },
  ...(reaches('keys:rotate') ? [{ name: 'Retire it', unseen: true, cell: (key) => key.state !== 'active' && html`<${Retire} of=${key} rotated=${rotated} done=${done} />` }] : []),
];

/** One algorithm in a sentence. `rotated`: the server makes the next key by itself. */
function summary(keys, rotated) {
  const signs = keys.find(({ state }) => state === 'active');
  const next = keys.find(({ state }) => state === 'announced');
  if (!signs) return 'Nothing signs with it.';
  return `Signs since ${ago(signs.active_from)}${next ? `; the next one is published, and takes over ${ago(next.active_from)}.` : rotated ? '; the server makes and publishes the next one in time.' : '; the next one is made by hand.'}`.replace('since just now', 'as of just now').replace(/since (.*?) ago/, 'for $1');
}

/** Whether the server makes the next keys by itself: of some, of none, of all that sign. */
function lead(data) {
  const told = 'What tokens are signed with.';
  if (!data) return told;
  const rotated = data.rotated_by_server;
  if (rotated.length === 0) return `${told} The next key is made by hand: keys.rotate_every has no limit.`;
  const all = data.items.every(({ alg, state }) => state !== 'active' || rotated.includes(alg));
  return `${told} The server makes the next key by itself, in time${all ? '' : `, for ${rotated.join(' and ')}: what is in the settings, or what some client is given`}.`;
}

export function Keys() {
  const list = useLoad((signal) => get('/keys', {}, { signal }), []);
  const keys = list.data?.items;
  return html`<${Page}
    title="Keys"
    lead=${lead(list.data)}
    actions=${keys && html`<${Opens} label="New key" needs="keys:rotate" kind="primary">${(close) => html`<${Dialog} title="New key" close=${close}><${RotateForm} keys=${keys} close=${close} done=${list.reload} /><//>`}<//>`}
  >
    <${Read} of=${list}>${({ items, rotated_by_server: rotated }) =>
      items.length === 0
        ? html`<${Empty} title="No key"><p>Nothing can be signed yet.</p><//>`
        : [...new Set(items.map(({ alg }) => alg))].map((alg) => {
            const of = items.filter((key) => key.alg === alg);
            return html`<section key=${alg} aria-label=${alg}>
              <div class="section-head"><div><h2>${alg}</h2><p class="aside">${summary(of, rotated.includes(alg))}</p></div></div>
              <${Table} caption=${`Keys for ${alg}`} columns=${columns(rotated.includes(alg), list.reload)} rows=${of} keyOf=${({ kid }) => kid} />
            </section>`;
          })}<//>
    <${Beyond} acts=${[['keys:rotate', 'make and retire keys']]} />
  <//>`;
}
