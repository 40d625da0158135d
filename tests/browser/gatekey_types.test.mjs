// gatekey.d.ts, by the TypeScript compiler: what docs/gatekey-js.md shows and more is typed, and what is wrong is refused.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const TSC = join(import.meta.dirname, 'node_modules/typescript/bin/tsc');

let folder;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatekey-types-'));
  for (const name of ['gatekey.js', 'gatekey.d.ts']) copyFileSync(join(ROOT, 'src/http/gatekey_js', name), join(folder, name));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** What the compiler says of a program, as strict as it can be. */
function compiled(program) {
  writeFileSync(join(folder, 'program.ts'), `import { createClient, type Code, type Deadlines, type GatekeyError, type Way } from './gatekey.js';\nexport {};\n${program}`);
  const flags = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--target', 'es2022', '--lib', 'es2022,dom', '--module', 'esnext', '--moduleResolution', 'bundler'];
  return new Promise((resolve) => execFile(process.execPath, [TSC, ...flags, 'program.ts'], { cwd: folder }, (error, said) => resolve(said)));
}

const CLIENT = "const gatekey = createClient({ issuer: 'https://id.example.com/', clientId: 'notes' });\n";

test('what the guide shows', async () => {
  const guide = [...readFileSync(join(ROOT, 'docs/gatekey-js.md'), 'utf8').matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code);
  assert.equal(guide.length, 2);
  const shown = guide.join('').replace("import { createClient } from 'https://id.example.com/gatekey.js';", '').replaceAll("document.querySelector('", "document.querySelector<HTMLElement>('").replaceAll("').onclick", "')!.onclick");
  assert.equal(await compiled(`declare function show(code: string): void; declare let warning: number; declare function warn(): void;\n${shown}`), '');
});

test('everything there is', async () => {
  const said = await compiled(`
const gatekey = createClient({ issuer: 'https://id.example.com/', clientId: 'notes', redirectUri: 'https://notes.example.com/', scope: 'openid', resource: 'https://api.example.com/', storage: 'local', ways: ['refresh', 'frame'] });
const token: string = await gatekey.token({ minValidity: 60, force: true, redirect: false });
await gatekey.signIn({ popup: true, fedcm: false, returnTo: '/', prompt: 'login', max_age: 60, login_hint: 'ada' });
await gatekey.signOut({ returnTo: 'https://notes.example.com/', local: true });
const allowed: boolean = await gatekey.allowCookies(document.body);
const name: string | undefined = gatekey.claims?.name;
const subject: string | undefined = gatekey.claims?.sub;
const other: unknown = gatekey.claims?.['groups'];
const deadlines: Deadlines | undefined = gatekey.deadlines;
const left: number | undefined = deadlines?.session && deadlines.session - Date.now();
const way: Way | undefined = gatekey.lastWay;
const back = await gatekey.handleRedirect();
const error: GatekeyError | null | undefined = back?.error;
if (error?.code === 'login_required' && error.reason === 'cookies_blocked' && !error.transient) console.log(error.message, error.description);
const listener = (event: Event): void => console.log(event.type, token, allowed, name, subject, other, left, way, back?.returnTo);
gatekey.addEventListener('change', listener, { once: true });
gatekey.removeEventListener('change', listener);
`);
  assert.equal(said, '');
});

test('what is wrong is refused', async () => {
  const wrong = {
    "createClient({ clientId: 'notes' });": /'{ clientId: string; }' is not assignable to parameter of type 'Options'/,
    "createClient({ issuer: 'https://id.example.com/', clientId: 'notes', storage: 'cookie' });": /"cookie"' is not assignable/,
    "createClient({ issuer: 'https://id.example.com/', clientId: 'notes', ways: ['redirect'] });": /"redirect"' is not assignable/,
    'gatekey.token({ minValidity: "60" });': /'string' is not assignable to type 'number'/,
    "gatekey.lastWay = 'frame';": /read-only property/,
    'gatekey.claims = undefined;': /read-only property/,
    'gatekey.claims.sub;': /possibly 'undefined'/,
    "gatekey.addEventListener('changed', () => {});": /"changed"' is not assignable|No overload matches/,
    'const session: number = gatekey.deadlines!.session;': /'number \| undefined' is not assignable/,
  };
  // One program, so that the compiler starts once: each line has its own complaint, and no line another.
  const lines = Object.keys(wrong);
  const said = await compiled(CLIENT + lines.join('\n'));
  for (const [index, line] of lines.entries()) {
    const about = said.split('\n').filter((one) => one.startsWith(`program.ts(${index + 4},`)).join('\n');
    assert.match(about || said, wrong[line], line);
    assert.ok(about, `nothing said of: ${line}`);
  }
});
