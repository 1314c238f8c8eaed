// What is said: messages, and calls of tools.
using System;

namespace Wick
{
    /// <summary>One message of a conversation.</summary>
    public sealed class Message
    {
        /// <summary>Who speaks: "system", "user", "assistant", "tool", …</summary>
        public string Role { get; }

        /// <summary>What is said; null: the template sees none.</summary>
        public string Content { get; }

        /// <summary>A JSON object with further fields for the template, or null.</summary>
        public string ExtraJson { get; }

        /// <summary>A message.</summary>
        /// <exception cref="ArgumentNullException">There is no role.</exception>
        public Message(string role, string content, string extraJson = null)
        {
            if (role == null) throw new ArgumentNullException("role");
            Role = role;
            Content = content;
            ExtraJson = extraJson;
        }

        /// <summary>A message of the user's.</summary>
        public static Message User(string content)
        {
            return new Message("user", content);
        }

        /// <summary>A message of the assistant's.</summary>
        public static Message Assistant(string content)
        {
            return new Message("assistant", content);
        }

        /// <summary>A system message.</summary>
        public static Message System(string content)
        {
            return new Message("system", content);
        }

        /// <summary>What a tool gave for <paramref name="call"/>.</summary>
        public static Message Tool(ToolCall call, string result)
        {
            if (call == null) throw new ArgumentNullException("call");
            return new Message("tool", result,
                "{\"tool_call_id\":" + Json.Quote(call.Id) + ",\"name\":" + Json.Quote(call.Name) + "}");
        }
    }

    /// <summary>A call of a tool (docs/tools.md). Name and arguments are the model's: check them.</summary>
    public sealed class ToolCall
    {
        /// <summary>What its result is known by.</summary>
        public string Id { get; }

        /// <summary>The tool's name, as the model said it.</summary>
        public string Name { get; }

        /// <summary>Its arguments: a JSON object. <see cref="Json.Member"/> reads one of them.</summary>
        public string ArgumentsJson { get; }

        internal ToolCall(string id, string name, string argumentsJson)
        {
            Id = id;
            Name = name;
            ArgumentsJson = argumentsJson;
        }

        /// <summary>The argument <paramref name="name"/>, a text without its quotes; null: there is none.</summary>
        public string Argument(string name)
        {
            return Json.Member(ArgumentsJson, name);
        }
    }

    /// <summary>What an answer follows (docs/grammars.md).</summary>
    public sealed class Grammar
    {
        internal GrammarKind Kind { get; }

        internal string Text { get; }

        private Grammar(GrammarKind kind, string text)
        {
            Kind = kind;
            Text = text;
        }

        /// <summary>Any JSON value.</summary>
        public static readonly Grammar AnyJson = new Grammar(GrammarKind.Json, null);

        /// <summary>A JSON schema.</summary>
        public static Grammar JsonSchema(string schema)
        {
            return new Grammar(GrammarKind.JsonSchema, schema);
        }

        /// <summary>A regular expression that the whole answer matches.</summary>
        public static Grammar Regex(string expression)
        {
            return new Grammar(GrammarKind.Regex, expression);
        }

        /// <summary>A Lark grammar, which begins at `start`.</summary>
        public static Grammar Lark(string text)
        {
            return new Grammar(GrammarKind.Lark, text);
        }

        /// <summary>A GBNF grammar, which begins at `root`.</summary>
        public static Grammar Gbnf(string text)
        {
            return new Grammar(GrammarKind.Gbnf, text);
        }
    }
}
