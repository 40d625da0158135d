// Runs the release binary as its users do: a folder with gatekey.toml, commands, a process that serves.
// Only Node's own modules are used here.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { promisify } from 'node:util';

const BINARY = process.env.GATEKEY_BIN;
const POSTGRES = process.env.GATEKEY_TEST_POSTGRES_URL;
if (!BINARY || !POSTGRES) throw new Error('GATEKEY_BIN and GATEKEY_TEST_POSTGRES_URL are not set: run tests/run, which sets both');

/** What a process of gatekey gets to see: its own settings begin with GATEKEY_ too. */
export const ENVIRONMENT = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GATEKEY_')));

export const DATABASES = ['sqlite', 'postgres'];

/**
 * The database of a file of tests whose subject is the browser, to which both look the same: one of the two, by the file's name. What is kept and who comes
 * first is tested on both elsewhere. `BROWSER_DATABASES=both` is for who doubts it.
 */
export function databasesOf(file) {
  if (process.env.BROWSER_DATABASES === 'both') return DATABASES;
  const letters = [...new URL(file).pathname.split('/').at(-1)];
  return [DATABASES[letters.reduce((sum, letter) => sum + letter.codePointAt(0), 0) % 2]];
}
export const USER = { name: 'alice', password: 'correct horse battery staple' };

let nextPort = 15_000 + (process.pid % 97) * 50;

/** A port that nobody listens on: below those that the system gives to outgoing connections, and never the same twice. */
export function freePort() {
  const port = nextPort++;
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(freePort()));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(port)));
  });
}

/** Polls until `check` gives something true; a deadline, no luck. */
export async function until(what, check, seconds = 20) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await after(20);
  }
}

function sql(statement, url = POSTGRES) {
  return execFileSync('psql', ['--no-psqlrc', '--quiet', '--tuples-only', '--no-align', '--set=ON_ERROR_STOP=1', url, '--command', statement], { encoding: 'utf8' });
}

/** Ends a process and waits for its end; SIGTERM must be a clean one. */
function end(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve, reject) => {
    child.on('exit', (code) => (signal === 'SIGTERM' && code !== 0 ? reject(new Error(`SIGTERM ended it with ${code}`)) : resolve()));
    child.kill(signal);
  });
}

/** An installation: a folder, a database, settings, and processes of it. */
export class Gatekey {
  constructor(kind, folder, port, database, scheme, host) {
    Object.assign(this, { kind, folder, port, database, process: null, log: '' });
    this.issuer = `${scheme}://${host}:${port}/`;
  }

  /** `clients` is TOML: one [[clients]] after the other. With the scheme https something has to stand before the server. */
  static async install(kind, { clients = '', settings = '', scheme = 'http', host = 'localhost', port } = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'gatekey-client-tests-'));
    let database = `sqlite://${join(folder, 'gatekey.db')}`;
    let name = null;
    if (kind === 'postgres') {
      name = `gatekey_client_${process.pid}_${randomBytes(4).toString('hex')}`;
      sql(`CREATE DATABASE ${name}`);
      database = POSTGRES.replace(/\/[^/]*$/, `/${name}`);
    }
    const gatekey = new Gatekey(kind, folder, port ?? (await freePort()), database, scheme, host);
    gatekey.databaseName = name;
    const text = `issuer = "${gatekey.issuer}"
listen = "127.0.0.1:${gatekey.port}"
master_key_file = "${join(folder, 'master.key')}"
${settings}
[database]
url = "${database}"

${clients}`;
    writeFileSync(join(folder, 'gatekey.toml'), text);
    return gatekey;
  }

  /** Runs a command to its end; what it prints. */
  run(args, input) {
    return execFileSync(BINARY, [...args, '--config', join(this.folder, 'gatekey.toml')], { cwd: this.folder, env: ENVIRONMENT, input, encoding: 'utf8' });
  }

  /** The same while this process goes on with what else it does. */
  async runBeside(args) {
    return (await promisify(execFile)(BINARY, [...args, '--config', join(this.folder, 'gatekey.toml')], { cwd: this.folder, env: ENVIRONMENT, encoding: 'utf8' })).stdout;
  }

  /** Everything the database keeps, as bytes: what a thief of the disk or of a backup has. */
  dump() {
    if (this.kind === 'postgres') return execFileSync('pg_dump', ['--data-only', '--inserts', this.database], { maxBuffer: 1 << 28 });
    const files = readdirSync(this.folder).filter((name) => name.startsWith('gatekey.db'));
    return Buffer.concat(files.map((name) => readFileSync(join(this.folder, name))));
  }

  /** Changes the database past the server, where no time that a test can wait for would do. */
  sql({ sqlite, postgres }) {
    if (this.kind === 'postgres') return sql(postgres, this.database);
    const program = 'import sqlite3, sys\nwith sqlite3.connect(sys.argv[1], timeout=10) as database: database.execute(sys.argv[2])';
    return execFileSync('python3', ['-c', program, join(this.folder, 'gatekey.db'), sqlite], { encoding: 'utf8' });
  }

  /** As if everybody had signed in an hour earlier, with a password that is as old. */
  ageSignIns() {
    for (const [table, column] of [['users', 'password_changed_at'], ['sessions', 'auth_time']])
      this.sql({ sqlite: `UPDATE ${table} SET ${column} = ${column} - 3600000000`, postgres: `UPDATE ${table} SET ${column} = ${column} - interval '1 hour'` });
  }

  createUser(name = USER.name, password = USER.password) {
    this.run(['user', 'create', name, '--email', `${name}@example.test`, '--name', 'Alice Example'], `${password}\n`);
  }

  /** Starts the server and waits until it says that it is ready. */
  async start() {
    this.process = await this.serve(this.port);
  }

  /** One more process on the same database, for the same issuer, on a port of its own; `stop` ends it. */
  async replica() {
    const port = await freePort();
    const child = await this.serve(port);
    return { url: `http://localhost:${port}/`, stop: () => end(child, 'SIGTERM') };
  }

  async serve(port) {
    const env = { ...ENVIRONMENT, GATEKEY_LISTEN: `127.0.0.1:${port}` };
    const child = spawn(BINARY, ['serve', '--config', join(this.folder, 'gatekey.toml')], { cwd: this.folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (chunk) => (this.log += chunk);
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    await until('the server is ready', async () => {
      if (child.exitCode !== null) throw new Error(`the server ended at once (${child.exitCode}):\n${this.log}`);
      return fetch(`http://localhost:${port}/readyz`).then((answer) => answer.ok, () => false);
    });
    return child;
  }

  /** Ends the process: SIGTERM drains, SIGKILL does not. */
  async stop(signal = 'SIGTERM') {
    if (!this.process) return;
    await end(this.process, signal);
    this.process = null;
  }

  async remove() {
    await this.stop('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
    if (this.databaseName) sql(`DROP DATABASE ${this.databaseName} WITH (FORCE)`);
  }
}
