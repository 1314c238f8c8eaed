// What is let go of, by whom, and what is left: nothing.
using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

namespace Wick.Tests
{
    public static class Lifetimes
    {
        private const string Endless = "{\"reply\":\"on and \",\"endless\":true,\"delay_us\":1000,\"context_length\":1000000}";

        public static void AThousandCyclesLeaveNothing()
        {
            for (int at = 0; at < 100; at++) Cycle(at);
            Collect();
            long before = Resident(), descriptors = Count("/proc/self/fd"), threads = Count("/proc/self/task");
            for (int at = 0; at < 1000; at++) Cycle(at);
            Collect();
            long grown = Resident() - before;
            Check.That(grown < 24 << 20, grown + " bytes more");
            Check.That(Count("/proc/self/fd") <= descriptors + 4, Count("/proc/self/fd") + " descriptors, before " + descriptors);
            Check.Until(() => Count("/proc/self/task") <= threads + 4, Count("/proc/self/task") + " threads, before " + threads);
        }

        /// <summary>A runtime, a model, a session, a turn; every third one is left in the middle.</summary>
        private static void Cycle(int at)
        {
            bool isLeft = at % 3 == 0;
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, isLeft ? Endless : "{\"reply\":\"Hello, you\"}"))
            using (Session session = model.CreateSession("You are brief."))
            {
                EventStream answer = session.Say("Hi");
                Event next;
                if (!isLeft) Check.Same("Hello, you", answer.ReadToEnd());
                else Check.That(answer.Next(out next, Timeout.InfiniteTimeSpan), "nothing came");
            }
        }

        public static void WhatNobodyHoldsIsLetGoOf()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            {
                LeaveStreams(runtime);
                // Mono's collector is conservative: a stale word of a stack may hold one of them.
                Check.Until(() =>
                {
                    Collect();
                    return Json.Number(Json.Raw(runtime.InfoJson, "generations"), "live") <= 2;
                }, runtime.InfoJson);
            }
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void LeaveStreams(Runtime runtime)
        {
            Model model = Fake.Load(runtime, Endless);
            for (int at = 0; at < 12; at++) model.CreateSession().Say("Go on");
        }

        public static void AWaitIsEnoughToBeHeld()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, "{\"reply\":\"Here I am\",\"gated\":true}"))
            {
                Task<string> answer = Begin(model);
                for (int at = 0; at < 5; at++) Collect();
                Fake.Release(model, 100);
                Check.Same("Here I am", answer.Result);
            }
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static Task<string> Begin(Model model)
        {
            return model.CreateSession().AskAsync("Hi");
        }

        public static void RuntimesThatNobodyDisposesOfAreShutDown()
        {
            long threads = Count("/proc/self/task");
            for (int at = 0; at < 20; at++) LeaveRuntime();
            Check.Until(() =>
            {
                Collect();
                return Count("/proc/self/task") <= threads + 16;
            }, Count("/proc/self/task") + " threads, before " + threads);
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void LeaveRuntime()
        {
            var runtime = new Runtime(new RuntimeOptions { Threads = 1 });
            Model model = Fake.Load(runtime, Endless);
            Event next;
            model.CreateSession().Say("Go on").Next(out next, Timeout.InfiniteTimeSpan);
        }

        public static void AShutdownEndsWhatGoesOn()
        {
            var runtime = new Runtime(new RuntimeOptions { Threads = 1 });
            Model model = Fake.Load(runtime, Endless);
            EventStream answer = model.CreateSession().Say("Go on");
            EventStream unread = model.CreateSession().Say("Go on");
            Task<string> awaited = model.CreateSession().AskAsync("Go on");
            runtime.Dispose();
            runtime.Dispose();
            Check.That(answer.ReadToEnd().Length >= 0, "no text");
            Check.Same(EndReason.Shutdown, answer.End.EndReason);
            Check.That(awaited.Wait(10000), "it hangs");
            unread.Dispose();
            Check.Same(Status.StaleHandle, Check.Throws<WickException>(() => model.CreateSession()).Status);
            model.Dispose();
        }

        public static void ADisposedStreamWakesItsReaders()
        {
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            using (Model model = Fake.Load(runtime, "{\"reply\":\"x\",\"gated\":true}"))
            {
                EventStream waited = model.CreateSession().Say("Hi");
                EventStream awaited = model.CreateSession().Say("Hi");
                Task<string> reader = awaited.ReadToEndAsync();
                Task<bool> thread = Task.Run(() =>
                {
                    Event next;
                    while (waited.Next(out next, Timeout.InfiniteTimeSpan)) { }
                    return waited.End == null;
                });
                Thread.Sleep(50);
                waited.Dispose();
                awaited.Dispose();
                Check.That(thread.Wait(10000) && thread.Result, "it hangs");
                var thrown = Check.Throws<AggregateException>(() => reader.Wait(10000));
                Check.That(thrown.InnerException is ObjectDisposedException, thrown.ToString());
            }
        }

        public static void NoManagedCodeOnTheLibrarysThreads()
        {
            // Mono stops threads with signals, which the library's threads block: it would wait for them forever.
            var thrown = Check.Throws<NotSupportedException>(() => new Runtime(new RuntimeOptions { Log = (level, text) => { } }));
            Check.That(thrown.Message.Contains("HostStep"), thrown.Message);
            using (var runtime = new Runtime(new RuntimeOptions { Threads = 1 }))
            {
                Check.Throws<NotSupportedException>(() => runtime.Load(new ModelOptions { Source = new MemoryStream() }));
            }
        }

        public static void TheLogIsDroppedWithItsRuntime()
        {
            WeakReference held = Logged();
            Check.Until(() =>
            {
                Collect();
                return !held.IsAlive;
            }, "the log's handler is held");
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static WeakReference Logged()
        {
            var lines = new List<string>();
            LogHandler log = (level, text) =>
            {
                lock (lines) lines.Add(level + " " + text);
                throw new InvalidOperationException("of the host's");
            };
            using (var runtime = new Runtime(new RuntimeOptions { Mode = Mode.HostStep, Log = log, LogLevel = 5 }))
            using (Model model = Fake.Load(runtime, "{\"reply\":\"Hello\"}"))
            {
                model.CreateSession().Ask("Hi");
            }
            Check.That(lines.Count > 0, "no line");
            return new WeakReference(lines);
        }

        private static void Collect()
        {
            // On another thread: this one's stack may hold what it has held.
            var thread = new Thread(() =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                GC.Collect();
            });
            thread.Start();
            thread.Join();
        }

        private static long Count(string folder)
        {
            return Directory.GetFileSystemEntries(folder).Length;
        }

        private static long Resident()
        {
            string[] pages = File.ReadAllText("/proc/self/statm").Split(' ');
            return long.Parse(pages[1]) * Environment.SystemPageSize;
        }
    }
}
