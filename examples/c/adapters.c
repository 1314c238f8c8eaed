/* Several characters, one model: each has an adapter (LoRA) of its own, and all are computed together. The
 * first is the model itself.
 *
 *   cargo build --release
 *   cc -std=c99 -Wall -Wextra -Werror -pedantic -Iinclude examples/c/adapters.c target/release/libwick.a -lm -o adapters
 *   ./adapters models/SmolLM2-135M-Instruct.Q4_1.gguf otto.gguf mira.gguf */
#include <stdio.h>
#include <string.h>
#include "wick.h"

#define CHARACTERS 16 /* as many as are computed together, unless max_sequences says otherwise */

typedef struct character {
  const char *name; /* its adapter's file */
  wick_session session;
  wick_stream answer;
  char said[2048];
  size_t length;
} character;

static character characters[CHARACTERS];

static int failed(const char *what, wick_status status, const char *why) {
  fprintf(stderr, "%s: %s: %s\n", what, wick_status_name(status), why);
  return 1;
}

/* Begins an answer. Neither the model nor the adapter has to be there yet: the answer waits for both. */
static int speak(wick_model model, wick_queue queue, character *who, const char *path) {
  wick_error error = { .struct_size = sizeof error };
  wick_adapter_options adapter_options = { .struct_size = sizeof adapter_options };
  wick_session_options options = { .struct_size = sizeof options };
  wick_message message = { .role = wick_cstr("user"), .content = wick_cstr("Who are you, and what do you do all day?") };
  wick_generate_options request = { .struct_size = sizeof request, .messages = &message, .message_count = 1,
                                    .max_tokens = 48, .queue = queue, .user = who };
  who->name = path ? path : "the model itself";
  if (path) {
    adapter_options.path = wick_cstr(path);
    if (wick_adapter_load(model, &adapter_options, &options.adapter, NULL, &error) != WICK_OK)
      return failed(path, error.code, error.message);
    options.adapter_scale = 1.0f; /* less: more like the model itself */
  }
  if (wick_session_create(model, &options, &who->session, &error) != WICK_OK ||
      wick_generate(who->session, &request, &who->answer, &error) != WICK_OK)
    return failed(who->name, error.code, error.message);
  if (path) wick_adapter_close(options.adapter); /* the session keeps what it needs */
  return 0;
}

/* Reads all answers to their ends. */
static int listen(wick_queue queue, int left) {
  char buf[1024];
  wick_event ev = { .struct_size = sizeof ev };
  int code = 0;
  while (left > 0 && wick_queue_next(queue, &ev, buf, sizeof buf, WICK_FOREVER) == WICK_OK) {
    character *who = ev.user;
    size_t room = sizeof who->said - who->length, n = ev.text_len < room ? ev.text_len : room;
    if (ev.kind == WICK_EVENT_TEXT) {
      memcpy(who->said + who->length, ev.text, n);
      who->length += n;
    } else if (ev.kind == WICK_EVENT_END) {
      left--;
      if (ev.end_reason == WICK_END_ERROR) code = failed(who->name, ev.status, ev.text);
      else printf("%s: %.*s\n\n", who->name, (int)who->length, who->said);
      wick_stream_close(who->answer);
    }
  }
  return code;
}

static int play(wick_runtime rt, const char *path, char **adapters, int count) {
  wick_error error = { .struct_size = sizeof error };
  wick_model_options options = { .struct_size = sizeof options, .path = wick_cstr(path) };
  wick_model model;
  wick_queue queue;
  int code = 0;
  if (wick_queue_create(rt, &queue, &error) != WICK_OK) return failed("queue", error.code, error.message);
  if (wick_model_load(rt, &options, &model, NULL, &error) != WICK_OK) return failed(path, error.code, error.message);
  for (int at = 0; code == 0 && at <= count; at++) code = speak(model, queue, &characters[at], at ? adapters[at - 1] : NULL);
  return code ? code : listen(queue, count + 1);
}

int main(int argc, char **argv) {
  wick_error error = { .struct_size = sizeof error };
  wick_runtime_options options = { .struct_size = sizeof options, .abi_version = WICK_ABI_VERSION };
  wick_runtime rt;
  if (argc < 3 || argc - 2 >= CHARACTERS) return fprintf(stderr, "usage: %s MODEL ADAPTER...\n", argv[0]), 2;
  if (wick_runtime_create(&options, &rt, &error) != WICK_OK) return failed("runtime", error.code, error.message);
  int code = play(rt, argv[1], argv + 2, argc - 2);
  wick_status status = wick_runtime_shutdown(rt, WICK_FOREVER);
  return status == WICK_OK ? code : failed("shutdown", status, "a thread of the runtime is left");
}
