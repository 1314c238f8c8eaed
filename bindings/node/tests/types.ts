// Compiled, not run: what the types allow, and what they refuse.
import { Event, Model, Runtime, Session, WickError } from 'wick-llm';

export async function all(signal: AbortSignal): Promise<string> {
  await using runtime = new Runtime({ threads: 1, pacePercent: 50 });
  using model: Model = await runtime.load('model.gguf', { kvType: 'q8_0', onProgress: (done, total) => void (done / total) });
  const session: Session = model.session({ system: 'You are Mira.', overflow: 'roll' });
  let said = '';
  for await (const event of session.generate('Hello', { maxTokens: 40, cut: 'sentence', seed: 7n, signal })) {
    if (event.kind === 'text' && event.channel === 'answer') said += event.text;
    if (event.kind === 'tool_call') said += `${event.name} ${event.arguments.city}`;
    if (event.kind === 'end') said += event.reason + event.stats.outputTokens;
  }
  const polled: Event[] = session.generate([{ role: 'user', content: 'Hi' }], { schema: { type: 'object' } }).poll();
  const vectors: Float32Array[] = await model.embed(['one', 'two']);
  const failed = new WickError('WICK_E_IO', 'no');
  // @ts-expect-error: there is no such option
  session.generate('Hello', { temprature: 1 });
  // @ts-expect-error: nor such a value
  session.generate('Hello', { cut: 'syllable' });
  // @ts-expect-error: sessions come from models
  new Session();
  return said + polled.length + vectors.length + failed.status;
}
