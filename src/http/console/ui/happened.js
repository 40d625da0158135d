// Events, each a sentence that unfolds into all that is kept of it.
import { Fragment, html } from './html.js';
import { Facts, Icon, When } from './parts.js';
import { Said, Thing, isAlarm } from './said.js';
import { to } from './route.js';
import { plain, preciseMoment } from './words.js';

const text = (value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 1));
const Value = ({ of }) => (of === null || of === undefined ? html`<span class="none">not set</span>` : html`<code class="value">${text(of)}</code>`);
const object = (value) => (value && typeof value === 'object' && !Array.isArray(value) ? value : {});

/** What differs, as it was and as it is. */
function Changes({ before, after }) {
  const names = [...new Set([...Object.keys(object(before)), ...Object.keys(object(after))])];
  return html`<table class="small-table changes">
    <caption class="unseen">What differs</caption>
    <thead><tr><th scope="col">What</th><th scope="col">before</th><th scope="col">after</th></tr></thead>
    <tbody>${names.map((name) => html`<tr key=${name}><th scope="row">${plain(name)}</th><td><${Value} of=${object(before)[name]} /></td><td><${Value} of=${object(after)[name]} /></td></tr>`)}</tbody>
  </table>`;
}

function Whole({ event }) {
  const { before, after, ...rest } = event.detail ?? {};
  return html`<div class="whole">
    <${Facts}
      of=${[
        ['Kind', html`<code>${event.kind}</code>`],
        ['When', html`<time datetime=${event.at}>${preciseMoment(event.at)}</time>`],
        ['What', html`${plain(event.object.kind)} <${Thing} of=${event.object} />`],
        ['From', event.network && html`<code>${event.network}</code>`],
        ['Request', event.request_id && html`<code>${event.request_id}</code>`],
        ...Object.entries(rest).filter(([, value]) => value !== null && value !== false).map(([name, value]) => [plain(name).replace(/^./, (letter) => letter.toUpperCase()), html`<${Value} of=${value} />`]),
        ['Event', html`<code>${event.id}</code>`],
      ]}
    />
    ${(before !== undefined || after !== undefined) && html`<${Changes} before=${before} after=${after} />`}
    <p class="ways">${event.object.id && html`<a href=${to('events', { object: event.object.id })}>All that happened to this ${event.object.kind === 'grant' ? 'family' : plain(event.object.kind)}</a>`}${event.user_id && html`<a href=${to('events', { user: event.user_id })}>All that concerns this user</a>`}</p>
  </div>`;
}

export const Happened = ({ events }) =>
  html`<ol class="events">${events.map(
    (event) => html`<li key=${event.id} class=${isAlarm(event) ? 'event alarm' : 'event'}>
      <div class="line"><p><${Said} event=${event} /></p><${When} at=${event.at} /></div>
      <details><summary>Details<span class="unseen"> of ${event.kind}</span></summary><${Whole} event=${event} /></details>
    </li>`,
  )}</ol>`;
