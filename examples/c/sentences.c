/* A voice: whole sentences as they come, each with when it came and how many tokens are behind it.
 *
 *   cargo build --release
 *   cc -std=c99 -Wall -Wextra -Werror -pedantic -Iinclude examples/c/sentences.c target/release/libwick.a -lm -o sentences
 *   ./sentences models/SmolLM2-135M-Instruct.Q4_1.gguf "Tell me about the sea." */
#include <stdio.h>
#include "wick.h"

static int failed(const char *what, wick_status status, const char *why) {
  fprintf(stderr, "%s: %s: %s\n", what, wick_status_name(status), why);
  return 1;
}

static int speak(wick_runtime rt, const char *path, const char *prompt) {
  wick_error error = { .struct_size = sizeof error };
  wick_model_options model_options = { .struct_size = sizeof model_options, .path = wick_cstr(path) };
  wick_session_options session_options = { .struct_size = sizeof session_options };
  wick_message message = { .role = wick_cstr("user"), .content = wick_cstr(prompt) };
  wick_generate_options options = { .struct_size = sizeof options, .messages = &message, .message_count = 1,
                                    .max_tokens = 120, .cut = WICK_CUT_SENTENCE };
  wick_model model;
  wick_session session;
  wick_stream stream;
  if (wick_model_load(rt, &model_options, &model, NULL, &error) != WICK_OK ||
      wick_session_create(model, &session_options, &session, &error) != WICK_OK ||
      wick_generate(session, &options, &stream, &error) != WICK_OK) return failed(path, error.code, error.message);
  /* A sentence has 400 characters at most, which with its ids fit in here: an event is never cut. */
  char buf[8192];
  wick_event ev = { .struct_size = sizeof ev };
  int code = 0;
  while (wick_stream_next(stream, &ev, buf, sizeof buf, WICK_FOREVER) == WICK_OK) {
    if (ev.kind == WICK_EVENT_TEXT)
      printf("%5.0f ms, %2u tokens: %s\n", (double)ev.time_ns / 1e6, ev.token_count, ev.text);
    if (ev.kind == WICK_EVENT_END && ev.end_reason == WICK_END_ERROR) code = failed("answer", ev.status, ev.text);
  }
  wick_stream_close(stream);
  return code;
}

int main(int argc, char **argv) {
  wick_error error = { .struct_size = sizeof error };
  wick_runtime_options options = { .struct_size = sizeof options, .abi_version = WICK_ABI_VERSION };
  wick_runtime rt;
  if (argc < 2) return fprintf(stderr, "usage: %s MODEL [PROMPT]\n", argv[0]), 2;
  if (wick_runtime_create(&options, &rt, &error) != WICK_OK) return failed("runtime", error.code, error.message);
  int code = speak(rt, argv[1], argc > 2 ? argv[2] : "Tell me about the sea.");
  wick_status status = wick_runtime_shutdown(rt, WICK_FOREVER);
  return status == WICK_OK ? code : failed("shutdown", status, "a thread of the runtime is left");
}
