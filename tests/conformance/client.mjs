// The client command of the suite's client scenarios: does with the suite's server, directly or through the proxy, what a scenario wants.
//   node client.mjs URL
// The suite gives MCP_CONFORMANCE_SCENARIO, MCP_CONFORMANCE_PROTOCOL_VERSION and MCP_CONFORMANCE_CONTEXT; the stage gives
// CONFORMANCE_PROXY (the program; without it the client speaks to the URL itself) and CONFORMANCE_HOME (a folder for it).
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { proxyHome } from './processes.mjs';

/** What has not ended by then hangs; the suite still tells what it has seen. */
const LIMIT_MS = 12_000;
let link;
setTimeout(() => {
  console.error('client.mjs: took too long');
  if (link?.pid) process.kill(link.pid, 'SIGKILL');
  process.exit(1);
}, LIMIT_MS);

const url = process.argv.at(-1);
const { MCP_CONFORMANCE_SCENARIO: scenario, CONFORMANCE_PROXY: proxy, CONFORMANCE_HOME: home } = process.env;
// The 0.1 line of the suite does not say the revision: it knows only one.
const modern = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION === '2026-07-28';
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}');

const from = (old, path) => import(modern ? `@modelcontextprotocol/client${path}` : `@modelcontextprotocol/sdk/client/${old}.js`);
const { Client } = await from('index', '');

async function transport() {
  if (!proxy) {
    const { StreamableHTTPClientTransport } = await from('streamableHttp', '');
    return new StreamableHTTPClientTransport(new URL(url));
  }
  const { StdioClientTransport } = await from('stdio', '/stdio');
  const folder = mkdtempSync(join(home, `${scenario.replaceAll('/', '-')}-`));
  const config = join(folder, 'config.yaml');
  writeFileSync(config, JSON.stringify({ version: 1, servers: { suite: { transport: 'http', url } }, routing: { naming: 'flat' } }));
  const env = { ...process.env, ...proxyHome(folder) };
  return new StdioClientTransport({ command: proxy, args: ['serve', '--stdio', '--config', config], env, stderr: 'inherit' });
}

const capabilities = { elicitation: modern ? { form: {} } : { form: { applyDefaults: true } } };
const client = new Client({ name: 'conformance-client', version: '1.0.0' }, modern ? { capabilities, versionNegotiation: { mode: 'auto' } } : { capabilities });
const { ElicitRequestSchema } = modern ? {} : await import('@modelcontextprotocol/sdk/types.js');
client.setRequestHandler(modern ? 'elicitation/create' : ElicitRequestSchema, async () => ({ action: 'accept', content: modern ? { confirmed: true } : {} }));

const list = async () => (await client.listTools()).tools;
const call = (name, args = {}) => client.callTool({ name, arguments: args });
const SAMPLES = { string: 'text', integer: 1, number: 1.5, boolean: true, object: {}, array: [], null: null };
/** Arguments that a schema may accept: a sample for each property. */
const sample = ({ properties = {} }) => Object.fromEntries(Object.entries(properties).map(([name, { type }]) => [name, SAMPLES[type]]));

async function listAndCallAll() {
  for (const { name, inputSchema } of await list()) await call(name, sample(inputSchema));
}

const DOING = {
  'json-schema-ref-no-deref': list,
  async 'json-schema-2020-12-preservation'() {
    const { inputSchema } = (await list()).find((t) => t.name === 'json_schema_2020_12_tool');
    await call('json_schema_echo', { schema: inputSchema });
  },
  async 'http-standard-headers'() {
    await listAndCallAll();
    for (const { uri } of (await client.listResources()).resources) await client.readResource({ uri });
    for (const { name } of (await client.listPrompts()).prompts) await client.getPrompt({ name });
  },
  async 'http-custom-headers'() {
    await list();
    for (const { name, arguments: args } of context.toolCalls) await call(name, args);
  },
  async 'sep-2322-client-request-state'() {
    await list();
    // The second is called while the first waits for its input.
    await Promise.all([call('test_mrtr_echo_state'), call('test_mrtr_unrelated')]);
    await call('test_mrtr_no_state');
    // The SDK refuses a result without a type; the suite only looks whether it is taken for one that wants input.
    await call('test_mrtr_no_result_type').catch(() => {});
  },
};

link = await transport();
await client.connect(link);
await (DOING[scenario] ?? listAndCallAll)();
await client.close();
process.exit(0);
