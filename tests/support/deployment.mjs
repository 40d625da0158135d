// An issuer and an application, each at a host of its own over TLS, and a browser that keeps third-party cookies back or does not.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { LAUNCH } from './chromium.mjs';
import { Certificates, Front } from './front.mjs';
import { Gatekey, freePort } from './gatekey.mjs';

const ISSUER_HOST = 'auth.example.test';
/** Where the application is, seen from the issuer at auth.example.test. */
export const APPLICATION_HOSTS = { 'same site': 'app.example.test', 'cross-site': 'app.other.test' };
/** Below the issuer's own origin, where the proxy in front gives out the application's files. */
const SAME_ORIGIN = 'same origin';
/** Where that is, at the issuer's origin, wherever else the application is. */
export const FOLDER = '/application';
export const SHAPES = [SAME_ORIGIN, ...Object.keys(APPLICATION_HOSTS)];
/** Names that a browser has to find on this machine. */
export const HOSTS = [ISSUER_HOST, ...Object.values(APPLICATION_HOSTS)];

export class Deployment {
  /**
   * `files`: what the application serves, by path, or a function that does; `client`: TOML for more of its client, or what gives it for the application's origin;
   * `settings`: TOML for the server; `processes`: how many of the server take turns.
   * With several `shapes` the application is at all these places.
   */
  static async start(kind, { shape, shapes = [shape], files, client = '', settings = '', processes = 1 }) {
    const deployment = new Deployment();
    deployment.certificates = new Certificates();
    const port = await freePort();
    const issuerPort = await freePort();
    const place = (shape) => (shape === SAME_ORIGIN ? `https://${ISSUER_HOST}:${issuerPort}${FOLDER}` : `https://${APPLICATION_HOSTS[shape]}:${port}`);
    /** The application's address, without a slash at its end, by shape; and the first of them. */
    deployment.applications = Object.fromEntries(shapes.map((shape) => [shape, place(shape)]));
    const places = Object.values(deployment.applications);
    deployment.application = places[0];
    const list = (...paths) => JSON.stringify(places.flatMap((place) => paths.map((path) => `${place}${path}`)));
    const clients = `
[[clients]]
id = "app"
name = "The application"
kind = "spa"
first_party = true
redirect_uris = ${list('', '/', '/silent', '/oidc', '/refresh', '/gatekey')}
post_logout_redirect_uris = ${list('/', '/signed-out')}
web_origins = ${JSON.stringify(places.map((place) => new URL(place).origin))}
${typeof client === 'function' ? client(deployment.application) : client}`;
    deployment.gatekey = await Gatekey.install(kind, { clients: `${settings}${clients}`, scheme: 'https', host: ISSUER_HOST, port: issuerPort });
    deployment.issuer = deployment.gatekey.issuer;
    deployment.gatekey.createUser();
    deployment.replicas = [];
    for (let i = 0; i < processes; i++) deployment.replicas.push(await deployment.gatekey.replica());
    deployment.front = await Front.listen(deployment.gatekey.port, deployment.certificates, ...deployment.replicas.map((replica) => replica.url));
    const { key, cert } = deployment.certificates;
    const give = (path, request, answer) => {
      if (typeof files[path] === 'function') return files[path](request, answer, deployment);
      const [type, text] = files[path] ?? files['/'];
      answer.setHeader('content-type', type);
      answer.end(text);
    };
    const path = (request) => new URL(request.url, deployment.issuer).pathname;
    deployment.front.own = (request, answer) => {
      if (!path(request).startsWith(`${FOLDER}/`)) return false;
      give(path(request).slice(FOLDER.length), request, answer);
      return true;
    };
    deployment.server = https.createServer({ key, cert }, (request, answer) => give(path(request), request, answer));
    await new Promise((resolve, reject) => deployment.server.once('error', reject).listen(port, '127.0.0.1', resolve));
    return deployment;
  }

  async remove() {
    this.server?.closeAllConnections();
    this.server?.close();
    await this.front?.close();
    await Promise.all((this.replicas ?? []).map((replica) => replica.stop()));
    await this.gatekey?.remove();
    this.certificates?.remove();
  }
}

/** A profile of Chromium; in a private window third-party cookies are another matter. */
export class Profile {
  /**
   * `hosts`: rules of where names lead, before that all of them lead here; `args`: more of the command line;
   * `trusted`: the certificates that it takes for good without a look at who signed them, the others it refuses.
   */
  static async open(chromium, { thirdPartyCookies, hosts = [], args = [], trusted }) {
    const profile = new Profile();
    profile.folder = mkdtempSync(join(tmpdir(), 'gatekey-profile-'));
    mkdirSync(join(profile.folder, 'Default'));
    // 0: all cookies; 1: none of third parties.
    writeFileSync(join(profile.folder, 'Default', 'Preferences'), JSON.stringify({ profile: { cookie_controls_mode: thirdPartyCookies ? 0 : 1 } }));
    profile.context = await chromium.launchPersistentContext(profile.folder, {
      ...LAUNCH,
      args: [
        ...LAUNCH.args,
        `--host-resolver-rules=${[...hosts, 'MAP *.test 127.0.0.1'].join(', ')}`,
        ...(trusted ? [`--ignore-certificate-errors-spki-list=${trusted.spki()}`] : []),
        ...args,
      ],
      ignoreHTTPSErrors: !trusted,
      locale: 'en-US',
    });
    return profile;
  }

  async close() {
    await this.context?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
