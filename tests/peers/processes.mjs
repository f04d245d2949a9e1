// Processes of the stages: each is ended with what it has started, whatever happens to the stage.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** After it, a server that has not answered yet is given up. */
const START_MS = 15_000;
/** A process that was asked to end is ended after it. */
const END_MS = 5_000;

const running = new Set();
/** Ends a process and those it has started, such as servers of a client. */
function kill(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // All of them have ended.
  }
}
process.on('exit', () => running.forEach(kill));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** Starts a process; `ended` of it is a promise, `log` a file for what it prints. */
export function start(command, words, { env = {}, log } = {}) {
  const child = spawn(command, words, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  running.add(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (text += data));
  child.ended = new Promise((done) => {
    child.on('error', (e) => done(`${command}: ${e.message}`));
    child.on('close', () => done());
  }).then((error) => {
    running.delete(child);
    if (log) writeFileSync(log, error ? `${text}\n${error}\n` : text);
  });
  return child;
}

export async function stop(child) {
  child.kill('SIGTERM');
  const last = setTimeout(() => kill(child), END_MS);
  await child.ended;
  clearTimeout(last);
}

/** Ends it after `limit`; true if it ended by itself. */
export async function within(limit, child) {
  let cut = false;
  const timer = setTimeout(() => ((cut = true), kill(child)), limit);
  await child.ended;
  clearTimeout(timer);
  return !cut;
}

export const freePort = () => new Promise((done) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => done(port));
  });
});

/** Waits until `url` is answered: with 200, or with what is `enough`. */
export async function answers(url, child, enough) {
  const end = Date.now() + START_MS;
  let seen = 'nothing';
  while (Date.now() < end && child.exitCode === null) {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch((e) => void (seen = e.cause?.code ?? e.message));
    if (response) {
      await response.body?.cancel();
      if (response.status === 200 || enough(response.status)) return;
      seen = `status ${response.status}`;
    }
    await new Promise((wake) => setTimeout(wake, 50));
  }
  throw new Error(`${url}: ${child.exitCode === null ? seen : `ended with code ${child.exitCode}`}`);
}

/** The three folders the proxy keeps things in, below `folder`. */
export const proxyHome = (folder) => Object.fromEntries(['CACHE', 'STATE', 'CONFIG'].map((kind) => [`XDG_${kind}_HOME`, `${folder}/${kind.toLowerCase()}`]));
