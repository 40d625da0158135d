// What a session lives through, drawn: how long each thing lasts from signing in, side by side. Lengths are on a scale of roots, so that five
// minutes can be seen beside two weeks.
import { html } from './html.js';
import { lasts, seconds } from './words.js';

const WIDTH = 640;
const LEFT = 150;
const ROW = 34;

const ROWS = [
  ['Session', 'session_absolute', 'session_idle'],
  ['Application', 'client_session_absolute', 'client_session_idle'],
  ['Refresh tokens', 'refresh_absolute', 'refresh_idle'],
  ['Access token', 'access_token', null],
];

/** `limits`: a duration for each name of a limit. */
export function Timeline({ limits }) {
  const rows = ROWS.filter(([, name]) => limits[name]);
  const finite = rows.flatMap(([, ...names]) => names.map((name) => name && seconds(limits[name]))).filter(Number.isFinite);
  const longest = Math.max(...finite, 60);
  const open = rows.some(([, name]) => seconds(limits[name]) === Infinity);
  const room = WIDTH - LEFT - (open ? 40 : 12);
  const x = (length) => (length === Infinity ? WIDTH - LEFT : Math.max(4, room * Math.cbrt(length / longest)));
  const told = rows.map(([title, most, idle]) => `${title}: ${lasts(limits[most])}${idle && limits[idle] ? `, unused ${lasts(limits[idle])}` : ''}`);
  const height = rows.length * ROW + 26;
  return html`<figure class="timeline">
    <svg viewBox=${`0 0 ${WIDTH} ${height}`} role="img" aria-label=${`From signing in. ${told.join('. ')}.`}>
      <line class="axis" x1=${LEFT} x2=${LEFT} y1="0" y2=${height - 22} />
      <text class="tick" x=${LEFT} y=${height - 6}>signing in</text>
      ${rows.map(([title, most, idle], i) => {
        const [whole, unused] = [seconds(limits[most]), idle && limits[idle] ? seconds(limits[idle]) : undefined];
        const y = i * ROW + 5;
        const inside = x(whole) > 200;
        return html`<g key=${title}>
          <text class="what" x=${LEFT - 12} y=${y + 16}>${title}</text>
          <rect class=${whole === Infinity ? 'whole endless' : 'whole'} x=${LEFT} y=${y} width=${x(whole)} height="24" rx="3" />
          ${unused !== undefined && unused < whole && html`<rect class="unused" x=${LEFT} y=${y + 18} width=${x(unused)} height="6" rx="3" />`}
          <text class=${inside ? 'length inside' : 'length'} x=${LEFT + (inside ? 10 : x(whole) + 8)} y=${y + 13.5}>${lasts(limits[most])}${unused !== undefined && unused < whole ? `, ${lasts(limits[idle])} unused` : ''}</text>
        </g>`;
      })}
    </svg>
    <figcaption><span class="key-whole"></span>however much it is used <span class="key-unused"></span>if it is not used. Lengths are not to scale.</figcaption>
  </figure>`;
}
