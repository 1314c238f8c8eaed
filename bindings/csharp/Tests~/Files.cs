// With real files: a small model where one is there, the real one where WICK_MODELS has it.
using System;
using System.IO;

namespace Wick.Tests
{
    public static class Files
    {
        public static void ASmallModelAnswersOutOfAFileAndOutOfAStream()
        {
            string path = Environment.GetEnvironmentVariable("WICK_SMALL");
            if (string.IsNullOrEmpty(path) || !File.Exists(path))
            {
                Console.WriteLine("left out: C# with a small model (there is no stories260K)");
                return;
            }
            using (var runtime = new Runtime(new RuntimeOptions { Mode = Mode.HostStep }))
            {
                Estimate estimate = runtime.Estimate(new ModelOptions { Path = path }, 64);
                Check.Same(new FileInfo(path).Length, (long)estimate.FileBytes);
                string first = Story(runtime, new ModelOptions { Path = path });
                Check.That(first.Length > 20, first);
                using (FileStream file = File.OpenRead(path))
                {
                    Check.Same((long)estimate.FileBytes, (long)runtime.Estimate(new ModelOptions { Source = file }, 64).FileBytes);
                    Check.Same(first, Story(runtime, new ModelOptions { Source = file }));
                }
                Check.Throws<WickException>(() => Story(runtime, new ModelOptions { Source = new MemoryStream(new byte[100]) }));
                Warmed(runtime, path);
            }
        }

        /// <summary>What a save brought into the prefix cache need not be computed.</summary>
        private static void Warmed(Runtime runtime, string path)
        {
            string prompt = "";
            for (int at = 0; at < 40; at++) prompt += "Tom and Lily went to the park. ";
            var save = new SaveOptions { Stream = new MemoryStream(), WithKv = true };
            using (Model model = runtime.Load(path))
            using (Session session = model.CreateSession())
            {
                session.Generate(new GenerateOptions { Prompt = prompt, PrefillOnly = true }).ReadToEnd();
                session.Save(save).ReadToEnd();
            }
            using (Model model = runtime.Load(path))
            using (Session session = model.CreateSession())
            {
                model.Warm(save).ReadToEnd();
                EventStream story = session.Generate(new GenerateOptions { Prompt = prompt, MaxTokens = 1 });
                story.ReadToEnd();
                Check.That(story.Stats.CachedTokens > 100, story.Stats.CachedTokens + " tokens were cached");
            }
        }

        private static string Story(Runtime runtime, ModelOptions options)
        {
            using (Model model = runtime.Load(options))
            using (Session session = model.CreateSession())
            using (EventStream story = session.Generate(new GenerateOptions { Prompt = "Once upon a time", MaxTokens = 16 }))
            {
                return story.ReadToEnd();
            }
        }

        public static void TheRealModelAnswers()
        {
            string path = Path.Combine(Environment.GetEnvironmentVariable("WICK_MODELS") ?? "", "SmolLM2-135M-Instruct.Q4_1.gguf");
            if (!File.Exists(path))
            {
                Console.WriteLine("left out: C# with SmolLM2 (WICK_MODELS does not have it)");
                return;
            }
            using (var runtime = new Runtime())
            using (Model model = runtime.Load(path))
            using (Session session = model.CreateSession("You are Mira, a friendly innkeeper. Answer in one short sentence."))
            {
                string answer = session.Ask("What is for supper?", new GenerateOptions { MaxTokens = 12 });
                Check.That(answer.Trim().Length > 3, answer);
            }
        }
    }
}
