// Turns, saves, tools, grammars, vectors.
using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;

namespace Wick.Tests
{
    public static class Sessions
    {
        public static void TurnsAreKept()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, "{\"reply\":\"Well met.\"}"))
            using (Session session = model.CreateSession("You are Mira."))
            {
                Check.Same("Well met.", session.Ask("Good evening"));
                string messages = session.MessagesJson;
                Check.That(messages.Contains("You are Mira.") && messages.Contains("Good evening") && messages.Contains("Well met."), messages);
                Check.That(session.Tokens.Length > 10, "no ids");
                using (Session other = session.Fork())
                {
                    session.Clear();
                    Check.That(!session.MessagesJson.Contains("Good evening"), session.MessagesJson);
                    Check.Same(messages, other.MessagesJson);
                }
                Check.Same("Well met.", session.Ask("Again"));
                uint whole = (uint)session.Tokens.Length;
                session.SetSystem(null);
                session.Rewind(0);
                Check.That(whole > 0, "no tokens");
            }
        }

        public static void OneGenerationAtATime()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, "{\"reply\":\"x\",\"gated\":true}"))
            using (Session session = model.CreateSession())
            using (EventStream first = session.Say("Hi"))
            {
                var thrown = Check.Throws<WickException>(() => session.Say("Hi"));
                Check.Same(Status.Busy, thrown.Status);
            }
        }

        public static void WrongOptionsAreNamed()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, "{}"))
            using (Session session = model.CreateSession())
            {
                var options = new GenerateOptions { Sampling = new Sampling { TopP = 1.7f } };
                var thrown = Check.Throws<WickException>(() => session.Say("Hi", options));
                Check.Same(Status.InvalidArgument, thrown.Status);
                Check.That(thrown.Message.Contains("top_p") && thrown.Message.Contains("1.7"), thrown.Message);
                Check.Throws<ArgumentOutOfRangeException>(() => session.Say("Hi", new GenerateOptions { MaxTokens = -1 }));
                Check.Throws<ArgumentNullException>(() => session.Say(null));
            }
        }

        public static void OptionsArrive()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, "{\"reply\":\"one two three four\",\"token_bytes\":1}"))
            using (Session session = model.CreateSession())
            {
                using (EventStream answer = session.Say("Hi", new GenerateOptions { Stop = new[] { "thr", "zzz" } }))
                {
                    Check.Same("one two ", answer.ReadToEnd());
                    Check.Same(EndReason.StopString, answer.End.EndReason);
                    Check.Same("thr", answer.End.Text);
                }
                var words = new List<string>();
                foreach (Event next in session.Say("Hi", new GenerateOptions { Cut = Cut.Word, TopLogprobs = 0 }))
                {
                    if (next.IsAnswer) words.Add(next.Text);
                }
                Check.Same("one |two |three |four", string.Join("|", words));
                foreach (Event next in session.Say("Hi", new GenerateOptions { TopLogprobs = 3, MaxTokens = 2 }))
                {
                    if (!next.IsAnswer) continue;
                    Check.Same(3, next.Alternatives.Count);
                    Check.Same(next.Tokens[0], next.Alternatives[0].Token);
                    Check.That(next.Logprob <= 0, "a probability over 1");
                }
                var bias = new Dictionary<uint, float> { { 'o', float.NegativeInfinity } };
                Check.That(!session.Ask("Hi", new GenerateOptions { LogitBias = bias, MaxTokens = 1 }).Contains("o"), "the bias is not there");
                using (EventStream late = session.Say("Hi", new GenerateOptions { Deadline = TimeSpan.FromTicks(1) }))
                {
                    late.ReadToEnd();
                    Check.Same(EndReason.Deadline, late.End.EndReason);
                }
                using (EventStream input = session.Generate(new GenerateOptions { Messages = new[] { Message.User("x") }, PrefillOnly = true }))
                {
                    input.ReadToEnd();
                    Check.Same(EndReason.Ready, input.End.EndReason);
                }
            }
        }

        public static void ASaveIsRestored()
        {
            string path = Path.Combine(Path.GetTempPath(), "wick-csharp-" + Guid.NewGuid().ToString("N"));
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, "{\"reply\":\"The goblin waits.\"}"))
            using (Session session = model.CreateSession("You are a narrator."))
            {
                session.Ask("Where is the goblin?");
                Event end;
                using (EventStream saving = session.Save(path))
                {
                    saving.ReadToEnd();
                    end = saving.End;
                }
                Check.Same(EndReason.Ready, end.EndReason);
                using (Session again = model.Restore(path))
                {
                    again.Restoring.ReadToEnd();
                    Check.Same(EndReason.Ready, again.Restoring.End.EndReason);
                    Check.Same(session.MessagesJson, again.MessagesJson);
                    Check.Same("The goblin waits.", again.Ask("Still?"));
                }
                File.Delete(path);
            }
        }

        public static void ASaveGoesThroughAStream()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Mode = Mode.HostStep }))
            using (Model model = Fake.Load(runtime, "{\"reply\":\"The goblin waits.\"}"))
            using (Session session = model.CreateSession("You are a narrator."))
            {
                session.Ask("Where is the goblin?");
                var memory = new MemoryStream();
                session.Save(new SaveOptions { Stream = memory, WithKv = true }).ReadToEnd();
                Check.That(memory.Length > 100, memory.Length + " bytes");
                using (Session again = model.Restore(new SaveOptions { Stream = memory }))
                {
                    again.Restoring.ReadToEnd();
                    Check.Same(session.MessagesJson, again.MessagesJson);
                }
                memory.SetLength(memory.Length / 2);
                using (Session broken = model.Restore(new SaveOptions { Stream = memory }))
                {
                    Check.Same(Status.Io, Check.Throws<WickException>(() => broken.Restoring.ReadToEnd()).Status);
                }
            }
        }

        public static void AToolIsCalled()
        {
            string call = "<tool_call>\\n{\\\"name\\\": \\\"roll\\\", \\\"arguments\\\": {\\\"count\\\": 2, \\\"why\\\": \\\"a \\\\\\\"duel\\\\\\\"\\\"}}\\n</tool_call>";
            const string Tools = "[{\"type\":\"function\",\"function\":{\"name\":\"roll\",\"parameters\":{\"type\":\"object\"," +
                "\"properties\":{\"count\":{\"type\":\"integer\"}}}}}]";
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, "{\"reply\":\"" + call + "\"}"))
            using (Session session = model.CreateSession(new SessionOptions { ToolsJson = Tools }))
            {
                ToolCall made = null;
                string answer = "";
                foreach (Event next in session.Say("Roll for me"))
                {
                    if (next.Kind == EventKind.ToolCall) made = next.ToToolCall();
                    if (next.IsAnswer) answer += next.Text;
                }
                Check.That(made != null, "no call in " + session.MessagesJson);
                Check.Same("", answer.Trim());
                Check.Same("roll", made.Name);
                Check.Same("2", made.Argument("count"));
                Check.Same("a \"duel\"", made.Argument("why"));
                using (EventStream after = session.Generate(new GenerateOptions { Messages = new[] { Message.Tool(made, "7") } })) after.ReadToEnd();
                Check.That(session.MessagesJson.Contains(made.Id) && session.MessagesJson.Contains("\"7\""), session.MessagesJson);
            }
        }

        public static void AGrammarBinds()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, "{\"random\":7}"))
            {
                const string Schema = "{\"enum\":[\"north\",\"south\"]}";
                string way = model.CreateSession().Ask("Where?", new GenerateOptions { Grammar = Grammar.JsonSchema(Schema) });
                Check.That(way == "\"north\"" || way == "\"south\"", way);
                string digits = model.CreateSession().Ask("?", new GenerateOptions { Grammar = Grammar.Regex("[0-9]{4}") });
                int number;
                Check.That(digits.Length == 4 && int.TryParse(digits, out number), digits);
                Check.Same("yes", model.CreateSession().Ask("?", new GenerateOptions { Grammar = Grammar.Gbnf("root ::= \"yes\"") }));
                Check.Same("no", model.CreateSession().Ask("?", new GenerateOptions { Grammar = Grammar.Lark("start: \"no\"") }));
                var thrown = Check.Throws<WickException>(() =>
                    model.CreateSession().Ask("?", new GenerateOptions { Grammar = Grammar.Regex("(") }));
                Check.Same(Status.Grammar, thrown.Status);
            }
        }

        public static void VectorsAreNear()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, "{\"vector_length\":8}"))
            {
                string[] texts = { "a goblin", "a tavern", "a goblin camp", "the sea" };
                float[][] vectors = model.Embed(texts);
                Check.Same(4, vectors.Length);
                foreach (float[] vector in vectors)
                {
                    double length = 0;
                    foreach (float element in vector) length += element * element;
                    Check.Same(8, vector.Length);
                    Check.That(Math.Abs(length - 1) < 1e-3, "a length of " + length);
                }
                Match[] found = Vectors.Nearest(vectors[2], vectors, 2);
                Check.Same(2, found.Length);
                Check.Same(2, found[0].Index);
                Check.That(found[0].Score >= found[1].Score, "not in order");
                Check.Same(0, Vectors.Nearest(vectors[0], new float[0][], 3).Length);
                Check.Throws<ArgumentException>(() => Vectors.Nearest(new float[3], vectors, 1));
                float[][] again = model.EmbedAsync(texts).Result;
                Check.Same(vectors[3][5], again[3][5]);
            }
        }

        public static void TextsBecomeTokens()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, "{}"))
            {
                model.WaitUntilReady();
                string text = new string('ö', 500) + "end";
                uint[] ids = model.Tokenize(text);
                Check.That(ids.Length > 400, ids.Length + " ids");
                Check.Same(text, model.Detokenize(ids));
                string prompt = model.Render(new[] { Message.System("S"), Message.User("Hi there") });
                Check.That(prompt.Contains("Hi there"), prompt);
                Check.That(Json.Number(model.InfoJson, "context_length") == 4096, model.InfoJson);
            }
        }

        public static void ALoadThatFailsSaysWhy()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            {
                using (Model model = Fake.Load(runtime, "{\"load_error\":\"no such dragon\"}"))
                {
                    Check.That(Check.Throws<WickException>(() => model.WaitUntilReady()).Message.Contains("no such dragon"), "another message");
                    Check.That(Check.Throws<WickException>(() => model.CreateSession().Ask("Hi")).Message.Length > 0, "no message");
                }
                using (Model missing = runtime.Load("/no/such/model.gguf"))
                {
                    var thrown = Check.Throws<WickException>(() => missing.CreateSession().Ask("Hi"));
                    Check.Same(Status.Io, thrown.Status);
                }
                Check.Throws<WickException>(() => runtime.Load(new ModelOptions()));
                Check.Throws<WickException>(() => Fake.Load(runtime, "{\"nonsense\":1}"));
            }
        }
    }
}
