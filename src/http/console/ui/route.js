// Where in the console one is: the fragment of the address, which no server log sees. `#/sessions?user=…` or `#/sessions/ID`.
import { useEffect, useState } from './html.js';

function here() {
  const [path, query] = location.hash.slice(1).split('?');
  return { parts: path.split('/').filter(Boolean).map(decodeURIComponent), query: Object.fromEntries(new URLSearchParams(query)) };
}

/** The address of a place. */
export function to(parts, query = {}) {
  const filled = Object.entries(query).filter(([, value]) => value);
  return `#/${[parts].flat().map(encodeURIComponent).join('/')}${filled.length > 0 ? `?${new URLSearchParams(filled)}` : ''}`;
}

export const go = (parts, query) => location.assign(to(parts, query));

/** The same place by other words (a filter, of which this much changes): going back leads past it. What does not change is as the address has it now. */
export function refine(change) {
  const { parts, query } = here();
  history.replaceState(null, '', to(parts, { ...query, ...change }));
  dispatchEvent(new HashChangeEvent('hashchange'));
}

export function useRoute() {
  const [route, set] = useState(here);
  useEffect(() => {
    const moved = () => set(here());
    addEventListener('hashchange', moved);
    return () => removeEventListener('hashchange', moved);
  }, []);
  return route;
}
