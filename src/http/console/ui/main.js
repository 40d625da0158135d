// The console: who is signed in, where one is, and what concerns all of it at once.
import { html, render, useEffect, useState } from './html.js';
import { putDown, takeUp } from './held.js';
import { at, begin, gatekey, inPlace } from './issuer.js';
import { Elsewhere, Failed, Shell, SignedOut, Stranger } from './shell.js';
import { state } from './api.js';
import { Dialog, Loading } from './parts.js';
import { learn } from './reach.js';
import { signIn } from './issuer.js';
import { span } from './words.js';

/** Nobody is signed in any more, or the sign-in is too long ago: what was typed stays until one leaves. */
function SignInAgain({ maxAge, close }) {
  const stale = maxAge !== undefined;
  const leave = () => {
    putDown();
    return signIn(stale ? { max_age: maxAge } : {});
  };
  return html`<${Dialog} title=${stale ? 'Confirm that it is you' : 'You are signed out'} close=${close}>
    <div class="dialog-body"><p>${
      stale
        ? html`What you are about to do takes a sign-in that is no older than ${maxAge > 0 ? span(maxAge) : 'a moment'}. Enter your password; you come back to what you are about to do, and nothing has been done yet.`
        : 'Your session has ended. Sign in again; you come back to this place.'
    }</p></div>
    <footer>
      <button type="button" class="secondary" onClick=${close}>Stay here</button>
      <button type="button" class="primary" onClick=${leave}>Sign in</button>
    </footer>
  <//>`;
}

function Console() {
  const [stage, setStage] = useState('starting');
  const [again, setAgain] = useState(null);
  useEffect(() => {
    const over = () => setAgain({});
    const stale = ({ detail }) => setAgain(detail);
    const stranger = () => setStage('stranger');
    state.addEventListener('over', over);
    state.addEventListener('stale', stale);
    state.addEventListener('stranger', stranger);
    // Another tab signed out, or in.
    gatekey.addEventListener('change', () => setAgain((again) => (gatekey.claims ? (again?.maxAge === undefined ? null : again) : again)));
    begin().then(async (stage) => {
      if (stage === 'in') {
        takeUp();
        await learn();
      }
      setStage(stage);
    }, setStage);
    return () => state.removeEventListener('over', over);
  }, []);
  if (stage === 'starting' || stage === 'leaving') return html`<div class="alone"><${Loading} what=${stage === 'starting' ? 'Starting' : 'To the sign-in page'} /></div>`;
  if (stage === 'out') return html`<${SignedOut} />`;
  if (stage === 'stranger') return html`<${Stranger} />`;
  if (stage !== 'in') return html`<${Failed} error=${stage} />`;
  return html`<${Shell} />${again && html`<${SignInAgain} maxAge=${again.maxAge} close=${() => setAgain(null)} />`}`;
}

const place = document.querySelector('#console');
place.replaceChildren();
render(gatekey ? html`<${Console} />` : html`<${Elsewhere} secure=${isSecureContext} there=${at('admin')} inPlace=${inPlace} />`, place);
