// What the reference server offers, the same in both eras. Names and answers are those that the suite's scenarios ask for.
// A tool is { name, description, inputSchema } and one of
//   call(args, tell)   answers. `tell` is what a running call may do besides: progress(done, total, message), log(level, text),
//                      hangUp() and change(kind), kind being `tool` or `prompt`
//   rounds, finish     asks the client first. A round is (args, client's capabilities) => { key: { method, params } }; finish(answers)
//                      answers. How it asks is the difference between the eras. `sealed`: it wants a state back that is its own.
export const INFO = { name: 'reference', version: '1.0.0' };
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=';

const text = (words) => ({ type: 'text', text: words });
const answer = (...content) => ({ content });
export const object = (properties = {}, required = []) => ({ type: 'object', properties, ...(required.length && { required }) });
const pause = (ms = 50) => new Promise((wake) => setTimeout(wake, ms));
const embedded = (uri, mimeType, words) => ({ type: 'resource', resource: { uri, mimeType, text: words } });
const plain = (name, description, call) => ({ name, description, inputSchema: object(), call });


const elicit = (message, properties, required = Object.keys(properties)) => (
  { method: 'elicitation/create', params: { message, requestedSchema: object(properties, required) } });
const sample = (words, maxTokens) => ({ method: 'sampling/createMessage', params: { messages: [{ role: 'user', content: text(words) }], maxTokens } });
const ROOTS = { method: 'roots/list' };
const asking = (name, description, rounds, more = {}) => (
  { name, description, inputSchema: object(), rounds, finish: (answers) => answer(text(`state-ok ${JSON.stringify(answers)}`)), ...more });
const argument = (name) => ({ inputSchema: object({ [name]: { type: 'string' } }, [name]) });
const string = { type: 'string' };
const CONFIRM = () => ({ confirm: elicit('Please confirm', { ok: { type: 'boolean' } }) });
const choices = (...titles) => titles.map((title, i) => ({ const: `value${i + 1}`, title }));

/** How often the tool and the prompt `test_changing` have been changed, which is what they tell of themselves. */
export const times = { tool: 0, prompt: 0 };
export const changing = (kind) => `Changed ${times[kind]} times`;

const ASKING = [
  asking('test_sampling', 'Asks for a text of a model', [({ prompt }) => ({ text: sample(prompt, 100) })], argument('prompt')),
  asking('test_elicitation', 'Asks the user', [
    ({ message }) => ({ who: elicit(message, { username: string, email: string }) }),
  ], argument('message')),
  asking('test_elicitation_sep1034_defaults', 'Asks with default values', [() => ({ all: elicit('Please look at the values', {
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', default: true },
  }, []) })]),
  asking('test_elicitation_sep1330_enums', 'Asks with every kind of choice', [() => ({ all: elicit('Please choose', {
    untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
    titledSingle: { type: 'string', oneOf: choices('First Option', 'Second Option', 'Third Option') },
    legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] },
    untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
    titledMulti: { type: 'array', items: { anyOf: choices('First Choice', 'Second Choice', 'Third Choice') } },
  }, []) })]),
  asking('test_input_required_result_elicitation', 'Asks for a name', [() => ({ user_name: elicit('What is your name?', { name: string }) })]),
  asking('test_input_required_result_sampling', 'Asks a model', [() => ({ capital_question: sample('What is the capital of France?', 100) })]),
  asking('test_input_required_result_list_roots', 'Asks for the roots', [() => ({ client_roots: ROOTS })]),
  asking('test_input_required_result_request_state', 'Wants its state back', [CONFIRM], { sealed: true }),
  asking('test_input_required_result_tampered_state', 'Wants its own state back', [CONFIRM], { sealed: true }),
  asking('test_input_required_result_multiple_inputs', 'Asks three things at once', [
    () => ({ user_name: elicit('What is your name?', { name: string }), greeting: sample('Generate a greeting', 50), client_roots: ROOTS }),
  ], { sealed: true }),
  asking('test_input_required_result_multi_round', 'Asks two things, one after the other', [
    () => ({ step1: elicit('What is your name?', { name: string }) }),
    () => ({ step2: elicit('Which color?', { color: string }) }),
  ], { sealed: true }),
  asking('test_input_required_result_capabilities', 'Asks what the client can answer', [(_, client) => ({
    ...(client.sampling && { sampled: sample('Any words', 50) }),
    ...(client.elicitation && { elicited: elicit('Any value', { value: string }) }),
  })]),
  asking('test_missing_capability', 'Asks a model, whatever the client can', [() => ({ llm: sample('Say pong', 16) })]),
  asking('test_streaming_elicitation', 'Asks for a value', [() => ({ value: elicit('Which value?', { value: string }) })]),
];

export const tools = () => [
  plain('test_simple_text', 'One text', () => answer(text('This is a simple text response for testing.'))),
  plain('test_image_content', 'One image', () => answer({ type: 'image', data: PNG, mimeType: 'image/png' })),
  plain('test_audio_content', 'One sound', () => answer({ type: 'audio', data: WAV, mimeType: 'audio/wav' })),
  plain('test_embedded_resource', 'One resource', () => answer(embedded('test://embedded-resource', 'text/plain', 'An embedded resource.'))),
  plain('test_multiple_content_types', 'Text, image and resource', () => answer(
    text('Multiple content types test:'),
    { type: 'image', data: PNG, mimeType: 'image/png' },
    embedded('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
  )),
  plain('test_tool_with_logging', 'Three log lines', async (_, tell) => {
    for (const words of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await tell.log('info', words);
      await pause();
    }
    return answer(text('logged'));
  }),
  plain('test_tool_with_progress', 'Progress in three steps', async (_, tell) => {
    for (const done of [0, 50, 100]) {
      await tell.progress(done, 100, `${done} of 100`);
      await pause();
    }
    return answer(text('done'));
  }),
  plain('test_error_handling', 'Fails', () => ({ isError: true, ...answer(text('This tool intentionally returns an error for testing')) })),
  {
    name: 'json_schema_2020_12_tool',
    description: 'Has a schema with keywords of JSON Schema 2020-12',
    inputSchema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      $defs: {
        address: { $anchor: 'addressDef', type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } },
      },
      properties: {
        name: { type: 'string' },
        address: { $ref: '#/$defs/address' },
        contactMethod: { type: 'string', enum: ['phone', 'email'] },
        phone: { type: 'string' },
        email: { type: 'string' },
      },
      allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
      if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
      then: { required: ['phone'] },
      else: { required: ['email'] },
      additionalProperties: false,
    },
    call: (args) => answer(text(JSON.stringify(args))),
  },
  {
    name: 'test_x_mcp_header',
    description: 'Has an argument that is a header, too',
    inputSchema: object({ region: { type: 'string', 'x-mcp-header': 'Region' } }),
    call: ({ region }) => answer(text(`region ${region}`)),
  },
  plain('test_logging_tool', 'One log line', async (_, tell) => {
    await tell.log('info', 'a line');
    return answer(text('logged'));
  }),
  plain('test_reconnection', 'Closes its stream before it answers', async (_, tell) => {
    // So that there is a stream, also for those who answer as JSON when the answer comes first.
    await tell.log('info', 'about to hang up');
    tell.hangUp();
    await pause(100);
    return answer(text('answered on the stream that was taken up again'));
  }),
  plain('test_changing', changing('tool'), () => answer(text('unchanged'))),
  plain('test_trigger_tool_change', 'Changes a tool', (_, tell) => (tell.change('tool'), answer(text('changed')))),
  plain('test_trigger_prompt_change', 'Changes a prompt', (_, tell) => (tell.change('prompt'), answer(text('changed')))),
  ...ASKING,
];

export const RESOURCES = [
  { uri: 'test://static-text', name: 'static-text', description: 'A text', mimeType: 'text/plain' },
  { uri: 'test://static-binary', name: 'static-binary', description: 'An image', mimeType: 'image/png' },
  { uri: 'test://watched-resource', name: 'watched-resource', description: 'To be subscribed to', mimeType: 'text/plain' },
];
export const TEMPLATES = [
  { uriTemplate: 'test://template/{id}/data', name: 'template', description: 'Data of an id', mimeType: 'application/json' },
];

/** The contents of a resource, or `undefined` if there is none. */
export function read(uri) {
  const { mimeType } = RESOURCES.find((r) => r.uri === uri) ?? {};
  if (mimeType === 'image/png') return { contents: [{ uri, mimeType, blob: PNG }] };
  if (mimeType) return { contents: [{ uri, mimeType, text: `This is the content of ${uri}.` }] };
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (!id) return undefined;
  return { contents: [{ uri, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }] };
}

const says = (...contents) => ({ messages: contents.map((content) => ({ role: 'user', content })) });
/** As tools, with `arguments`, and with get(args) instead of `call`. */
export const prompts = () => [
  { name: 'test_simple_prompt', description: 'No arguments', arguments: [], get: () => says(text('This is a simple prompt for testing.')) },
  {
    name: 'test_prompt_with_arguments',
    description: 'Two arguments',
    arguments: [
      { name: 'arg1', description: 'The first', required: true },
      { name: 'arg2', description: 'The second', required: true },
    ],
    get: ({ arg1, arg2 }) => says(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)),
  },
  {
    name: 'test_prompt_with_embedded_resource',
    description: 'A resource',
    arguments: [{ name: 'resourceUri', description: 'Its URI', required: true }],
    get: ({ resourceUri }) => says(embedded(resourceUri, 'text/plain', 'Embedded resource content for testing.'), text('Please process it.')),
  },
  {
    name: 'test_prompt_with_image',
    description: 'An image',
    arguments: [],
    get: () => says({ type: 'image', data: PNG, mimeType: 'image/png' }, text('Please analyze it.')),
  },
  { name: 'test_changing', description: changing('prompt'), arguments: [], get: () => says(text('unchanged')) },
  {
    name: 'test_input_required_result_prompt',
    description: 'Asks for a context',
    arguments: [],
    rounds: [() => ({ user_context: elicit('What context should the prompt use?', { context: string }) })],
    finish: (answers) => says(text(JSON.stringify(answers))),
  },
];

export const complete = (value) => ({ completion: { values: ['paris', 'park', 'party'].filter((w) => w.startsWith(value)), total: 3, hasMore: false } });
