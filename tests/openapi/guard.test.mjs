// The guard against breaking changes: each change here is made on purpose to a copy of a document, and the guard must say that it breaks
// clients, by the name of the rule, or let it pass.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'gatekey-guard-'));
after(() => rmSync(folder, { recursive: true }));

const read = (name) => JSON.parse(readFileSync(join(here, '..', '..', 'openapi', `gatekey-${name}.json`), 'utf8'));
const documents = { admin: read('admin'), account: read('account'), protocol: read('protocol') };

/** What the guard says of a change to a document: its exit status, and what it printed. */
function guarded(before, after) {
  const [released, present] = ['released.json', 'present.json'].map((name) => join(folder, name));
  writeFileSync(released, JSON.stringify(before));
  writeFileSync(present, JSON.stringify(after));
  const { status, stdout, stderr } = spawnSync(join(here, 'guard'), [released, present], { encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

function changed(name, change) {
  const copy = structuredClone(documents[name]);
  change(copy);
  assert.notDeepEqual(copy, documents[name], 'the change changes something');
  return copy;
}

/** The operation of this id, wherever it is. */
function operation(document, id) {
  const all = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  const found = all.find((candidate) => candidate.operationId === id);
  assert.ok(found, id);
  return found;
}

const parameter = (document, id, name) => operation(document, id).parameters.find((candidate) => candidate.name === name);
const schema = (document, name) => document.components.schemas[name];
const without = (list, item) => list.splice(list.indexOf(item), 1);

/** What it is, in which document, how, and the rule that refuses it. */
const BREAKING = [
  ['an operation is gone', 'protocol', (d) => delete d.paths['/oauth/revoke'].post, 'api-removed-without-deprecation'],
  ['a path is gone', 'admin', (d) => delete d.paths['/server'], 'api-path-removed-without-deprecation'],
  ['an operation has another id', 'protocol', (d) => (operation(d, 'token_issue').operationId = 'token_get'), 'api-operation-id-removed'],
  ['a parameter is asked for', 'admin', (d) => (parameter(d, 'session_list', 'limit').required = true), 'request-parameter-became-required'],
  ['a parameter is gone', 'admin', (d) => without(operation(d, 'session_list').parameters, parameter(d, 'session_list', 'limit')), 'request-parameter-removed'],
  ['a parameter takes less', 'admin', (d) => (parameter(d, 'session_list', 'limit').schema.maximum = 100), 'request-parameter-max-decreased'],
  ['a parameter means another thing when it is left out', 'admin', (d) => (parameter(d, 'session_list', 'limit').schema.default = 10), 'request-parameter-default-value-changed'],
  ['a new parameter must be there', 'admin', (d) => operation(d, 'session_list').parameters.push({ name: 'new', in: 'query', required: true, schema: { type: 'string' } }), 'new-required-request-parameter'],
  ['an operation is gone', 'account', (d) => delete d.paths['/sessions/end-others'].post, 'api-removed-without-deprecation'],
  ['a member is answered no more', 'account', (d) => delete schema(d, 'Session').properties.network, 'response-optional-property-removed'],
  ['a member that must be sent is new', 'account', (d) => {
    schema(d, 'NewPassword').properties.new_password_again = { type: 'string' };
    schema(d, 'NewPassword').required.push('new_password_again');
  }, 'new-required-request-property'],
  ['another scope is needed', 'account', (d) => operation(d, 'account_show').security[0].access_token.push('account:sessions:read'), 'api-security-scope-added'],
  ['a status is answered no more', 'account', (d) => delete operation(d, 'password_change').responses['429'], 'response-non-success-status-removed'],
  ['a member must be sent', 'protocol', (d) => schema(d, 'TokenRequest').required.push('client_id'), 'request-property-became-required'],
  ['a choice is gone', 'protocol', (d) => without(schema(d, 'TokenRequest').properties.grant_type.enum, 'client_credentials'), 'request-property-enum-value-removed'],
  ['a member is answered no more', 'protocol', (d) => delete schema(d, 'TokenResponse').properties.session_expires_at, 'response-optional-property-removed'],
  [
    'a member that was always there is answered no more',
    'protocol',
    (d) => {
      delete schema(d, 'TokenResponse').properties.expires_in;
      without(schema(d, 'TokenResponse').required, 'expires_in');
    },
    'response-required-property-removed',
  ],
  ['a member may be missing', 'protocol', (d) => without(schema(d, 'TokenResponse').required, 'expires_in'), 'response-property-became-optional'],
  ['a member is of another type', 'protocol', (d) => (schema(d, 'TokenResponse').properties.expires_in = { type: 'string' }), 'response-property-type-changed'],
  ['an answer has a new choice', 'protocol', (d) => schema(d, 'TokenResponse').properties.token_type.enum.push('N_A'), 'response-property-enum-value-added'],
  ['a status is answered no more', 'protocol', (d) => delete operation(d, 'token_issue').responses['503'], 'response-non-success-status-removed'],
  ['a header is answered no more', 'protocol', (d) => delete operation(d, 'token_issue').responses['401'].headers['WWW-Authenticate'], 'required-response-header-removed'],
  ['another kind of body is answered', 'protocol', (d) => delete operation(d, 'userinfo_show').responses['200'].content['application/jwt'], 'response-media-type-removed'],
  ['another scope is needed', 'admin', (d) => operation(d, 'session_list').security[0].access_token.push('server:read'), 'api-security-scope-added'],
  ['a scope is needed no more', 'admin', (d) => (operation(d, 'session_list').security[0].access_token = []), 'api-security-scope-removed'],
  ['nobody is asked who they are', 'admin', (d) => delete operation(d, 'session_list').security, 'api-security-anonymous-access-added'],
  ['everybody is asked who they are', 'protocol', (d) => without(operation(d, 'token_issue').security, operation(d, 'token_issue').security.at(-1)), 'api-security-anonymous-access-removed'],
];

const HARMLESS = [
  ['a new operation', 'admin', (d) => (d.paths['/new'] = { get: { ...operation(d, 'server_show'), operationId: 'new_show' } })],
  ['a new parameter that may be left out', 'admin', (d) => operation(d, 'session_list').parameters.push({ name: 'new', in: 'query', schema: { type: 'string' } })],
  ['a new member that may be left out', 'protocol', (d) => (schema(d, 'TokenRequest').properties.audience = { type: 'string' })],
  ['a new member of an answer', 'account', (d) => (schema(d, 'Session').properties.device = { type: 'string' })],
  ['a new operation', 'account', (d) => (d.paths['/new'] = { get: { ...operation(d, 'account_show'), operationId: 'new_show' } })],
  ['a new choice', 'protocol', (d) => schema(d, 'TokenRequest').properties.grant_type.enum.push('urn:ietf:params:oauth:grant-type:device_code')],
  ['a new member of an answer', 'protocol', (d) => (schema(d, 'TokenResponse').properties.more = { type: 'string' })],
  ['a parameter that need not be sent any more takes more', 'admin', (d) => (parameter(d, 'session_list', 'limit').schema.maximum = 500)],
  ['other words', 'protocol', (d) => (operation(d, 'token_issue').description = 'Other words.')],
  ['another example', 'protocol', (d) => (schema(d, 'TokenResponse').example.expires_in = 60)],
  ['a newer version', 'protocol', (d) => (d.info.version = '9.9.9')],
];

test('the documents break no client of those last released', () => {
  const { status, stdout, stderr } = spawnSync(join(here, 'guard'), { encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /gatekey-admin\.json/);
  assert.match(stdout, /gatekey-account\.json/);
  assert.match(stdout, /gatekey-protocol\.json/);
});

test('a document breaks nothing of itself', () => {
  for (const document of Object.values(documents)) {
    const { status, said } = guarded(document, document);
    assert.equal(status, 0, said);
  }
});

for (const [what, name, change, rule] of BREAKING) {
  test(`breaks: ${what} (${name})`, () => {
    const { status, said } = guarded(documents[name], changed(name, change));
    assert.equal(status, 1, said);
    assert.match(said, new RegExp(`\\[${rule}\\]`));
  });
}

for (const [what, name, change] of HARMLESS) {
  test(`breaks nothing: ${what} (${name})`, () => {
    const { status, said } = guarded(documents[name], changed(name, change));
    assert.equal(status, 0, said);
  });
}

test('what is no document is not let pass', () => {
  assert.notEqual(guarded(documents.admin, {}).status, 0);
  assert.notEqual(spawnSync(join(here, 'guard'), [join(folder, 'none.json'), join(folder, 'none.json')]).status, 0);
});
