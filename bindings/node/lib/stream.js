// Streams of events, and the queue that all those of a runtime are read through. Nothing calls back from wick's
// threads: the event loop watches the queue's descriptor. Knows no model and no session.

'use strict';

const { isMainThread } = require('worker_threads');
const { C, STATUS, WickError, abi, blank, check, koffi, text } = require('./library.js');

const BYTES = 65536;
// A call that waits: a second.
const WAIT = 1_000_000_000n;
// Events that are read before the loop has its turn.
const TURN = 256;
const NAMES = {};
for (const group of ['event', 'end', 'channel', 'note']) {
  NAMES[group] = new Map(Object.entries(abi.groups[group]).map(([name, value]) => [value, name]));
}
const STATS = abi.layout.wick_stats.fields.filter(([name]) => name !== 'reserved');

function statsOf(stats) {
  const out = {};
  for (const [name, , js] of STATS) out[js] = Number(stats[name]);
  // A seed has 64 bits.
  out.seed = BigInt(stats.seed);
  return out;
}

// Where an event is read into: the struct, and the bytes that its texts and lists lie in.
function place() {
  const event = Buffer.alloc(abi.layout.wick_event.size);
  event.writeUInt32LE(event.length, 0);
  const bytes = Buffer.from(new ArrayBuffer(BYTES));
  return { event, bytes, at: koffi.address(bytes) };
}

// Of a part of `bytes`, a copy.
function copy({ bytes, at }, pointer, length) {
  const from = bytes.byteOffset + Number(pointer - at);
  return bytes.buffer.slice(from, from + length);
}

function began(raw, kind) {
  const event = { kind, seq: Number(raw.seq), seconds: Number(raw.time_ns) / 1e9 };
  if (kind === 'text') Object.assign(event, { channel: NAMES.channel.get(raw.channel) ?? 'unknown', text: '', tokens: [] });
  if (kind === 'note') Object.assign(event, { source: NAMES.note.get(raw.channel) ?? 'unknown', text: '' });
  if (kind === 'tool_call') event.text = '';
  if (kind === 'progress' || kind === 'vector') Object.assign(event, { done: Number(raw.done), total: Number(raw.total) });
  if (kind === 'vector') event.values = new Float32Array(0);
  return event;
}

function joined(left, right) {
  const out = new Float32Array(left.length + right.length);
  out.set(left);
  out.set(right, left.length);
  return out;
}

// Adds what was read to `event`, an event's beginning, or begins one.
function take(from, raw, event) {
  const kind = NAMES.event.get(raw.kind) ?? 'unknown';
  event ??= began(raw, kind);
  const said = raw.text_len > 0 ? Buffer.from(copy(from, raw.text, Number(raw.text_len))).toString('utf8') : '';
  if (kind === 'end') {
    event.reason = NAMES.end.get(raw.end_reason) ?? 'unknown';
    event.text = said;
    event.stats = statsOf(raw.stats);
    if (raw.status < 0) event.error = new WickError(raw.status, said);
  } else if (event.text !== undefined) {
    event.text += said;
  }
  if (kind === 'text') {
    if (raw.token_count > 0) event.tokens.push(...new Uint32Array(copy(from, raw.tokens, raw.token_count * 4)));
    if (!Number.isNaN(raw.logprob)) event.logprob = raw.logprob;
    if (raw.alternative_count > 0) {
      const list = new DataView(copy(from, raw.alternatives, raw.alternative_count * 8));
      for (let at = 0; at < list.byteLength; at += 8) {
        (event.alternatives ??= []).push({ token: list.getUint32(at, true), logprob: list.getFloat32(at + 4, true) });
      }
    }
  } else if (kind === 'vector' && raw.value_count > 0) {
    event.values = joined(event.values, new Float32Array(copy(from, raw.values, raw.value_count * 4)));
  }
  if (kind === 'tool_call' && !raw.more) Object.assign(event, JSON.parse(event.text));
  return event;
}

// Watches a queue by its descriptor: `read` is called when there is something to read. It holds the process
// only while it is needed.
class Descriptor {
  constructor(queue, read) {
    const handle = {};
    check(C.queue_os_handle(queue, handle));
    // Read in a callback of Node's own: Node-API does not promise that a call out of libuv's looks at what was
    // resolved in it.
    let due = false;
    const turn = () => {
      due = false;
      read();
    };
    this.poll = koffi.node.poll(handle.fd, { readable: true }, () => {
      if (!due) setImmediate(turn);
      due = true;
    });
    this.poll.unref();
  }
  need(needed) {
    if (needed) this.poll.ref();
    else this.poll.unref();
  }
  async settle() {}
  close() {
    this.poll.close();
  }
}

// Where a loop cannot watch it (Windows), or where a thread may be terminated (workers): one call at a time that
// waits on a thread of Node's, while there is somebody who waits. Node waits for it when it takes a worker down.
class Call {
  constructor(queue, read) {
    Object.assign(this, { queue, read, needed: false, waiting: false, settled: null, over: null, place: place() });
  }
  need(needed) {
    this.needed = needed;
    if (needed) this.wait();
    else if (this.waiting) C.queue_wake(this.queue);
  }
  wait() {
    if (this.waiting || !this.needed || this.settled) return;
    this.waiting = true;
    const { event, bytes } = this.place;
    C.queue_next.async(this.queue, event, bytes, bytes.length, WAIT, (failed, status) => {
      this.waiting = false;
      if (failed || status < 0 || status === STATUS.ended) this.needed = false;
      else this.read(status === STATUS.ok ? this.place : null);
      if (this.settled) this.settled();
      else this.wait();
    });
  }
  // No more calls: once the one under way has given what it has taken.
  settle() {
    return (this.over ??= new Promise((resolve) => {
      this.settled = resolve;
      if (this.waiting) C.queue_wake(this.queue);
      else resolve();
    }));
  }
  close() {
    this.needed = false;
  }
}

const watchers = { descriptor: Descriptor, call: Call };
let shared = null;

// A queue, and the streams that are read through it. It does not know its runtime, and keeps a stream only
// while somebody waits for it: what is forgotten can be collected.
class Pump {
  constructor(runtime) {
    this.handle = {};
    const why = blank();
    check(C.queue_create(runtime, this.handle, why), why);
    this.streams = new Map();
    this.waiting = new Set();
    this.open = true;
    this.watcher = new watchers[Pump.watch](this.handle, (first) => this.drain(first));
  }

  // Reads what is there; `first`: an event that has been read already. Whether there may be more.
  drain(first) {
    if (first) this.deliver(first);
    // The one call of Call's is the queue's reader while it waits.
    for (let left = TURN; left > 0; left--) {
      if (!this.open || this.watcher.waiting) return false;
      const from = (shared ??= place());
      if (C.queue_next(this.handle, from.event, from.bytes, BYTES, 0n) !== STATUS.ok) return false;
      this.deliver(from);
    }
    return true;
  }

  deliver(from) {
    const raw = koffi.decode(from.event, abi.structs.wick_event);
    const entry = this.streams.get(BigInt(raw.stream.id));
    if (!entry) return;
    const event = take(from, raw, entry.partial);
    entry.partial = raw.more ? event : null;
    if (raw.more) return;
    if (event.kind === 'end') this.forget(entry);
    entry.stream.deref()?.push(event);
  }

  // Closes a stream: its events, if any are left, are nobody's.
  forget(entry) {
    if (!this.streams.delete(BigInt(entry.handle.id))) return;
    entry.signal?.removeEventListener('abort', entry.abort);
    C.stream_close(entry.handle);
  }

  wants(stream, wanted) {
    const before = this.waiting.size;
    if (wanted) this.waiting.add(stream);
    else this.waiting.delete(stream);
    if (this.open && (before > 0) !== (this.waiting.size > 0)) this.watcher.need(this.waiting.size > 0);
  }

  // For the end of the runtime: what is there is read, nothing comes any more.
  close() {
    if (!this.open) return;
    while (this.drain());
    this.open = false;
    this.watcher.close();
    C.queue_close(this.handle);
    for (const { stream, signal, abort } of this.streams.values()) {
      signal?.removeEventListener('abort', abort);
      stream.deref()?.lose();
    }
    this.streams.clear();
  }
}
Pump.watch = process.platform === 'win32' || !isMainThread ? 'call' : 'descriptor';

const forgotten = new FinalizationRegistry(({ pump, entry }) => {
  if (pump.open) pump.forget(entry);
});

// A stream of events: read by `for await`, by `text` or `wait`, or polled. Exactly one event of the kind "end"
// comes, always the last. Leaving a loop cancels and closes it.
class Stream {
  #pump;
  #entry;
  #events = [];
  #waiters = [];
  #closed = false;
  #raised = false;
  // What it came from lives as long as it does.
  #parent;

  constructor(pump, handle, parent, signal) {
    this.#pump = pump;
    this.#parent = parent;
    this.#entry = { handle, stream: new WeakRef(this), partial: null, signal };
    // The event of the end, once it was read.
    this.ended = null;
    pump.streams.set(BigInt(handle.id), this.#entry);
    forgotten.register(this, { pump, entry: this.#entry }, this);
    if (signal) {
      this.#entry.abort = () => void C.stream_cancel(handle);
      if (signal.aborted) this.cancel();
      else signal.addEventListener('abort', this.#entry.abort);
    }
  }

  get #live() {
    return this.#pump.open && this.#pump.streams.has(BigInt(this.#entry.handle.id));
  }

  #stale() {
    return new WickError('WICK_E_STALE_HANDLE', 'the stream is closed, or its runtime is shut down');
  }

  // Of the pump: an event.
  push(event) {
    this.#events.push(event);
    this.#serve();
  }

  // Of the pump: nothing comes any more.
  lose() {
    this.#closed = true;
    this.#serve();
  }

  #serve() {
    while (this.#waiters.length > 0) {
      const { resolve, reject } = this.#waiters[0];
      try {
        const result = this.#result();
        if (!result) break;
        resolve(result);
      } catch (why) {
        reject(why);
      }
      this.#waiters.shift();
    }
    if (this.#waiters.length === 0) this.#pump.wants(this, false);
  }

  // What an iterator's `next` gives now; undefined: nothing yet.
  #result() {
    if (this.#events.length > 0) return { done: false, value: this.#taken() };
    if (this.ended) {
      const why = this.#raised ? null : this.#reason();
      this.#raised = true;
      if (why) throw why;
      return { done: true, value: undefined };
    }
    if (this.#closed) throw this.#stale();
    return undefined;
  }

  #reason() {
    const { signal } = this.#entry;
    if (this.ended.error) return this.ended.error;
    return this.ended.reason === 'cancelled' && signal?.aborted ? signal.reason : null;
  }

  #taken() {
    const event = this.#events.shift();
    if (event.kind === 'end') this.ended = event;
    return event;
  }

  // The iterator's: the next event, as it comes. Behind an end of an error it raises the error, behind one of
  // an aborted signal its reason, once.
  async next() {
    if (this.#waiters.length === 0) {
      // What is not there yet comes in a turn of the loop: others have theirs, however fast a model is.
      const result = this.#result();
      if (result) return result;
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#pump.wants(this, true);
    });
  }

  // The iterator's: the loop was left.
  async return(value) {
    this.close();
    return { done: true, value };
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  // The events that are there. Never waits, never raises what the end says: look at `ended`.
  poll() {
    if (this.#live) this.#pump.drain();
    const all = [];
    while (this.#events.length > 0) all.push(this.#taken());
    if (this.#closed && !this.ended && all.length === 0) throw this.#stale();
    return all;
  }

  // The whole answer.
  async text() {
    let all = '';
    for await (const event of this) {
      if (event.kind === 'text' && event.channel === 'answer') all += event.text;
    }
    return all;
  }

  // The end; what comes before it is dropped.
  async wait() {
    for await (const _ of this);
    return this.ended;
  }

  // Asks for the end: it comes as "cancelled". Never waits.
  cancel() {
    if (this.#live) check(C.stream_cancel(this.#entry.handle));
  }

  // Ends the thinking here: the answer begins.
  answerNow() {
    if (this.#live) check(C.stream_answer_now(this.#entry.handle));
  }

  // Puts a note of the host's among the events.
  note(said) {
    if (this.#live) check(C.stream_note(this.#entry.handle, text(String(said))));
  }

  // The figures as of now; after the end the final ones.
  stats() {
    const end = this.ended ?? this.#events.find((event) => event.kind === 'end');
    if (end) return end.stats;
    if (!this.#live) throw this.#stale();
    const stats = {};
    check(C.stream_stats(this.#entry.handle, stats));
    return statsOf(stats);
  }

  // Cancels and forgets: no event of it is read any more. Never waits.
  close() {
    if (this.#live) this.#pump.forget(this.#entry);
    forgotten.unregister(this);
    this.#closed = true;
    this.#events.length = 0;
    this.#serve();
  }
}

for (const symbol of [Symbol.dispose, Symbol.asyncDispose]) {
  if (symbol) Object.defineProperty(Stream.prototype, symbol, { value() { this.close(); } });
}

module.exports = { Pump, Stream };
