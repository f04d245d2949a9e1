// Drives one server by the TypeScript SDK and writes what it saw as JSON.
//   node driver.mjs legacy|modern PLAN OUT
// `legacy` is @modelcontextprotocol/sdk (1.x), `modern` is @modelcontextprotocol/client (2.x), which finds the era by itself.
// PLAN: { command, args, env, prefix, steps }. Names are sent with the prefix and written without it.
import { readFileSync, writeFileSync } from 'node:fs';

const [, , generation, planPath, outPath] = process.argv;
const plan = JSON.parse(readFileSync(planPath, 'utf8'));
const modern = generation === 'modern';
const { Client } = await import(modern ? '@modelcontextprotocol/client' : '@modelcontextprotocol/sdk/client/index.js');
const { StdioClientTransport } = await import(
  modern ? '@modelcontextprotocol/client/stdio' : '@modelcontextprotocol/sdk/client/stdio.js'
);
const types = modern ? null : await import('@modelcontextprotocol/sdk/types.js');

const asked = [];
const notices = [];
const waiting = [];
let roots = [{ uri: 'file:///work/one', name: 'one' }];
const capabilities = { elicitation: { form: {} }, sampling: {}, roots: { listChanged: true } };
const info = { name: 'driver', version: '1.0.0' };
const client = new Client(info, modern ? { capabilities, versionNegotiation: { mode: 'auto' } } : { capabilities });

function answers(method, schema, answer) {
  client.setRequestHandler(modern ? method : schema, async (request) => {
    const { _meta, ...params } = request.params ?? {};
    asked.push({ method, params });
    return answer();
  });
}
answers('elicitation/create', types?.ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ada', check: true } }));
answers('sampling/createMessage', types?.CreateMessageRequestSchema, () => ({
  role: 'assistant', content: { type: 'text', text: 'as the model said' }, model: 'model', stopReason: 'endTurn',
}));
answers('roots/list', types?.ListRootsRequestSchema, () => ({ roots }));
client.fallbackNotificationHandler = async ({ method, params }) => {
  const { _meta, ...rest } = params ?? {};
  notices.push({ method, params: rest });
  for (const wake of waiting.splice(0)) wake();
};

/** Waits for a notification from the position `from` on; gives its params or `null`. */
async function notice(method, from) {
  const end = Date.now() + 15_000;
  for (;;) {
    const found = notices.slice(from).find((n) => n.method === method);
    if (found) return found.params;
    if (Date.now() > end) return null;
    await Promise.race([new Promise((wake) => waiting.push(wake)), new Promise((wake) => setTimeout(wake, end - Date.now() + 1))]);
  }
}

const named = (name) => plan.prefix + name;
const bare = (name) => (name.startsWith(plan.prefix) ? name.slice(plan.prefix.length) : `!${name}`);
const call = (params, options) => (modern ? client.callTool(params, options) : client.callTool(params, undefined, options));

async function attempt(work) {
  try {
    return await work();
  } catch (e) {
    return { thrown: { code: e.code ?? e.name, message: String(e.message).replaceAll(plan.prefix || '\0', '') } };
  }
}

async function pages(list, key) {
  const items = [];
  let cursor;
  do {
    const page = await list(cursor ? { cursor } : undefined);
    items.push(...page[key]);
    cursor = page.nextCursor;
  } while (cursor);
  return items;
}

const steps = {
  async list() {
    return {
      tools: await attempt(async () => (await pages((p) => client.listTools(p), 'tools')).map((t) => ({ ...t, name: bare(t.name) }))),
      prompts: await attempt(async () => (await pages((p) => client.listPrompts(p), 'prompts')).map((t) => ({ ...t, name: bare(t.name) }))),
      resources: await attempt(() => pages((p) => client.listResources(p), 'resources')),
      templates: await attempt(() => pages((p) => client.listResourceTemplates(p), 'resourceTemplates')),
    };
  },
  async call({ name, arguments: args, progress, notice: wanted }) {
    const told = [];
    const from = notices.length;
    // The modern edition tells only who listens; a legacy connection refuses to.
    const listening = modern && wanted ? await client.listen({ resourcesListChanged: true }).catch(() => undefined) : undefined;
    const options = progress ? { onprogress: (p) => told.push(p) } : {};
    const result = await call({ name: named(name), arguments: args }, options);
    if (wanted) {
      const told = (await notice(wanted, from)) !== null;
      await listening?.close();
      return { result, notice: told };
    }
    return progress ? { result, told } : result;
  },
  async cancel({ name, arguments: args }) {
    const controller = new AbortController();
    let n = 0;
    const onprogress = () => {
      n += 1;
      if (n === 2) controller.abort('enough');
    };
    const ended = await call({ name: named(name), arguments: args }, { onprogress, signal: controller.signal }).then(
      () => 'answered', () => 'cancelled',
    );
    return { ended, progress: n >= 2 };
  },
  read: ({ uri }) => client.readResource({ uri }),
  prompt: ({ name, arguments: args }) => client.getPrompt({ name: named(name), arguments: args }),
  complete({ ref, argument }) {
    return client.complete({ ref: ref.name ? { ...ref, name: named(ref.name) } : ref, argument });
  },
  async roots() {
    roots = [{ uri: 'file:///work/one' }, { uri: 'file:///work/two', name: 'two' }];
    // Asked twice within a call or not at all would depend on who is faster: the question is waited for.
    const before = asked.length;
    await client.sendRootsListChanged();
    for (const end = Date.now() + 15_000; asked.length === before && Date.now() < end; ) await new Promise((wake) => setTimeout(wake, 20));
    return { asked: asked.length > before };
  },
  level: ({ level }) => client.setLoggingLevel(level),
  async subscribe({ uri, notice: wanted, updates }) {
    const from = notices.length;
    let subscription;
    try {
      await client.subscribeResource({ uri });
    } catch (e) {
      if (!modern) throw e;
      subscription = await client.listen({ resourceSubscriptions: [uri] });
    }
    const message = wanted ? await notice(wanted, from) : undefined;
    if (!updates) return { subscribed: true };
    await call({ name: named(updates), arguments: {} });
    const updated = await notice('notifications/resources/updated', from);
    await call({ name: named(updates), arguments: {} });
    await subscription?.close();
    return { message, updated };
  },
};

const env = { ...process.env, ...plan.env };
await client.connect(new StdioClientTransport({ command: plan.command, args: plan.args, env, stderr: 'ignore' }));
const seen = [];
for (const [i, step] of plan.steps.entries()) {
  const before = asked.length;
  const outcome = await attempt(() => steps[step.do](step));
  seen.push({ step: `${i} ${step.do} ${step.name ?? step.uri ?? step.level ?? ''}`.trim(), outcome, asked: asked.slice(before) });
}
await client.close();
writeFileSync(outPath, JSON.stringify(seen, null, 1));
process.exit(0);
