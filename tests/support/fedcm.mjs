// FedCM as an operator and a page have it: the file at the registrable domain, and the browser's question.
import { createHash } from 'node:crypto';
import https from 'node:https';

import { freePort } from './gatekey.mjs';

/** Where browsers look for the well-known file, at the port of TLS: the operator serves a copy of the issuer's there. */
export class RegistrableDomain {
  static async listen(deployment) {
    const domain = new RegistrableDomain();
    const copy = await (await fetch(new URL('.well-known/web-identity', deployment.replicas[0].url))).text();
    const { key, cert } = deployment.certificates;
    domain.server = https.createServer({ key, cert }, (request, answer) => {
      answer.statusCode = request.url === '/.well-known/web-identity' ? 200 : 404;
      answer.setHeader('content-type', 'application/json');
      answer.end(copy);
    });
    const port = await freePort();
    await new Promise((resolve, reject) => domain.server.once('error', reject).listen(port, '127.0.0.1', resolve));
    /** For the `hosts` of a profile. */
    domain.hosts = [`MAP example.test:443 127.0.0.1:${port}`];
    return domain;
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

export const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'; // RFC 7636 Appendix B
export const PARAMS = { scope: 'openid profile email', code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'), code_challenge_method: 'S256', nonce: 'n' };

/** Runs in the page: asks the browser, at once or when the button is pressed, and says what came of it. */
export async function ask({ mode, mediation, pressed, ...provider }) {
  const get = async () => {
    try {
      const { token, isAutoSelected } = await navigator.credentials.get({ identity: { providers: [provider], ...(mode ? { mode } : {}) }, mediation });
      return { token, isAutoSelected };
    } catch (error) {
      return { refused: error.name, error: error.error ?? error.code };
    }
  };
  if (!pressed) return get();
  return new Promise((resolve) => document.querySelector('button').addEventListener('click', () => resolve(get()), { once: true }));
}
