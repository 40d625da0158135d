// How much happened, over time: counted by the hour, shown for a day, a week or a month.
import { get, useLoad } from '../api.js';
import { Bars, Line } from '../charts.js';
import { Fragment, html, useState } from '../html.js';
import { Empty, Read } from '../parts.js';
import { reaches } from '../reach.js';
import { to } from '../route.js';
import { number } from '../words.js';

const HOUR = 3_600_000;
const COUNTS = ['sign_ins', 'failed_sign_ins', 'silent_renewals', 'refresh_renewals', 'reuses'];

/** Where it begins, and how many hours one bar stands for: days begin at midnight, so that the first bar is whole. */
const midnight = (ago) => {
  const now = new Date();
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() - ago);
};
const RANGES = [
  ['24 hours', () => new Date(Date.now() - 23 * HOUR), 1],
  ['7 days', () => midnight(6), 6],
  ['30 days', () => midnight(29), 24],
];

const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const hour = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const both = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

/** Hours put together into bars that begin where the reader's own day, or a quarter of it, does. The one that goes on is not finished. */
export function together(points, hours) {
  const bars = [];
  let open;
  for (const point of points) {
    const at = new Date(point.at);
    const key = hours === 1 ? point.at : `${at.getFullYear()}-${at.getMonth()}-${at.getDate()}-${Math.floor(at.getHours() / hours)}`;
    if (key !== open) {
      open = key;
      bars.push({ at: point.at, said: hours === 24 ? day.format(at) : both.format(at), live_sessions: undefined, ...Object.fromEntries(COUNTS.map((name) => [name, 0])) });
    }
    const bar = bars.at(-1);
    for (const name of COUNTS) bar[name] += point[name];
    if (point.live_sessions !== undefined) bar.live_sessions = Math.max(point.live_sessions, bar.live_sessions ?? 0);
  }
  if (bars.length > 0) bars.at(-1).unfinished = true;
  return bars;
}

function Figures({ of: bars }) {
  return html`<details class="figures"><summary>The figures as a table</summary><div class="scroll"><table class="small-table">
    <caption class="unseen">How much happened</caption>
    <thead><tr>${['From', 'Sign-ins', 'Failed', 'Silent renewals', 'Renewals by refresh token', 'Reuses', 'Live sessions'].map((name) => html`<th key=${name} scope="col">${name}</th>`)}</tr></thead>
    <tbody>${bars.toReversed().map((bar) => html`<tr key=${bar.at}><th scope="row">${bar.said}${bar.unfinished && ' (not over)'}</th>${COUNTS.map((name) => html`<td key=${name}>${number(bar[name])}</td>`)}<td>${bar.live_sessions === undefined ? html`<span class="none">not counted</span>` : number(bar.live_sessions)}</td></tr>`)}</tbody>
  </table></div></details>`;
}

function Charts({ of: { points, live_sessions: live }, hours, name }) {
  const bars = together(points, hours);
  const said = (at) => (hours === 1 ? hour : day).format(new Date(at));
  const ticks = bars.length > 2 ? [said(bars[0].at), said(bars[Math.floor((bars.length - 1) / 2)].at), 'now'] : ['', 'now'];
  const span = `in ${name}`;
  const nothing = points.every((point) => COUNTS.every((count) => point[count] === 0));
  return html`<${Fragment}>
    <div class="charts">
      <${Line} title="Live sessions" points=${bars} name="live_sessions" now=${live} ticks=${ticks} span=${span} foot=${reaches('sessions:read') && html`<a href=${to('sessions')}>Who is signed in</a>`} />
      <${Bars} title="Sign-ins" points=${bars} ticks=${ticks} span=${span} series=${[['sign_ins', 'one', 'signed in'], ['failed_sign_ins', 'bad', 'failed', true]]} />
      <${Bars} title="Renewals" points=${bars} ticks=${ticks} span=${span} series=${[['silent_renewals', 'one', 'silent'], ['refresh_renewals', 'two', 'by refresh token']]} />
      <${Bars} title="Old refresh tokens that came back" points=${bars} ticks=${ticks} span=${span} series=${[['reuses', 'bad', 'came back']]} foot=${html`<a href=${to('events', { kind: 'refresh.reuse_detected' })}>Where they came from</a>`} />
    </div>
    ${nothing && html`<${Empty} title="Quiet"><p>Nobody signed in, and nothing was renewed, ${span}. What happens is counted here within a minute.</p><//>`}
    <${Figures} of=${bars} />
  <//>`;
}

export function Activity() {
  const [range, setRange] = useState(RANGES[0]);
  const [name, since, hours] = range;
  const found = useLoad((signal) => get('/statistics', { since: since().toISOString() }, { signal }), [name]);
  return html`<section aria-labelledby="activity">
    <div class="section-head"><h2 id="activity">How much happens</h2>
      <div class="choices" role="group" aria-label="Time">${RANGES.map((one) => html`<button key=${one[0]} type="button" aria-pressed=${String(one === range)} onClick=${() => setRange(one)}>${one[0]}</button>`)}</div>
    </div>
    <${Read} of=${found}>${(statistics) => html`<${Charts} of=${statistics} hours=${hours} name=${name} />`}<//>
  </section>`;
}
