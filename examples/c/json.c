/* Asks for an object of a JSON schema, and prints it: whatever the model would say, it is one.
 *
 *   cargo build --release
 *   cc -std=c99 -Wall -Wextra -Werror -pedantic -Iinclude examples/c/json.c target/release/libwick.a -lm -o json
 *   ./json models/SmolLM2-135M-Instruct.Q4_1.gguf "Invent an innkeeper."
 *
 * Exit: 0 an object, 1 an error, 2 wrong usage. */
#include <stdio.h>
#include "wick.h"

enum { DONE = 0, FAILED = 1, USAGE = 2 };

/* As pydantic and zod write them, too. */
static const char *const schema =
    "{\"type\": \"object\", \"properties\": {"
    "  \"name\": {\"type\": \"string\", \"minLength\": 2, \"maxLength\": 24},"
    "  \"age\": {\"type\": \"integer\", \"minimum\": 18, \"maximum\": 90},"
    "  \"mood\": {\"enum\": [\"calm\", \"cheerful\", \"grim\"]},"
    "  \"rumours\": {\"type\": \"array\", \"items\": {\"type\": \"string\", \"maxLength\": 80}, \"minItems\": 1, \"maxItems\": 3}"
    "}, \"required\": [\"name\", \"age\", \"mood\", \"rumours\"], \"additionalProperties\": false}";

static int failed(const char *what, wick_status status, const char *why) {
  fprintf(stderr, "%s: %s: %s\n", what, wick_status_name(status), why);
  return FAILED;
}

/* Prints the object piece by piece. */
static int print(wick_stream answer) {
  char buf[4096];
  wick_event ev = { .struct_size = sizeof ev };
  while (wick_stream_next(answer, &ev, buf, sizeof buf, WICK_FOREVER) == WICK_OK) {
    if (ev.kind == WICK_EVENT_TEXT) fwrite(ev.text, 1, ev.text_len, stdout);
    if (ev.kind != WICK_EVENT_END) continue;
    printf("\n");
    if (ev.end_reason == WICK_END_ERROR) return failed("answer", ev.status, ev.text); /* a refused keyword, for one */
    if (ev.end_reason != WICK_END_STOP) return failed("answer", WICK_OK, "it was cut: give more max_tokens");
  }
  return DONE;
}

static int ask(wick_runtime rt, const char *path, const char *prompt) {
  wick_error error = { .struct_size = sizeof error };
  wick_model_options model_options = { .struct_size = sizeof model_options, .path = wick_cstr(path) };
  wick_session_options session_options = { .struct_size = sizeof session_options };
  wick_message message = { .role = wick_cstr("user"), .content = wick_cstr(prompt) };
  wick_generate_options options = { .struct_size = sizeof options, .messages = &message, .message_count = 1,
                                    .max_tokens = 300, .grammar_kind = WICK_GRAMMAR_JSON_SCHEMA,
                                    .grammar = wick_cstr(schema) };
  wick_model model;
  wick_session session;
  wick_stream answer;
  if (wick_model_load(rt, &model_options, &model, NULL, &error) != WICK_OK ||
      wick_session_create(model, &session_options, &session, &error) != WICK_OK ||
      wick_generate(session, &options, &answer, &error) != WICK_OK) return failed(path, error.code, error.message);
  int code = print(answer);
  wick_stream_close(answer);
  return code;
}

int main(int argc, char **argv) {
  wick_error error = { .struct_size = sizeof error };
  wick_runtime_options options = { .struct_size = sizeof options, .abi_version = WICK_ABI_VERSION };
  wick_runtime rt;
  if (argc < 2 || argc > 3) return fprintf(stderr, "usage: %s MODEL [PROMPT]\n", argv[0]), USAGE;
  if (wick_runtime_create(&options, &rt, &error) != WICK_OK) return failed("runtime", error.code, error.message);
  int code = ask(rt, argv[1], argc == 3 ? argv[2] : "Invent an innkeeper. Answer in JSON.");
  wick_status status = wick_runtime_shutdown(rt, WICK_FOREVER);
  return status == WICK_OK ? code : failed("shutdown", status, "a thread of the runtime is left");
}
