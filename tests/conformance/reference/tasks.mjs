// Tasks of the modern era, as the extension io.modelcontextprotocol/tasks has them (SEP-2663). The SDK has none: its handler of
// tools/call is stood before, and the three methods are methods of an extension to it.
import { randomUUID } from 'node:crypto';
import { ProtocolError, fromJsonSchema } from '@modelcontextprotocol/server';

export const EXTENSION = 'io.modelcontextprotocol/tasks';
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';

const pause = (ms) => new Promise((wake) => setTimeout(wake, ms));
const text = (words, more = {}) => ({ content: [{ type: 'text', text: words }], ...more });
const object = (properties = {}) => ({ type: 'object', properties });
const elicit = (message, field) => ({ method: 'elicitation/create', params: { mode: 'form', message, requestedSchema: object({ [field]: {} }) } });
const confirm = (message) => ({ ...elicit(message, 'confirm') });
const who = () => ({ user_name: { method: 'elicitation/create', params: { mode: 'form', message: 'What is your name?', requestedSchema: object({ name: { type: 'string' } }) } } });

// A job: what it asks in its task, how long it runs, how it ends. `required`: it cannot be done without a task. `first`: what is asked before that.
const JOBS = {
  slow_compute: { seconds: ({ seconds }) => seconds ?? 0, ends: ({ label }) => text(`computed ${label}`) },
  failing_job: { required: true, seconds: () => 1, ends: () => text('it failed', { isError: true }) },
  protocol_error_job: { seconds: () => 0, ends: () => { throw new ProtocolError(-32603, 'the job broke down'); } },
  confirm_delete: { asks: ({ filename }) => ({ [randomUUID()]: confirm(`Delete ${filename}?`) }), ends: () => text('deleted') },
  multi_input: { asks: () => ({ [randomUUID()]: confirm('The first?'), [randomUUID()]: confirm('The second?') }), ends: () => text('both') },
  test_tool_with_task: { required: true, first: who, ends: (args, { user_name: name }) => text(`done for ${name?.content?.name}`) },
};
const TOOLS = {
  greet: { properties: { name: { type: 'string' } }, call: ({ name }) => text(`Hello, ${name}!`) },
  slow_compute: { properties: { seconds: { type: 'number' }, label: { type: 'string' } } },
  confirm_delete: { properties: { filename: { type: 'string' } } },
  failing_job: {}, protocol_error_job: {}, multi_input: {}, test_tool_with_task: {},
};

const tasks = new Map();
const undeclared = () => new ProtocolError(-32021, 'Missing required client capability', { requiredCapabilities: { extensions: { [EXTENSION]: {} } } });
const declares = ({ mcpReq }) => mcpReq.envelope?.[CAPABILITIES]?.extensions?.[EXTENSION] !== undefined;
const isOver = ({ status }) => ['completed', 'failed', 'cancelled'].includes(status);

function move(task, change) {
  if (isOver(task)) return;
  Object.assign(task, change, { lastUpdatedAt: new Date().toISOString() });
}

async function run(task, { asks, seconds, ends }, args, given) {
  if (asks) {
    task.answered = new Promise((resolve) => { task.resolve = resolve; });
    move(task, { status: 'input_required', inputRequests: asks(args) });
    await task.answered;
  }
  for (let left = (seconds?.(args) ?? 0) * 1000; left > 0 && !isOver(task); left -= 50) await pause(Math.min(left, 50));
  try {
    move(task, { status: 'completed', result: { resultType: 'complete', ...ends(args, given) } });
  } catch ({ code, message }) {
    move(task, { status: 'failed', error: { code, message } });
  }
}

function begin(job, args, given) {
  const now = new Date().toISOString();
  const task = { taskId: randomUUID(), status: 'working', createdAt: now, lastUpdatedAt: now, ttlMs: 600_000, pollIntervalMs: 200 };
  tasks.set(task.taskId, task);
  const seed = { resultType: 'task', ...task };
  run(task, job, args, given);
  return seed;
}

/** Gives `server` the tools that become tasks, and the methods to follow these. */
export function addTasks(server) {
  for (const [name, { properties, call }] of Object.entries(TOOLS)) {
    // Without a task a job is done while its caller waits.
    const wait = async (args) => {
      const { seconds, ends } = JOBS[name];
      await pause((seconds?.(args) ?? 0) * 1000);
      return ends(args, {});
    };
    server.registerTool(name, { description: 'Of the extension for tasks', inputSchema: fromJsonSchema(object(properties)) }, call ?? wait);
  }
  const handlers = server.server._requestHandlers;
  const inner = handlers.get('tools/call');
  handlers.set('tools/call', async (request, context) => {
    const { name, arguments: args = {}, inputResponses } = request.params;
    const job = JOBS[name];
    if (!job) return inner(request, context);
    if (!declares(context)) {
      if (job.required) throw undeclared();
      return inner(request, context);
    }
    const given = inputResponses ?? context.mcpReq.inputResponses;
    if (job.first && !given) return { resultType: 'input_required', inputRequests: job.first(), requestState: 'first' };
    return begin(job, args, given);
  });
  const about = (method, act) => {
    // Else those named as methods of an older era are not found.
    server.server._customSchemaRequestMethods.add(method);
    handlers.set(method, async ({ params }, context) => {
      if (!declares(context)) throw undeclared();
      const task = tasks.get(params?.taskId);
      if (!task) throw new ProtocolError(-32602, `Failed to retrieve task: there is no ${params?.taskId}`);
      return act(task, params.inputResponses ?? context.mcpReq.inputResponses ?? {});
    });
  };
  about('tasks/get', ({ answered, resolve, ...task }) => ({ resultType: 'complete', ...task }));
  about('tasks/cancel', (task) => {
    move(task, { status: 'cancelled', inputRequests: undefined });
    return { resultType: 'complete' };
  });
  about('tasks/update', (task, given) => {
    const left = Object.entries(task.inputRequests ?? {}).filter(([key]) => !(key in given));
    if (left.length > 0) move(task, { inputRequests: Object.fromEntries(left) });
    else if (task.inputRequests) {
      move(task, { status: 'working', inputRequests: undefined });
      task.resolve();
    }
    return { resultType: 'complete' };
  });
}

/** Whether the header that names a task disagrees with the body: then it has been answered. The SDK knows only its own methods. */
export function isMisnamed(req, res, body) {
  if (!['tasks/get', 'tasks/update', 'tasks/cancel'].includes(body?.method) || req.headers['mcp-name'] === body.params?.taskId) return false;
  const error = { code: -32020, message: 'Mcp-Name does not say what the body says' };
  res.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: body.id, error }));
  return true;
}
