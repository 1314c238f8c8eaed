// Leaves Main in the middle of an answer, in the way that is asked for: a program of its own, as its exit is tested.
using System;
using System.Threading;
using System.Threading.Tasks;

namespace Wick.Tests
{
    public static class Leave
    {
        private static Runtime runtime;

        public static int Main(string[] how)
        {
            runtime = new Runtime(new RuntimeOptions { Threads = 2, Mode = how[0] == "step" ? Mode.HostStep : Mode.Threads });
            Model model = Fake.Load(runtime, "{\"reply\":\"on and \",\"endless\":true,\"delay_us\":300,\"context_length\":1000000}");
            EventStream answer = model.CreateSession().Say("Go on");
            Task<string> awaited = model.CreateSession().AskAsync("Go on");
            Event next;
            while (answer.Next(out next, Timeout.InfiniteTimeSpan) && next.Kind != EventKind.Text) { }
            // Somebody else waits in a blocking read.
            new Thread(() => answer.Next(out next, Timeout.InfiniteTimeSpan)) { IsBackground = true }.Start();
            Console.WriteLine("leaving");
            if (how[0] == "exit") Environment.Exit(7);
            if (how[0] == "elsewhere")
            {
                // Not a thread of the pool: Mono 6.8 waits for itself there, now and then, while the pool has work.
                var other = new Thread(() => Environment.Exit(7));
                other.Start();
                other.Join();
            }
            return awaited.IsCompleted ? 1 : 7;
        }
    }
}
