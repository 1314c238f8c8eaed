// wick for Node: models, conversations, and streams that are read by `for await` (docs/node.md).
//
// Everything here belongs to the thread that made it. What is no longer used is closed by the garbage collector,
// which never waits; `close` does it at once.

'use strict';

const { C, STATUS, WickError, abi, blank, check, ids, text, written } = require('./library.js');
const options = require('./options.js');
const { Pump, Stream } = require('./stream.js');

const NANOSECONDS = 1e9;
// For an exit in the middle of an answer: cancelled streams end within a slice; this is for a machine that does
// something else.
const AT_EXIT = 5_000_000_000n;

function nanoseconds(seconds) {
  if (seconds === undefined || seconds === Infinity) return abi.FOREVER;
  if (typeof seconds !== 'number' || !(seconds >= 0)) options.refuse('seconds', seconds, 'a number, 0 or more');
  return BigInt(Math.round(seconds * NANOSECONDS));
}

const forgotten = new FinalizationRegistry((release) => release());

// An object that owns a handle: `release` lets go of it, and does not know the object.
class Owner {
  #release;
  constructor(handle, parent, release) {
    this.handle = handle;
    // What it came from lives as long as it does.
    Object.defineProperty(this, 'parent', { value: parent });
    Object.defineProperty(this, 'runtime', { value: parent.runtime });
    this.#release = release;
    forgotten.register(this, release, this);
  }

  // Lets go of it now; later calls fail with WICK_E_STALE_HANDLE. Never waits.
  close() {
    forgotten.unregister(this);
    this.#release();
    this.#release = () => {};
  }

  // A stream, begun by `call(out, why)`.
  _start(signal, call) {
    const out = {};
    const why = blank();
    check(call(out, why), why);
    return new Stream(this.runtime.pump, out, this, signal);
  }
}
if (Symbol.dispose) Object.defineProperty(Owner.prototype, Symbol.dispose, { value() { this.close(); } });

const LESS = { shutdown: 'WICK_E_SHUTDOWN', deadline: 'WICK_E_TIMEOUT' };

// Reads a stream to its end, which has to be "ready"; `each` sees every event.
async function ready(stream, each) {
  for await (const event of stream) await each?.(event);
  const { reason } = stream.ended;
  if (reason !== 'ready') throw new WickError(LESS[reason] ?? 'WICK_E_BUSY', `it ended as "${reason}"`);
  return stream.ended;
}

function named(path) {
  return options.string('path', path instanceof URL ? require('url').fileURLToPath(path) : path);
}

// What a file becomes, an object of `kind`, when it is there: begun by `call(struct, out, stream, why)`.
async function arrive(parent, kind, struct, path, given = {}, call) {
  const { signal, onProgress, ...rest } = given;
  signal?.throwIfAborted();
  const from = options.build(struct, rest);
  from.path = named(path);
  from.queue = parent.runtime.pump.handle;
  const out = {};
  const stream = {};
  const why = blank();
  check(call(from, out, stream, why), why);
  const object = new kind(out, parent);
  try {
    await ready(new Stream(parent.runtime.pump, stream, object, signal), (event) => {
      if (event.kind === 'progress') onProgress?.(event.done, event.total);
    });
  } catch (why) {
    object.close();
    throw why;
  }
  return object;
}

// A conversation.
class Session extends Owner {
  constructor(handle, parent) {
    super(handle, parent, () => C.session_close(handle));
  }

  // A generation. `input`: a string is what the user says; a list of messages { role, content, … }; null: goes
  // on where the session ended, or with `prompt` or `promptTokens` in `given`. `given`: the fields of
  // wick_generate_options and wick_sampling, tools, schema, template, and signal. Returns at once.
  generate(input = null, given = {}) {
    const { signal, ...rest } = given;
    const go = options.build('wick_generate_options', rest);
    if (input !== null) {
      go.messages = options.messages(input);
      go.message_count = go.messages.length;
    }
    go.queue = this.runtime.pump.handle;
    return this._start(signal, (out, why) => C.generate(this.handle, go, out, why));
  }

  // Another one that goes on from here; what was computed is shared.
  fork() {
    const out = {};
    const why = blank();
    check(C.session_fork(this.handle, out, why), why);
    return new Session(out, this.parent);
  }

  // Back to a place: `stats.sessionTokens` of an end.
  rewind(tokens) {
    check(C.session_rewind(this.handle, options.integer('tokens', tokens, 'uint32')));
  }

  // Of the last answer only the first `bytes` (of its UTF-8) were heard.
  keep(bytes) {
    check(C.session_keep(this.handle, options.integer('bytes', bytes, 'size')));
  }

  // Forgets all but the system message.
  clear() {
    check(C.session_clear(this.handle));
  }

  // Another persona, from the next turn on; null: none.
  setSystem(system) {
    const why = blank();
    check(C.session_set_system(this.handle, system === null ? text(null) : options.string('system', system), why), why);
  }

  // Another adapter, from the next turn on; null: none.
  setAdapter(adapter, scale = 1) {
    const why = blank();
    check(C.session_set_adapter(this.handle, adapter?.handle ?? { id: 0 }, scale, why), why);
  }

  // Its state.
  info() {
    return JSON.parse(written((...at) => C.session_info(this.handle, ...at)));
  }

  // The conversation: what `generate` takes.
  messages() {
    return JSON.parse(written((...at) => C.session_messages(this.handle, ...at)));
  }

  // The ids that it holds.
  tokens() {
    return ids((...at) => C.session_tokens(this.handle, ...at));
  }

  // Saves it into a file, which is the old or the new one whatever happens. `given`: withKv, signal.
  async save(path, given = {}) {
    const { signal, ...rest } = given;
    signal?.throwIfAborted();
    const store = options.build('wick_store_options', rest);
    store.path = named(path);
    store.queue = this.runtime.pump.handle;
    await ready(this._start(signal, (out, why) => C.session_save(this.handle, store, out, why)));
  }
}

// A voice or character on a model's weights.
class Adapter extends Owner {
  constructor(handle, parent) {
    super(handle, parent, () => C.adapter_close(handle));
  }

  info() {
    return JSON.parse(written((...at) => C.adapter_info(this.handle, ...at)));
  }
}

class Model extends Owner {
  constructor(handle, parent) {
    super(handle, parent, () => C.model_close(handle));
  }

  // A conversation. `given`: the fields of wick_session_options, tools, template.
  session(given = {}) {
    const out = {};
    const why = blank();
    check(C.session_create(this.handle, options.build('wick_session_options', given), out, why), why);
    return new Session(out, this);
  }

  // A session from its save. `given`: adapter, signal, onProgress.
  restore(path, given) {
    return arrive(this, Session, 'wick_store_options', path, given, (...all) => C.session_restore(this.handle, ...all));
  }

  // Loads an adapter. `given`: the fields of wick_adapter_options, signal, onProgress.
  adapter(path, given) {
    return arrive(this, Adapter, 'wick_adapter_options', path, given, (...all) => C.adapter_load(this.handle, ...all));
  }

  async #vectors(texts, given, call) {
    const { signal, ...rest } = given;
    signal?.throwIfAborted();
    const how = options.build('wick_embed_options', rest);
    how.queue = this.runtime.pump.handle;
    const list = options.list('texts', texts).map((one, at) => options.string(`texts[${at}]`, one));
    const all = [];
    await ready(this._start(signal, (out, why) => call(list, list.length, how, out, why)), (event) => {
      if (event.kind === 'vector') all[event.done] = event.values;
    });
    return all;
  }

  // The vectors of a list of texts, of length 1. `given`: priority, deadlineNs, signal.
  embed(texts, given = {}) {
    return this.#vectors(texts, given, (...all) => C.embed_start(this.handle, ...all));
  }

  // How well each text answers `query`, by a cross-encoder: raw scores.
  async rerank(query, texts, given = {}) {
    const asked = options.string('query', query);
    const all = await this.#vectors(texts, given, (...rest) => C.rerank_start(this.handle, asked, ...rest));
    return all.map((values) => values[0]);
  }

  // The ids of a text.
  tokenize(said, { addSpecial = false, parseSpecial = false } = {}) {
    const why = blank();
    const value = options.string('text', said);
    return ids((...at) => C.model_tokenize(this.handle, value, Number(addSpecial), Number(parseSpecial), ...at, why), why, said.length + 8);
  }

  // The text of ids.
  detokenize(tokens, { special = false } = {}) {
    const why = blank();
    const list = Uint32Array.from([...tokens, 0]);
    return written((...at) => C.model_detokenize(this.handle, list, list.length - 1, Number(special), ...at, why), why);
  }

  // How many ids a text has.
  countTokens(said, { addSpecial = false, parseSpecial = false } = {}) {
    const count = [0];
    const why = blank();
    check(C.model_count_tokens(this.handle, options.string('text', said), Number(addSpecial), Number(parseSpecial), count, why), why);
    return Number(count[0]);
  }

  // Messages through the model's chat template. `given`: tools, template, addGenerationPrompt.
  render(messages, { tools, template, addGenerationPrompt = false } = {}) {
    const list = options.messages(messages);
    const why = blank();
    const json = (name, value) => text(value === undefined ? null : options.json(name, value));
    return written((...at) => C.model_render(
      this.handle, list, list.length, json('tools', tools), json('template', template), Number(addGenerationPrompt), ...at, why), why);
  }

  // What is known of the model.
  info() {
    return JSON.parse(written((...at) => C.model_info(this.handle, ...at)));
  }
}

// Runtimes that are not shut down: id → [handle, pump].
const running = new Map();
process.on('exit', () => {
  for (const [handle, pump] of running.values()) {
    // An event that comes while Node takes itself down would be a call into what is gone.
    pump.watcher.close();
    C.runtime_shutdown(handle, AT_EXIT);
  }
});

function ended(handle, pump) {
  running.delete(handle.id);
  pump.close();
}

// What computes: its threads, and the queue that its streams are read through.
class Runtime {
  // `given`: the fields of wick_runtime_options (threads, memoryBudget, pacePercent, mode: 'host_step', …).
  constructor(given = {}) {
    const made = options.build('wick_runtime_options', given);
    made.abi_version = abi.abiVersion;
    const out = {};
    const why = blank();
    check(C.runtime_create(made, out, why), why);
    this.handle = out;
    const pump = new Pump(out);
    running.set(out.id, [out, pump]);
    Object.defineProperty(this, 'pump', { value: pump });
    Object.defineProperty(this, 'runtime', { value: this });
    // It may wait for threads, so that is done on one of Node's.
    forgotten.register(this, () => C.runtime_shutdown.async(out, abi.FOREVER, () => ended(out, pump)), this);
  }

  // Loads a model. `given`: the fields of wick_model_options, signal, onProgress(done, total) in bytes.
  load(path, given) {
    return arrive(this, Model, 'wick_model_options', path, given, (...all) => C.model_load(this.handle, ...all));
  }

  // HOST_STEP only: computes for about `seconds`; whether there is more to do.
  step(seconds) {
    return check(C.runtime_step(this.handle, nanoseconds(seconds), [0])) === STATUS.more;
  }

  pause() {
    check(C.runtime_pause(this.handle));
  }

  resume() {
    check(C.runtime_resume(this.handle));
  }

  // From now on at most `percent` of the time is computed.
  setPace(percent) {
    check(C.runtime_set_pace(this.handle, options.integer('percent', percent, 'uint32')));
  }

  // Gives memory back that can be filled again.
  trim() {
    check(C.runtime_trim(this.handle));
  }

  // Counts, memory, queues.
  info() {
    return JSON.parse(written((...at) => C.runtime_info(this.handle, ...at)));
  }

  // Ends every stream ("shutdown") and joins the threads; whether that was over within `seconds` (undefined: as
  // long as it takes).
  async shutdown(seconds) {
    if (!running.has(this.handle.id)) return true;
    const limit = nanoseconds(seconds);
    const status = await new Promise((resolve, reject) => {
      C.runtime_shutdown.async(this.handle, limit, (failed, result) => (failed ? reject(failed) : resolve(result)));
    });
    if (status === STATUS.e_timeout) return false;
    // Stale: another call was quicker.
    if (status !== STATUS.e_stale_handle) check(status);
    forgotten.unregister(this);
    await this.pump.watcher.settle();
    ended(this.handle, this.pump);
    return true;
  }
}
if (Symbol.asyncDispose) {
  Object.defineProperty(Runtime.prototype, Symbol.asyncDispose, { value() { return this.shutdown(); } });
}

// The library's version, such as "0.1.0".
const version = C.version();

// What the library was built with.
function buildInfo() {
  return JSON.parse(written((...at) => C.build_info(...at)));
}

module.exports = { Adapter, Model, Runtime, Session, Stream, WickError, buildInfo, version };
