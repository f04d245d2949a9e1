// Runs every driver against every server, directly and through the proxy, and compares.
//   node stage.mjs [--direct] CACHE PROXY OUT [DRIVER] [SERVER]
// Prints a table; exits 1 on a difference that known.json does not explain.
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { differences } from '../peers/differences.mjs';
import { proxyHome } from '../peers/processes.mjs';

const args = process.argv.slice(2);
const directOnly = args[0] === '--direct' && Boolean(args.shift());
const [cache, proxy, out, onlyDriver, onlyServer] = args;
const here = dirname(fileURLToPath(import.meta.url));
const read = (name) => JSON.parse(readFileSync(join(here, name), 'utf8'));
const servers = read('servers.json');
const known = read('known.json');
const python = join(cache, 'venv/bin');
const DRIVERS = {
  'ts-1.x': [process.execPath, [join(cache, 'npm/driver.mjs'), 'legacy']],
  'ts-2.x': [process.execPath, [join(cache, 'npm/driver.mjs'), 'modern']],
  'py-legacy': [join(python, 'python'), [join(here, 'driver.py'), 'legacy']],
  'py-auto': [join(python, 'python'), [join(here, 'driver.py'), 'auto']],
};
/** One run may take this long; the whole stage ends even if something hangs. */
const LIMIT_MS = 120_000;
/** A list waits so long for a server that starts: on a machine that builds meanwhile, Python takes its time. */
const LIST_WAIT = '30s';

function filled(value, work) {
  const text = JSON.stringify(value)
    .replaceAll('{work}', work).replaceAll('{bin}', join(cache, 'npm/node_modules/.bin')).replaceAll('{py}', python);
  return JSON.parse(text);
}

/** A fresh working folder, the same in every run: servers write its path into their answers. */
function fresh(work) {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  writeFileSync(join(work, 'readme.txt'), 'real servers\n');
  const date = '2026-01-02T03:04:05Z';
  const env = { ...process.env, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date, GIT_CONFIG_GLOBAL: '/dev/null' };
  const git = (...words) => execFileSync('git', ['-C', work, '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...words], { env, stdio: 'ignore' });
  git('init', '-q', '-b', 'main');
  git('add', '.');
  git('commit', '-q', '-m', 'first');
}

function run(driver, plan, name) {
  const planPath = join(out, `${name}.plan.json`);
  const outPath = join(out, `${name}.json`);
  writeFileSync(planPath, JSON.stringify(plan));
  rmSync(outPath, { force: true });
  const [command, words] = DRIVERS[driver];
  return new Promise((done) => {
    execFile(command, [...words, planPath, outPath], { timeout: LIMIT_MS, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      let seen;
      try {
        seen = JSON.parse(readFileSync(outPath, 'utf8'));
      } catch {
        seen = [{ step: 'run', outcome: { failed: `${error?.killed ? 'took too long' : ''} ${stderr}`.trim().slice(-2000) }, asked: [] }];
      }
      done(seen);
    });
  });
}

/** What differs from run to run, whoever is asked; items of lists by their names. */
function steady(value) {
  const text = JSON.stringify(value, (key, member) => {
    if (key === 'blob' && typeof member === 'string') return Buffer.from(member, 'base64').toString('latin1');
    const isList = Array.isArray(member) && ['tools', 'prompts', 'resources', 'templates'].includes(key);
    return isList && member.length ? Object.fromEntries(member.map((item) => [item.uriTemplate ?? item.uri ?? item.name, item])) : member;
  });
  return JSON.parse(
    text
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, '<time>')
      .replace(/\b\d{1,2}:\d\d:\d\d [AP]M\b/g, '<time>')
      .replace(/\\"day_of_week\\": \\"\w+\\"/g, '<day>'),
  );
}

/** Servers ask for the roots whenever they like; what they were told is in the answers of their tools. */
function asked(seen) {
  return { ...seen, asked: seen.asked.filter((question) => question.method !== 'roots/list') };
}

function explained(driver, server, step, difference) {
  return known.find((k) =>
    new RegExp(`^(${k.driver})$`).test(driver) && new RegExp(`^(${k.server})$`).test(server)
    && new RegExp(k.step).test(step) && new RegExp(k.path).test(difference.path)
    && new RegExp(k.direct ?? '').test(difference.expected) && new RegExp(k.proxied ?? '').test(difference.seen));
}

mkdirSync(out, { recursive: true });
const table = [];
const used = new Set();
const explanations = [];
let n_failed = 0;
for (const driver of Object.keys(DRIVERS).filter((d) => !onlyDriver || d === onlyDriver)) {
  for (const server of Object.keys(servers).filter((s) => !onlyServer || s === onlyServer)) {
    const work = join(out, 'work');
    const { command, args: words, env = {}, steps } = filled(servers[server], work);
    fresh(work);
    const direct = await run(driver, { command, args: words, env, prefix: '', steps }, `${driver}.${server}.direct`);
    const broken = direct.filter((s) => s.outcome?.failed);
    if (directOnly || broken.length) {
      n_failed += broken.length;
      table.push([driver, server, `${direct.length} steps`, broken[0]?.outcome.failed ?? 'direct ok']);
      continue;
    }
    fresh(work);
    const config = join(out, 'config.yaml');
    const entry = { command, args: words, env };
    writeFileSync(config, JSON.stringify({ version: 1, defaults: { list_wait: LIST_WAIT }, servers: { s: entry } }));
    const home = join(out, 'home');
    rmSync(home, { recursive: true, force: true });
    const plan = {
      command: proxy, args: ['serve', '--stdio', '--config', config], prefix: 's__', steps,
      env: proxyHome(home),
    };
    const proxied = await run(driver, plan, `${driver}.${server}.proxied`);
    if (proxied[0].outcome.failed) {
      n_failed += 1;
      table.push([driver, server, `${direct.length} steps`, `RUN FAILED ${proxied[0].outcome.failed.slice(-300)}`]);
      continue;
    }
    const open = [];
    let n_explained = 0;
    for (const [i, { step, ...seen }] of direct.entries()) {
      const { step: _, ...other } = proxied[i];
      for (const difference of differences(steady(asked(seen)), steady(asked(other)))) {
        const why = explained(driver, server, step, difference);
        if (why) {
          used.add(why);
          n_explained += 1;
          explanations.push({ driver, server, step, ...difference, why: why.why });
        } else open.push({ step, ...difference });
      }
    }
    n_failed += open.length;
    table.push([driver, server, `${direct.length} steps`, open.length ? `${open.length} DIFFERENT` : 'same', n_explained ? `(${n_explained} explained)` : '']);
    for (const d of open.slice(0, 40)) table.push(['', '', `  ${d.step}`, d.path, `direct ${d.expected}`, `proxied ${d.seen}`]);
  }
}
for (const row of table) console.log(row.map((cell, i) => (i < 3 ? cell.padEnd([10, 12, 9][i]) : cell)).join('  ').trimEnd());
for (const why of known) if (used.has(why)) console.log(`explained: ${why.why}`);
// Each difference that was explained, to be looked at when an entry of known.json is made or narrowed.
writeFileSync(join(out, 'explained.json'), explanations.map((e) => JSON.stringify(e)).join('\n'));
process.exit(n_failed ? 1 : 0);
