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

export class Deployment {
  /** `files`: what the application serves, by path; `client`: TOML for more of its client; `processes`: how many of the server take turns. */
  static async start(kind, { shape, files, client = '', processes = 1 }) {
    const deployment = new Deployment();
    deployment.certificates = new Certificates();
    const port = await freePort();
    deployment.application = `https://${APPLICATION_HOSTS[shape]}:${port}`;
    const clients = `
[[clients]]
id = "app"
name = "The application"
kind = "spa"
first_party = true
redirect_uris = ["${deployment.application}", "${deployment.application}/", "${deployment.application}/silent", "${deployment.application}/oidc"]
post_logout_redirect_uris = ["${deployment.application}/", "${deployment.application}/signed-out"]
web_origins = ["${deployment.application}"]
${client}`;
    deployment.gatekey = await Gatekey.install(kind, { clients, scheme: 'https', host: ISSUER_HOST });
    deployment.issuer = deployment.gatekey.issuer;
    deployment.gatekey.createUser();
    deployment.replicas = [];
    for (let i = 0; i < processes; i++) deployment.replicas.push(await deployment.gatekey.replica());
    deployment.front = await Front.listen(deployment.gatekey.port, deployment.certificates, ...deployment.replicas.map((replica) => replica.url));
    const { key, cert } = deployment.certificates;
    deployment.server = https.createServer({ key, cert }, (request, answer) => {
      const { pathname } = new URL(request.url, deployment.application);
      const [type, text] = files[pathname] ?? files['/'];
      answer.setHeader('content-type', type);
      answer.end(text);
    });
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
  static async open(chromium, { thirdPartyCookies }) {
    const profile = new Profile();
    profile.folder = mkdtempSync(join(tmpdir(), 'gatekey-profile-'));
    mkdirSync(join(profile.folder, 'Default'));
    // 0: all cookies; 1: none of third parties.
    writeFileSync(join(profile.folder, 'Default', 'Preferences'), JSON.stringify({ profile: { cookie_controls_mode: thirdPartyCookies ? 0 : 1 } }));
    profile.context = await chromium.launchPersistentContext(profile.folder, {
      ...LAUNCH,
      args: [...LAUNCH.args, '--host-resolver-rules=MAP *.test 127.0.0.1'],
      ignoreHTTPSErrors: true,
      locale: 'en-US',
    });
    return profile;
  }

  async close() {
    await this.context?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
