// What runs here; and for who has just begun, what to do first.
import { get, useLoad } from '../api.js';
import { html } from '../html.js';
import { at, clientId, issuer, service } from '../issuer.js';
import { Facts, Page, Read } from '../parts.js';
import { to } from '../route.js';

const DATABASES = { sqlite: 'SQLite', postgres: 'PostgreSQL' };

/** Shown as long as there is no application but the console. */
const Tour = () =>
  html`<section class="panel tour" aria-labelledby="tour">
    <h2 id="tour">${service} is ready. Three steps to the first sign-in:</h2>
    <ol>
      <li><strong>Register an application.</strong> Say where its code runs, and where people come back to. <a href=${to(['clients', 'new'])}>Register an application</a></li>
      <li><strong>Paste its code.</strong> The last page of the registration has it, for the library you like.</li>
      <li><strong>Sign in to it</strong> with your own account, and see the session <a href=${to('sessions')}>appear</a>.</li>
    </ol>
  </section>`;

export function Overview() {
  const server = useLoad((signal) => get('/server', {}, { signal }), []);
  // One more than the console itself is enough to know. Who may not read clients has no first step to make.
  const clients = useLoad((signal) => get('/clients', { limit: 2 }, { signal }), []);
  const first = clients.data && clients.data.items.every(({ id }) => id === clientId);
  return html`<${Page} title="Overview" lead="What runs here.">
    ${first && html`<${Tour} />`}
    <section class="panel" aria-labelledby="server">
      <h2 id="server">This server</h2>
      <${Read} of=${server}>${(server) => html`<${Facts}
        of=${[
          ['Issuer', html`<code>${issuer}</code>`],
          ['Discovery', html`<a href=${at('.well-known/openid-configuration')}>what applications read of it</a>`],
          ['Version', server.version],
          ['Database', DATABASES[server.database] ?? server.database],
        ]}
      />`}<//>
    </section>
  <//>`;
}
