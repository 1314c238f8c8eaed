// Runs the tests that are named, or all: static methods without parameters of the classes below. Each has 120 s.
using System;
using System.Collections.Generic;
using System.Reflection;
using System.Threading;

namespace Wick.Tests
{
    /// <summary>What a test says when something does not hold.</summary>
    public sealed class Failed : Exception
    {
        public Failed(string message) : base(message)
        {
        }
    }

    public static class Program
    {
        private static readonly Type[] Classes =
        {
            typeof(Layout), typeof(Streams), typeof(Sessions), typeof(Lifetimes), typeof(JsonTests), typeof(Files),
        };

        public static int Main(string[] names)
        {
            int ran = 0;
            foreach (Type type in Classes)
            {
                foreach (MethodInfo test in type.GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly))
                {
                    string name = type.Name + "." + test.Name;
                    if (names.Length > 0 && Array.IndexOf(names, name) < 0) continue;
                    if (!Passes(name, test)) return 1;
                    ran++;
                }
            }
            Console.WriteLine(ran + " tests of the C# binding passed");
            return ran > 0 ? 0 : 1;
        }

        private static bool Passes(string name, MethodInfo test)
        {
            Exception failure = null;
            var runner = new Thread(() =>
            {
                try
                {
                    test.Invoke(null, null);
                }
                catch (TargetInvocationException caught)
                {
                    failure = caught.InnerException;
                }
            }) { IsBackground = true };
            runner.Start();
            if (!runner.Join(TimeSpan.FromSeconds(120))) failure = new Failed("it hangs");
            Console.WriteLine(failure == null ? "ok: " + name : "FAILED: " + name + ": " + failure);
            return failure == null;
        }
    }

    public static class Check
    {
        public static void That(bool holds, string what)
        {
            if (!holds) throw new Failed(what);
        }

        public static void Same<T>(T wanted, T is_)
        {
            if (!EqualityComparer<T>.Default.Equals(wanted, is_)) throw new Failed("\"" + is_ + "\" is not \"" + wanted + "\"");
        }

        public static T Throws<T>(Action act) where T : Exception
        {
            try
            {
                act();
            }
            catch (T expected)
            {
                return expected;
            }
            throw new Failed("no " + typeof(T).Name);
        }

        /// <summary>Waits until something holds: for what another thread does.</summary>
        public static void Until(Func<bool> holds, string what)
        {
            for (int tries = 0; tries < 5000; tries++)
            {
                if (holds()) return;
                Thread.Sleep(10);
            }
            throw new Failed(what);
        }
    }
}
