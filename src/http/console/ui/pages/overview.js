// How much happens, and what runs here.
import { get, useLoad } from '../api.js';
import { html } from '../html.js';
import { at, issuer } from '../issuer.js';
import { Facts, Page, Read } from '../parts.js';
import { Activity } from './activity.js';

const DATABASES = { sqlite: 'SQLite', postgres: 'PostgreSQL' };

export function Overview() {
  const server = useLoad((signal) => get('/server', {}, { signal }), []);
  return html`<${Page} title="Overview" lead="How much happens, and what runs here.">
    <${Activity} />
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
