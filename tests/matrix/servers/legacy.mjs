// The server of the legacy era by the TypeScript SDK 1.x.
//   node legacy.mjs stdio | http PORT       HTTP: Streamable at /mcp, HTTP+SSE at /sse
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import * as types from '@modelcontextprotocol/sdk/types.js';
import { INFO, LEVELS, RESOURCE, digest, extras, listPrompts, listResources, listTools, message, note, prompt, questions, text, tool, work } from './features.mjs';

const ANSWERS = {
  'elicitation/create': types.ElicitResultSchema,
  'sampling/createMessage': types.CreateMessageResultSchema,
  'roots/list': types.ListRootsResultSchema,
};
/** All that are connected: { server, uris }. */
const connected = new Set();
let sentAway = false;

async function progress(extra, values) {
  const progressToken = extra._meta?.progressToken;
  if (progressToken === undefined) return;
  for (const value of values) {
    await extra.sendNotification({ method: 'notifications/progress', params: { progressToken, progress: value, total: 3 } });
    await work();
  }
}

/** Asks round after round; what is asked in one round is asked at once. */
async function ask(rounds, args, extra) {
  const answers = {};
  for (const round of rounds) {
    await Promise.all(Object.entries(questions(round, args, { elicitationId: randomUUID() })).map(async ([key, request]) => {
      answers[key] = await extra.sendRequest(request, ANSWERS[request.method]);
    }));
  }
  return digest(answers);
}

const cancelled = (signal) => new Promise((done) => (signal.aborted ? done() : signal.addEventListener('abort', done, { once: true })));
const change = (kind, tell) => async () => {
  extras[kind] += 1;
  for (const { server } of connected) await tell(server);
  return text('changed');
};

const TOOLS = {
  add: ({ a, b }) => text(String(a + b)),
  fails: () => ({ ...text('it fails'), isError: true }),
  page_first() {
    if (sentAway) return text('seen');
    sentAway = true;
    throw new types.UrlElicitationRequiredError([{ mode: 'url', url: 'https://example.com/first', message: 'Look here first', elicitationId: randomUUID() }]);
  },
  async wait(_, extra) {
    await progress(extra, [1]);
    await cancelled(extra.signal);
    note('wait cancelled');
    throw new Error('was cancelled');
  },
  async log(_, extra, { level }) {
    for (const line of LEVELS.slice(LEVELS.indexOf(level))) {
      await extra.sendNotification({ method: 'notifications/message', params: { level: line, data: `at ${line}` } });
    }
    return text('logged');
  },
  async touch() {
    for (const { server, uris } of connected) if (uris.has(RESOURCE.uri)) await server.sendResourceUpdated({ uri: RESOURCE.uri });
    return text('touched');
  },
  change_tools: change('tools', (server) => server.sendToolListChanged()),
  change_prompts: change('prompts', (server) => server.sendPromptListChanged()),
  change_resources: change('resources', (server) => server.sendResourceListChanged()),
};

async function call({ name, arguments: args = {} }, extra, session) {
  const found = tool(name, 'legacy');
  if (!found) throw new types.McpError(types.ErrorCode.InvalidParams, `there is no tool ${name}`);
  note(`${name} begun`);
  if (found.progress) await progress(extra, found.progress.slice(0, -1));
  const answer = found.rounds ? text(await ask(found.rounds, args, extra)) : found.progress ? text('done') : await TOOLS[name](args, extra, session);
  if (found.progress) await progress(extra, found.progress.slice(-1));
  note(`${name} finished`);
  return answer;
}

async function get({ name, arguments: args = {} }, extra) {
  const found = prompt(name);
  if (!found) throw new types.McpError(types.ErrorCode.InvalidParams, `there is no prompt ${name}`);
  note(`${name} begun`);
  const answer = message(found.rounds ? await ask(found.rounds, args, extra) : 'plain');
  note(`${name} finished`);
  return answer;
}

async function connect(transport) {
  const server = new Server(INFO, {
    capabilities: { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { subscribe: true, listChanged: true }, logging: {} },
  });
  const session = { server, uris: new Set(), level: 'debug' };
  const handle = (schema, handler) => server.setRequestHandler(schema, (request, extra) => handler(request.params ?? {}, extra));
  handle(types.ListToolsRequestSchema, () => ({ tools: listTools('legacy') }));
  handle(types.ListPromptsRequestSchema, () => ({ prompts: listPrompts() }));
  handle(types.ListResourcesRequestSchema, () => ({ resources: listResources() }));
  handle(types.ListResourceTemplatesRequestSchema, () => ({ resourceTemplates: [] }));
  handle(types.ReadResourceRequestSchema, ({ uri }) => ({ contents: [{ uri, text: 'a thing' }] }));
  handle(types.SubscribeRequestSchema, ({ uri }) => (session.uris.add(uri), {}));
  handle(types.UnsubscribeRequestSchema, ({ uri }) => (session.uris.delete(uri), {}));
  handle(types.SetLevelRequestSchema, ({ level }) => ((session.level = level), {}));
  handle(types.CallToolRequestSchema, (params, extra) => call(params, extra, session));
  handle(types.GetPromptRequestSchema, get);
  connected.add(session);
  server.onclose = () => connected.delete(session);
  await server.connect(transport);
}

const streamable = new Map();
const sse = new Map();
async function http(req, res) {
  const { pathname, searchParams } = new URL(req.url, 'http://localhost');
  if (pathname === '/sse') {
    const transport = new SSEServerTransport('/messages', res);
    sse.set(transport.sessionId, transport);
    return connect(transport);
  }
  if (pathname === '/messages') return sse.get(searchParams.get('sessionId')).handlePostMessage(req, res);
  const id = req.headers['mcp-session-id'];
  const body = req.method === 'POST' ? JSON.parse(Buffer.concat(await req.toArray()).toString()) : undefined;
  if (streamable.has(id)) return streamable.get(id).handleRequest(req, res, body);
  if (id || body?.method !== 'initialize') {
    res.writeHead(id ? 404 : 400, { 'content-type': 'application/json' });
    return res.end(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32000, message: 'no such session' } }));
  }
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (made) => void streamable.set(made, transport),
    onsessionclosed: (made) => void streamable.delete(made),
  });
  await connect(transport);
  return transport.handleRequest(req, res, body);
}

const [, , way, port] = process.argv;
if (way === 'stdio') await connect(new StdioServerTransport());
else createServer(http).listen(Number(port), '127.0.0.1');
