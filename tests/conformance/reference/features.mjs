// What the reference server offers in both eras. Names and answers are those that the suite's scenarios ask for.
// A tool is { name, description, inputSchema, call(args, tell) }; `tell` is what a running call may say to its client:
// progress(done, total, message) and log(level, text).
export const INFO = { name: 'reference', version: '1.0.0' };
export const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=';

export const text = (words) => ({ type: 'text', text: words });
export const answer = (...content) => ({ content });
export const object = (properties = {}, required = []) => ({ type: 'object', properties, ...(required.length && { required }) });
export const pause = (ms = 50) => new Promise((wake) => setTimeout(wake, ms));
const embedded = (uri, mimeType, words) => ({ type: 'resource', resource: { uri, mimeType, text: words } });
const plain = (name, description, call) => ({ name, description, inputSchema: object(), call });

export const TOOLS = [
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
export const PROMPTS = [
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
];

export const complete = (value) => ({ completion: { values: ['paris', 'park', 'party'].filter((w) => w.startsWith(value)), total: 3, hasMore: false } });
