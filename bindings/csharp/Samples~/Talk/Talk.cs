// A character that speaks by sentence, polled once a frame: put it on an object, and a model into StreamingAssets.
using System.IO;
using UnityEngine;
using UnityEngine.Events;

namespace Wick.Samples
{
    public sealed class Talk : MonoBehaviour
    {
        [Tooltip("A .gguf file in StreamingAssets")]
        public string model = "model.gguf";

        [Tooltip("Who speaks")]
        public string persona = "You are Mira, a friendly innkeeper. Answer in one short sentence.";

        public UnityEvent<string> sentence = new UnityEvent<string>();

        private Runtime runtime;
        private Model loaded;
        private Session session;
        private EventStream answer;

        private void Start()
        {
            // Two threads, three quarters of the time: the frame goes first.
            runtime = new Runtime(new RuntimeOptions { Threads = 2, PacePercent = 75 });
            loaded = runtime.Load(Path.Combine(Application.streamingAssetsPath, model));
            session = loaded.CreateSession(persona);
            Say("Good evening! What is for supper?");
        }

        /// <summary>What the player says; an answer that goes on is interrupted.</summary>
        public void Say(string text)
        {
            if (answer != null) answer.Dispose();
            answer = session.Say(text, new GenerateOptions { MaxTokens = 80, Cut = Cut.Sentence });
        }

        private void Update()
        {
            Event next;
            while (answer != null && answer.TryNext(out next))
            {
                if (next.IsAnswer) sentence.Invoke(next.Text);
                if (next.EndReason == EndReason.Error) Debug.LogError(next.Text);
            }
        }

        private void OnDestroy()
        {
            if (runtime != null) runtime.Dispose();
        }
    }
}
