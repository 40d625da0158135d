// What a list is narrowed down by, in the address: a search, and choices.
import { html, useEffect, useRef, useState } from './html.js';
import { Icon } from './parts.js';
import { refine } from './route.js';

/** Asked when the typing rests, not with each letter. `value`: what the address has. */
export function Search({ label, placeholder, value = '' }) {
  const [text, set] = useState(value);
  const asked = useRef(value);
  useEffect(() => {
    const found = setTimeout(() => text.trim() !== asked.current && refine({ search: (asked.current = text.trim()) }), 200);
    return () => clearTimeout(found);
  }, [text]);
  // By a link, say: what is in the field is what is searched for.
  useEffect(() => {
    if (value !== asked.current) set((asked.current = value));
  }, [value]);
  return html`<div class="search"><${Icon} name="search" /><input type="search" aria-label=${label} placeholder=${placeholder} value=${text} maxlength="254" spellcheck="false" autocomplete="off" autocapitalize="off" onInput=${({ target }) => set(target.value)} /></div>`;
}

/** One of `options`, each its word in the address (`name`) and what it is called. */
export const Choice = ({ name, label, value = '', options }) =>
  html`<select aria-label=${label} value=${value} onChange=${({ target }) => refine({ [name]: target.value })}>${options.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}</select>`;
