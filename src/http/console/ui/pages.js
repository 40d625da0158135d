// The pages there are, in the order of the navigation. One that is `within` another is come to from there; `needs`: the scope it reads by.
import { html } from './html.js';
import { Empty, Page } from './parts.js';
import { Clients } from './pages/clients.js';
import { Events } from './pages/events.js';
import { Families } from './pages/families.js';
import { Keys } from './pages/keys.js';
import { Lifetimes } from './pages/lifetimes.js';
import { Overview } from './pages/overview.js';
import { Sessions } from './pages/sessions.js';
import { Settings } from './pages/settings.js';
import { Users } from './pages/users.js';

export const PAGES = [
  { id: 'overview', title: 'Overview', view: Overview },
  { id: 'users', title: 'Users', needs: 'users:read', view: Users },
  { id: 'sessions', title: 'Sessions', needs: 'sessions:read', view: Sessions },
  { id: 'families', title: 'Refresh token families', view: Families, within: 'sessions' },
  { id: 'clients', title: 'Clients', needs: 'clients:read', view: Clients },
  { id: 'lifetimes', title: 'Lifetimes', needs: 'lifetimes:read', view: Lifetimes },
  { id: 'keys', title: 'Keys', needs: 'keys:read', view: Keys },
  { id: 'events', title: 'Events', needs: 'events:read', view: Events },
  { id: 'settings', title: 'Settings', needs: 'settings:read', view: Settings },
];

export const Nowhere = () => html`<${Page} title="There is no such page"><${Empty} title="Nothing is at this address"><p><a href="#/">To the overview</a></p><//><//>`;
