// What is generated, and how.
using System;
using System.Collections.Generic;

namespace Wick
{
    /// <summary>How tokens are chosen; 0 is off. All zero: greedily (docs/sampling.md).</summary>
    public sealed class Sampling
    {
        /// <summary>0: greedy. Above: logits are divided by it before the draw.</summary>
        public float Temperature { get; set; }

        /// <summary>Keeps the likeliest tokens whose probabilities add up to this.</summary>
        public float TopP { get; set; }

        /// <summary>Keeps tokens at least this fraction as likely as the likeliest.</summary>
        public float MinP { get; set; }

        /// <summary>Keeps the tokens closest to the expected information that add up to this.</summary>
        public float TypicalP { get; set; }

        /// <summary>Keeps the k likeliest tokens.</summary>
        public int TopK { get; set; }

        /// <summary>Tokens seen: positive logits are divided by it, others multiplied.</summary>
        public float RepeatPenalty { get; set; }

        /// <summary>Tokens seen: subtracted from the logit once.</summary>
        public float PresencePenalty { get; set; }

        /// <summary>Tokens seen: subtracted from the logit once per occurrence.</summary>
        public float FrequencyPenalty { get; set; }

        /// <summary>How many of the last tokens count as seen; 0: 64; -1: all.</summary>
        public int PenaltyLastN { get; set; }

        /// <summary>Begins the random numbers; 0: random, and told in <see cref="Stats.Seed"/>.</summary>
        public ulong Seed { get; set; }

        /// <summary>DRY: what a repetition loses; 0: off.</summary>
        public float DryMultiplier { get; set; }

        /// <summary>DRY: 0: 1.75.</summary>
        public float DryBase { get; set; }

        /// <summary>DRY: the shortest repetition that is penalized, in tokens; 0: 2.</summary>
        public int DryAllowedLength { get; set; }

        /// <summary>DRY: how many of the last tokens are looked at; 0 or -1: the whole context.</summary>
        public int DryLastN { get; set; }

        /// <summary>XTC: how often it is applied, 0 to 1.</summary>
        public float XtcProbability { get; set; }

        /// <summary>XTC: from which probability on a token counts as likely; 0: 0.1.</summary>
        public float XtcThreshold { get; set; }

        /// <summary>Keeps tokens at most this many standard deviations below the highest logit.</summary>
        public float TopNSigma { get; set; }

        /// <summary>Mirostat 2: the surprise that is aimed at, in bits.</summary>
        public float MirostatTau { get; set; }

        /// <summary>Mirostat 2: how fast it follows; 0: 0.1.</summary>
        public float MirostatEta { get; set; }

        /// <summary>Dynamic temperature: this much lower to this much higher.</summary>
        public float DynatempRange { get; set; }

        /// <summary>Dynamic temperature: flatness to this power; 0: 1.</summary>
        public float DynatempExponent { get; set; }

        internal Native.wick_sampling ToNative()
        {
            return new Native.wick_sampling
            {
                temperature = Temperature, top_p = TopP, min_p = MinP, typical_p = TypicalP, top_k = TopK,
                repeat_penalty = RepeatPenalty, presence_penalty = PresencePenalty,
                frequency_penalty = FrequencyPenalty, penalty_last_n = PenaltyLastN, seed = Seed,
                dry_multiplier = DryMultiplier, dry_base = DryBase, dry_allowed_length = DryAllowedLength,
                dry_last_n = DryLastN, xtc_probability = XtcProbability, xtc_threshold = XtcThreshold,
                top_n_sigma = TopNSigma, mirostat_tau = MirostatTau, mirostat_eta = MirostatEta,
                dynatemp_range = DynatempRange, dynatemp_exponent = DynatempExponent,
            };
        }
    }

    /// <summary>What is generated, and how. Nothing set: the session goes on from where it is, greedily. At most
    /// one of Messages, Prompt and PromptTokens.</summary>
    public sealed class GenerateOptions
    {
        /// <summary>The new messages, through the model's chat template.</summary>
        public IReadOnlyList<Message> Messages { get; set; }

        /// <summary>Raw text, appended.</summary>
        public string Prompt { get; set; }

        /// <summary>Ids, appended as they are.</summary>
        public uint[] PromptTokens { get; set; }

        /// <summary>Tokens to generate at most; 0: until the context is full.</summary>
        public int MaxTokens { get; set; }

        /// <summary>Higher is computed first.</summary>
        public int Priority { get; set; }

        /// <summary>How tokens are chosen; null: greedily.</summary>
        public Sampling Sampling { get; set; }

        /// <summary>The answer ends before the first of these.</summary>
        public IReadOnlyList<string> Stop { get; set; }

        /// <summary>What is added to single tokens' logits; negative infinity forbids one.</summary>
        public IReadOnlyDictionary<uint, float> LogitBias { get; set; }

        /// <summary>What the answer follows.</summary>
        public Grammar Grammar { get; set; }

        /// <summary>What the grammar binds.</summary>
        public GrammarScope GrammarScope { get; set; }

        /// <summary>Tools for the template from this turn on, a JSON list; null: those in force.</summary>
        public string ToolsJson { get; set; }

        /// <summary>Whether tools may be called.</summary>
        public ToolChoice ToolChoice { get; set; }

        /// <summary>With ToolChoice.Named: the tool.</summary>
        public string ToolName { get; set; }

        /// <summary>More variables for the template, a JSON object; null: those in force.</summary>
        public string TemplateJson { get; set; }

        /// <summary>What the template takes for now; null: the clock.</summary>
        public DateTimeOffset? TemplateTime { get; set; }

        /// <summary>How the answer begins.</summary>
        public string AnswerPrefix { get; set; }

        /// <summary>Tokens of thinking at most; null: no limit; 0: none.</summary>
        public int? ReasoningBudget { get; set; }

        /// <summary>When it ends at the latest, from now on; zero: never.</summary>
        public TimeSpan Deadline { get; set; }

        /// <summary>What a Text event holds.</summary>
        public Cut Cut { get; set; }

        /// <summary>Each Text carries exactly one id, and its logprob.</summary>
        public bool Logprobs { get; set; }

        /// <summary>Alternatives per id, at most 20.</summary>
        public int TopLogprobs { get; set; }

        /// <summary>Tokens that come in a second at most; 0: as fast as it goes.</summary>
        public int MaxTokensPerSecond { get; set; }

        /// <summary>Control tokens show as their text.</summary>
        public bool EchoSpecial { get; set; }

        /// <summary>End-of-generation tokens are tokens like others.</summary>
        public bool IgnoreEos { get; set; }

        /// <summary>Only compute the input: End (Ready).</summary>
        public bool PrefillOnly { get; set; }

        /// <summary>The text of control tokens in Prompt counts as these tokens.</summary>
        public bool ParseSpecial { get; set; }

        internal unsafe Native.wick_generate_options* ToNative(Arena arena)
        {
            var given = (Native.wick_generate_options*)arena.Bytes(sizeof(Native.wick_generate_options));
            given->struct_size = (uint)sizeof(Native.wick_generate_options);
            given->max_tokens = Counted.From(MaxTokens, "MaxTokens");
            given->priority = Priority;
            given->prompt = arena.Text(Prompt);
            if (Messages != null)
            {
                given->messages = arena.Messages(Messages);
                given->message_count = Count(Messages.Count);
            }
            if (PromptTokens != null && PromptTokens.Length > 0)
            {
                given->prompt_tokens = (uint*)arena.Bytes(PromptTokens.Length * sizeof(uint));
                given->prompt_token_count = Count(PromptTokens.Length);
                for (int at = 0; at < PromptTokens.Length; at++) given->prompt_tokens[at] = PromptTokens[at];
            }
            given->tools_json = arena.Text(ToolsJson);
            given->template_json = arena.Text(TemplateJson);
            if (Sampling != null) given->sampling = Sampling.ToNative();
            if (Stop != null)
            {
                given->stop = arena.Texts(Stop);
                given->stop_count = Count(Stop.Count);
            }
            if (LogitBias != null && LogitBias.Count > 0)
            {
                given->logit_bias = arena.Biases(LogitBias);
                given->logit_bias_count = Count(LogitBias.Count);
            }
            if (Grammar != null)
            {
                given->grammar_kind = (uint)Grammar.Kind;
                given->grammar = arena.Text(Grammar.Text);
            }
            given->deadline_ns = Nanoseconds.From(Deadline);
            given->logprobs = ModelOptions.Flag(Logprobs);
            given->echo_special = ModelOptions.Flag(EchoSpecial);
            given->ignore_eos = ModelOptions.Flag(IgnoreEos);
            given->prefill_only = ModelOptions.Flag(PrefillOnly);
            given->parse_special = ModelOptions.Flag(ParseSpecial);
            if (TemplateTime != null) given->template_time = TemplateTime.Value.ToUnixTimeSeconds();
            given->answer_prefix = arena.Text(AnswerPrefix);
            given->grammar_scope = (uint)GrammarScope;
            given->tool_choice = (uint)ToolChoice;
            given->tool_name = arena.Text(ToolName);
            given->reasoning_budget = Budget();
            given->cut = (uint)Cut;
            given->top_logprobs = Counted.From(TopLogprobs, "TopLogprobs");
            given->max_tokens_per_second = Counted.From(MaxTokensPerSecond, "MaxTokensPerSecond");
            return given;
        }

        /// <summary>C's 0 is no limit, and has a number of its own for none at all.</summary>
        private uint Budget()
        {
            if (ReasoningBudget == null) return 0;
            return ReasoningBudget.Value == 0 ? Native.WICK_NO_REASONING : Counted.From(ReasoningBudget.Value, "ReasoningBudget");
        }

        private static UIntPtr Count(int count)
        {
            return new UIntPtr((uint)count);
        }
    }
}
