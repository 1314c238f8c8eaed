// The little of JSON that the binding needs: a member of an object, a text in quotes; knows no types of its own.
using System;
using System.Globalization;
using System.Text;

namespace Wick
{
    /// <summary>Members of JSON objects, as the library writes them: enough to do without a package.</summary>
    public static class Json
    {
        /// <summary>The text of the member <paramref name="name"/>, without its quotes; null: there is none, or it
        /// is null.</summary>
        /// <exception cref="FormatException"><paramref name="json"/> is not a JSON object.</exception>
        public static string Member(string json, string name)
        {
            string raw = Raw(json, name);
            if (raw == null || raw == "null") return null;
            if (raw[0] != '"') return raw;
            int at = 0;
            return Text(raw, ref at);
        }

        /// <summary>The member <paramref name="name"/> as it is written; null: there is none.</summary>
        /// <exception cref="FormatException"><paramref name="json"/> is not a JSON object.</exception>
        public static string Raw(string json, string name)
        {
            int at = 0;
            Expect(json, ref at, '{');
            string found = null;
            if (Peek(json, ref at) == '}') return null;
            while (true)
            {
                Peek(json, ref at);
                string key = Text(json, ref at);
                Expect(json, ref at, ':');
                Peek(json, ref at);
                int start = at;
                Skip(json, ref at);
                if (key == name) found = json.Substring(start, at - start);
                if (Peek(json, ref at) == '}') return found;
                Expect(json, ref at, ',');
            }
        }

        /// <summary>The member <paramref name="name"/> as a number; 0: there is none, or it is null.</summary>
        public static double Number(string json, string name)
        {
            string raw = Raw(json, name);
            return raw == null || raw == "null" ? 0 : double.Parse(raw, NumberStyles.Float, CultureInfo.InvariantCulture);
        }

        /// <summary><paramref name="text"/> as a JSON text, in quotes.</summary>
        public static string Quote(string text)
        {
            var quoted = new StringBuilder("\"");
            foreach (char letter in text)
            {
                if (letter == '"' || letter == '\\') quoted.Append('\\').Append(letter);
                else if (letter < ' ') quoted.Append("\\u").Append(((int)letter).ToString("x4", CultureInfo.InvariantCulture));
                else quoted.Append(letter);
            }
            return quoted.Append('"').ToString();
        }

        private static char Peek(string json, ref int at)
        {
            while (at < json.Length && (json[at] == ' ' || json[at] == '\t' || json[at] == '\n' || json[at] == '\r')) at++;
            if (at == json.Length) throw Wrong(json, at, "the end came too soon");
            return json[at];
        }

        private static void Expect(string json, ref int at, char letter)
        {
            if (Peek(json, ref at) != letter) throw Wrong(json, at, "'" + letter + "' is missing");
            at++;
        }

        /// <summary>Goes behind the value that begins here. Nesting is a count, not recursion.</summary>
        private static void Skip(string json, ref int at)
        {
            int depth = 0;
            do
            {
                char letter = Peek(json, ref at);
                if (letter == '"') Text(json, ref at);
                else if (letter == '{' || letter == '[') { depth++; at++; }
                else if (letter == '}' || letter == ']') { depth--; at++; }
                else if (depth > 0 && (letter == ',' || letter == ':')) at++;
                else Word(json, ref at);
                if (depth < 0) throw Wrong(json, at, "no value");
            }
            while (depth > 0);
        }

        /// <summary>A number, true, false or null.</summary>
        private static void Word(string json, ref int at)
        {
            int start = at;
            while (at < json.Length && (char.IsLetterOrDigit(json[at]) || "+-.".IndexOf(json[at]) >= 0)) at++;
            if (at == start) throw Wrong(json, at, "no value");
        }

        private static string Text(string json, ref int at)
        {
            var text = new StringBuilder();
            if (json[at] != '"') throw Wrong(json, at, "a text is missing");
            for (at++; at < json.Length; at++)
            {
                char letter = json[at];
                if (letter == '"')
                {
                    at++;
                    return text.ToString();
                }
                text.Append(letter == '\\' ? Escaped(json, ref at) : letter);
            }
            throw Wrong(json, at, "a text has no end");
        }

        private static char Escaped(string json, ref int at)
        {
            at++;
            char letter = at < json.Length ? json[at] : '\0';
            int known = "\"\\/bfnrt".IndexOf(letter);
            if (known >= 0 && letter != '\0') return "\"\\/\b\f\n\r\t"[known];
            ushort code;
            if (letter == 'u' && at + 4 < json.Length &&
                ushort.TryParse(json.Substring(at + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out code))
            {
                at += 4;
                return (char)code;
            }
            throw Wrong(json, at, "an escape that JSON does not have");
        }

        private static FormatException Wrong(string json, int at, string why)
        {
            return new FormatException("JSON, at " + at.ToString(CultureInfo.InvariantCulture) + " of " +
                json.Length.ToString(CultureInfo.InvariantCulture) + ": " + why);
        }
    }
}
