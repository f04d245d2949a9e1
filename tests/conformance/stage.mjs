// Runs the suite's scenarios directly and through the proxy, and compares.
//   node stage.mjs PROXY OUT [--direct] [--only REGEX]
// Prints a table; exits 1 on what scenarios.json and expected.json do not say.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answers, freePort, proxyHome, start, stop, within } from './processes.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const [proxy, out, ...flags] = process.argv.slice(2);
const directOnly = flags.includes('--direct');
const only = new RegExp(flags.includes('--only') ? flags[flags.indexOf('--only') + 1] : '');
const read = (name) => JSON.parse(readFileSync(join(here, name), 'utf8'));
const { suites, left_out } = read('scenarios.json');
const expected = read('expected.json');

/** A whole suite takes seconds; one scenario at most what it waits for. */
const SUITE_MS = 45_000;
const SCENARIO_MS = 12_000;
const CLIENT_MS = 15_000;
/** After it, a run gives up what is left of its scenarios. */
const RUN_MS = 90_000;
/** After it, no run begins any more. */
const STAGE_MS = 360_000;
/** Runs at the same time; each has a reference server and a proxy of its own. */
const N_AT_ONCE = 2;
/** Scenarios whose problems are printed; the rest is in a file. */
const MAX_LINES = 40;

// What stands between the suite and the reference server

const program = (suite) => join(here, 'node_modules', `suite-${suite.split('.').slice(0, 2).join('.')}`, 'dist/index.js');
const reference = join(here, 'server.mjs');
/** Fronts of the server scenarios: how the server is reached, and by which of the proxy's endpoints. `across`: the server speaks the other era only. */
const FRONTS = {
  direct: {},
  'http merged': { back: 'http', path: '/mcp' },
  'http own': { back: 'http', path: '/mcp/reference' },
  'stdio merged': { back: 'stdio', path: '/mcp' },
  'stdio own': { back: 'stdio', path: '/mcp/reference' },
  'http across': { back: 'http', path: '/mcp', across: true },
  'stdio across': { back: 'stdio', path: '/mcp', across: true },
};

/** Starts what a run needs; gives the URL for the suite and how to end it all. */
async function stand(front, revision, folder) {
  const children = [];
  const close = () => Promise.all(children.map(stop));
  try {
    const { back, path, across } = FRONTS[front];
    const era = (revision === '2026-07-28') === !across ? 'modern' : 'legacy';
    let url;
    if (back !== 'stdio') {
      const port = await freePort();
      const server = start(process.execPath, [reference, 'http', port, ...(across ? [era] : [])], { log: join(folder, 'reference.log') });
      children.push(server);
      url = `http://127.0.0.1:${port}/mcp`;
      await answers(url, server, () => true);
    }
    if (!back) return { url, close };
    const server = back === 'http' ? { transport: 'http', url } : { command: process.execPath, args: [reference, era] };
    const config = join(folder, 'config.yaml');
    writeFileSync(config, JSON.stringify({ version: 1, servers: { reference: server }, routing: { naming: 'flat' } }));
    const port = await freePort();
    const env = proxyHome(folder);
    const child = start(proxy, ['serve', '--http', '--port', port, '--config', config], { env, log: join(folder, 'proxy.log') });
    children.unshift(child);
    await answers(`http://127.0.0.1:${port}/ready`, child, (status) => status !== 503);
    return { url: `http://127.0.0.1:${port}${path}`, close };
  } catch (error) {
    await close();
    throw error;
  }
}

// Runs

const ORDER = ['SKIPPED', 'INFO', 'SUCCESS', 'WARNING', 'FAILURE'];
const NO_RESULT = { '(no result)': { status: 'FAILURE', why: 'it did not end in time' } };

/** Status of each check of a scenario, the worst where it was made several times. */
function checks(folder, prefix, scenario) {
  const name = readdirSync(folder).findLast((entry) => entry.replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, '') === prefix + scenario);
  let made;
  try {
    made = JSON.parse(readFileSync(join(folder, name, 'checks.json'), 'utf8'));
  } catch {
    return undefined;
  }
  const worst = {};
  for (const { id, status, errorMessage: why } of made) {
    if (!(ORDER.indexOf(status) <= ORDER.indexOf(worst[id]?.status))) worst[id] = { status, why };
  }
  return worst;
}

/** The server scenarios: the suite is the client. */
async function serverRun({ suite, revision, front, scenarios, folder }) {
  const results = {};
  const { url, close } = await stand(front, revision, folder);
  try {
    const end = Date.now() + RUN_MS;
    const suiteRun = async (what, limit, log) => {
      const patience = suite.startsWith('0.1') ? [] : ['--timeout', SCENARIO_MS];
      const words = [program(suite), 'server', '--url', url, ...what, ...patience, '-o', folder];
      await within(limit, start(process.execPath, words, { log: join(folder, log) }));
    };
    await suiteRun(['--suite', 'all', '--spec-version', revision], SUITE_MS, 'suite.log');
    for (const scenario of scenarios) {
      results[scenario] = checks(folder, 'server-', scenario);
      if (results[scenario]) continue;
      // One that hangs keeps those after it from their turn.
      // Those of an extension belong to no revision: without force they are skipped.
      const version = suite.startsWith('0.1') ? [] : ['--spec-version', revision, '--force'];
      if (Date.now() < end) await suiteRun(['--scenario', scenario, ...version], SCENARIO_MS, `${scenario}.log`);
      results[scenario] = checks(folder, 'server-', scenario) ?? NO_RESULT;
    }
  } finally {
    await close();
  }
  return results;
}

/** The client scenarios: the suite is the server, client.mjs the client. */
async function clientRun({ suite, revision, front, scenarios, folder }) {
  const results = {};
  const end = Date.now() + RUN_MS;
  const env = { CONFORMANCE_HOME: folder, ...(front === 'client stdio' && { CONFORMANCE_PROXY: proxy }) };
  for (const scenario of scenarios) {
    results[scenario] = NO_RESULT;
    if (Date.now() > end) continue;
    const command = `${process.execPath} ${join(here, 'client.mjs')}`;
    const words = ['client', '--command', command, '--scenario', scenario, '--timeout', CLIENT_MS, '--spec-version', revision, '-o', folder];
    const child = start(process.execPath, [program(suite), ...words], { env, log: join(folder, `${scenario}.log`) });
    const ended = await within(CLIENT_MS + 2_000, child);
    const made = (ended && checks(folder, '', scenario)) || NO_RESULT;
    const isBad = Object.values(made).some(({ status }) => ['WARNING', 'FAILURE'].includes(status));
    if (child.exitCode !== 0 && !isBad) made['(client)'] = { status: 'FAILURE', why: `the client failed: ${join(folder, `${scenario}.log`)}` };
    results[scenario] = made;
  }
  return results;
}

const runs = [];
for (const [suite, revisions] of Object.entries(suites)) {
  for (const [revision, { server, client }] of Object.entries(revisions)) {
    for (const front of Object.keys(FRONTS)) runs.push({ suite, revision, front, scenarios: server, go: serverRun, base: 'direct' });
    for (const front of ['client direct', 'client stdio']) runs.push({ suite, revision, front, scenarios: client, go: clientRun, base: 'client direct' });
  }
}
const isDirect = (run) => run.front === run.base;
const nameOf = ({ suite, revision, front }) => `${suite} ${revision} ${front}`;
const chosen = runs.filter((run) => run.scenarios.length && (isDirect(run) || !directOnly) && (only.test(nameOf(run)) || runs.some((other) => other.suite === run.suite
  && other.revision === run.revision && other.base === run.front && !directOnly && only.test(nameOf(other)))));

// What is different

/** Checks of `seen` that are worse than those of `direct`. */
function worse(direct, seen) {
  if (seen === NO_RESULT) return Object.entries(seen).map(([id, check]) => ({ id, ...check }));
  const all = new Set([...Object.keys(direct), ...Object.keys(seen)]);
  return [...all].flatMap((id) => {
    const [before, now] = [direct[id]?.status, seen[id]?.status];
    const isWorse = before === 'SUCCESS' ? now !== 'SUCCESS' : ['WARNING', 'FAILURE'].includes(now) && !(ORDER.indexOf(before) >= ORDER.indexOf(now));
    return isWorse ? [{ id, status: now ?? 'not reached', why: seen[id]?.why ?? '' }] : [];
  });
}

const problems = [];
const matches = (entry, run) => ['suite', 'revision', 'front'].every((key) => new RegExp(`^(${entry[key] ?? '.*'})$`).test(run[key]));

/** Results of a run as marks a scenario: `ok`, `known` or `FAIL`; what is neither right nor known becomes a problem. */
function judge(run, direct) {
  const marks = {};
  for (const scenario of run.scenarios) {
    const seen = run.results[scenario];
    const bad = isDirect(run)
      ? Object.entries(seen).flatMap(([id, { status, why }]) => (status === 'FAILURE' ? [{ id, status, why }] : []))
      : worse(direct.results[scenario], seen);
    const entries = expected.filter((entry) => entry.scenario === scenario && matches(entry, run));
    const open = bad.filter(({ id }) => !entries.some((entry) => entry.checks.includes(id)));
    for (const { id, status, why } of open) problems.push([nameOf(run), scenario, id, `${status} ${why ?? ''}`]);
    for (const id of entries.filter((entry) => !entry.may_pass).flatMap((entry) => entry.checks)) {
      if (!bad.some((check) => check.id === id)) problems.push([nameOf(run), scenario, id, 'is in expected.json, but passes']);
    }
    marks[scenario] = open.length ? 'FAIL' : bad.length ? 'known' : 'ok';
  }
  return marks;
}

/** Scenarios that the suite has and scenarios.json does not know, or the other way round. */
async function compareLists(suite) {
  const log = join(out, `${suite}.list`);
  await start(process.execPath, [program(suite), 'list'], { log }).ended;
  const text = readFileSync(log, 'utf8');
  for (const kind of ['server', 'client']) {
    const part = text.slice(text.search(new RegExp(`^${kind} scenarios`, 'im'))).split(/\n\n/)[0];
    const has = new Set([...part.matchAll(/^ {2}- (\S+)/gm)].map((match) => match[1]));
    const known = new Set([...Object.values(suites[suite]).flatMap((lists) => lists[kind])]);
    const isLeftOut = (name) => left_out.some((entry) => new RegExp(`^(${entry.scenario})$`).test(name));
    for (const name of has) if (!known.has(name) && !isLeftOut(name)) problems.push([suite, name, '', `a ${kind} scenario that scenarios.json does not name`]);
    for (const name of known) if (!has.has(name)) problems.push([suite, name, '', `in scenarios.json, but the suite has no such ${kind} scenario`]);
  }
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
for (const suite of Object.keys(suites)) await compareLists(suite);

const began = Date.now();
const waiting = [...chosen];
async function worker() {
  for (let run; (run = waiting.shift()); ) {
    const since = Date.now();
    if (since - began > STAGE_MS) {
      problems.push([nameOf(run), '', '', 'not run: all that was before it has taken too long']);
      continue;
    }
    run.folder = join(out, nameOf(run).replaceAll(' ', '_'));
    mkdirSync(run.folder);
    try {
      run.results = await run.go(run);
    } catch (error) {
      problems.push([nameOf(run), '', '', `did not start: ${error.message}; see ${run.folder}`]);
    }
    run.seconds = Math.round((Date.now() - since) / 1000);
  }
}
await Promise.all(Array.from({ length: N_AT_ONCE }, worker));

// What is told

const counts = [['suite', 'revision', 'front', 'ok', 'known', 'FAIL', 'seconds']];
const table = [];
for (const run of chosen.filter((r) => r.results)) {
  const direct = chosen.find((r) => r.suite === run.suite && r.revision === run.revision && r.front === run.base);
  if (!direct.results) continue;
  run.marks = judge(run, direct);
  const n = (mark) => Object.values(run.marks).filter((m) => m === mark).length;
  counts.push([run.suite, run.revision, run.front, n('ok'), n('known'), n('FAIL'), run.seconds].map(String));
  for (const [scenario, mark] of Object.entries(run.marks)) table.push(`${nameOf(run)}\t${scenario}\t${mark}`);
}
writeFileSync(join(out, 'table.tsv'), `${table.join('\n')}\n`);
const widths = counts[0].map((_, i) => Math.max(...counts.map((row) => row[i].length)));
for (const row of counts) console.log(row.map((cell, i) => (i < 3 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '));
for (const { scenario, front = '', reason, needs } of expected) {
  console.log(`known: ${scenario}${front && ` (${front})`}: ${reason}${needs ? ` [needs ${needs}]` : ''}`);
}
const lines = problems.map(([run, scenario, id, what]) => [run, scenario, id, what].filter(Boolean).join(': '));
writeFileSync(join(out, 'problems.txt'), lines.map((line) => `${line}\n`).join(''));
// One line a scenario: what says why comes first.
const grouped = Map.groupBy(problems, ([run, scenario]) => [run, scenario].filter(Boolean).join(': '));
for (const [where, all] of [...grouped].slice(0, MAX_LINES)) {
  const [, , id, what] = all.toSorted((x, y) => y[3].length - x[3].length)[0];
  const others = all.length > 1 ? ` (and ${all.length - 1} more checks)` : '';
  console.log(`PROBLEM ${where}: ${[id, what].filter(Boolean).join(': ').trim().slice(0, 300)}${others}`);
}
if (grouped.size > MAX_LINES) console.log(`… and ${grouped.size - MAX_LINES} more scenarios in ${join(out, 'problems.txt')}`);
console.log(`${grouped.size} problems, ${Math.round((Date.now() - began) / 1000)} s; each scenario: ${join(out, 'table.tsv')}`);
process.exit(problems.length ? 1 : 0);
