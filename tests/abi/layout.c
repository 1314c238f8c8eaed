/* Prints the size of every struct, the offset and size of every field, and the value of every constant of wick.h; tests/abi.txt holds
 * what the contract gives. A later release may append, never change. */
#include <stddef.h>
#include <stdio.h>
#include "wick.h"

#define SIZE(type) printf(#type " %zu\n", sizeof(type))
#define FIELD(type, field) printf("  " #field " %zu %zu\n", offsetof(type, field), sizeof(((type *)0)->field))
#define VALUE(name) printf(#name " %lld\n", (long long)(name))

int main(void) {
  SIZE(wick_error);
  FIELD(wick_error, struct_size);
  FIELD(wick_error, code);
  FIELD(wick_error, message);

  SIZE(wick_str);
  FIELD(wick_str, ptr);
  FIELD(wick_str, len);

  SIZE(wick_runtime);
  FIELD(wick_runtime, id);

  SIZE(wick_queue);
  FIELD(wick_queue, id);

  SIZE(wick_model);
  FIELD(wick_model, id);

  SIZE(wick_session);
  FIELD(wick_session, id);

  SIZE(wick_stream);
  FIELD(wick_stream, id);

  SIZE(wick_stats);
  FIELD(wick_stats, prompt_tokens);
  FIELD(wick_stats, cached_tokens);
  FIELD(wick_stats, output_tokens);
  FIELD(wick_stats, session_tokens);
  FIELD(wick_stats, queue_ns);
  FIELD(wick_stats, prefill_ns);
  FIELD(wick_stats, ttft_ns);
  FIELD(wick_stats, decode_ns);
  FIELD(wick_stats, max_gap_ns);
  FIELD(wick_stats, seed);
  FIELD(wick_stats, notes_dropped);
  FIELD(wick_stats, draft_tokens);
  FIELD(wick_stats, draft_accepted);
  FIELD(wick_stats, reserved);

  SIZE(wick_event);
  FIELD(wick_event, struct_size);
  FIELD(wick_event, kind);
  FIELD(wick_event, end_reason);
  FIELD(wick_event, stream);
  FIELD(wick_event, user);
  FIELD(wick_event, seq);
  FIELD(wick_event, time_ns);
  FIELD(wick_event, text);
  FIELD(wick_event, text_len);
  FIELD(wick_event, tokens);
  FIELD(wick_event, token_count);
  FIELD(wick_event, logprob);
  FIELD(wick_event, done);
  FIELD(wick_event, total);
  FIELD(wick_event, status);
  FIELD(wick_event, channel);
  FIELD(wick_event, more);
  FIELD(wick_event, stats);

  SIZE(wick_runtime_options);
  FIELD(wick_runtime_options, struct_size);
  FIELD(wick_runtime_options, abi_version);
  FIELD(wick_runtime_options, mode);
  FIELD(wick_runtime_options, threads);
  FIELD(wick_runtime_options, memory_budget);
  FIELD(wick_runtime_options, max_sequences);
  FIELD(wick_runtime_options, max_waiting);
  FIELD(wick_runtime_options, thread_name);
  FIELD(wick_runtime_options, on_thread);
  FIELD(wick_runtime_options, thread_user);
  FIELD(wick_runtime_options, thread_drop);
  FIELD(wick_runtime_options, log);
  FIELD(wick_runtime_options, log_user);
  FIELD(wick_runtime_options, log_drop);
  FIELD(wick_runtime_options, log_level);
  FIELD(wick_runtime_options, reserved);

  SIZE(wick_os_handle);
  FIELD(wick_os_handle, fd);
  FIELD(wick_os_handle, event);

  SIZE(wick_message);
  FIELD(wick_message, role);
  FIELD(wick_message, content);
  FIELD(wick_message, extra_json);

  SIZE(wick_io);
  FIELD(wick_io, struct_size);
  FIELD(wick_io, flags);
  FIELD(wick_io, size);
  FIELD(wick_io, read_at);
  FIELD(wick_io, write_at);
  FIELD(wick_io, user);
  FIELD(wick_io, drop);

  SIZE(wick_model_options);
  FIELD(wick_model_options, struct_size);
  FIELD(wick_model_options, backend);
  FIELD(wick_model_options, path);
  FIELD(wick_model_options, path_offset);
  FIELD(wick_model_options, path_size);
  FIELD(wick_model_options, data);
  FIELD(wick_model_options, data_len);
  FIELD(wick_model_options, data_user);
  FIELD(wick_model_options, data_drop);
  FIELD(wick_model_options, io);
  FIELD(wick_model_options, no_mmap);
  FIELD(wick_model_options, vocab_only);
  FIELD(wick_model_options, no_prefix_cache);
  FIELD(wick_model_options, reserved);
  FIELD(wick_model_options, context_length);
  FIELD(wick_model_options, prefix_cache_bytes);
  FIELD(wick_model_options, chat_template);
  FIELD(wick_model_options, queue);
  FIELD(wick_model_options, on_event);
  FIELD(wick_model_options, user);
  FIELD(wick_model_options, drop);

  SIZE(wick_session_options);
  FIELD(wick_session_options, struct_size);
  FIELD(wick_session_options, context_length);

  SIZE(wick_store_options);
  FIELD(wick_store_options, struct_size);
  FIELD(wick_store_options, with_kv);
  FIELD(wick_store_options, reserved);
  FIELD(wick_store_options, path);
  FIELD(wick_store_options, io);
  FIELD(wick_store_options, queue);
  FIELD(wick_store_options, on_event);
  FIELD(wick_store_options, user);
  FIELD(wick_store_options, drop);

  SIZE(wick_sampling);
  FIELD(wick_sampling, temperature);
  FIELD(wick_sampling, top_p);
  FIELD(wick_sampling, min_p);
  FIELD(wick_sampling, typical_p);
  FIELD(wick_sampling, top_k);
  FIELD(wick_sampling, repeat_penalty);
  FIELD(wick_sampling, presence_penalty);
  FIELD(wick_sampling, frequency_penalty);
  FIELD(wick_sampling, penalty_last_n);
  FIELD(wick_sampling, seed);
  FIELD(wick_sampling, reserved);

  SIZE(wick_logit_bias);
  FIELD(wick_logit_bias, token);
  FIELD(wick_logit_bias, bias);

  SIZE(wick_generate_options);
  FIELD(wick_generate_options, struct_size);
  FIELD(wick_generate_options, max_tokens);
  FIELD(wick_generate_options, priority);
  FIELD(wick_generate_options, reserved0);
  FIELD(wick_generate_options, prompt);
  FIELD(wick_generate_options, messages);
  FIELD(wick_generate_options, message_count);
  FIELD(wick_generate_options, prompt_tokens);
  FIELD(wick_generate_options, prompt_token_count);
  FIELD(wick_generate_options, tools_json);
  FIELD(wick_generate_options, template_json);
  FIELD(wick_generate_options, sampling);
  FIELD(wick_generate_options, stop);
  FIELD(wick_generate_options, stop_count);
  FIELD(wick_generate_options, logit_bias);
  FIELD(wick_generate_options, logit_bias_count);
  FIELD(wick_generate_options, grammar_kind);
  FIELD(wick_generate_options, grammar);
  FIELD(wick_generate_options, deadline_ns);
  FIELD(wick_generate_options, buffer_events);
  FIELD(wick_generate_options, logprobs);
  FIELD(wick_generate_options, echo_special);
  FIELD(wick_generate_options, ignore_eos);
  FIELD(wick_generate_options, prefill_only);
  FIELD(wick_generate_options, parse_special);
  FIELD(wick_generate_options, reserved);
  FIELD(wick_generate_options, queue);
  FIELD(wick_generate_options, on_event);
  FIELD(wick_generate_options, user);
  FIELD(wick_generate_options, drop);

  VALUE(WICK_ABI_VERSION);
  VALUE(WICK_OK);
  VALUE(WICK_EMPTY);
  VALUE(WICK_ENDED);
  VALUE(WICK_MORE);
  VALUE(WICK_E_INVALID_ARGUMENT);
  VALUE(WICK_E_STALE_HANDLE);
  VALUE(WICK_E_BUSY);
  VALUE(WICK_E_REENTRANT);
  VALUE(WICK_E_UNSUPPORTED);
  VALUE(WICK_E_IO);
  VALUE(WICK_E_MODEL_INVALID);
  VALUE(WICK_E_OUT_OF_MEMORY);
  VALUE(WICK_E_CONTEXT_FULL);
  VALUE(WICK_E_TEMPLATE);
  VALUE(WICK_E_TOKENIZER);
  VALUE(WICK_E_GRAMMAR);
  VALUE(WICK_E_NUMERIC);
  VALUE(WICK_E_SHUTDOWN);
  VALUE(WICK_E_TIMEOUT);
  VALUE(WICK_E_QUEUE_FULL);
  VALUE(WICK_E_BUFFER_TOO_SMALL);
  VALUE(WICK_E_INTERNAL);
  VALUE(WICK_E_FORKED);
  VALUE(WICK_EVENT_STARTED);
  VALUE(WICK_EVENT_PROGRESS);
  VALUE(WICK_EVENT_TEXT);
  VALUE(WICK_EVENT_NOTE);
  VALUE(WICK_EVENT_END);
  VALUE(WICK_EVENT_TOOL_CALL);
  VALUE(WICK_END_NONE);
  VALUE(WICK_END_STOP);
  VALUE(WICK_END_STOP_STRING);
  VALUE(WICK_END_LENGTH);
  VALUE(WICK_END_CONTEXT_FULL);
  VALUE(WICK_END_READY);
  VALUE(WICK_END_CANCELLED);
  VALUE(WICK_END_DEADLINE);
  VALUE(WICK_END_SHUTDOWN);
  VALUE(WICK_END_ERROR);
  VALUE(WICK_CHANNEL_ANSWER);
  VALUE(WICK_CHANNEL_REASONING);
  VALUE(WICK_CHANNEL_TOOL);
  VALUE(WICK_MODE_THREADS);
  VALUE(WICK_MODE_HOST_STEP);
  VALUE(WICK_BACKEND_AUTO);
  VALUE(WICK_BACKEND_NATIVE);
  VALUE(WICK_BACKEND_CANDLE);
  VALUE(WICK_GRAMMAR_NONE);
  VALUE(WICK_GRAMMAR_JSON_SCHEMA);
  VALUE(WICK_GRAMMAR_REGEX);
  VALUE(WICK_GRAMMAR_LARK);
  VALUE(WICK_GRAMMAR_JSON);
  return 0;
}
