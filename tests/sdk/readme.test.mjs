// openapi/README.md tells which versions are tested, and how to get them: those that are pinned here.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const read = (path) => readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8');
const readme = read('../../openapi/README.md');
const npm = Object.assign({}, ...['dependencies', 'devDependencies'].map((kind) => JSON.parse(read('typescript/package.json'))[kind]));
const pip = Object.fromEntries([...read('python/requirements.in').matchAll(/^([\w-]+)==(\S+)$/gm)].map(([, name, version]) => [name, version]));
const go = Object.fromEntries([...read('go/go.mod').matchAll(/^\s+(\S+) v(\S+)/gm)].map(([, name, version]) => [name, version]));
const jar = /openapi-generator-cli:([\d.]+)/.exec(readme)[1];

const INSTALLED = {
  'openapi-fetch': `openapi-fetch@${npm['openapi-fetch']}`,
  'openapi-typescript': `openapi-typescript@${npm['openapi-typescript']}`,
  typescript: `typescript@${npm.typescript}`,
  'openapi-python-client': `openapi-python-client==${pip['openapi-python-client']}`,
  'the runtime of Go': `github.com/oapi-codegen/runtime@v${go['github.com/oapi-codegen/runtime']}`,
  'oapi-codegen': `cmd/oapi-codegen@v${go['github.com/oapi-codegen/oapi-codegen/v2']}`,
};

for (const [tool, words] of Object.entries(INSTALLED)) test(`${tool} is installed as it is tested: ${words}`, () => assert.ok(readme.includes(words)));

test('the table has the versions that are tested', () => {
  for (const row of [
    `| openapi-typescript ${npm['openapi-typescript']} with openapi-fetch ${npm['openapi-fetch']} |`,
    `| openapi-python-client ${pip['openapi-python-client']} |`,
    `| openapi-generator ${jar}, \`rust\` with reqwest-trait |`,
    `| oapi-codegen ${go['github.com/oapi-codegen/oapi-codegen/v2']} |`,
    `| openapi-generator ${jar}, \`java\` with okhttp-gson |`,
  ]) assert.ok(readme.includes(row), row);
});

test('the file of openapi-generator that is run is the one that was got', () => {
  assert.deepEqual([...new Set([...readme.matchAll(/openapi-generator-cli-([\d.]+)\.jar/g)].map(([, version]) => version))], [jar]);
});
