// The kinds of clients, as whoever registers one knows them.

export const KINDS = {
  spa: { title: 'Page in a browser', text: 'A single-page application: its code runs in the browser, so it keeps no secret. Code with PKCE, refresh tokens that rotate.', example: 'http://localhost:5173/' },
  web: { title: 'Web application on a server', text: 'Pages are made on a server of yours, which keeps a secret. Code with PKCE and the secret.', example: 'http://localhost:3000/callback' },
  native: { title: 'App on a device', text: 'On a phone or a desk, or a command-line tool: no secret, any port of 127.0.0.1, or a scheme of its own.', example: 'http://127.0.0.1/callback' },
  machine: { title: 'Machine', text: 'A program that acts for itself, without a user: a job, a service. A secret, and the scopes you give it.', example: '' },
};

export const kindTitle = (kind) => KINDS[kind]?.title ?? kind;
