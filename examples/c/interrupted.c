/* An answer is interrupted while it is spoken: what was not said is forgotten, and the next question is
 * answered at once, without a wait and with the keys and values of the past kept.
 *
 *   cargo build --release
 *   cc -std=c99 -Wall -Wextra -Werror -pedantic -Iinclude examples/c/interrupted.c target/release/libwick.a -lm -o interrupted
 *   ./interrupted models/SmolLM2-135M-Instruct.Q4_1.gguf
 *
 * Exit: 0 answered, 1 an error, 2 wrong usage. */
#include <stdio.h>
#include "wick.h"

enum { DONE = 0, FAILED = 1, USAGE = 2, SPOKEN = 40 /* bytes that the voice has said when it is interrupted */ };

static int failed(const char *what, wick_status status, const char *why) {
  fprintf(stderr, "%s: %s: %s\n", what, wick_status_name(status), why);
  return FAILED;
}

static wick_status ask(wick_session session, const char *question, wick_stream *out, wick_error *error) {
  wick_message message = { .role = wick_cstr("user"), .content = wick_cstr(question) };
  wick_generate_options options = { .struct_size = sizeof options, .messages = &message, .message_count = 1,
                                    .max_tokens = 64 };
  printf("> %s\n", question);
  return wick_generate(session, &options, out, error);
}

/* Shows text until `most` bytes of it have come, or to the END; how many came. */
static size_t speak(wick_stream answer, size_t most, wick_event *ev) {
  char buf[4096];
  size_t said = 0;
  while (said < most && wick_stream_next(answer, ev, buf, sizeof buf, WICK_FOREVER) == WICK_OK) {
    if (ev->kind != WICK_EVENT_TEXT) continue;
    size_t part = ev->text_len < most - said ? ev->text_len : most - said;
    fwrite(ev->text, 1, part, stdout);
    said += part;
  }
  return said;
}

static int converse(wick_session session) {
  wick_error error = { .struct_size = sizeof error };
  wick_event ev = { .struct_size = sizeof ev };
  wick_stream first, second;
  char json[4096];
  size_t needed;
  if (ask(session, "Tell me a long story about a lighthouse.", &first, &error) != WICK_OK)
    return failed("generate", error.code, error.message);
  size_t said = speak(first, SPOKEN, &ev);
  printf(" -- interrupted\n");
  /* None of these waits: they take effect in this order, when the generation has stopped. */
  wick_status status = wick_stream_close(first);
  if (status == WICK_OK) status = wick_session_keep(session, said);
  if (status != WICK_OK) return failed("interrupt", status, "the answer cannot be cut");
  if (ask(session, "Stop. What was it about?", &second, &error) != WICK_OK)
    return failed("generate", error.code, error.message);
  speak(second, SIZE_MAX, &ev);
  wick_stream_close(second);
  if (ev.end_reason == WICK_END_ERROR) return failed("answer", error.code, "it ended in an error");
  printf("\n%u of %u prompt tokens were known\n", ev.stats.cached_tokens, ev.stats.prompt_tokens);
  if (wick_session_messages(session, json, sizeof json, &needed) == WICK_OK) printf("%s\n", json);
  return DONE;
}

int main(int argc, char **argv) {
  wick_error error = { .struct_size = sizeof error };
  wick_runtime_options options = { .struct_size = sizeof options, .abi_version = WICK_ABI_VERSION };
  wick_session_options session_options = { .struct_size = sizeof session_options };
  wick_event ev = { .struct_size = sizeof ev };
  char buf[1024];
  wick_runtime rt;
  wick_model model;
  wick_session session;
  wick_stream load;
  if (argc != 2) return fprintf(stderr, "usage: %s MODEL\n", argv[0]), USAGE;
  if (wick_runtime_create(&options, &rt, &error) != WICK_OK) return failed("runtime", error.code, error.message);
  wick_model_options model_options = { .struct_size = sizeof model_options, .path = wick_cstr(argv[1]) };
  if (wick_model_load(rt, &model_options, &model, &load, &error) != WICK_OK) return failed(argv[1], error.code, error.message);
  int code = DONE;
  if (wick_stream_join(load, &ev, buf, sizeof buf, WICK_FOREVER) != WICK_OK || ev.end_reason != WICK_END_READY)
    code = failed(argv[1], ev.status, ev.text);
  if (code == DONE && wick_session_create(model, &session_options, &session, &error) != WICK_OK)
    code = failed("session", error.code, error.message);
  if (code == DONE) code = converse(session);
  wick_status status = wick_runtime_shutdown(rt, WICK_FOREVER); /* closes what is left */
  return status == WICK_OK ? code : failed("shutdown", status, "a thread of the runtime is left");
}
