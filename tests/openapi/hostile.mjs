// Sends requests that schemathesis makes of the admin API's document to a running server: what fits the document and what does not, as nobody,
// as a user without a role, as each role, and as a machine that may do everything. Run by hand (docs/testing.md):
//
//   GATEKEY_BIN=… GATEKEY_TEST_POSTGRES_URL=… SCHEMATHESIS=… node tests/openapi/hostile.mjs sqlite 100000
//
// It fails when an answer is a 5xx or is not what the document says, when an operation answers whoever has no token, or when the log tells of a
// mistake. Which role reaches what is the matrix's affair (tests/suite/admin_api/matrix.rs).
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { Gatekey } from '../support/gatekey.mjs';
import { UserAgent } from '../support/user_agent.mjs';

const [kind = 'sqlite', wanted = '100000'] = process.argv.slice(2);
const SCHEMATHESIS = process.env.SCHEMATHESIS ?? 'schemathesis';
const DOCUMENT = new URL('../../openapi/gatekey-admin.json', import.meta.url).pathname;
const document = JSON.parse(readFileSync(DOCUMENT, 'utf8'));
const SCOPES = Object.keys(document.components.securitySchemes.access_token.flows.clientCredentials.scopes);
const CALLBACK = 'http://127.0.0.1:9/callback';
const PASSWORD = 'correct horse battery staple';
const ROLES = ['auditor', 'support', 'developer', 'administrator'];
const CALLERS = ['nobody', 'no role', ...ROLES, 'machine'];

const operations = Object.values(document.paths).flatMap((methods) => Object.keys(methods)).length;

const gatekey = await Gatekey.install(kind, {
  settings: '[lifetimes]\naccess_token = "PT10H"\nid_token = "PT10H"\n\n[keys]\nannounce = "P2D"\n',
  clients: `[[clients]]\nid = "page"\nkind = "spa"\nfirst_party = true\nredirect_uris = ["${CALLBACK}"]\nresources = ["urn:gatekey:admin"]\nscope = "openid ${SCOPES.join(' ')}"\n`,
});
await gatekey.start();

/** A caller made for this batch alone: what it does to itself harms no other. */
async function token(caller, batch) {
  if (caller === 'nobody') return null;
  const name = `${caller.replace(' ', '-')}-${batch}`;
  if (caller === 'machine') {
    const made = JSON.parse(gatekey.run(['client', 'create', name, '--kind', 'machine', '--resource', 'urn:gatekey:admin', '--scope', SCOPES.join(' '), '--json']));
    const fields = { grant_type: 'client_credentials', resource: 'urn:gatekey:admin', client_id: name, client_secret: made.client_secret ?? made.secret };
    const basic = Buffer.from(`${name}:${fields.client_secret}`).toString('base64');
    const answer = await fetch(new URL('oauth/token', gatekey.issuer), {
      method: 'POST',
      headers: { authorization: `Basic ${basic}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource: 'urn:gatekey:admin', scope: SCOPES.join(' ') }),
    });
    return (await answer.json()).access_token;
  }
  gatekey.run(['user', 'create', name, ...(caller === 'no role' ? [] : ['--role', caller])], `${PASSWORD}\n`);
  const page = `page-${batch}-${caller.replace(' ', '-')}`;
  gatekey.run(['client', 'create', page, '--kind', 'spa', '--first-party', '--redirect-uri', CALLBACK, '--resource', 'urn:gatekey:admin', '--scope', `openid ${SCOPES.join(' ')}`]);
  const verifier = randomBytes(32).toString('base64url');
  const url = new URL(`authorize?${new URLSearchParams({ response_type: 'code', client_id: page, redirect_uri: CALLBACK, scope: `openid ${SCOPES.join(' ')}`, resource: 'urn:gatekey:admin', code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' })}`, gatekey.issuer);
  const left = await new UserAgent(gatekey.issuer).authorize(url, { name, password: PASSWORD });
  const answer = await fetch(new URL('oauth/token', gatekey.issuer), {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'authorization_code', client_id: page, redirect_uri: CALLBACK, code: left.searchParams.get('code'), code_verifier: verifier }),
  });
  return (await answer.json()).access_token;
}

const CHECKS = 'not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,unsupported_method,ignored_auth';

function batch(caller, bearer, seed, report) {
  const args = ['run', DOCUMENT, '--url', new URL('admin/api/v1', gatekey.issuer).href, '--checks', CHECKS, '--phases', 'examples,coverage,fuzzing', '--max-examples', process.env.EXAMPLES ?? '60', '--seed', String(seed), '--no-shrink', '--continue-on-failure', '--suppress-health-check', 'all', '--report', 'ndjson', '--report-ndjson-path', report];
  if (bearer) args.push('--header', `Authorization: Bearer ${bearer}`);
  return new Promise((resolve) => {
    const child = spawn(SCHEMATHESIS, args, { cwd: gatekey.folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stdout.on('data', (chunk) => (said += chunk));
    child.stderr.on('data', (chunk) => (said += chunk));
    child.on('exit', (code) => resolve({ code, said }));
  });
}

const total = {};
let sent = 0;
let failed = 0;
for (let round = 0; sent < Number(wanted); round++) {
  for (const caller of CALLERS) {
    const { code, said } = await batch(caller, await token(caller, round), round * CALLERS.length + CALLERS.indexOf(caller), `${gatekey.folder}/report.ndjson`);
    const count = Number(/(\d[\d,]*) generated/.exec(said)?.[1]?.replaceAll(',', '') ?? 0);
    if (!count || code > 1) {
      failed++;
      console.log(`${caller}: schemathesis ended with ${code}:\n${said.slice(-3000)}`);
    } else if (code !== 0) {
      failed++;
      console.log(`${caller}, round ${round}:\n${said.slice(said.indexOf('FAILURES'))}`);
    }
    total[caller] = (total[caller] ?? 0) + count;
    sent += count;
  }
  console.log(`${sent} requests`);
  if (failed > 3) break;
}
const mistakes = gatekey.log.split('\n').filter((line) => /server\.panicked|internal error|unavailable/.test(line));
await gatekey.remove();
console.log(`${kind}: ${sent} requests to ${operations} operations: ${Object.entries(total).map(([caller, count]) => `${caller} ${count}`).join(', ')}; ${failed} batches with failures, ${mistakes.length} mistakes in the log`);
if (mistakes.length) console.log(mistakes.slice(0, 5).join('\n'));
process.exit(failed || mistakes.length ? 1 : 0);
