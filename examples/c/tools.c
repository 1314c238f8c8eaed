/* A model calls a function of the program: the call comes as an event, its result goes back as a message, and
 * the model answers with it. Small models call seldom, or never; then it is an answer like any other.
 *
 *   cargo build --release
 *   cc -std=c99 -Wall -Wextra -Werror -pedantic -Iinclude examples/c/tools.c target/release/libwick.a -lm -o tools
 *   ./tools models/SmolLM2-135M-Instruct.Q4_1.gguf
 *
 * Exit: 0 answered, 1 an error, 2 wrong usage. */
#include <stdio.h>
#include <string.h>
#include "wick.h"

enum { CALLS = 4 /* that are answered in a turn */, ROUNDS = 3 /* of calls before the model has to be done */ };

static const char *TOOLS =
  "[{\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"description\":\"The weather of a place.\","
  "\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\",\"description\":\"Its name\"}},"
  "\"required\":[\"city\"]}}}]";

static int failed(const char *what, wick_status status, const char *why) {
  fprintf(stderr, "%s: %s: %s\n", what, wick_status_name(status), why);
  return 1;
}

/* What the program's function gives. A host would parse the call's "arguments"; here every place has one
 * weather. */
static const char *result_of(const char *call) {
  return strstr(call, "\"name\":\"get_weather\"") ? "18 degrees, light rain" : "There is no such tool.";
}

/* Reads an answer to its END: shows what is said, and answers each call with a message of the role tool. */
static int listen(wick_stream stream, wick_message *results, char extra[CALLS][256], int *calls) {
  char buf[4096];
  wick_event ev = { .struct_size = sizeof ev };
  *calls = 0;
  while (wick_stream_next(stream, &ev, buf, sizeof buf, WICK_FOREVER) == WICK_OK) {
    if (ev.kind == WICK_EVENT_TEXT && ev.channel == WICK_CHANNEL_ANSWER) fwrite(ev.text, 1, ev.text_len, stdout);
    if (ev.kind == WICK_EVENT_NOTE && ev.channel == WICK_NOTE_LIBRARY) printf("[%s]\n", ev.text);
    if (ev.kind != WICK_EVENT_TOOL_CALL || ev.more || *calls == CALLS) continue;
    printf("\n-> %s\n<- %s\n", ev.text, result_of(ev.text));
    /* {"id":"…" comes first. */
    int id = (int)strcspn(ev.text + strlen("{\"id\":\""), "\"");
    snprintf(extra[*calls], sizeof extra[0], "{\"tool_call_id\":\"%.*s\"}", id, ev.text + strlen("{\"id\":\""));
    results[*calls] = (wick_message){ .role = wick_cstr("tool"), .content = wick_cstr(result_of(ev.text)),
                                      .extra_json = wick_cstr(extra[*calls]) };
    ++*calls;
  }
  wick_stream_close(stream);
  printf("\n");
  return ev.end_reason == WICK_END_ERROR ? failed("answer", ev.status, ev.text) : 0;
}

static int converse(wick_model model) {
  wick_error error = { .struct_size = sizeof error };
  wick_session_options session_options = { .struct_size = sizeof session_options, .tools_json = wick_cstr(TOOLS) };
  wick_message messages[CALLS] = { { .role = wick_cstr("user"), .content = wick_cstr("What is the weather in Bern?") } };
  char extra[CALLS][256];
  wick_session session;
  wick_stream stream;
  if (wick_session_create(model, &session_options, &session, &error) != WICK_OK)
    return failed("session", error.code, error.message);
  printf("> What is the weather in Bern?\n");
  for (int round = 0, count = 1; round < ROUNDS && count > 0; round++) {
    wick_generate_options options = { .struct_size = sizeof options, .messages = messages,
                                      .message_count = (size_t)count, .max_tokens = 96, .reasoning_budget = 256 };
    if (wick_generate(session, &options, &stream, &error) != WICK_OK) return failed("generate", error.code, error.message);
    if (listen(stream, messages, extra, &count) != 0) return 1;
  }
  return 0;
}

int main(int argc, char **argv) {
  wick_error error = { .struct_size = sizeof error };
  wick_runtime_options options = { .struct_size = sizeof options, .abi_version = WICK_ABI_VERSION };
  wick_runtime rt;
  wick_model model;
  if (argc != 2) return fprintf(stderr, "usage: %s MODEL\n", argv[0]), 2;
  wick_model_options model_options = { .struct_size = sizeof model_options, .path = wick_cstr(argv[1]) };
  if (wick_runtime_create(&options, &rt, &error) != WICK_OK) return failed("runtime", error.code, error.message);
  int code = wick_model_load(rt, &model_options, &model, NULL, &error) != WICK_OK ? failed(argv[1], error.code, error.message)
                                                                                   : converse(model);
  wick_status status = wick_runtime_shutdown(rt, WICK_FOREVER);
  return status == WICK_OK ? code : failed("shutdown", status, "a thread of the runtime is left");
}
