// Small charts: bars of one or two amounts on each other, or a line, over time. The drawing has the shapes alone; its words are text beside it, so that they
// keep the reader's size, and say the figures to whoever does not see it.
import { html } from './html.js';
import { number } from './words.js';

const WIDTH = 600;
const HEIGHT = 120;

/** The least round number that is not below: 1, 2, 5, 10, 20, 50 … */
export function roundUp(value) {
  if (value <= 1) return 1;
  const size = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * size).find((round) => round >= value);
}

function Frame({ title, now, label, legend, most, ticks, foot, children }) {
  return html`<section class="panel chart" aria-label=${title}>
    <div class="chart-head"><h3>${title}</h3><strong>${now}</strong></div>
    ${legend && html`<p class="legend">${legend.map(([kind, text]) => html`<span key=${kind}><span class=${`swatch ${kind}`}></span>${text}</span>`)}</p>`}
    <div class="plot"><span class="most" aria-hidden="true">${number(most)}</span><svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${label}><line class="grid" x1="0" x2=${WIDTH} y1="0.5" y2="0.5" /><line class="grid" x1="0" x2=${WIDTH} y1=${HEIGHT / 2} y2=${HEIGHT / 2} />${children}<line class="ground" x1="0" x2=${WIDTH} y1=${HEIGHT - 0.5} y2=${HEIGHT - 0.5} /></svg></div>
    <p class="ticks" aria-hidden="true">${ticks.map((tick, i) => html`<span key=${i}>${tick}</span>`)}</p>
    ${foot && html`<p class="aside">${foot}</p>`}
  </section>`;
}

/** `series`: `[name, kind, text]` of what each point has; they stand on each other. */
export function Bars({ title, points, series, ticks, foot, span }) {
  const sums = series.map(([name]) => points.reduce((sum, point) => sum + point[name], 0));
  const heights = points.map((point) => series.reduce((sum, [name]) => sum + point[name], 0));
  const most = roundUp(Math.max(...heights, 1));
  const room = WIDTH / points.length;
  const label = `${title}, ${span}: ${series.map(([, , text], i) => `${number(sums[i])} ${text}`).join(', ')}. The most at once: ${number(Math.max(...heights))}.`;
  return html`<${Frame} title=${title} now=${number(sums[0] + (series.length > 1 && series[1][3] ? 0 : (sums[1] ?? 0)))} label=${label} legend=${series.length > 1 && series.map(([, kind, text]) => [kind, text])} most=${most} ticks=${ticks} foot=${foot}>
    ${points.map((point, i) => {
      let below = 0;
      return html`<g key=${point.at} class=${point.unfinished ? 'unfinished' : ''}><title>${`${point.said}: ${series.map(([name, , text]) => `${number(point[name])} ${text}`).join(', ')}`}</title><rect class="reach" x=${i * room} y="0" width=${room} height=${HEIGHT} />${series.map(([name, kind]) => {
        const height = (point[name] / most) * HEIGHT;
        below += height;
        return height > 0 && html`<rect key=${name} class=${kind} x=${i * room + room * 0.12} y=${HEIGHT - below} width=${room * 0.76} height=${Math.max(height, 1.5)} />`;
      })}</g>`;
    })}
  <//>`;
}

/** An amount that was counted now and then: a line, with gaps where nobody counted. */
export function Line({ title, points, name, now, ticks, foot, span }) {
  const known = points.filter((point) => point[name] !== undefined);
  const most = roundUp(Math.max(...known.map((point) => point[name]), now, 1));
  const room = WIDTH / points.length;
  const at = (point, i) => [i * room + room / 2, HEIGHT - (point[name] / most) * HEIGHT];
  // Pieces without a gap.
  const pieces = [];
  points.forEach((point, i) => {
    if (point[name] === undefined) return;
    if (i > 0 && points[i - 1][name] !== undefined) pieces.at(-1).push(at(point, i));
    else pieces.push([at(point, i)]);
  });
  const label = `${title}: ${number(now)} now${known.length > 0 ? `; ${span} between ${number(Math.min(...known.map((point) => point[name])))} and ${number(Math.max(...known.map((point) => point[name])))}` : ''}.`;
  return html`<${Frame} title=${title} now=${number(now)} label=${label} most=${most} ticks=${ticks} foot=${html`${known.length === 0 && 'Counted over time once an hour, and not yet in this one. '}${foot}`}>
    ${pieces.map((piece) => html`<g key=${piece[0][0]}>
      <polygon class="area" points=${[[piece[0][0], HEIGHT], ...piece, [piece.at(-1)[0], HEIGHT]].map((pair) => pair.join(',')).join(' ')} />
      ${piece.length > 1 ? html`<polyline class="line" points=${piece.map((pair) => pair.join(',')).join(' ')} />` : html`<line class="line" x1=${piece[0][0] - room / 2} x2=${piece[0][0] + room / 2} y1=${piece[0][1]} y2=${piece[0][1]} />`}
    </g>`)}
    ${points.map((point, i) => point[name] !== undefined && html`<g key=${point.at}><title>${`${point.said}: ${number(point[name])}`}</title><rect class="reach" x=${i * room} y="0" width=${room} height=${HEIGHT} /></g>`)}
  <//>`;
}
