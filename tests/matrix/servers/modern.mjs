// The server of the modern era by the TypeScript SDK 2.x; it refuses the legacy era.
//   node modern.mjs stdio | http PORT
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { ProtocolError, Server, createMcpHandler, createRequestStateCodec, inputRequired } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { INFO, LEVELS, RESOURCE, digest, extras, listPrompts, listResources, listTools, message, note, prompt, questions, text, tool, work } from './features.mjs';

const INVALID_PARAMS = -32602;
const states = createRequestStateCodec({ key: randomBytes(32) });

async function progress(mcpReq, values) {
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken === undefined) return;
  for (const value of values) {
    await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: value, total: 3 } });
    await work();
  }
}

/** The next questions, or what all answers were. The state has the answers of the rounds before. */
async function ask(rounds, args, { inputResponses = {}, requestState }) {
  const { n, answers } = requestState() ?? { n: -1, answers: {} };
  const all = { ...answers, ...(n >= 0 && Object.fromEntries(Object.keys(rounds[n]).map((key) => [key, inputResponses[key]]))) };
  if (Object.values(all).some((answer) => !answer)) throw new ProtocolError(INVALID_PARAMS, 'an answer is missing');
  if (n + 1 === rounds.length) return { all: digest(all) };
  return { more: inputRequired({ inputRequests: questions(rounds[n + 1], args), requestState: await states.mint({ n: n + 1, answers: all }) }) };
}

const cancelled = (signal) => new Promise((done) => (signal.aborted ? done() : signal.addEventListener('abort', done, { once: true })));

const TOOLS = {
  add: ({ a, b }) => text(String(a + b)),
  fails: () => ({ ...text('it fails'), isError: true }),
  async wait(_, mcpReq) {
    await progress(mcpReq, [1]);
    await cancelled(mcpReq.signal);
    note('wait cancelled');
    throw new Error('was cancelled');
  },
  async log(_, mcpReq) {
    for (const line of LEVELS) await mcpReq.log(line, `at ${line}`);
    return text('logged');
  },
  touch: (_, mcpReq, tell) => tell.updated(),
  change_tools: (_, mcpReq, tell) => tell.changed('tools'),
  change_prompts: (_, mcpReq, tell) => tell.changed('prompts'),
  change_resources: (_, mcpReq, tell) => tell.changed('resources'),
};

/** Runs one round of `name`: it has begun with the first, and is finished with the last. */
async function round(name, rounds, args, mcpReq, finish) {
  if (mcpReq.requestState() === undefined) note(`${name} begun`);
  const { more, all } = rounds ? await ask(rounds, args, mcpReq) : {};
  if (more) return more;
  const answer = await finish(all);
  note(`${name} finished`);
  return answer;
}

/** Makes servers; `tell` is how they tell everybody who listens. */
const factory = (tellOf) => () => {
  const server = new Server(INFO, {
    capabilities: { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { subscribe: true, listChanged: true }, logging: {} },
    requestState: { verify: states.verify },
  });
  const { updated, changed } = tellOf(server);
  const tell = {
    updated: async () => (await updated(), text('touched')),
    async changed(kind) {
      extras[kind] += 1;
      await changed[kind]();
      return text('changed');
    },
  };
  const handle = (method, handler) => server.setRequestHandler(method, ({ params }, { mcpReq }) => handler(params ?? {}, mcpReq));
  handle('tools/list', () => ({ tools: listTools('modern') }));
  handle('prompts/list', () => ({ prompts: listPrompts() }));
  handle('resources/list', () => ({ resources: listResources() }));
  handle('resources/templates/list', () => ({ resourceTemplates: [] }));
  handle('resources/read', ({ uri }) => ({ contents: [{ uri, text: 'a thing' }] }));
  handle('tools/call', async ({ name, arguments: args = {} }, mcpReq) => {
    const found = tool(name, 'modern');
    if (!found) throw new ProtocolError(INVALID_PARAMS, `there is no tool ${name}`);
    if (found.progress) await progress(mcpReq, found.progress.slice(0, -1));
    return round(name, found.rounds, args, mcpReq, async (all) => {
      if (found.progress) await progress(mcpReq, found.progress.slice(-1));
      return all || found.progress ? text(all ?? 'done') : TOOLS[name](args, mcpReq, tell);
    });
  });
  handle('prompts/get', async ({ name, arguments: args = {} }, mcpReq) => {
    const found = prompt(name);
    if (!found) throw new ProtocolError(INVALID_PARAMS, `there is no prompt ${name}`);
    return round(name, found.rounds, args, mcpReq, (all) => message(all ?? 'plain'));
  });
  return server;
};

const [, , way, port] = process.argv;
if (way === 'stdio') {
  serveStdio(factory((server) => ({
    updated: () => server.sendResourceUpdated({ uri: RESOURCE.uri }),
    changed: { tools: () => server.sendToolListChanged(), prompts: () => server.sendPromptListChanged(), resources: () => server.sendResourceListChanged() },
  })), { legacy: 'reject' });
} else {
  // Over HTTP each request has a server of its own, and the handler has the streams of those who listen.
  const handler = createMcpHandler(factory(() => ({
    updated: () => handler.notify.resourceUpdated(RESOURCE.uri),
    changed: { tools: () => handler.notify.toolsChanged(), prompts: () => handler.notify.promptsChanged(), resources: () => handler.notify.resourcesChanged() },
  })), { legacy: 'reject' });
  createServer(toNodeHandler(handler)).listen(Number(port), '127.0.0.1');
}
