// A client by the TypeScript SDK: does the checks with one server, directly or through the proxy, and writes what it saw as JSON.
//   node driver.mjs legacy|modern PLAN OUT
// `legacy` is @modelcontextprotocol/sdk (1.x), `modern` is @modelcontextprotocol/client (2.x), which finds the era by itself.
// PLAN: { way: stdio|http|sse, command, args, env | url, prefix, ledger, checks, limitMs }. Names are sent with the prefix and written without it.
import { readFileSync, writeFileSync } from 'node:fs';

const [, , generation, planPath, outPath] = process.argv;
const plan = JSON.parse(readFileSync(planPath, 'utf8'));
const modern = generation === 'modern';
const from = (old, path = '') => import(modern ? `@modelcontextprotocol/client${path}` : `@modelcontextprotocol/sdk/client/${old}.js`);
const { Client } = await from('index');
const types = modern ? null : await import('@modelcontextprotocol/sdk/types.js');
const LOG_LEVEL = 'io.modelcontextprotocol/logLevel';

async function transport() {
  const url = plan.url && new URL(plan.url);
  if (plan.way === 'http') return new (await from('streamableHttp')).StreamableHTTPClientTransport(url);
  if (plan.way === 'sse') return new (await from('sse')).SSEClientTransport(url);
  const { StdioClientTransport } = await from('stdio', '/stdio');
  return new StdioClientTransport({ command: plan.command, args: plan.args, env: { ...process.env, ...plan.env }, stderr: 'ignore' });
}

// What the client is asked and told

let asked = [];
let answer;
const notices = [];
const waiting = [];
const capabilities = { elicitation: { form: {}, url: {} }, sampling: {}, roots: { listChanged: true } };
const info = { name: 'matrix', version: '1.0.0' };
const client = new Client(info, modern ? { capabilities, versionNegotiation: { mode: 'auto' } } : { capabilities });

const FIELDS = { name: 'Ada', color: 'blue', check: true, interpretation: 'snake' };
function elicited({ mode, url, message, requestedSchema }) {
  if (mode === 'url') {
    asked.push({ url, message });
    return { action: answer ?? 'accept' };
  }
  const fields = Object.keys(requestedSchema.properties);
  asked.push({ form: message, fields });
  if (answer === 'echo') return { action: 'accept', content: { [fields[0]]: message } };
  if (answer && answer !== 'accept') return { action: answer };
  return { action: 'accept', content: Object.fromEntries(fields.filter((field) => field in FIELDS).map((field) => [field, FIELDS[field]])) };
}
const on = (method, schema, handler) => client.setRequestHandler(modern ? method : schema, async ({ params }) => handler(params));
on('elicitation/create', types?.ElicitRequestSchema, elicited);
on('sampling/createMessage', types?.CreateMessageRequestSchema, ({ messages, maxTokens }) => {
  asked.push({ sampling: messages[0].content.text, maxTokens });
  return { role: 'assistant', content: { type: 'text', text: 'as the model said' }, model: 'model', stopReason: 'endTurn' };
});
on('roots/list', types?.ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///work/one', name: 'one' }] }));
client.fallbackNotificationHandler = async ({ method, params }) => {
  notices.push({ method, params });
  for (const wake of waiting.splice(0)) wake();
};

const pause = (ms) => new Promise((wake) => setTimeout(wake, ms));
/** Waits for a notification from the position `from` on; gives it. The limit of the check ends it. */
async function notice(method, from) {
  for (;;) {
    const found = notices.slice(from).find((n) => n.method === method);
    if (found) return found;
    await new Promise((wake) => waiting.push(wake));
  }
}

// What the client does

const named = (name) => plan.prefix + name;
const bare = (name) => (name.startsWith(plan.prefix) ? name.slice(plan.prefix.length) : `!${name}`);
const rawCall = (name, args = {}, options = {}, more = {}) => {
  const params = { name: named(name), arguments: args, ...more };
  return modern ? client.callTool(params, options) : client.callTool(params, undefined, options);
};
/** Calls a tool as a task of 2025-11-25, and follows that. */
async function followed(name, args) {
  let created = 0;
  for await (const said of client.experimental.tasks.callToolStream({ name: named(name), arguments: args }, undefined, { task: {} })) {
    if (said.type === 'taskCreated') created += 1;
    if (said.type === 'error') throw said.error;
    if (said.type === 'result' && created === 1) return said.result;
  }
  throw new Error(`${created} tasks and no result`);
}
const shown = ({ content, isError }) => ({ text: content[0].text, ...(isError && { isError }) });
const call = async (...words) => shown(await rawCall(...words));

async function items(kind) {
  const [method, key] = { tools: ['listTools', 'name'], prompts: ['listPrompts', 'name'], resources: ['listResources', 'uri'], templates: ['listResourceTemplates', 'uriTemplate'] }[kind];
  const found = [];
  let cursor;
  do {
    const page = await client[method](cursor === undefined ? {} : { cursor });
    found.push(...page[kind === 'templates' ? 'resourceTemplates' : kind].map((item) => (key === 'name' ? bare(item.name) : item[key])));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return found;
}

/** Begins to listen; the legacy era is told anyway. */
const listen = (filter) => (modern && client.getProtocolEra() === 'modern' ? client.listen(filter) : undefined);

const DOING = {
  async lists() {
    const all = {};
    for (const kind of ['tools', 'prompts', 'resources', 'templates']) all[kind] = (await items(kind)).toSorted().join(' ');
    return all;
  },
  call: ({ tool, arguments: args }) => call(tool, args),
  async read() {
    return { text: (await client.readResource({ uri: 'matrix://thing' })).contents[0].text };
  },
  async 'at once'({ tool, tags }) {
    const seen = await Promise.all(tags.map((tag) => call(tool, { tag })));
    return { texts: seen.map(({ text }) => text) };
  },
  async prompt({ prompt }) {
    return { text: (await client.getPrompt({ name: named(prompt), arguments: {} })).messages[0].content.text };
  },
  async updated({ tool, uri }) {
    const listening = await listen({ resourceSubscriptions: [uri] });
    if (!listening) await client.subscribeResource({ uri });
    const start = notices.length;
    await call(tool);
    const { params } = await notice('notifications/resources/updated', start);
    if (listening) await listening.close();
    else await client.unsubscribeResource({ uri });
    return { updated: params.uri };
  },
  async changed({ tool, kind }) {
    const listening = await listen({ [`${kind}ListChanged`]: true });
    let start = notices.length;
    await call(tool);
    // One of an earlier change may come late: the one that counts is followed by a list with what was added.
    for (;;) {
      await notice(`notifications/${kind}/list_changed`, start);
      start = notices.length;
      if ((await items(kind)).some((name) => name.endsWith('extra_1'))) break;
    }
    await listening?.close();
    return { told: true, listed: true };
  },
  async progress({ tool }) {
    const values = [];
    const seen = await call(tool, {}, {
      // The 2.x client tells of each round by itself, too; only what servers say has their total.
      onprogress: ({ progress, total }) => total === 3 && values.push(progress),
    });
    return { ...seen, values, increasing: values.every((value, i) => i === 0 || value > values[i - 1]) };
  },
  async cancel({ tool }) {
    const controller = new AbortController();
    const ended = await rawCall(tool, {}, { onprogress: () => controller.abort('enough'), signal: controller.signal }).then(() => 'answered', () => 'cancelled');
    while (!readFileSync(plan.ledger, 'utf8').includes('wait cancelled\n')) await pause(20);
    return { ended, seen: true };
  },
  async log({ tool, level }) {
    const start = notices.length;
    const opted = modern && client.getProtocolEra() === 'modern';
    if (!opted) await client.setLoggingLevel(level);
    const seen = await call(tool, {}, {}, opted ? { _meta: { [LOG_LEVEL]: level } } : {});
    // By HTTP, lines and answer may come on two streams.
    while (!notices.slice(start).some(({ params }) => params?.level === 'emergency')) await notice('notifications/message', notices.length);
    return { ...seen, levels: notices.slice(start).filter(({ method }) => method === 'notifications/message').map(({ params }) => params.level) };
  },
  async everything({ calls }) {
    const tools = (await items('tools')).toSorted();
    const results = {};
    for (const [name, args, as] of calls) {
      // A server may add tools when it knows more of the client; one it does not list is not called.
      if (!tools.includes(name)) continue;
      const [label, how] = as ? [`${name} as a ${as}`, followed] : [name, rawCall];
      results[label] = await within(plan.limitMs, async () => (await how(name, args)).content);
    }
    return { tools, results };
  },
};

// One after the other, each with its limit

const within = (ms, work) => Promise.race([
  work().catch((e) => ({ error: typeof e.code === 'number' ? e.code : String(e.code ?? e.name), message: String(e.message) })),
  pause(ms).then(() => ({ error: 'took too long' })),
]);
const lines = () => readFileSync(plan.ledger, 'utf8').split('\n').slice(0, -1);
/** What ran since: name => [begun, finished]. */
function ran(since) {
  const counts = {};
  for (const line of lines().slice(since)) {
    const [name, what] = line.split(' ');
    if (what === 'cancelled') continue;
    counts[name] ??= [0, 0];
    counts[name][what === 'begun' ? 0 : 1] += 1;
  }
  return counts;
}

await client.connect(await transport());
const seen = { era: modern ? client.getProtocolEra() : 'legacy' };
for (const check of plan.checks) {
  asked = [];
  ({ answer } = check);
  const since = lines().length;
  const outcome = await within(check.limitMs ?? plan.limitMs, () => DOING[check.do](check));
  seen[check.name] = { ...outcome, asked, ran: ran(since) };
}
writeFileSync(outPath, JSON.stringify(seen, null, 1));
await Promise.race([client.close(), pause(2_000)]);
process.exit(0);
