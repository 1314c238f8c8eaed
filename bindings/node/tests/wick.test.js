// The package, with the fake model of a library with the feature `testing`:
//
//   WICK_LIBRARY=…/libwick.so node --test --expose-gc tests/     (in bindings/node)

'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { setImmediate: turn, setTimeout: sleep } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');
const { abi, koffi } = require('../lib/library.js');
const { Runtime, WickError, buildInfo, version } = require('../lib/index.js');
const { Pump } = require('../lib/stream.js');
const { fake } = require('./fake.js');

const here = path.join(__dirname, '..');
const ENDLESS = { reply: 'a', endless: true, context_length: 1_000_000 };

// A test with a runtime of its own, which is shut down at its end.
function scene(name, script, body) {
  test(name, async () => {
    const runtime = new Runtime({ threads: 1 });
    try {
      await body(fake(runtime, script), runtime);
    } finally {
      assert.equal(await runtime.shutdown(), true);
    }
  });
}

function refused(call, pattern, status = 'WICK_E_INVALID_ARGUMENT') {
  assert.throws(call, (why) => why instanceof WickError && why.status === status && pattern.test(why.message));
}

function fails(promise, status, pattern = /./) {
  return assert.rejects(promise, (why) => why instanceof WickError && why.status === status && pattern.test(why.message));
}

async function drained(runtime) {
  // What is closed has stopped within a slice.
  for (let left = 60_000; left > 0 && runtime.info().generations.live > 0; left--) await sleep(1);
  assert.equal(runtime.info().generations.live, 0);
}

test('every struct has the layout of the header', () => {
  for (const [name, { size, fields }] of Object.entries(abi.layout)) {
    assert.equal(koffi.sizeof(abi.structs[name]), size, name);
    for (const [field, offset] of fields) assert.equal(koffi.offsetof(abi.structs[name], field), offset, `${name}.${field}`);
  }
});

scene('an answer is read in every way', { reply: 'One two three.' }, async (model) => {
  assert.equal(await model.session().generate('Hi').text(), 'One two three.');
  const kinds = [];
  const stream = model.session().generate('Hi', { cut: 'word' });
  for await (const event of stream) {
    assert.equal(event.seq, kinds.length);
    kinds.push(event.kind === 'text' ? event.text : event.kind);
    if (event.kind === 'text') assert.ok(event.channel === 'answer' && event.tokens.length > 0);
  }
  assert.deepEqual(kinds.filter((kind) => kind !== 'progress'), ['started', 'One ', 'two ', 'three.', 'end']);
  assert.equal(stream.ended.reason, 'stop');
  assert.equal(stream.stats(), stream.ended.stats);
  assert.ok(stream.ended.stats.outputTokens > 0 && typeof stream.ended.stats.seed === 'bigint');
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
  const polled = model.session().generate('Hi', { logprobs: true, topLogprobs: 2 });
  let text = '';
  while (!polled.ended) {
    for (const event of polled.poll()) {
      if (event.kind !== 'text') continue;
      text += event.text;
      assert.ok(event.logprob <= 0 && event.alternatives.length === 2 && event.alternatives[0].logprob <= 0);
    }
  }
  assert.equal(text, 'One two three.');
});

scene('import and require give the same', { reply: 'x' }, async () => {
  const imported = await import('../lib/index.mjs');
  assert.equal(imported.Runtime, Runtime);
  assert.deepEqual(Object.keys(imported).filter((name) => name !== 'default').sort(), Object.keys(require('../lib/index.js')).sort());
});

scene('a fast model leaves the loop its turns', ENDLESS, async (model) => {
  const stream = model.session().generate('Hi');
  const stopped = setTimeout(() => stream.cancel(), 1);
  assert.equal((await stream.wait()).reason, 'cancelled');
  clearTimeout(stopped);
});

scene('a poll never waits and a cancel ends', { ...ENDLESS, gated: true }, async (model) => {
  const stream = model.session().generate('Hi');
  for (let at = 0; at < 1000; at++) assert.ok(stream.poll().every((event) => event.kind !== 'text'));
  stream.cancel();
  stream.cancel();
  assert.equal((await stream.wait()).reason, 'cancelled');
  stream.cancel();
  stream.note('nobody reads this');
  stream.close();
  stream.close();
});

scene('leaving the loop cancels and closes', ENDLESS, async (model, runtime) => {
  const session = model.session();
  const stream = session.generate('Hi');
  for await (const event of stream) if (event.kind === 'text') break;
  await fails(stream.next(), 'WICK_E_STALE_HANDLE');
  assert.throws(() => stream.poll(), WickError);
  await assert.rejects(async () => {
    for await (const event of session.generate('Hi')) if (event.kind === 'text') throw new RangeError('mine');
  }, RangeError);
  await drained(runtime);
  const waiting = session.generate('Hi');
  waiting.poll();
  waiting.close();
  await fails(waiting.next(), 'WICK_E_STALE_HANDLE');
});

scene('a signal cancels', ENDLESS, async (model) => {
  const stop = new AbortController();
  const stream = model.session().generate('Hi', { signal: stop.signal });
  await assert.rejects(async () => {
    for await (const event of stream) if (event.kind === 'text') stop.abort();
  }, { name: 'AbortError' });
  assert.equal(stream.ended.reason, 'cancelled');
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
  await assert.rejects(model.session().generate('Hi', { signal: AbortSignal.abort(new RangeError('mine')) }).text(), RangeError);
  await assert.rejects(model.embed(['x'], { signal: AbortSignal.abort() }), { name: 'AbortError' });
});

scene('options are the header\'s, and mistakes are named', { reply: 'One two three four five.' }, async (model, runtime) => {
  const session = model.session({ system: 'You are brief.' });
  const limited = session.generate('Hi', { maxTokens: 2, temperature: 0.5, seed: 2n ** 63n, topP: undefined });
  assert.equal((await limited.wait()).reason, 'length');
  assert.equal(limited.ended.stats.seed, 2n ** 63n);
  assert.equal(await session.generate('Hi', { stop: 'two' }).text(), 'One ');
  assert.equal(await session.generate('Hi', { stop: ['zzz', 'three'] }).text(), 'One two ');
  const say = (options, input = 'Hi') => () => session.generate(input, options);
  refused(say({ temprature: 1 }), /there is no option "temprature"/);
  refused(say({ max_tokens: 1 }), /there is no option "max_tokens"/);
  refused(say({ onEvent() {} }), /there is no option "onEvent"/);
  refused(say({ bufferEvents: 4 }), /there is no option "bufferEvents"/);
  refused(say({ cut: 'syllable' }), /cut is "syllable"; it has to be one of line, sentence, token, word/);
  refused(say({ cut: 'constructor' }), /cut is "constructor"/);
  refused(say({ maxTokens: {} }), /maxTokens is a Object; it has to be a whole number from 0 to 4294967295/);
  refused(say({ maxTokens: -1 }), /maxTokens is -1/);
  refused(say({ maxTokens: 1.5 }), /maxTokens is 1.5/);
  refused(say({ seed: 2n ** 64n }), /seed is 18446744073709551616n/);
  refused(say({ temperature: '1' }), /temperature is "1"; it has to be a number/);
  refused(say({ temperature: NaN }), /temperature/);
  refused(say({ logprobs: 'yes' }), /logprobs is "yes"; it has to be true or false/);
  refused(say({ grammar: 1 }), /grammar is 1; it has to be a string/);
  refused(say({ stop: [1] }), /stop\[0\] is 1; it has to be a string/);
  refused(say({}, [{ role: 5 }]), /messages\[0\]\.role is 5/);
  refused(say({}, [{}]), /messages\[0\]\.role is undefined/);
  refused(say({ prompt: 'and raw' }), /prompt/);
  refused(() => model.session({ adapter: {} }), /adapter is a Object/);
  refused(() => new Runtime({ threads: 100_000 }), /threads is 100000/);
  refused(() => runtime.setPace(200), /./);
  await fails(runtime.load(5), 'WICK_E_INVALID_ARGUMENT', /path is 5/);
  await fails(model.session().generate(null, { prompt: '' }).wait(), 'WICK_E_INVALID_ARGUMENT', /no tokens/);
});

scene('errors are raised behind their ends', { reply: 'abcdef', fail_at: 0 }, async (model, runtime) => {
  await fails(runtime.load('there/is/no.gguf'), 'WICK_E_IO', /there\/is\/no\.gguf/);
  await assert.rejects(runtime.load('there/is/no.gguf', { signal: AbortSignal.abort() }));
  const kinds = [];
  const stream = model.session().generate('Hi');
  await assert.rejects(async () => {
    for await (const event of stream) kinds.push(event.kind);
  }, (why) => why === stream.ended.error && /^WICK_E_/.test(why.status));
  assert.equal(kinds.at(-1), 'end');
  const polled = model.session().generate('Hi');
  while (!polled.ended) polled.poll();
  assert.ok(polled.ended.error instanceof WickError);
});

scene('texts and lists longer than the buffer come whole', { vector_length: 40_000 }, async (model, runtime) => {
  const text = `é\0€${'é€𝄞'.repeat(20_000)}`;
  const stream = fake(runtime, { ...ENDLESS, gated: true }).session().generate('Hi');
  stream.note(text);
  let noted;
  for await (const event of stream) {
    if (event.kind !== 'note') continue;
    assert.equal(event.source, 'host');
    noted = event.text;
    break;
  }
  assert.equal(noted, text);
  const [vector] = await model.embed(['one']);
  assert.equal(vector.length, 40_000);
  assert.ok(Math.abs(Math.sqrt(vector.reduce((sum, one) => sum + one * one, 0)) - 1) < 1e-3);
});

scene('a text comes back byte for byte', { echo: true, chat_template: '{{ messages[0].content }}' }, async (model) => {
  const text = 'é\0€ 𝄞 é€𝄞';
  assert.equal(await model.session().generate(text).text(), text);
});

scene('sessions fork, rewind, keep and are saved', { reply: 'Yes, of course.' }, async (model, runtime) => {
  const session = model.session({ system: 'You agree.' });
  const first = await session.generate('One?').wait();
  const twin = session.fork();
  await twin.generate('Two?').text();
  assert.equal(twin.messages().length, 5);
  twin.rewind(first.stats.sessionTokens);
  // What is asked of it next finds it done.
  await twin.generate('Three?').text();
  assert.deepEqual(twin.messages().map((message) => message.content), ['You agree.', 'One?', 'Yes, of course.', 'Three?', 'Yes, of course.']);
  twin.keep(3);
  twin.setSystem('You do not agree.');
  await twin.generate('Four?').text();
  assert.deepEqual(twin.messages().map((message) => message.content).slice(-3), ['Yes', 'Four?', 'Yes, of course.']);
  assert.equal(twin.messages()[0].content, 'You do not agree.');
  twin.clear();
  await twin.generate('Five?').text();
  assert.equal(twin.messages().length, 3);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'wick-'));
  const file = path.join(folder, 'session.wick');
  await session.save(file, { withKv: true });
  const again = await model.restore(file);
  assert.deepEqual(again.messages(), session.messages());
  assert.deepEqual(again.tokens(), session.tokens());
  await fails(model.restore(path.join(folder, 'none')), 'WICK_E_IO');
  fs.rmSync(folder, { recursive: true });
  assert.equal(again.info().state, 'idle');
  again.close();
  again.close();
  refused(() => again.info(), /./, 'WICK_E_STALE_HANDLE');
  assert.deepEqual(runtime.info().generations.live, 0);
});

const CALLER = {
  reply: '<tool_call>\n{"name": "weather", "arguments": {"city": "Köln", "days": 3}}\n</tool_call>',
  token_bytes: 1,
  chat_template:
    '{% for m in messages %}<|im_start|>{{ m.role }}\n{% if loop.first and tools %}{{ tools | tojson }}\n{% endif %}{{ m.content }}'
    + '{% for c in m.tool_calls %}\n<tool_call>\n{{ c.function | tojson }}\n</tool_call>{% endfor %}<|im_end|>\n{% endfor %}'
    + '{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}',
};

scene('a call of a tool comes with its arguments', CALLER, async (model) => {
  const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }];
  const session = model.session({ tools });
  const calls = [];
  for await (const event of session.generate('Rain?', { toolChoice: 'auto' })) if (event.kind === 'tool_call') calls.push(event);
  assert.equal(calls.length, 1);
  assert.equal(calls[0].name, 'weather');
  assert.deepEqual(calls[0].arguments, { city: 'Köln', days: 3 });
  assert.deepEqual(JSON.parse(calls[0].text).arguments, calls[0].arguments);
  assert.equal(session.messages().at(-1).tool_calls[0].function.name, 'weather');
  // The result, as a message of its own; and the messages as they were given, to another session.
  await session.generate([{ role: 'tool', content: 'dry', tool_call_id: calls[0].id, name: 'weather' }]).wait();
  assert.equal(session.messages().find((message) => message.role === 'tool').tool_call_id, calls[0].id);
  await model.session({ tools }).generate([...session.messages(), { role: 'user', content: 'And now?' }]).wait();
  assert.ok(model.render(session.messages(), { tools }).includes('weather'));
  refused(() => session.generate('Rain?', { toolChoice: 'maybe' }), /toolChoice is "maybe"; it has to be one of auto, named, none, required/);
});

scene('grammars bind the answer', { random: 7 }, async (model) => {
  const schema = { type: 'object', properties: { name: { enum: ['Otto', 'Mira'] } }, required: ['name'], additionalProperties: false };
  assert.match(JSON.parse(await model.session().generate('Who?', { schema, maxTokens: 200 }).text()).name, /^(Otto|Mira)$/);
  assert.match(await model.session().generate('Who?', { grammarKind: 'regex', grammar: '[ab]{3}' }).text(), /^[ab]{3}$/);
  await fails(model.session().generate('Who?', { grammarKind: 'regex', grammar: '[' }).text(), 'WICK_E_GRAMMAR');
});

scene('vectors and ids', { vector_length: 8 }, async (model, runtime) => {
  const vectors = await model.embed(['one', 'two', 'three']);
  assert.equal(vectors.length, 3);
  for (const vector of vectors) {
    assert.ok(vector instanceof Float32Array && vector.length === 8);
    assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-5);
  }
  await fails(model.embed(['one', '']), 'WICK_E_INVALID_ARGUMENT');
  await fails(model.embed([5]), 'WICK_E_INVALID_ARGUMENT', /texts\[0\] is 5/);
  await fails(model.rerank('Which?', ['one']), 'WICK_E_UNSUPPORTED');
  const said = 'some tëxt';
  const tokens = model.tokenize(said);
  assert.equal(model.detokenize(tokens), said);
  assert.equal(model.countTokens(said), tokens.length);
  assert.equal(model.detokenize([]), '');
  assert.equal(model.info().name, 'fake');
  assert.equal(runtime.info().state, 'running');
  assert.equal(buildInfo().version, version);
});

scene('many streams are read at once', { reply: 'One two three.', delay_us: 100 }, async (model) => {
  const all = await Promise.all(Array.from({ length: 64 }, () => model.session().generate('Hi').text()));
  assert.ok(all.every((text) => text === 'One two three.'));
});

test('a loop without threads', async () => {
  const runtime = new Runtime({ mode: 'host_step' });
  const stream = fake(runtime, { reply: 'Step by step.' }).session().generate('Hi');
  let text = '';
  while (!stream.ended) {
    runtime.step(0.002);
    for (const event of stream.poll()) if (event.kind === 'text') text += event.text;
  }
  assert.equal(text, 'Step by step.');
  refused(() => runtime.setPace(50), /./, 'WICK_E_UNSUPPORTED');
  assert.equal(await runtime.shutdown(), true);
});

test('a shutdown ends what is waited for', async () => {
  const runtime = new Runtime({ threads: 1 });
  const stream = fake(runtime, ENDLESS).session().generate('Hi');
  const end = stream.wait();
  await turn();
  assert.equal(await runtime.shutdown(), true);
  assert.equal((await end).reason, 'shutdown');
  assert.equal(await runtime.shutdown(), true);
  refused(() => runtime.info(), /./, 'WICK_E_STALE_HANDLE');
  await fails(runtime.load('x.gguf'), 'WICK_E_STALE_HANDLE');
});

scene('what is forgotten is closed', ENDLESS, async (model, runtime) => {
  assert.ok(globalThis.gc, 'run with --expose-gc');
  // Not more than are computed together: the first event of another would wait for them.
  for (let at = 0; at < 12; at++) await model.session().generate('Hi').next();
  for (let left = 1000; left > 0 && runtime.info().generations.live > 0; left--) {
    globalThis.gc();
    await sleep(1);
  }
  assert.equal(runtime.info().generations.live, 0);
});

scene('what is waited for is not forgotten', { ...ENDLESS, delay_us: 2000 }, async (model) => {
  const text = model.session().generate('Hi', { maxTokens: 20 }).text();
  const collect = setInterval(globalThis.gc, 1);
  assert.equal(await text, 'a'.repeat(20));
  clearInterval(collect);
});

test('a runtime that is forgotten ends', async () => {
  const threads = () => fs.readdirSync('/proc/self/task').length;
  if (!fs.existsSync('/proc/self/task')) return;
  // Node's own threads are there first.
  assert.equal(await new Runtime({ threads: 1 }).shutdown(), true);
  const before = threads();
  await (async () => void await fake(new Runtime({ threads: 1 }), { reply: 'x' }).session().generate('Hi').text())();
  for (let left = 5000; left > 0 && threads() > before; left--) {
    globalThis.gc();
    await sleep(1);
  }
  assert.equal(threads(), before);
});

test('cycles leave nothing', async () => {
  let before;
  for (let cycle = 1; cycle <= 1000; cycle++) {
    const runtime = new Runtime({ threads: 1 });
    const model = fake(runtime, { reply: 'Hello.' });
    const session = model.session();
    assert.equal(await session.generate('Hi').text(), 'Hello.');
    session.close();
    model.close();
    assert.equal(await runtime.shutdown(), true);
    if (cycle % 100 === 0) globalThis.gc();
    if (cycle === 300) before = process.memoryUsage().rss;
  }
  globalThis.gc();
  const grown = process.memoryUsage().rss - before;
  assert.ok(grown < 16 * 2 ** 20, `grown by ${grown} bytes`);
  if (fs.existsSync('/proc/self/fd')) assert.ok(fs.readdirSync('/proc/self/fd').length < 100);
});

if (Symbol.asyncDispose) {
  test('objects are disposed of', async () => {
    const runtime = new Runtime({ threads: 1 });
    const model = fake(runtime, ENDLESS);
    const stream = model.session().generate('Hi');
    stream[Symbol.dispose]();
    model[Symbol.dispose]();
    refused(() => model.info(), /./, 'WICK_E_STALE_HANDLE');
    await runtime[Symbol.asyncDispose]();
    refused(() => runtime.info(), /./, 'WICK_E_STALE_HANDLE');
  });
}

// What Windows does: one call that waits, on a thread of Node's.
test('without a descriptor to watch, a call waits', async () => {
  const usual = Pump.watch;
  Pump.watch = 'call';
  try {
    const runtime = new Runtime({ threads: 1 });
    const model = fake(runtime, { reply: 'One two three.', delay_us: 500 });
    const all = await Promise.all(Array.from({ length: 8 }, () => model.session().generate('Hi').text()));
    assert.ok(all.every((text) => text === 'One two three.'));
    for await (const event of model.session().generate('Hi')) if (event.kind === 'text') break;
    assert.equal(await model.session().generate('Hi').text(), 'One two three.');
    const left = fake(runtime, ENDLESS).session().generate('Hi').wait();
    await turn();
    assert.equal(await runtime.shutdown(), true);
    assert.equal((await left).reason, 'shutdown');
  } finally {
    Pump.watch = usual;
  }
});

const START = `
  const { Runtime } = require('./lib/index.js');
  const { fake } = require('./tests/fake.js');
  const runtime = new Runtime({ threads: 1 });
  const model = fake(runtime, { reply: 'a', endless: true, context_length: 1000000 });
  const stream = model.session().generate('Hi');
`;

function program(source, flags = []) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...flags, '-e', source], { cwd: here, encoding: 'utf8', timeout: 60_000 });
  assert.equal(signal, null, `it was killed: ${stderr}`);
  return { status, stdout, stderr };
}

for (const [name, source, code, says = /^$/] of [
  ['an abandoned stream', '', 0],
  ['an abandoned stream that was read', 'stream.next()', 0],
  ['process.exit', 'stream.next().then(() => stream.next()).then(() => process.exit(3))', 3],
  ['process.exit while it is waited for', 'stream.wait(); setTimeout(() => process.exit(3), 20)', 3],
  ['an uncaught exception', 'stream.next().then(() => setImmediate(() => { throw new Error("mine"); }))', 1, /mine/],
  ['an unhandled rejection', 'stream.next().then(() => { throw new Error("mine"); })', 1, /mine/],
  ['a shutdown that is not awaited', 'stream.next().then(() => runtime.shutdown())', 0],
  ['the end of an answer', 'model.session().generate("Hi", { maxTokens: 3 }).text().then((text) => process.exitCode = text.length)', 3],
]) {
  for (const watch of ['descriptor', 'call']) {
    test(`the process ends by ${name} (${watch})`, () => {
      const { status, stderr } = program(`require('./lib/stream.js').Pump.watch = '${watch}';${START}${source}`);
      assert.equal(status, code, stderr);
      assert.match(stderr, says);
    });
  }
}

test('workers have runtimes of their own', async () => {
  const source = (ending) => `${START.replaceAll("'./", `'${here}/`)}
    const { parentPort } = require('node:worker_threads');
    const short = fake(runtime, { reply: 'One two three.' });
    short.session().generate('Hi').text().then((text) => { parentPort.postMessage(text); ${ending} });`;
  const run = (ending) => new Promise((resolve, reject) => {
    const worker = new Worker(source(ending), { eval: true });
    let said;
    worker.on('message', (text) => (said = text));
    worker.on('error', reject);
    worker.on('exit', () => resolve(said));
  });
  assert.deepEqual(await Promise.all([run(''), run('process.exit()'), run('runtime.shutdown()')]), Array(3).fill('One two three.'));
});

test('a worker may be terminated in the middle of an answer', async () => {
  const worker = new Worker(`${START.replaceAll("'./", `'${here}/`)}
    const { parentPort } = require('node:worker_threads');
    (async () => { for await (const event of stream) if (event.kind === 'text') parentPort.postMessage(event.seq); })();`, { eval: true });
  await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  assert.equal(await worker.terminate(), 1);
});
