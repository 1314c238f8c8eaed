// How streams are read, and how they end.
using System;
using System.Collections.Generic;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace Wick.Tests
{
    public static class Streams
    {
        private const string Hello = "{\"reply\":\"Hello, wörld: grüße 🌍!\",\"token_bytes\":3}";
        private const string Said = "Hello, wörld: grüße 🌍!";

        public static void PolledEachFrame()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, Hello))
            using (Session session = model.CreateSession())
            using (EventStream answer = session.Say("Hi"))
            {
                var text = new StringBuilder();
                Check.Until(() =>
                {
                    Event next;
                    while (answer.TryNext(out next))
                    {
                        if (next.IsAnswer) text.Append(next.Text);
                    }
                    return answer.End != null;
                }, "no end");
                Check.Same(Said, text.ToString());
                Check.Same(EventKind.End, answer.End.Kind);
                Check.Same(EndReason.Stop, answer.End.EndReason);
                Event after;
                Check.That(!answer.TryNext(out after), "an event behind the end");
                Check.That(answer.Stats.OutputTokens > 5, "no figures");
            }
        }

        public static void WaitedFor()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, Hello))
            {
                var kinds = new List<EventKind>();
                ulong tokens = 0;
                foreach (Event next in model.CreateSession().Say("Hi"))
                {
                    kinds.Add(next.Kind);
                    tokens += (ulong)next.Tokens.Count;
                }
                Check.Same(EventKind.Started, kinds[0]);
                Check.Same(EventKind.End, kinds[kinds.Count - 1]);
                Check.That(tokens > 5, "no ids");
            }
        }

        public static void Awaited()
        {
            AwaitedAsync().Wait();
        }

        private static async Task AwaitedAsync()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, Hello))
            {
                await model.WaitUntilReadyAsync();
                Check.That(model.IsReady, "not ready");
                // What `await foreach` does.
                IAsyncEnumerator<Event> reader = model.CreateSession().Say("Hi").GetAsyncEnumerator();
                var text = new StringBuilder();
                try
                {
                    while (await reader.MoveNextAsync()) text.Append(reader.Current.IsAnswer ? reader.Current.Text : "");
                }
                finally
                {
                    await reader.DisposeAsync();
                }
                Check.Same(Said, text.ToString());
                Check.Same(Said, await model.CreateSession().AskAsync("Hi"));
            }
        }

        public static void ManyAtOnceAwaited()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, Hello))
            {
                var answers = new List<Task<string>>();
                for (int at = 0; at < 40; at++) answers.Add(model.CreateSession().AskAsync("Hi"));
                Task.WaitAll(answers.ToArray());
                foreach (Task<string> answer in answers) Check.Same(Said, answer.Result);
            }
        }

        public static void ATokenCancels()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, "{\"reply\":\"on and \",\"endless\":true,\"delay_us\":1000,\"context_length\":1000000}"))
            using (Session session = model.CreateSession())
            using (var cancel = new CancellationTokenSource())
            {
                Task<string> answer = session.AskAsync("Go on", null, cancel.Token);
                Thread.Sleep(50);
                Check.That(!answer.IsCompleted, "over already");
                cancel.Cancel();
                var thrown = Check.Throws<AggregateException>(() => answer.Wait());
                Check.That(thrown.InnerException is OperationCanceledException, thrown.ToString());
                // The session goes on: the cancelled turn is no live one.
                using (EventStream again = session.Say("And now?", new GenerateOptions { MaxTokens = 3 }))
                {
                    again.ReadToEnd();
                    Check.Same(EndReason.Length, again.End.EndReason);
                }
            }
        }

        public static void ATokenThatIsCancelledBeforehandCancels()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, "{\"reply\":\"x\",\"endless\":true,\"gated\":true}"))
            {
                Task<string> answer = model.CreateSession().AskAsync("Go on", null, new CancellationToken(true));
                var thrown = Check.Throws<AggregateException>(() => answer.Wait());
                Check.That(thrown.InnerException is OperationCanceledException, thrown.ToString());
            }
        }

        public static void LeavingALoopCancels()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, "{\"reply\":\"on and \",\"endless\":true,\"delay_us\":1000,\"context_length\":1000000}"))
            using (Session session = model.CreateSession())
            {
                foreach (Event next in session.Say("Go on"))
                {
                    if (next.Kind == EventKind.Text) break;
                }
                Check.Until(() => Json.Number(Json.Raw(runtime.InfoJson, "generations"), "live") == 0, runtime.InfoJson);
            }
        }

        public static void AnErrorIsThrownBehindItsEnd()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, "{\"reply\":\"Hello, you\",\"fail_at\":1}"))
            {
                EventKind last = EventKind.Started;
                var thrown = Check.Throws<WickException>(() =>
                {
                    foreach (Event next in model.CreateSession().Say("Hi")) last = next.Kind;
                });
                Check.Same(EventKind.End, last);
                Check.That(thrown.Status < 0 && thrown.Message.Contains("WICK_E_"), thrown.Message);
                // Polled, the End is all.
                using (EventStream polled = model.CreateSession().Say("Hi"))
                {
                    Event next;
                    while (polled.Next(out next, Timeout.InfiniteTimeSpan)) { }
                    Check.Same(EndReason.Error, polled.End.EndReason);
                    Check.Same(thrown.Status, polled.End.Status);
                }
            }
        }

        public static void AWaitHasItsTime()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, "{\"reply\":\"ab\",\"gated\":true}"))
            using (EventStream answer = model.CreateSession().Say("Hi"))
            {
                Event next;
                while (answer.Next(out next, TimeSpan.FromMilliseconds(100))) Check.That(next.Kind != EventKind.Text, "it came through the gate");
                Check.That(answer.End == null, "it ended");
                Fake.Release(model, 10);
                Check.Same("ab", answer.ReadToEnd());
            }
        }

        public static void NotesAreMerged()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, "{\"reply\":\"ab\",\"gated\":true}"))
            using (EventStream answer = model.CreateSession().Say("Hi"))
            {
                answer.Note("the hound barks: wau");
                Fake.Release(model, 10);
                string note = null;
                foreach (Event next in answer)
                {
                    if (next.Kind == EventKind.Note && next.NoteSource == NoteSource.Host) note = next.Text;
                }
                Check.Same("the hound barks: wau", note);
            }
        }

        public static void ALongTextComesWhole()
        {
            // More than the buffer that events are read into: the words of one piece are cut by lines, and there is
            // one line.
            string line = new string('é', 60000);
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, "{\"reply\":\"ab\",\"gated\":true}"))
            using (EventStream answer = model.CreateSession().Say("Hi"))
            {
                answer.Note(line);
                Fake.Release(model, 10);
                string note = null;
                foreach (Event next in answer)
                {
                    if (next.Kind == EventKind.Note && next.NoteSource == NoteSource.Host) note = next.Text;
                }
                Check.Same(line, note);
            }
        }

        public static void TheHostReads()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1, HostReads = true }))
            using (Model model = Fake.Load(runtime, Hello))
            {
                Check.Same(Said, model.CreateSession().Ask("Hi"));
                Task<string> awaited = model.CreateSession().AskAsync("Hi");
                Check.Until(() =>
                {
                    runtime.Poll();
                    return awaited.IsCompleted;
                }, "no end");
                Check.Same(Said, awaited.Result);
            }
        }

        public static void TheHostComputes()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Mode = Mode.HostStep }))
            using (Model model = Fake.Load(runtime, Hello))
            using (EventStream answer = model.CreateSession().Say("Hi"))
            {
                var text = new StringBuilder();
                Check.Until(() =>
                {
                    runtime.Step(TimeSpan.FromMilliseconds(1));
                    Event next;
                    while (answer.TryNext(out next)) text.Append(next.IsAnswer ? next.Text : "");
                    return answer.End != null;
                }, "no end");
                Check.Same(Said, text.ToString());
                // A wait computes, too.
                Check.Same(Said, model.CreateSession().Ask("Hi"));
            }
        }
    }
}
