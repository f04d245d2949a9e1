// The reference server of the legacy era (2025-11-25 and before), by the 1.x SDK.
import { randomUUID } from 'node:crypto';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import * as types from '@modelcontextprotocol/sdk/types.js';
import { INFO, PROMPTS, RESOURCES, TEMPLATES, TOOLS, answer, complete, object, pause, read, text } from './features.mjs';

/** How long a client waits before it comes back to a stream that was closed. */
const RETRY_MS = 500;

const options = (names) => names.map(([value, title]) => ({ const: value, title }));
const elicit = (name, description, properties, argument) => ({
  name,
  description,
  inputSchema: argument ? object({ [argument]: { type: 'string' } }, [argument]) : object(),
  async call(args, { ask }) {
    const message = args[argument] ?? 'Please look at the values';
    const { action, content } = await ask('elicitation/create', { message, requestedSchema: object(properties) }, types.ElicitResultSchema);
    return answer(text(`Elicitation completed: action=${action}, content=${JSON.stringify(content)}`));
  },
});

/** Tools that ask the client while they run, which only this era has. */
const ASKING = [
  {
    name: 'test_sampling',
    description: 'Asks the client for a text of its model',
    inputSchema: object({ prompt: { type: 'string' } }, ['prompt']),
    async call({ prompt }, { ask }) {
      const messages = [{ role: 'user', content: text(prompt) }];
      const { content } = await ask('sampling/createMessage', { messages, maxTokens: 100 }, types.CreateMessageResultSchema);
      return answer(text(`LLM response: ${content.text}`));
    },
  },
  elicit('test_elicitation', 'Asks the user', { username: { type: 'string' }, email: { type: 'string' } }, 'message'),
  elicit('test_elicitation_sep1034_defaults', 'Asks with default values', {
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', default: true },
  }),
  elicit('test_elicitation_sep1330_enums', 'Asks with every kind of choice', {
    untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
    titledSingle: { type: 'string', oneOf: options([['value1', 'First Option'], ['value2', 'Second Option'], ['value3', 'Third Option']]) },
    legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] },
    untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
    titledMulti: { type: 'array', items: { anyOf: options([['value1', 'First Choice'], ['value2', 'Second Choice'], ['value3', 'Third Choice']]) } },
  }),
  {
    name: 'test_reconnection',
    description: 'Closes its stream before it answers',
    inputSchema: object(),
    async call(_, { log, hangUp }) {
      // So that there is a stream, also for those who answer as JSON when the answer comes first.
      await log('info', 'about to hang up');
      hangUp();
      await pause(100);
      return answer(text('answered on the stream that was taken up again'));
    },
  },
];
const ALL = [...TOOLS, ...ASKING];

function build() {
  const server = new Server(INFO, {
    capabilities: {
      tools: { listChanged: true }, prompts: { listChanged: true }, resources: { subscribe: true, listChanged: true }, logging: {}, completions: {},
    },
  });
  const handle = (schema, handler) => server.setRequestHandler(schema, (request, extra) => handler(request.params ?? {}, extra));
  handle(types.ListToolsRequestSchema, () => ({ tools: ALL.map(({ call, ...tool }) => tool) }));
  handle(types.CallToolRequestSchema, ({ name, arguments: args = {} }, extra) => {
    const tool = ALL.find((t) => t.name === name);
    if (!tool) throw new types.McpError(types.ErrorCode.InvalidParams, `no tool ${name}`);
    const progressToken = extra._meta?.progressToken;
    return tool.call(args, {
      log: (level, data) => extra.sendNotification({ method: 'notifications/message', params: { level, data } }),
      async progress(progress, total, message) {
        if (progressToken === undefined) return;
        await extra.sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total, message } });
      },
      ask: (method, params, result) => extra.sendRequest({ method, params }, result),
      hangUp: () => extra.closeSSEStream?.(),
    });
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
  handle(types.ListPromptsRequestSchema, () => ({ prompts: PROMPTS.map(({ get, ...prompt }) => prompt) }));
  handle(types.GetPromptRequestSchema, ({ name, arguments: args = {} }) => PROMPTS.find((p) => p.name === name).get(args));
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
