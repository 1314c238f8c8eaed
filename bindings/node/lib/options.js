// Objects of options as the structs of the library: every field by its name in wick.h, in camelCase. Knows no
// call.

'use strict';

const { abi, text, wrong } = require('./library.js');

// What the library and this package fill in themselves. Callbacks are not called from wick's threads into
// JavaScript, what is read from memory would have to outlive its buffer, and events are read as they come.
const OWN = new Set([
  'struct_size', 'abi_version', 'reserved', 'reserved0', 'reserved1', 'reserved2', 'thread_name', 'on_thread',
  'thread_user', 'thread_drop', 'log', 'log_user', 'log_drop', 'on_event', 'user', 'drop', 'queue', 'path', 'data',
  'data_len', 'data_user', 'data_drop', 'io', 'messages', 'message_count', 'prompt_token_count', 'stop_count',
  'logit_bias_count', 'buffer_events',
]);

// By struct and name in JavaScript: [name in C, what it takes].
const fields = {};
for (const [struct, { fields: list }] of Object.entries(abi.layout)) {
  fields[struct] = new Map(list.filter(([name]) => !OWN.has(name)).map(([name, , js, sort]) => [js, [name, sort]]));
}

const INTEGERS = {
  uint8: [0n, 255n],
  uint16: [0n, 65535n],
  uint32: [0n, 2n ** 32n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  size: [0n, 2n ** 64n - 1n],
};

function shown(value) {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'string') return JSON.stringify(value);
  return typeof value === 'object' && value !== null ? `a ${value.constructor?.name ?? 'object'}` : String(value);
}

function refuse(name, value, wanted) {
  throw wrong(`${name} is ${shown(value)}; it has to be ${wanted}`);
}

function string(name, value) {
  if (typeof value !== 'string') refuse(name, value, 'a string');
  return text(value);
}

function integer(name, value, sort) {
  const [least, most] = INTEGERS[sort];
  if (typeof value === 'boolean' && sort === 'uint8') return Number(value);
  if (typeof value === 'bigint' ? value < least || value > most : !Number.isSafeInteger(value) || value < least || value > most) {
    refuse(name, value, sort === 'uint8' ? 'true or false' : `a whole number from ${least} to ${most}`);
  }
  return value;
}

function list(name, value) {
  if (!Array.isArray(value) && !ArrayBuffer.isView(value)) refuse(name, value, 'a list');
  return Array.from(value);
}

// Lists, by the name of their field: how each lands in the struct.
const LISTS = {
  stop(struct, value) {
    const all = typeof value === 'string' ? [value] : list('stop', value);
    struct.stop = all.map((one, at) => string(`stop[${at}]`, one));
    struct.stop_count = all.length;
  },
  prompt_tokens(struct, value) {
    const all = list('promptTokens', value);
    all.forEach((one, at) => integer(`promptTokens[${at}]`, one, 'uint32'));
    // One more, so that an empty list has an address.
    struct.prompt_tokens = Uint32Array.from([...all, 0]);
    struct.prompt_token_count = all.length;
  },
  // An object or a Map of ids to biases.
  logit_bias(struct, value) {
    const pairs = value instanceof Map ? [...value] : Object.entries(value);
    struct.logit_bias = pairs.map(([id, bias]) => ({
      token: integer('a token of logitBias', Number(id), 'uint32'),
      bias: typeof bias === 'number' ? bias : refuse(`logitBias[${id}]`, bias, 'a number'),
    }));
    struct.logit_bias_count = pairs.length;
  },
};

// JSON may be given as what it says.
function json(name, value) {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object') refuse(name, value, 'an object, a list, or JSON');
  return JSON.stringify(value);
}

// What JavaScript says in its own way, as fields.
function translated(struct, given) {
  const { tools, schema, template, ...rest } = given;
  if (struct !== 'wick_generate_options' && struct !== 'wick_session_options') return given;
  if (tools !== undefined) rest.toolsJson = json('tools', tools);
  if (template !== undefined) rest.templateJson = json('template', template);
  if (schema !== undefined) {
    if (struct !== 'wick_generate_options') throw wrong('schema is an option of generate');
    rest.grammarKind = 'json_schema';
    rest.grammar = json('schema', schema);
  }
  return rest;
}

function set(struct, key, name, sort, value) {
  const group = abi.groups[sort];
  if (group) {
    if (typeof value !== 'string' || !Object.hasOwn(group, value)) {
      refuse(key, value, `one of ${Object.keys(group).sort().join(', ')}`);
    }
    struct[name] = group[value];
  } else if (sort === 'text') {
    struct[name] = string(key, value);
  } else if (sort === 'float') {
    if (typeof value !== 'number') refuse(key, value, 'a number');
    struct[name] = value;
  } else if (INTEGERS[sort]) {
    struct[name] = integer(key, value, sort);
  } else if (LISTS[name]) {
    LISTS[name](struct, value);
  } else {
    // An adapter: the object that has the handle.
    if (!value.handle) refuse(key, value, 'what wick gave for it');
    struct[name] = value.handle;
  }
}

// A new `name` with what `given` says. Fields of a `wick_sampling` in it are given beside the others.
function build(name, given = {}) {
  if (typeof given !== 'object' || given === null) refuse('options', given, 'an object');
  const struct = { struct_size: abi.layout[name].size };
  const sampling = fields[name].has('sampling') ? (struct.sampling = {}) : null;
  for (const [key, value] of Object.entries(translated(name, given))) {
    if (value === undefined) continue;
    const field = key === 'sampling' ? undefined : fields[name].get(key);
    const inner = !field && sampling ? fields.wick_sampling.get(key) : undefined;
    if (!field && !inner) throw wrong(`there is no option ${JSON.stringify(key)}; wick.h has those of ${name}`);
    if (field) set(struct, key, ...field, value);
    else set(sampling, key, ...inner, value);
  }
  return struct;
}

// Messages: a string is the user's; a list has { role, content } and what else the template knows (tool_calls,
// tool_call_id, name, …), as Session.messages gives them.
function messages(given) {
  const all = typeof given === 'string' ? [{ role: 'user', content: given }] : list('messages', given);
  return all.map((message, at) => {
    if (typeof message !== 'object' || message === null) refuse(`messages[${at}]`, message, 'an object with a role');
    const { role, content, ...extra } = message;
    return {
      role: string(`messages[${at}].role`, role),
      content: content === undefined || content === null ? text(null) : string(`messages[${at}].content`, content),
      extra_json: text(Object.keys(extra).length > 0 ? JSON.stringify(extra) : null),
    };
  });
}

module.exports = { build, integer, json, list, messages, refuse, string };
