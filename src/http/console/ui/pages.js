// The pages there are, in the order of the navigation.
import { html } from './html.js';
import { Empty, Page } from './parts.js';
import { Clients } from './pages/clients.js';
import { Lifetimes } from './pages/lifetimes.js';
import { Overview } from './pages/overview.js';
import { Sessions } from './pages/sessions.js';

export const PAGES = [
  { id: 'overview', title: 'Overview', view: Overview },
  { id: 'sessions', title: 'Sessions', view: Sessions },
  { id: 'clients', title: 'Clients', view: Clients },
  { id: 'lifetimes', title: 'Lifetimes', view: Lifetimes },
];

export const Nowhere = () => html`<${Page} title="There is no such page"><${Empty} title="Nothing is at this address"><p><a href="#/">To the overview</a></p><//><//>`;
