// How far the role of whoever is signed in reaches, so that no way is offered that leads nowhere. It decides nothing: that does the API, with each request.
import { get, state } from './api.js';
import { useEffect, useState } from './html.js';
import { gatekey } from './issuer.js';

/** The scopes of each role, as the server has them. */
const ROLES = JSON.parse(document.documentElement.dataset.roles);
const learned = new EventTarget();
/** Whose reach it is, and what they may; nothing of it: not known, and everything is offered. */
let known = {};
let learning = false;

export async function learn() {
  const sub = gatekey.claims?.sub;
  if (learning || !sub) return;
  learning = true;
  known = { sub, scopes: await get('/server').then(({ scopes }) => scopes, () => undefined) };
  learning = false;
  learned.dispatchEvent(new Event('learned'));
}

// Somebody else, or the same in another role.
gatekey?.addEventListener('change', () => known.sub && gatekey.claims && gatekey.claims.sub !== known.sub && learn());
state.addEventListener('beyond', learn);

export const reaches = (scope) => !scope || !known.scopes || known.scopes.includes(scope);

/** The same, for what is to be shown anew when it changes. */
export function useReach() {
  const [, turn] = useState({});
  useEffect(() => {
    const look = () => turn({});
    learned.addEventListener('learned', look);
    return () => learned.removeEventListener('learned', look);
  }, []);
  return reaches;
}

/** `Administrators and auditors`: who may do that. */
export function whoMay(scope) {
  const all = Object.keys(ROLES).filter((role) => ROLES[role].includes(scope)).map((role) => (role === 'support' ? 'the support' : `${role}s`));
  const told = all.length > 1 ? `${all.slice(0, -1).join(', ')} and ${all.at(-1)}` : all[0];
  return told?.replace(/^./, (letter) => letter.toUpperCase());
}
