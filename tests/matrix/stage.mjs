// Runs every client with every server, directly where both are of one era, and through the proxy, and compares what the clients saw.
//   node stage.mjs CACHE PROXY OUT [--all] [--only REGEX]
// Prints a table; exits 1 on a difference that known.json does not explain.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { differences } from './differences.mjs';
import { answers, freePort, proxyHome, start, stop, within } from './processes.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const [cache, proxy, out, ...flags] = process.argv.slice(2);
const only = new RegExp(flags.includes('--only') ? flags[flags.indexOf('--only') + 1] : '');
const read = (name) => JSON.parse(readFileSync(join(here, name), 'utf8'));
const { checks, everything } = read('checks.json');
const known = read('known.json');

/** One check may take this long; nothing in it takes more than some hundred milliseconds by itself. */
const CHECK_MS = 8_000;
/** server-everything is slower: one of its tools takes four seconds. */
const EVERYTHING_MS = 60_000;
/** One cell may take this long; the stage ends even if something hangs. */
const CELL_MS = 90_000;
/** A list waits so long for a server that starts: on a machine that builds meanwhile, Python takes its time. */
const LIST_WAIT = '30s';
/** After it, no cell begins any more. */
const STAGE_MS = 900_000;
/** Cells at the same time; each has a server and a proxy of its own. */
const N_AT_ONCE = 2;
/** Differences that are printed; the rest is in a file. */
const MAX_LINES = 60;

// Who takes part

const [py1, py2] = ['venv-1', 'venv'].map((folder) => join(cache, folder, 'bin/python'));
const script = (name) => join(here, name);
const CLIENTS = {
  'ts-1.x': { era: 'legacy', run: [process.execPath, script('driver.mjs'), 'legacy'] },
  'py-1.x': { era: 'legacy', run: [py1, script('driver.py'), 'legacy'] },
  'ts-2.x': { era: 'modern', run: [process.execPath, script('driver.mjs'), 'modern'] },
  'py-2.x': { era: 'modern', run: [py2, script('driver.py'), 'modern'] },
};
const bin = join(here, 'node_modules/.bin/mcp-server-everything');
const own = (era, ...run) => ({ era, stdio: [...run, 'stdio'], http: (port) => ({ run: [...run, 'http', port], streamable: '/mcp', sse: '/sse' }) });
const SERVERS = {
  'ts-1.x': own('legacy', process.execPath, script('legacy.mjs')),
  'py-1.x': own('legacy', py1, script('server_legacy.py')),
  'ts-2.x': own('modern', process.execPath, script('modern.mjs')),
  'py-2.x': own('modern', py2, script('server_modern.py')),
  everything: {
    era: 'legacy',
    stdio: [process.execPath, bin, 'stdio'],
    http: (port, back) => ({ run: [process.execPath, bin, back === 'sse' ? 'sse' : 'streamableHttp'], env: { PORT: String(port) }, streamable: '/mcp', sse: '/sse' }),
  },
};
const WAYS = { legacy: ['stdio', 'http', 'sse'], modern: ['stdio', 'http'] };
/** Ways in front and behind of a usual run: each way meets each, over all pairs, but not in every pair. */
const isUsual = ({ front, back, server }) => front === back || (server !== 'everything' && front !== 'sse' && back !== 'sse');

const cells = [];
for (const [client, { era }] of Object.entries(CLIENTS)) {
  for (const [server, { era: behind }] of Object.entries(SERVERS)) {
    for (const back of WAYS[behind]) {
      if (era === behind) cells.push({ client, front: 'direct', back, server });
      // With a server that has no such way, SSE in front has any behind.
      for (const front of WAYS[era]) cells.push({ client, front, back, server });
    }
  }
}
const nameOf = ({ client, front, back, server }) => `${client} ${front} ${back} ${server}`;
const isDirect = ({ front }) => front === 'direct';
const directOf = (cell) => cells.find((other) => isDirect(other) && ['client', 'back', 'server'].every((key) => other[key] === cell[key]));
const wanted = cells.filter((cell) => (flags.includes('--all') || isDirect(cell) || isUsual(cell) || (cell.front === 'sse' && cell.back === 'http'))
  && only.test(nameOf(cell)));
// What a cell is compared with is run, too; all of server-everything is compared with one client.
const reference = { client: 'ts-1.x', front: 'direct', back: 'stdio', server: 'everything' };
const needed = (cell) => (cell.server === 'everything' ? cells.find((other) => nameOf(other) === nameOf(reference)) : directOf(cell));
const chosen = cells.filter((cell) => (wanted.includes(cell) || wanted.some((other) => needed(other) === cell))
  && !(isDirect(cell) && cell.server === 'everything' && nameOf(cell) !== nameOf(reference)));

// A run

/** The tools of server-everything that this client calls. */
const callsOf = (client) => everything.filter(([, , , { clients = '.*' } = {}]) => new RegExp(`^(${clients})$`).test(client));
const toDo = (cell) => {
  if (cell.server === 'everything') return [{ name: 'everything', do: 'everything', calls: callsOf(cell.client).map(([name, args, , { as } = {}]) => [name, args, as]), limitMs: EVERYTHING_MS }];
  return checks.filter(({ servers }) => !servers || servers === SERVERS[cell.server].era);
};

/** Starts what the client is to speak to, in `folder`; gives how to reach it, and how to end it. */
async function stand({ client, front, back, server }, folder) {
  const children = [];
  const close = () => Promise.all(children.map(stop));
  const ledger = { MATRIX_LEDGER: join(folder, 'ledger') };
  try {
    const { stdio, http } = SERVERS[server];
    const [command, ...args] = stdio;
    let entry = { command, args, env: ledger };
    let reach = { way: 'stdio', ...entry };
    if (back !== 'stdio') {
      const port = await freePort();
      const { run: [program, ...words], env, streamable, sse } = http(port, back);
      const child = start(program, words, { env: { ...ledger, ...env }, log: join(folder, 'server.log') });
      children.push(child);
      await answers(`http://127.0.0.1:${port}/`, child, () => true);
      const url = `http://127.0.0.1:${port}${back === 'sse' ? sse : streamable}`;
      entry = { transport: back, url };
      reach = { way: back, url };
    }
    if (front === 'direct') return { reach: { ...reach, prefix: '' }, close };
    const config = join(folder, 'config.yaml');
    writeFileSync(config, JSON.stringify({ version: 1, defaults: { list_wait: LIST_WAIT }, servers: { s: entry } }));
    const env = proxyHome(folder);
    if (front === 'stdio') return { reach: { way: 'stdio', command: proxy, args: ['serve', '--stdio', '--config', config], env, prefix: 's__' }, close };
    const port = await freePort();
    const child = start(proxy, ['serve', '--http', '--port', port, '--config', config], { env, log: join(folder, 'proxy.log') });
    children.unshift(child);
    await answers(`http://127.0.0.1:${port}/ready`, child, (status) => status !== 503);
    return { reach: { way: front, url: `http://127.0.0.1:${port}${front === 'sse' ? '/sse' : '/mcp'}`, prefix: 's__' }, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function run(cell) {
  const folder = join(out, nameOf(cell).replaceAll(' ', '_'));
  mkdirSync(folder);
  const ledger = join(folder, 'ledger');
  writeFileSync(ledger, '');
  const { reach, close } = await stand(cell, folder);
  try {
    const [plan, seen, log] = ['plan.json', 'seen.json', 'client.log'].map((name) => join(folder, name));
    writeFileSync(plan, JSON.stringify({ ...reach, ledger, limitMs: CHECK_MS, checks: toDo(cell) }));
    const [command, ...words] = CLIENTS[cell.client].run;
    const child = start(command, [...words, plan, seen], { log });
    if (!(await within(CELL_MS, child))) throw new Error('the client took too long');
    try {
      return JSON.parse(readFileSync(seen, 'utf8'));
    } catch {
      throw new Error(`the client failed: ${readFileSync(log, 'utf8').trim().split('\n').slice(-3).join(' ').slice(-400)}`);
    }
  } finally {
    await close();
  }
}

// What is different

/** What a tool answered; which question was answered first is nothing to it. */
function parsed(text) {
  if (typeof text !== 'string' || !text.startsWith('{')) return typeof text === 'object' ? sorted(text) : text;
  return sorted(JSON.parse(text));
}
const sorted = (object) => Object.fromEntries(Object.entries(object).toSorted(([a], [b]) => (a < b ? -1 : 1)));
const byText = (list) => list.map((item) => JSON.stringify(item)).toSorted();
/** What a check shows, without what is another one in every run. */
function steady({ text, texts, asked = [], ran = {}, message, ...rest }) {
  return { ...rest, ...(text !== undefined && { text: parsed(text) }), ...(texts && { texts: texts.map(parsed) }), asked: byText(asked), ran };
}

/** What must be seen in `cell`, by eras where it depends on them. */
function expected({ expect, name }, cell) {
  const pick = (value) => value?.[SERVERS[cell.server].era] ?? value;
  const { clients, ...rest } = expect;
  const one = clients ? clients[CLIENTS[cell.client].era] : rest;
  return steady(name === 'lists' ? { ...one, tools: pick(one.tools) } : one);
}

/** What is compared of `seen`: all that `wanted` has. What three calls at once ask is in their answers. */
function compared(wanted, seen, check) {
  const { error, message, ...shown } = seen;
  const all = steady(seen);
  if (error !== undefined && !('error' in wanted)) return [{ path: '/error', expected: 'none', seen: `${error} ${message ?? ''}`.trim() }];
  const keys = Object.keys(wanted).filter((key) => !(key === 'asked' && check.do === 'at once'));
  return differences(Object.fromEntries(keys.map((key) => [key, wanted[key]])), Object.fromEntries(keys.map((key) => [key, all[key]])));
}

/** Results of server-everything without times, ids and surroundings. */
const plain = (content) => JSON.parse(JSON.stringify(content)
  .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
  .replace(/\b\d{1,2}:\d\d:\d\d [AP]M\b/g, '<time>')
  .replace(/[0-9a-f]{8}-[0-9a-f-]{27}|\bsession undefined/g, '<id>')
  .replace(/\bsession <id>/g, '<id>'));

function everythingSeen(cell) {
  const direct = cells.find((other) => nameOf(other) === nameOf(reference)).seen.everything;
  const seen = cell.seen.everything;
  const marks = {};
  marks['lists all tools'] = seen.error ? [{ path: '/error', expected: 'none', seen: seen.error }] : differences(direct.tools.join(' '), seen.tools.join(' '));
  for (const [tool, , pattern, { as } = {}] of callsOf(cell.client)) {
    const name = as ? `${tool} as a ${as}` : tool;
    const result = seen.results?.[name];
    if (!result) marks[name] = [{ path: '', expected: 'to be listed', seen: 'nothing' }];
    else if (result.error !== undefined) marks[name] = [{ path: '/error', expected: 'none', seen: `${result.error} ${result.message ?? ''}` }];
    else if (pattern) marks[name] = new RegExp(pattern).test(result[0].text) ? [] : [{ path: '/0/text', expected: pattern, seen: result[0].text.slice(0, 120) }];
    else marks[name] = differences(plain(direct.results[name]), plain(result));
  }
  return marks;
}

/** Differences by what is checked. */
function judge(cell) {
  if (cell.server === 'everything') return isDirect(cell) ? {} : everythingSeen(cell);
  const { era } = CLIENTS[cell.client];
  const marks = { era: differences(era, cell.seen.era) };
  const direct = directOf(cell);
  for (const check of toDo(cell)) {
    const seen = cell.seen[check.name];
    const wanted = isDirect(cell) || !direct?.seen ? expected(check, cell) : steady(direct.seen[check.name]);
    marks[check.name] = compared(wanted, seen, check);
  }
  return marks;
}

const isKnown = (cell, check, difference) => known.find((entry) => (
  ['client', 'front', 'back', 'server'].every((key) => new RegExp(`^(${entry[key] ?? '.*'})$`).test(cell[key]))
  && new RegExp(`^(${entry.check})$`).test(check) && new RegExp(entry.path ?? '').test(difference.path) && new RegExp(entry.seen ?? '').test(difference.seen)));

// All of them

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const problems = [];
const began = Date.now();
// Those that others are compared with come first.
const waiting = chosen.toSorted((a, b) => isDirect(b) - isDirect(a));
async function worker() {
  for (let cell; (cell = waiting.shift()); ) {
    const since = Date.now();
    if (since - began > STAGE_MS) {
      problems.push([nameOf(cell), '', 'not run: all that was before it has taken too long']);
      continue;
    }
    try {
      cell.seen = await run(cell);
    } catch (error) {
      problems.push([nameOf(cell), '', error.message]);
    }
    cell.seconds = Math.round((Date.now() - since) / 100) / 10;
  }
}
await Promise.all(Array.from({ length: N_AT_ONCE }, worker));

// What is told

const used = new Set();
const rows = [['client', 'front', 'behind', 'server', 'ok', 'known', 'FAIL', 'seconds']];
const table = [];
for (const cell of chosen.filter(({ seen }) => seen)) {
  const counts = { ok: 0, known: 0, FAIL: 0 };
  for (const [check, found] of Object.entries(judge(cell))) {
    const open = [];
    for (const difference of found) {
      const why = isKnown(cell, check, difference);
      if (why) used.add(why);
      else open.push(difference);
    }
    const mark = open.length ? 'FAIL' : found.length ? 'known' : 'ok';
    counts[mark] += 1;
    table.push([...['client', 'front', 'back', 'server'].map((key) => cell[key]), check, mark].join('\t'));
    for (const { path, expected: before, seen } of open) problems.push([nameOf(cell), check, `${path} expected ${before}, seen ${seen}`]);
  }
  rows.push([cell.client, cell.front, cell.back, cell.server, counts.ok, counts.known, counts.FAIL, cell.seconds].map(String));
}
writeFileSync(join(out, 'table.tsv'), `${table.join('\n')}\n`);
const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
for (const row of rows) console.log(row.map((value, i) => (i < 4 ? value.padEnd(widths[i]) : value.padStart(widths[i]))).join('  '));

// By check and by eras: how many cells of all.
const era = (cell, side) => (side === 'client' ? CLIENTS : SERVERS)[cell[side]].era;
const pairs = ['legacy-legacy', 'legacy-modern', 'modern-legacy', 'modern-modern'];
const byCheck = new Map();
for (const line of table) {
  const [client, front, , server, check, mark] = line.split('\t');
  if (front === 'direct') continue;
  const pair = `${era({ client }, 'client')}-${era({ server }, 'server')}`;
  const row = byCheck.get(`${server === 'everything' ? 'everything: ' : ''}${check}`) ?? {};
  row[pair] ??= [0, 0];
  row[pair][0] += mark === 'ok';
  row[pair][1] += 1;
  byCheck.set(`${server === 'everything' ? 'everything: ' : ''}${check}`, row);
}
console.log(`\n${'check'.padEnd(44)}${pairs.map((pair) => pair.padStart(16)).join('')}`);
for (const [check, row] of byCheck) console.log(check.padEnd(44) + pairs.map((pair) => (row[pair] ? `${row[pair][0]}/${row[pair][1]}` : '-').padStart(16)).join(''));

console.log();
for (const entry of known) {
  if (used.has(entry)) console.log(`known: ${entry.check}: ${entry.why}`);
  else if (!flags.includes('--only') && !entry.may_pass) problems.push(['known.json', entry.check, `explains nothing any more: ${entry.why}`]);
}
const lines = problems.map((words) => words.filter(Boolean).join(': '));
writeFileSync(join(out, 'problems.txt'), lines.map((line) => `${line}\n`).join(''));
for (const line of lines.slice(0, MAX_LINES)) console.log(`PROBLEM ${line.slice(0, 400)}`);
if (lines.length > MAX_LINES) console.log(`… and ${lines.length - MAX_LINES} more in ${join(out, 'problems.txt')}`);
console.log(`${chosen.length} cells, ${problems.length} problems, ${Math.round((Date.now() - began) / 1000)} s; each check: ${join(out, 'table.tsv')}`);
process.exit(problems.length ? 1 : 0);
