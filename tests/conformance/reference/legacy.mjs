// The reference server of the legacy era (2025-11-25 and before), by the 1.x SDK.
import { randomUUID } from 'node:crypto';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import * as types from '@modelcontextprotocol/sdk/types.js';
import { INFO, RESOURCES, TEMPLATES, complete, prompts, read, times, tools } from './features.mjs';

/** How long a client waits before it comes back to a stream that was closed. */
const RETRY_MS = 500;
const ANSWERS = {
  'elicitation/create': types.ElicitResultSchema,
  'sampling/createMessage': types.CreateMessageResultSchema,
  'roots/list': types.ListRootsResultSchema,
};

/** Asks the client by requests; those of a round at once. */
async function ask({ rounds, finish }, args, client, extra) {
  const answers = {};
  for (const round of rounds) {
    await Promise.all(Object.entries(round(args, client)).map(async ([key, request]) => {
      answers[key] = await extra.sendRequest(request, ANSWERS[request.method]);
    }));
  }
  return finish(answers);
}

function build() {
  const server = new Server(INFO, {
    capabilities: {
      tools: { listChanged: true }, prompts: { listChanged: true }, resources: { subscribe: true, listChanged: true }, logging: {}, completions: {},
    },
  });
  const handle = (schema, handler) => server.setRequestHandler(schema, (request, extra) => handler(request.params ?? {}, extra));
  const named = (list, name) => {
    const found = list.find((item) => item.name === name);
    if (!found) throw new types.McpError(types.ErrorCode.InvalidParams, `there is no ${name}`);
    return found;
  };
  const tell = (extra) => ({
    log: (level, data) => extra.sendNotification({ method: 'notifications/message', params: { level, data } }),
    async progress(progress, total, message) {
      const progressToken = extra._meta?.progressToken;
      if (progressToken === undefined) return;
      await extra.sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total, message } });
    },
    hangUp: () => extra.closeSSEStream?.(),
    async change(kind) {
      times[kind] += 1;
      await (kind === 'tool' ? server.sendToolListChanged() : server.sendPromptListChanged());
    },
  });
  handle(types.ListToolsRequestSchema, () => ({ tools: tools().map(({ name, description, inputSchema }) => ({ name, description, inputSchema })) }));
  handle(types.CallToolRequestSchema, ({ name, arguments: args = {} }, extra) => {
    const tool = named(tools(), name);
    return tool.rounds ? ask(tool, args, server.getClientCapabilities(), extra) : tool.call(args, tell(extra));
  });
  handle(types.ListResourcesRequestSchema, () => ({ resources: RESOURCES }));
  handle(types.ListResourceTemplatesRequestSchema, () => ({ resourceTemplates: TEMPLATES }));
  handle(types.ReadResourceRequestSchema, ({ uri }) => {
    const found = read(uri);
    if (!found) throw new types.McpError(-32002, 'no such resource', { uri });
    return found;
  });
  handle(types.SubscribeRequestSchema, () => ({}));
  handle(types.UnsubscribeRequestSchema, () => ({}));
  handle(types.ListPromptsRequestSchema, () => ({ prompts: prompts().map((p) => ({ name: p.name, description: p.description, arguments: p.arguments })) }));
  handle(types.GetPromptRequestSchema, ({ name, arguments: args = {} }, extra) => {
    const prompt = named(prompts(), name);
    return prompt.rounds ? ask(prompt, args, server.getClientCapabilities(), extra) : prompt.get(args);
  });
  handle(types.CompleteRequestSchema, ({ argument }) => complete(argument.value));
  return server;
}

/** What was said on the streams of one session, for clients that come back. */
function store() {
  const events = [];
  return {
    async storeEvent(stream, message) {
      events.push({ stream, message });
      return String(events.length);
    },
    async getStreamIdForEventId(id) {
      return events[Number(id) - 1]?.stream;
    },
    async replayEventsAfter(last, { send }) {
      const { stream } = events[Number(last) - 1];
      for (const [i, event] of events.entries()) {
        const isMessage = Object.keys(event.message).length > 0;
        if (i >= Number(last) && event.stream === stream && isMessage) await send(String(i + 1), event.message);
      }
      return stream;
    },
  };
}

const sessions = new Map();

/** Serves one HTTP request; `body` is its JSON. */
export async function http(req, res, body) {
  const known = sessions.get(req.headers['mcp-session-id']);
  if (known) return known.handleRequest(req, res, body);
  if (req.headers['mcp-session-id'] || body?.method !== 'initialize') {
    const status = req.headers['mcp-session-id'] ? 404 : 400;
    res.writeHead(status, { 'content-type': 'application/json' });
    return res.end(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32000, message: 'no such session' } }));
  }
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: store(),
    retryInterval: RETRY_MS,
    onsessioninitialized: (id) => void sessions.set(id, transport),
    onsessionclosed: (id) => void sessions.delete(id),
  });
  await build().connect(transport);
  return transport.handleRequest(req, res, body);
}

export const stdio = () => build().connect(new StdioServerTransport());
