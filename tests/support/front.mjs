// What stands before the server in production: TLS. Here it can also lose an answer, as networks do.
import { execFileSync } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CONFIGURATION = `
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[server]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost, DNS:*.example.test, DNS:*.other.test
extendedKeyUsage = serverAuth
`;

/** A certificate authority of two days, and a certificate of it for localhost and the hosts of `deployment.mjs`. The authority's key is not kept. */
export class Certificates {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'gatekey-certificates-'));
    const at = (name) => join(this.folder, name);
    writeFileSync(at('openssl.cnf'), CONFIGURATION);
    const make = (name, extensions, ...signer) =>
      execFileSync(
        'openssl',
        ['req', '-x509', '-config', at('openssl.cnf'), '-extensions', extensions, '-subj', `/CN=${name}`, '-days', '2', '-noenc', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`), ...signer],
        { stdio: ['ignore', 'ignore', 'pipe'] },
      );
    make('gatekey-client-tests', 'authority');
    make('localhost', 'server', '-CA', at('gatekey-client-tests.pem'), '-CAkey', at('gatekey-client-tests.key'));
    rmSync(at('gatekey-client-tests.key'));
    /** What a client has to trust. */
    this.authority = at('gatekey-client-tests.pem');
    this.key = readFileSync(at('localhost.key'));
    this.cert = readFileSync(at('localhost.pem'));
  }

  /** SHA-256 of the public key, as Chromium's command line takes it. */
  spki() {
    const key = new X509Certificate(this.cert).publicKey.export({ type: 'spki', format: 'der' });
    return createHash('sha256').update(key).digest('base64');
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Listens with TLS and hands every request on, byte for byte, to a server that speaks plain HTTP; with several, to one after the other. */
export class Front {
  /** Headers that it changes on the way, as proxies do. */
  toServer = {};
  toBrowser = {};
  /** The body of the answer that was lost. */
  lost = null;
  /** What was asked and answered: `GET /path 200`. */
  answered = [];
  /** Answers a request that is not for the server, and says whether it did. */
  own = () => false;
  /** Hears of each request when it has been answered. */
  heard = () => {};
  #losing = false;

  constructor(server, targets) {
    this.targets = targets.map((target) => new URL(target));
    this.server = server;
    this.agent = new http.Agent({ keepAlive: true });
    server.on('request', (request, answer) => this.#pass(request, answer));
  }

  static async listen(port, certificates, ...targets) {
    const server = https.createServer({ key: certificates.key, cert: certificates.cert });
    const front = new Front(server, targets);
    await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
    return front;
  }

  /** The server answers the next token request, and the client never hears of it. */
  loseNextToken() {
    this.#losing = true;
    this.lost = null;
  }

  #pass(request, answer) {
    if (this.own(request, answer)) return;
    const lose = this.#losing && request.method === 'POST' && request.url === '/oauth/token';
    if (lose) this.#losing = false;
    const { hostname, port } = this.targets[0];
    this.targets.push(this.targets.shift());
    const passed = http.request({ hostname, port, method: request.method, path: request.url, headers: { ...request.headers, ...this.toServer }, agent: this.agent }, async (answered) => {
      const chunks = [];
      for await (const chunk of answered) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      if (lose) {
        this.lost = { status: answered.statusCode, body: body.toString() };
        request.socket.destroy();
        return;
      }
      this.answered.push(`${request.method} ${request.url.split('?')[0]} ${answered.statusCode}`);
      answer.writeHead(answered.statusCode, { ...answered.headers, ...this.toBrowser });
      answer.end(body);
      this.heard({ method: request.method, path: request.url.split('?')[0], headers: request.headers, status: answered.statusCode });
    });
    passed.on('error', () => request.socket.destroy());
    request.pipe(passed);
  }

  close() {
    this.agent.destroy();
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}
