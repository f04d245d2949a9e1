// The reference server of the modern era (2026-07-28), by the 2.x SDK.
import { randomBytes } from 'node:crypto';
import { toNodeHandler } from '@modelcontextprotocol/node';
import {
  McpServer, ResourceNotFoundError, ResourceTemplate, createMcpHandler, createRequestStateCodec, fromJsonSchema, inputRequired,
} from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { INFO, RESOURCES, TEMPLATES, changing, complete, object, prompts, read, times, tools } from './features.mjs';
import { EXTENSION, addTasks, isMisnamed } from './tasks.mjs';

const states = createRequestStateCodec({ key: randomBytes(32) });
const isAnswer = (value) => value !== null && typeof value === 'object';

/** Asks the client by what it answers; the client comes again with the answers, and with the state if the server gave one. */
async function ask({ rounds, finish, sealed }, args, { envelope, inputResponses, requestState }) {
  const client = envelope['io.modelcontextprotocol/clientCapabilities'];
  const wants = async (n, answers) => inputRequired({
    inputRequests: rounds[n](args, client),
    ...(sealed && { requestState: await states.mint({ n, answers }) }),
  });
  const seen = requestState();
  const { n, answers } = seen ?? { n: 0, answers: {} };
  const given = Object.keys(rounds[n](args, client)).map((key) => [key, inputResponses?.[key]]);
  if (!given.every(([, value]) => isAnswer(value)) || (sealed && !seen)) return wants(n, answers);
  const all = { ...answers, ...Object.fromEntries(given) };
  return n + 1 < rounds.length ? wants(n + 1, all) : finish(all);
}

const tell = (mcpReq, change) => ({
  log: (level, data) => mcpReq.log(level, data),
  async progress(progress, total, message) {
    const progressToken = mcpReq._meta?.progressToken;
    if (progressToken !== undefined) await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total, message } });
  },
  // Nobody can come back to a stream in this era.
  hangUp: () => {},
  change,
});

/** Makes servers; `changed(kind, registered)` tells the clients of a change of `test_changing`. */
const factory = (changed) => () => {
  const hint = { ttlMs: 1000, cacheScope: 'public' };
  const server = new McpServer(INFO, {
    capabilities: {
      tools: { listChanged: true }, prompts: { listChanged: true }, resources: { subscribe: true, listChanged: true }, logging: {}, completions: {},
      extensions: { [EXTENSION]: {} },
    },
    cacheHints: Object.fromEntries(['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'resources/read'].map((m) => [m, hint])),
    requestState: { verify: states.verify },
  });
  const registered = { tool: {}, prompt: {} };
  const change = (kind) => {
    times[kind] += 1;
    changed(kind, registered[kind].test_changing);
  };
  for (const tool of tools()) {
    const about = { description: tool.description, inputSchema: fromJsonSchema(tool.inputSchema) };
    registered.tool[tool.name] = server.registerTool(tool.name, about, (args, { mcpReq }) => (
      tool.rounds ? ask(tool, args, mcpReq) : tool.call(args, tell(mcpReq, change))));
  }
  addTasks(server);
  for (const prompt of prompts()) {
    const { name, description, arguments: args } = prompt;
    const schema = object(Object.fromEntries(args.map((a) => [a.name, { type: 'string', description: a.description }])), args.map((a) => a.name));
    // Without a schema, the context is all that the SDK gives.
    registered.prompt[name] = args.length
      ? server.registerPrompt(name, { description, argsSchema: fromJsonSchema(schema) }, (given) => prompt.get(given))
      : server.registerPrompt(name, { description }, ({ mcpReq }) => (prompt.rounds ? ask(prompt, {}, mcpReq) : prompt.get({})));
  }
  const found = (uri) => {
    const contents = read(uri.href);
    if (!contents) throw new ResourceNotFoundError(uri.href);
    return contents;
  };
  for (const { uri, name, ...about } of RESOURCES) server.registerResource(name, uri, about, found);
  for (const { uriTemplate, name, ...about } of TEMPLATES) {
    server.registerResource(name, new ResourceTemplate(uriTemplate, { list: undefined }), about, found);
  }
  server.server.setRequestHandler('completion/complete', ({ params }) => complete(params.argument.value));
  return server;
};

// Over HTTP each request has a server of its own, and the handler has the streams of those who listen.
const handler = createMcpHandler(
  factory((kind) => (kind === 'tool' ? handler.notify.toolsChanged() : handler.notify.promptsChanged())),
  { legacy: 'reject' },
);
/** Serves one HTTP request; `body` is its JSON. */
const answer = toNodeHandler(handler);
export const http = async (req, res, body) => isMisnamed(req, res, body) || answer(req, res, body);
export const stdio = () => serveStdio(factory((kind, registered) => registered.update({ description: changing(kind) })), { legacy: 'reject' });
