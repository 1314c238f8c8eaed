/* Text comes to a callback, on a thread of the runtime; main waits until the callback's data is dropped.
 *
 *   cargo build --release
 *   cc -std=c99 -Wall -Wextra -Werror -pedantic -Iinclude examples/c/callback.c target/release/libwick.a -lm -pthread -o callback
 *   ./callback models/SmolLM2-135M-Instruct.Q4_1.gguf "Name three seas." */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include "wick.h"

typedef struct answer {
  int code;
  sem_t dropped;
} answer;

static int failed(const char *what, wick_status status, const char *why) {
  fprintf(stderr, "%s: %s: %s\n", what, wick_status_name(status), why);
  return 1;
}

/* Calls for one stream never overlap. What is in *event is gone when this returns. */
static void on_event(void *user, const wick_event *event) {
  answer *a = user;
  if (event->kind == WICK_EVENT_TEXT) {
    fwrite(event->text, 1, event->text_len, stdout);
    fflush(stdout);
  } else if (event->kind == WICK_EVENT_END) {
    a->code = event->end_reason == WICK_END_ERROR ? failed("answer", event->status, event->text) : 0;
  }
}

/* Comes exactly once, also if wick_generate fails: the last use of `user`. */
static void on_drop(void *user) { sem_post(&((answer *)user)->dropped); }

static int ask(wick_runtime rt, const char *path, const char *prompt, answer *a) {
  wick_error error = { .struct_size = sizeof error };
  wick_model_options model_options = { .struct_size = sizeof model_options, .path = wick_cstr(path) };
  wick_session_options session_options = { .struct_size = sizeof session_options };
  wick_message message = { .role = wick_cstr("user"), .content = wick_cstr(prompt) };
  wick_generate_options options = { .struct_size = sizeof options, .messages = &message, .message_count = 1,
                                    .max_tokens = 64, .on_event = on_event, .user = a, .drop = on_drop };
  wick_model model;
  wick_session session;
  if (wick_model_load(rt, &model_options, &model, NULL, &error) != WICK_OK ||
      wick_session_create(model, &session_options, &session, &error) != WICK_OK)
    return failed(path, error.code, error.message);
  /* No stream is asked for: it closes itself after END. */
  if (wick_generate(session, &options, NULL, &error) != WICK_OK) return failed("generate", error.code, error.message);
  while (sem_wait(&a->dropped) != 0 && errno == EINTR) { /* a signal: wait on */ }
  putchar('\n');
  return a->code;
}

int main(int argc, char **argv) {
  wick_error error = { .struct_size = sizeof error };
  wick_runtime_options options = { .struct_size = sizeof options, .abi_version = WICK_ABI_VERSION };
  wick_runtime rt;
  answer a = { .code = 1 };
  if (argc < 2) return fprintf(stderr, "usage: %s MODEL [PROMPT]\n", argv[0]), 2;
  if (sem_init(&a.dropped, 0, 0) != 0) return perror("sem_init"), 1;
  if (wick_runtime_create(&options, &rt, &error) != WICK_OK)
    return sem_destroy(&a.dropped), failed("runtime", error.code, error.message);
  int code = ask(rt, argv[1], argc > 2 ? argv[2] : "Name three seas.", &a);
  wick_status status = wick_runtime_shutdown(rt, WICK_FOREVER);
  if (status == WICK_OK) sem_destroy(&a.dropped);
  return status == WICK_OK ? code : failed("shutdown", status, "a thread of the runtime is left");
}
