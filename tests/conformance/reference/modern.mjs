// The reference server of the modern era (2026-07-28), by the 2.x SDK.
import { randomBytes } from 'node:crypto';
import { toNodeHandler } from '@modelcontextprotocol/node';
import {
  McpServer, ResourceNotFoundError, ResourceTemplate, acceptedContent, createMcpHandler, createRequestStateCodec, fromJsonSchema, inputRequired,
} from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { INFO, PROMPTS, RESOURCES, TEMPLATES, TOOLS, answer, complete, object, read, text } from './features.mjs';

const states = createRequestStateCodec({ key: randomBytes(32) });
const elicit = (message, name, type = 'string') => inputRequired.elicit({ message, requestedSchema: object({ [name]: { type } }, [name]) });
const sample = (words, maxTokens) => inputRequired.createMessage({ messages: [{ role: 'user', content: text(words) }], maxTokens });
const plain = (name, description, call) => ({ name, description, inputSchema: object(), call });
/** A tool that asks all of `requests(client's capabilities)` in one round and then is done; with `state` it wants its state back, too. */
const asks = (name, description, requests, state) => plain(name, description, async (_, { answers, client, seen }) => {
  const wanted = requests(client);
  if (Object.keys(wanted).every((key) => isAnswer(answers?.[key])) && (!state || seen)) return answer(text(`${name}: state-ok`));
  return inputRequired({ inputRequests: wanted, ...(state && { requestState: await states.mint({ name }) }) });
});
const isAnswer = (value) => value !== null && typeof value === 'object';

/** Tools that want input of the client, and what else the suite wants to see of this era. */
const ASKING = [
  asks('test_input_required_result_elicitation', 'Wants a name', () => ({ user_name: elicit('What is your name?', 'name') })),
  asks('test_input_required_result_sampling', 'Wants a text of a model', () => ({ capital_question: sample('What is the capital of France?', 100) })),
  asks('test_input_required_result_list_roots', 'Wants the roots', () => ({ client_roots: inputRequired.listRoots() })),
  asks('test_input_required_result_request_state', 'Wants its state back', () => ({ confirm: elicit('Please confirm', 'ok', 'boolean') }), true),
  asks('test_input_required_result_tampered_state', 'Wants its own state back', () => ({ confirm: elicit('Please confirm', 'ok', 'boolean') }), true),
  asks('test_input_required_result_multiple_inputs', 'Wants three things at once', () => ({
    user_name: elicit('What is your name?', 'name'),
    greeting: sample('Generate a greeting', 50),
    client_roots: inputRequired.listRoots(),
  }), true),
  asks('test_input_required_result_capabilities', 'Wants what the client can give', (client) => ({
    ...(client.sampling && { sampled: sample('Sample request', 50) }),
    ...(client.elicitation && { elicited: elicit('Elicitation input', 'value') }),
  })),
  plain('test_input_required_result_multi_round', 'Wants two things, one after the other', async (_, { answers, seen }) => {
    if (seen?.step === 2 && isAnswer(answers?.step2)) return answer(text(`${seen.name} likes it`));
    const name = acceptedContent(answers, 'step1')?.name;
    if (seen?.step === 1 && name) {
      return inputRequired({ inputRequests: { step2: elicit('Which color?', 'color') }, requestState: await states.mint({ step: 2, name }) });
    }
    return inputRequired({ inputRequests: { step1: elicit('What is your name?', 'name') }, requestState: await states.mint({ step: 1 }) });
  }),
  asks('test_missing_capability', 'Wants a model whatever the client said', () => ({ llm: sample('Say pong', 16) })),
  asks('test_streaming_elicitation', 'Wants a value', () => ({ value: elicit('Which value?', 'value') })),
  plain('test_logging_tool', 'Logs if the client wants it', async (_, tell) => {
    await tell.log('info', 'a line');
    return answer(text('logged'));
  }),
  plain('test_trigger_tool_change', 'Changes a tool', (_, { change }) => (change('tool'), answer(text('changed')))),
  plain('test_trigger_prompt_change', 'Changes a prompt', (_, { change }) => (change('prompt'), answer(text('changed')))),
  {
    name: 'test_x_mcp_header',
    description: 'Has an argument that is a header, too',
    inputSchema: object({ region: { type: 'string', 'x-mcp-header': 'Region' } }),
    call: ({ region }) => answer(text(`region ${region}`)),
  },
];

/** How often the tool and the prompt `test_changing` have been changed, which is what they tell of themselves. */
const times = { tool: 0, prompt: 0 };
const changing = (kind) => ({ description: `Changed ${times[kind]} times` });

/** Makes servers; `changed(kind, registered)` tells the clients of a change of `test_changing`. */
const factory = (changed) => () => {
  const hint = { ttlMs: 1000, cacheScope: 'public' };
  const server = new McpServer(INFO, {
    capabilities: {
      tools: { listChanged: true }, prompts: { listChanged: true }, resources: { subscribe: true, listChanged: true }, logging: {}, completions: {},
    },
    cacheHints: Object.fromEntries(['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'resources/read'].map((m) => [m, hint])),
    requestState: { verify: states.verify },
  });
  const registered = {
    tool: server.registerTool('test_changing', changing('tool'), () => answer(text('unchanged'))),
    prompt: server.registerPrompt('test_changing', changing('prompt'), () => ({ messages: [] })),
  };
  const change = (kind) => {
    times[kind] += 1;
    changed(kind, registered[kind]);
  };
  for (const { name, description, inputSchema, call } of [...TOOLS, ...ASKING]) {
    server.registerTool(name, { description, inputSchema: fromJsonSchema(inputSchema) }, (args, { mcpReq }) => call(args, {
      log: (level, data) => mcpReq.log(level, data),
      async progress(progress, total, message) {
        const progressToken = mcpReq._meta?.progressToken;
        if (progressToken !== undefined) await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total, message } });
      },
      answers: mcpReq.inputResponses,
      seen: mcpReq.requestState(),
      client: mcpReq.envelope['io.modelcontextprotocol/clientCapabilities'],
      change,
    }));
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
  for (const { name, description, arguments: args, get } of PROMPTS) {
    const schema = object(Object.fromEntries(args.map((a) => [a.name, { type: 'string', description: a.description }])), args.map((a) => a.name));
    server.registerPrompt(name, args.length ? { description, argsSchema: fromJsonSchema(schema) } : { description }, get);
  }
  server.registerPrompt('test_input_required_result_prompt', { description: 'Wants a context' }, ({ mcpReq }) => {
    const context = acceptedContent(mcpReq.inputResponses, 'user_context')?.context;
    if (!context) return inputRequired({ inputRequests: { user_context: elicit('What context should the prompt use?', 'context') } });
    return { messages: [{ role: 'user', content: text(`Use the context ${context}`) }] };
  });
  server.server.setRequestHandler('completion/complete', ({ params }) => complete(params.argument.value));
  return server;
};

// Over HTTP each request has a server of its own, and the handler has the streams of those who listen.
const handler = createMcpHandler(
  factory((kind) => (kind === 'tool' ? handler.notify.toolsChanged() : handler.notify.promptsChanged())),
  { legacy: 'reject' },
);
/** Serves one HTTP request; `body` is its JSON. */
export const http = toNodeHandler(handler);
export const stdio = () => serveStdio(factory((kind, registered) => registered.update(changing(kind))), { legacy: 'reject' });
