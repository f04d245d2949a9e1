// What the TypeScript servers share: features.json, the ledger, and how a question looks.
import { appendFileSync, readFileSync } from 'node:fs';

const { tools, prompts, resource, levels } = JSON.parse(readFileSync(new URL('./features.json', import.meta.url), 'utf8'));
export const INFO = { name: 'matrix', version: '1.0.0' };
export const LEVELS = levels;
export const RESOURCE = resource;
/** How many items have been added, by kind. */
export const extras = { tools: 0, prompts: 0, resources: 0 };

const object = (properties, required) => ({ type: 'object', properties, ...(required && { required }) });
const added = (kind, make) => Array.from({ length: extras[kind] }, (_, i) => make(`extra_${i + 1}`));
const offered = (era) => Object.entries(tools).filter(([, { eras }]) => !eras || eras.includes(era));

export const listTools = (era) => [
  ...offered(era).map(([name, { description, inputSchema = object({}) }]) => ({ name, description, inputSchema })),
  ...added('tools', (name) => ({ name, description: 'Was added', inputSchema: object({}) })),
];
export const listPrompts = () => [
  ...Object.entries(prompts).map(([name, { description }]) => ({ name, description })),
  ...added('prompts', (name) => ({ name, description: 'Was added' })),
];
export const listResources = () => [resource, ...added('resources', (name) => ({ uri: `matrix://${name}`, name }))];
export const tool = (name, era) => Object.fromEntries(offered(era))[name];
export const prompt = (name) => prompts[name];

/** Writes down what happens here, for the stage to count. Several processes may write to the same file. */
export const note = (line) => appendFileSync(process.env.MATRIX_LEDGER, `${line}\n`);

/** The requests of a round, by key. */
export function questions(round, { tag = '' } = {}, urlMore = {}) {
  return Object.fromEntries(Object.entries(round).map(([key, { form, field, url, message, sampling, maxTokens }]) => {
    if (form) {
      const requestedSchema = object({ [field]: { type: 'string' } }, [field]);
      return [key, { method: 'elicitation/create', params: { message: form.replace('{tag}', tag), requestedSchema } }];
    }
    if (url) return [key, { method: 'elicitation/create', params: { mode: 'url', url, message, ...urlMore } }];
    if (!sampling) return [key, { method: 'roots/list' }];
    const messages = [{ role: 'user', content: { type: 'text', text: sampling } }];
    return [key, { method: 'sampling/createMessage', params: { messages, maxTokens } }];
  }));
}

/** What was answered, without what SDKs add. */
export function digest(answers) {
  return JSON.stringify(Object.fromEntries(Object.entries(answers).map(([key, { action, content, roots, model }]) => {
    if (action) return [key, content ? { action, content } : { action }];
    return [key, roots ? roots.map(({ uri }) => uri) : { text: content.text, model }];
  })));
}

/** Between two notices something is done: clients look at what came right before an answer only after it. */
const WORK_MS = 20;
export const work = () => new Promise((done) => setTimeout(done, WORK_MS));

export const text = (words) => ({ content: [{ type: 'text', text: words }] });
export const message = (words) => ({ messages: [{ role: 'user', content: { type: 'text', text: words } }] });
