// What is around every page: the name of the service, the ways to go, who is signed in.
import { Fragment, html, useEffect, useRef, useState } from './html.js';
import { at, logo, service, signIn, signOut } from './issuer.js';
import { Icon } from './parts.js';
import { to, useRoute } from './route.js';
import { Nowhere, PAGES } from './pages.js';
import { useReach } from './reach.js';
import { Tour } from './tour.js';

/** The key of the issuer's own pages: the name of the service is written on its blade. */
const Brand = () =>
  logo
    ? html`<a class="brand" href="#/"><img class="logo" src=${logo} alt=${service} height="40" /></a>`
    : html`<a class="brand key" href="#/">
        <svg class="bow" viewBox="0 0 52 52" width="52" height="52" aria-hidden="true"><path fill="currentColor" fill-rule="evenodd" d="M26 2a24 24 0 1 1 0 48 24 24 0 0 1 0-48Zm0 10.5A10.5 10.5 0 0 0 15.5 23v14.5h21V23A10.5 10.5 0 0 0 26 12.5Z" /></svg>
        <span class="collar" aria-hidden="true"></span>
        <span class="shaft"><span class="service"><bdi>${service}</bdi></span><span class="blade" aria-hidden="true"><svg class="bit" viewBox="0 0 40 20" width="40" height="20"><path fill="currentColor" d="M0 0h40v5h-3v11h-7V5h-4v6h-6V5h-4v9h-7V5H0Z" /></svg></span></span>
      </a>`;

/** Those that the role reaches. At the address of another the API says who can go there. */
function Ways({ here, left }) {
  const reaches = useReach();
  return html`<nav aria-label="Console"><ul>${PAGES.filter(({ within, needs }) => !within && reaches(needs)).map(
    ({ id, title }) => html`<li key=${id}><a href=${to(id === 'overview' ? [] : id)} aria-current=${here === id ? 'page' : undefined} onClick=${left}><${Icon} name=${id} />${title}</a></li>`,
  )}</ul></nav>`;
}

const Me = () => html`<div class="me"><a href=${at('account')}>Your account</a><button type="button" class="quiet" onClick=${signOut}>Sign out</button></div>`;

/** The same ways behind a button, where there is no room beside the page. */
function Menu({ here }) {
  const dialog = useRef();
  const close = () => dialog.current.close();
  return html`<${Fragment}>
    <button type="button" class="bare menu-button" aria-haspopup="dialog" onClick=${() => dialog.current.showModal()}><${Icon} name="menu" /><span class="unseen">Menu</span></button>
    <dialog ref=${dialog} class="drawer" aria-label="Menu" onClick=${({ target }) => target === dialog.current && close()}>
      <div class="drawer-body"><header><${Brand} /><button type="button" class="bare" aria-label="Close" onClick=${close}><${Icon} name="close" /></button></header><${Ways} here=${here} left=${close} /><${Me} /></div>
    </dialog>
  <//>`;
}

const Offline = () => {
  const [off, setOff] = useState(!navigator.onLine);
  useEffect(() => {
    const look = () => setOff(!navigator.onLine);
    addEventListener('online', look);
    addEventListener('offline', look);
    return () => {
      removeEventListener('online', look);
      removeEventListener('offline', look);
    };
  }, []);
  return off ? html`<p class="offline" role="status">This device is offline. What you see may be out of date.</p>` : null;
};

export function Shell() {
  const { parts, query } = useRoute();
  const [first = 'overview', ...rest] = parts;
  const page = PAGES.find(({ id }) => id === first);
  const View = page?.view ?? Nowhere;
  const place = page?.within ?? page?.id;
  const skip = (event) => {
    event.preventDefault();
    document.querySelector('main h1')?.focus();
  };
  return html`<${Fragment}>
    <a class="skip" href="#main" onClick=${skip}>Skip to the page</a>
    <div class="frame">
      <header class="side"><${Brand} /><${Menu} here=${place} /><div class="side-ways"><${Ways} here=${place} /><${Me} /></div></header>
      <main id="main"><${Offline} /><${Tour} here=${parts} /><${View} key=${parts.join('/')} rest=${rest} query=${query} /></main>
    </div>
  <//>`;
}

const Alone = ({ title, children }) => {
  useEffect(() => {
    document.title = `${title} · Console · ${service}`;
  }, [title]);
  return html`<main class="alone"><${Brand} /><h1>${title}</h1>${children}</main>`;
};

export const SignedOut = () =>
  html`<${Alone} title="You are signed out">
    <p class="lead">Sign in as an administrator to use the console of ${service}.</p>
    <div class="actions"><button type="button" class="primary" onClick=${() => signIn()}>Sign in</button></div>
  <//>`;

/** Signed in, but nobody who may administer. */
export const Stranger = () =>
  html`<${Alone} title="You are not an administrator">
    <p class="lead">You are signed in, but this account may not administer ${service}. Somebody who runs it can change that.</p>
    <div class="actions">
      <button type="button" class="primary" onClick=${() => signIn({ prompt: 'select_account' })}>Use another account</button>
      <a class="secondary" href=${at('account')}>Your account</a>
      <button type="button" class="secondary" onClick=${signOut}>Sign out</button>
    </div>
  <//>`;

const REASONS = {
  access_denied: 'The sign-in was called off.',
  network: 'The server could not be reached.',
  temporarily_unavailable: 'The server is busy. Try again in a moment.',
  invalid_response: 'The answer belonged to another request, from before this page was opened. Nothing was taken from it.',
  no_answer: 'The hidden frame that asks the server was not answered.',
};

export const Failed = ({ error }) =>
  html`<${Alone} title="You could not be signed in">
    <p class="lead">${REASONS[error.code] ?? (error.code ? 'The server refused the request of this console.' : 'The console made a mistake.')}</p>
    <p class="request"><code>${[error.code ?? error.message, error.reason].filter(Boolean).join(' · ')}</code>${error.description && html`<br />${error.description}`}</p>
    <div class="actions"><button type="button" class="primary" onClick=${() => signIn()}>Sign in</button></div>
  <//>`;

/** This address is not the issuer's own, so nobody can sign in from here. */
export const Elsewhere = ({ there, inPlace }) =>
  html`<${Alone} title="The console is at another address">
    <p class="lead">${inPlace ? 'Browsers let nobody sign in over a connection that is not secure. Open the console over https.' : html`You opened it as ${location.origin}. It works at the address of the issuer alone.`}</p>
    ${!inPlace && html`<div class="actions"><a class="primary" href=${there}>${there}</a></div>`}
  <//>`;
