// For who has just begun: four steps from an issuer that nobody uses to a first session and how long it lasts. It stands above the pages, goes on by what is
// really done, can be left at any time, and does not come back.
import { get, useLoad } from './api.js';
import { html, useEffect, useState } from './html.js';
import { clientId, service } from './issuer.js';
import { reaches } from './reach.js';
import { to } from './route.js';

/** In the browser's own storage: which step, of which client. Nothing that somebody else could use. */
const KEPT = 'gatekey-console tour';
const OVER = 'over';
const moved = new EventTarget();

function kept() {
  const text = localStorage.getItem(KEPT);
  if (text === OVER) return OVER;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function keep(state) {
  localStorage.setItem(KEPT, state === OVER ? OVER : JSON.stringify(state));
  moved.dispatchEvent(new Event('moved'));
}

/** A client was registered: if that was the tour’s, it goes on with it. */
export function registered({ id, metadata }) {
  if (kept()?.step !== 1) return;
  // A machine signs nobody in.
  keep(metadata.kind === 'machine' ? OVER : { step: 2, client: id });
}

const leave = () => keep(OVER);
const LOOK = 3000;
/** How often it looks for the first sign-in: an hour, and whoever comes back begins again. */
const LOOKS = 1200;

/** Waits for the first session of the client, and goes on when it is there. */
function useFirstSession(client, found) {
  useEffect(() => {
    if (!client) return undefined;
    let left = LOOKS;
    const look = async () => {
      if (left-- <= 0) return clearInterval(timer);
      if (document.hidden) return undefined;
      const { items } = await get('/sessions', { client, limit: 1 }).catch(() => ({ items: [] }));
      return items.length > 0 && found(items[0].id);
    };
    const timer = setInterval(look, LOOK);
    look();
    return () => clearInterval(timer);
  }, [client]);
}

const STEPS = {
  1: { title: 'Register a first application', text: 'Say where its code runs, and where people come back to after signing in.', way: () => ['Register an application', to(['clients', 'new'])] },
  2: { title: 'Paste its code, and sign in to it', text: 'The code is on the page of the application. Sign in there with your own account; this goes on by itself when somebody has.', way: ({ client }) => ['Show its code', to(['clients', client])] },
  3: { title: 'Somebody is signed in', text: 'A browser that signed in is a session. See what it is used for, and when it ends.', way: ({ session }) => ['Show the session', to(['sessions', session])] },
  4: { title: 'Say how long it lasts', text: 'Rules say how long sessions and tokens last, for everybody, a group or an application; each is tried out before it is saved.', way: () => ['Show the lifetimes', to('lifetimes')] },
};

function Step({ state, here }) {
  const { step } = state;
  const { title, text, way } = STEPS[step];
  const [label, href] = way(state);
  useFirstSession(step === 2 ? state.client : undefined, (session) => keep({ ...state, step: 3, session }));
  const there = href === `#/${here.map(encodeURIComponent).join('/')}`;
  return html`<aside class="panel tour" aria-labelledby="tour">
    <p class="aside">${step === 1 ? `${service} is ready. ` : ''}First steps, ${step} of 4</p>
    <h2 id="tour">${title}</h2>
    <p role="status">${text}</p>
    <div class="tour-acts">
      ${step === 4 && there ? html`<button type="button" class="primary small-button" onClick=${leave}>Done</button>` : !there && html`<a class="primary small-button" href=${href}>${label}</a>`}
      ${step === 3 && there && html`<button type="button" class="primary small-button" onClick=${() => keep({ ...state, step: 4 })}>Go on</button>`}
      <button type="button" class="quiet" onClick=${leave}>Leave the tour</button>
    </div>
  </aside>`;
}

/** Begins where there is no application but the console, for who may register one, and nobody has left it in this browser. */
function Begin() {
  const clients = useLoad((signal) => get('/clients', { limit: 2 }, { signal }), []);
  const first = clients.data && reaches('clients:write') && clients.data.items.every(({ id }) => id === clientId);
  useEffect(() => {
    if (first) keep({ step: 1 });
  }, [first]);
  return null;
}

export function Tour({ here }) {
  const [state, set] = useState(kept);
  useEffect(() => {
    const look = () => set(kept());
    moved.addEventListener('moved', look);
    return () => moved.removeEventListener('moved', look);
  }, []);
  if (state === OVER) return null;
  return STEPS[state?.step] ? html`<${Step} key=${state.step} state=${state} here=${here} />` : html`<${Begin} />`;
}
