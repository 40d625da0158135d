// What docs/clients.md tells application developers to write is what the tests ran.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const read = (path) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
const withoutIndentation = (text) => text.split('\n').map((line) => line.trim()).join('\n');

const parts = [...read('docs/clients.md').matchAll(/^`(tests\/(?:clients|browser)\/[^`]+)`:\n\n```\w+\n([\s\S]*?)```$/gm)];

test('every library has its part', () => {
  const shown = new Set(parts.map(([, path]) => path.split('/')[2]));
  assert.deepEqual([...shown].sort(), ['angular', 'authlib', 'go', 'keycloak', 'nimbus', 'oidc_client_ts', 'openid_client', 'openidconnect']);
});

for (const [, path, block] of parts) {
  test(`${path}: ${block.trim().split('\n')[0]}`, () => {
    assert.ok(withoutIndentation(read(path)).includes(withoutIndentation(block)), `this is not in ${path}:\n${block}`);
  });
}
