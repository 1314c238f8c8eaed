// What this runtime makes of every struct, against include/wick.abi.json.
using System;
using System.Collections.Generic;
using System.IO;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Wick.Tests
{
    public static class Layout
    {
        public static void EveryStructHasItsSizeAndOffsets()
        {
            string abi = File.ReadAllText(Environment.GetEnvironmentVariable("WICK_ABI"));
            int structs = 0, fields = 0;
            foreach (string one in Elements(Json.Raw(abi, "structs")))
            {
                string name = Json.Member(one, "name");
                Type type = typeof(Native).GetNestedType(name, BindingFlags.Public);
                Check.That(type != null, name + " is missing");
                Check.That(type.IsLayoutSequential, name + " is not laid out in sequence");
                Check.Same(name + " " + Json.Number(one, "size"), name + " " + Marshal.SizeOf(type));
                foreach (string field in Elements(Json.Raw(one, "fields")))
                {
                    string of = Json.Member(field, "name");
                    string inside = type.GetField(of) != null ? of : of + "_0";
                    Check.That(type.GetField(inside) != null, name + "." + of + " is missing");
                    string wanted = name + "." + of + " " + Json.Number(field, "offset");
                    Check.Same(wanted, name + "." + of + " " + Marshal.OffsetOf(type, inside).ToInt64());
                    fields++;
                }
                structs++;
            }
            Check.That(structs >= 18 && fields > 200, structs + " structs, " + fields + " fields");
        }

        public static void NothingIsLaidOutByTheRuntimesOwnRules()
        {
            foreach (Type type in typeof(Native).GetNestedTypes(BindingFlags.Public))
            {
                if (!type.IsValueType) continue;
                foreach (FieldInfo field in type.GetFields())
                {
                    Check.That(field.FieldType != typeof(bool) && field.FieldType != typeof(char) && !field.FieldType.IsArray &&
                        field.FieldType != typeof(string), type.Name + "." + field.Name + " is a " + field.FieldType);
                }
            }
        }

        public static void TheLibraryHasThisAbi()
        {
            Check.Same(Native.WICK_ABI_VERSION, Native.wick_abi_version());
            Check.Same("native", Json.Member("{\"a\":\"native\"}", "a"));
            Check.That(Json.Raw(Runtime.BuildInfoJson, "features").Contains("testing"), Runtime.BuildInfoJson);
        }

        /// <summary>The elements of a JSON list, as they are written.</summary>
        private static List<string> Elements(string list)
        {
            var all = new List<string>();
            int depth = 0, start = 0;
            bool quoted = false;
            for (int at = 0; at < list.Length; at++)
            {
                char letter = list[at];
                if (quoted && letter == '\\') at++;
                else if (letter == '"') quoted = !quoted;
                else if (!quoted && (letter == '{' || letter == '[') && ++depth == 2) start = at;
                else if (!quoted && (letter == '}' || letter == ']') && --depth == 1) all.Add(list.Substring(start, at + 1 - start));
            }
            return all;
        }
    }

    public static class JsonTests
    {
        public static void MembersAreFound()
        {
            string json = " {\"a\" : [1, {\"b\": \"}\"}], \"b\":\"x\\n\\u00e9\\\"\", \"c\": -1.5e3, \"d\": null, \"e\": {} } ";
            Check.Same("[1, {\"b\": \"}\"}]", Json.Raw(json, "a"));
            Check.Same("x\né\"", Json.Member(json, "b"));
            Check.Same(-1500.0, Json.Number(json, "c"));
            Check.Same(null, Json.Member(json, "d"));
            Check.Same("{}", Json.Raw(json, "e"));
            Check.Same(null, Json.Raw(json, "f"));
            Check.Same(null, Json.Raw("{}", "f"));
        }

        public static void WhatIsNoObjectIsRefused()
        {
            foreach (string json in new[] { "", "[]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1", "{\"a\":\"x", "{\"a\":\"\\q\"}", "{\"a\":]}" })
            {
                Check.Throws<FormatException>(() => Json.Raw(json, "a"));
            }
        }

        public static void QuotesComeBack()
        {
            string text = "a\"b\\c\n\u0001é\u2028";
            Check.Same(text, Json.Member("{\"k\":" + Json.Quote(text) + "}", "k"));
        }
    }
}
