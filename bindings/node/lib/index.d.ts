// Types of wick for Node: docs/node.md. Options are the fields of the structs in wick.h, in camelCase: what each
// means, and what it may be, stands there.

/// <reference lib="es2018.asynciterable" />
/// <reference lib="esnext.disposable" />

/** What a call came to, or how a stream ended. */
export class WickError extends Error {
  constructor(status: string | number, message: string);
  /** The name in wick.h, such as "WICK_E_IO". */
  readonly status: string;
}

export interface Alternative {
  token: number;
  /** Natural logarithm of its probability. */
  logprob: number;
}

/** Times in nanoseconds. */
export interface Stats {
  promptTokens: number;
  cachedTokens: number;
  outputTokens: number;
  /** The session's length: what `rewind` takes. */
  sessionTokens: number;
  queueNs: number;
  prefillNs: number;
  ttftNs: number;
  decodeNs: number;
  maxGapNs: number;
  seed: bigint;
  notesDropped: number;
  draftTokens: number;
  draftAccepted: number;
}

interface Happened {
  /** 0, 1, 2, … without a gap. */
  seq: number;
  /** Since the stream was started. */
  seconds: number;
}

export interface StartedEvent extends Happened {
  kind: 'started';
}

export interface ProgressEvent extends Happened {
  kind: 'progress';
  /** Bytes or tokens so far, and in all. */
  done: number;
  total: number;
}

export interface TextEvent extends Happened {
  kind: 'text';
  text: string;
  channel: 'answer' | 'reasoning' | 'tool' | 'unknown';
  /** The ids behind the text. */
  tokens: number[];
  /** With `logprobs`. */
  logprob?: number;
  /** With `topLogprobs`. */
  alternatives?: Alternative[];
}

export interface NoteEvent extends Happened {
  kind: 'note';
  text: string;
  source: 'host' | 'library' | 'unknown';
}

export interface ToolCallEvent extends Happened {
  kind: 'tool_call';
  id: string;
  name: string;
  /** Integers beyond 2^53 are rounded here, and whole in `text`. */
  arguments: Record<string, any>;
  /** The call as JSON. */
  text: string;
}

export interface VectorEvent extends Happened {
  kind: 'vector';
  /** Which text, of how many. */
  done: number;
  total: number;
  values: Float32Array;
}

export interface EndEvent extends Happened {
  kind: 'end';
  reason:
    | 'stop' | 'stop_string' | 'length' | 'context_full' | 'ready' | 'cancelled' | 'deadline' | 'shutdown' | 'error'
    | 'none' | 'unknown';
  /** The stop string, or what is wrong. */
  text: string;
  stats: Stats;
  error?: WickError;
}

/** Later releases may have more kinds. */
export type Event =
  | StartedEvent | ProgressEvent | TextEvent | NoteEvent | ToolCallEvent | VectorEvent | EndEvent;

export interface RuntimeOptions {
  mode?: 'threads' | 'host_step';
  threads?: number;
  memoryBudget?: number | bigint;
  maxSequences?: number;
  maxWaiting?: number;
  logLevel?: number;
  pacePercent?: number;
  keepScheduling?: number;
}

export interface Loading {
  /** Cancels; the promise is then rejected with the signal's reason. */
  signal?: AbortSignal;
  /** Bytes so far, and in all. */
  onProgress?: (done: number, total: number) => void;
}

export interface ModelOptions extends Loading {
  backend?: 'auto' | 'native' | 'candle';
  pathOffset?: number | bigint;
  pathSize?: number | bigint;
  noMmap?: boolean;
  vocabOnly?: boolean;
  noPrefixCache?: boolean;
  contextLength?: number;
  prefixCacheBytes?: number | bigint;
  chatTemplate?: string;
  kvType?: 'f16' | 'q8_0';
  preload?: boolean;
  samplingFromModel?: boolean;
  noDrafts?: boolean;
}

export interface AdapterOptions extends Loading {
  pathOffset?: number | bigint;
  pathSize?: number | bigint;
}

/** A tool as OpenAI's API has it. */
export interface Tool {
  type: 'function';
  function: { name: string; description?: string; parameters?: object };
}

interface Conversing {
  tools?: Tool[] | string;
  toolsJson?: string;
  /** More variables for the chat template. */
  template?: object | string;
  templateJson?: string;
}

export interface SessionOptions extends Conversing {
  system?: string;
  contextLength?: number;
  overflow?: 'stop' | 'roll';
  pinnedMessages?: number;
  adapter?: Adapter;
  adapterScale?: number;
}

/** How tokens are chosen; nothing of it: greedily. */
export interface Sampling {
  temperature?: number;
  topP?: number;
  minP?: number;
  typicalP?: number;
  topK?: number;
  repeatPenalty?: number;
  presencePenalty?: number;
  frequencyPenalty?: number;
  penaltyLastN?: number;
  seed?: number | bigint;
  dryMultiplier?: number;
  dryBase?: number;
  dryAllowedLength?: number;
  dryLastN?: number;
  xtcProbability?: number;
  xtcThreshold?: number;
  topNSigma?: number;
  mirostatTau?: number;
  mirostatEta?: number;
  dynatempRange?: number;
  dynatempExponent?: number;
}

export interface GenerateOptions extends Conversing, Sampling {
  maxTokens?: number;
  priority?: number;
  prompt?: string;
  promptTokens?: ArrayLike<number> & Iterable<number>;
  stop?: string | string[];
  /** What is added to single tokens' logits. */
  logitBias?: Record<number, number> | Map<number, number>;
  /** A JSON schema: `grammarKind: "json_schema"` with it as `grammar`. */
  schema?: object | string;
  grammarKind?: 'none' | 'json_schema' | 'regex' | 'lark' | 'json' | 'gbnf';
  grammar?: string;
  grammarScope?: 'all' | 'answer';
  toolChoice?: 'auto' | 'none' | 'required' | 'named';
  toolName?: string;
  deadlineNs?: number | bigint;
  logprobs?: boolean;
  topLogprobs?: number;
  echoSpecial?: boolean;
  ignoreEos?: boolean;
  prefillOnly?: boolean;
  parseSpecial?: boolean;
  templateTime?: number | bigint;
  answerPrefix?: string;
  reasoningBudget?: number;
  cut?: 'token' | 'word' | 'line' | 'sentence';
  maxTokensPerSecond?: number;
  /** Cancels. */
  signal?: AbortSignal;
}

export interface EmbedOptions {
  priority?: number;
  deadlineNs?: number | bigint;
  signal?: AbortSignal;
}

export interface SaveOptions {
  /** With keys and values: large, and no prefill after a restore. */
  withKv?: boolean;
  signal?: AbortSignal;
}

export interface RestoreOptions extends Loading {
  /** The adapter that it was saved with. */
  adapter?: Adapter;
}

export interface Message {
  role: string;
  content?: string | null;
  /** Whatever else the chat template knows: tool_calls, tool_call_id, name, … */
  [field: string]: unknown;
}

export interface TokenizeOptions {
  addSpecial?: boolean;
  parseSpecial?: boolean;
}

/**
 * Events up to exactly one end. Leaving a `for await` loop cancels and closes it. Behind an end of an error the
 * loop raises the error, behind one of an aborted signal its reason.
 */
export class Stream implements AsyncIterableIterator<Event>, Disposable {
  private constructor();
  /** The event of the end, once it was read. */
  readonly ended: EndEvent | null;
  next(): Promise<IteratorResult<Event, undefined>>;
  return(value?: any): Promise<IteratorResult<Event, any>>;
  [Symbol.asyncIterator](): this;
  /** The events that are there. Never waits, never raises what the end says. */
  poll(): Event[];
  /** The whole answer. */
  text(): Promise<string>;
  /** The end; what comes before it is dropped. */
  wait(): Promise<EndEvent>;
  /** Asks for the end: it comes as "cancelled". */
  cancel(): void;
  /** Ends the thinking: the answer begins. */
  answerNow(): void;
  /** Puts a note of the host's among the events. */
  note(text: string): void;
  stats(): Stats;
  /** Cancels and forgets. */
  close(): void;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

declare abstract class Owner implements Disposable {
  /** Lets go of it now; later calls fail with WICK_E_STALE_HANDLE. Never waits. */
  close(): void;
  [Symbol.dispose](): void;
}

/** A conversation. */
export class Session extends Owner {
  private constructor();
  /**
   * A generation; returns at once. `input`: what the user says; new messages; null: goes on where the session
   * ended, or with `prompt` or `promptTokens`.
   */
  generate(input?: string | Message[] | null, options?: GenerateOptions): Stream;
  /** Another one that goes on from here. */
  fork(): Session;
  /** Back to `stats.sessionTokens` of an end. */
  rewind(tokens: number): void;
  /** Of the last answer only the first bytes of its UTF-8 were heard. */
  keep(bytes: number): void;
  /** Forgets all but the system message. */
  clear(): void;
  setSystem(system: string | null): void;
  setAdapter(adapter: Adapter | null, scale?: number): void;
  info(): Record<string, any>;
  messages(): Message[];
  tokens(): number[];
  save(path: string | URL, options?: SaveOptions): Promise<void>;
}

/** A voice or character on a model's weights. */
export class Adapter extends Owner {
  private constructor();
  info(): Record<string, any>;
}

export class Model extends Owner {
  private constructor();
  session(options?: SessionOptions): Session;
  /** A session from its save. */
  restore(path: string | URL, options?: RestoreOptions): Promise<Session>;
  adapter(path: string | URL, options?: AdapterOptions): Promise<Adapter>;
  /** Vectors of length 1, in the order of the texts. */
  embed(texts: string[], options?: EmbedOptions): Promise<Float32Array[]>;
  /** How well each text answers `query`: raw scores of a cross-encoder. */
  rerank(query: string, texts: string[], options?: EmbedOptions): Promise<number[]>;
  tokenize(text: string, options?: TokenizeOptions): number[];
  detokenize(tokens: Iterable<number>, options?: { special?: boolean }): string;
  countTokens(text: string, options?: TokenizeOptions): number;
  render(
    messages: string | Message[],
    options?: { tools?: Tool[] | string; template?: object | string; addGenerationPrompt?: boolean },
  ): string;
  info(): Record<string, any>;
}

export class Runtime implements AsyncDisposable {
  constructor(options?: RuntimeOptions);
  load(path: string | URL, options?: ModelOptions): Promise<Model>;
  /** `mode: "host_step"` only: computes for about `seconds`; whether there is more to do. */
  step(seconds: number): boolean;
  pause(): void;
  resume(): void;
  setPace(percent: number): void;
  trim(): void;
  info(): Record<string, any>;
  /** Ends every stream and joins the threads; whether that was over within `seconds`. */
  shutdown(seconds?: number): Promise<boolean>;
  [Symbol.asyncDispose](): Promise<void>;
}

export const version: string;
export function buildInfo(): Record<string, any>;
