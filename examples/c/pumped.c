/* Two characters talk at once. Their callbacks run on the main thread, when its loop pumps the queue.
 *
 *   cargo build --release
 *   cc -std=c99 -Wall -Wextra -Werror -pedantic -Iinclude examples/c/pumped.c target/release/libwick.a -lm -o pumped
 *   ./pumped models/SmolLM2-135M-Instruct.Q4_1.gguf */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "wick.h"

#define FRAME_NS 16666667
#define PUMP_NS 1000000 /* of each frame, for callbacks */

typedef struct character {
  const char *name, *line;
  char said[2048];
  size_t length;
  int ended, code;
} character;

static int failed(const char *what, wick_status status, const char *why) {
  fprintf(stderr, "%s: %s: %s\n", what, wick_status_name(status), why);
  return 1;
}

/* Runs inside wick_queue_dispatch, so on the main thread: no lock is needed. */
static void on_event(void *user, const wick_event *event) {
  character *c = user;
  size_t room = sizeof c->said - 1 - c->length, n = event->text_len < room ? event->text_len : room;
  if (event->kind == WICK_EVENT_TEXT) {
    memcpy(c->said + c->length, event->text, n);
    c->length += n;
  } else if (event->kind == WICK_EVENT_END) {
    printf("%s: %s\n\n", c->name, c->said);
    c->ended = 1;
    if (event->end_reason == WICK_END_ERROR) c->code = failed(c->name, event->status, event->text);
  }
}

static wick_status speak(wick_model model, wick_queue queue, character *c, wick_error *error) {
  wick_session_options session_options = { .struct_size = sizeof session_options };
  wick_message message = { .role = wick_cstr("user"), .content = wick_cstr(c->line) };
  wick_generate_options options = { .struct_size = sizeof options, .messages = &message, .message_count = 1,
                                    .max_tokens = 64, .queue = queue, .on_event = on_event, .user = c };
  wick_session session;
  wick_status status = wick_session_create(model, &session_options, &session, error);
  return status == WICK_OK ? wick_generate(session, &options, NULL, error) : status; /* closes itself after END */
}

static int play(wick_runtime rt, const char *path) {
  static character cast[2] = { { .name = "Guard", .line = "You are a guard. Greet a traveller." },
                               { .name = "Cook", .line = "You are a cook. Name today's soup." } };
  wick_error error = { .struct_size = sizeof error };
  wick_model_options options = { .struct_size = sizeof options, .path = wick_cstr(path) };
  wick_model model;
  wick_queue queue;
  wick_status status = WICK_OK;
  if (wick_queue_create(rt, &queue, &error) != WICK_OK) return failed("queue", error.code, error.message);
  if (wick_model_load(rt, &options, &model, NULL, &error) != WICK_OK ||
      speak(model, queue, &cast[0], &error) != WICK_OK || speak(model, queue, &cast[1], &error) != WICK_OK)
    return wick_queue_close(queue), failed(path, error.code, error.message);
  while (status >= 0 && !(cast[0].ended && cast[1].ended)) {
    status = wick_queue_dispatch(queue, 64, PUMP_NS);
    nanosleep(&(struct timespec){ 0, FRAME_NS }, NULL); /* the rest of the frame */
  }
  wick_queue_close(queue);
  return status < 0 ? failed("dispatch", status, "the queue cannot be read") : cast[0].code | cast[1].code;
}

int main(int argc, char **argv) {
  wick_error error = { .struct_size = sizeof error };
  wick_runtime_options options = { .struct_size = sizeof options, .abi_version = WICK_ABI_VERSION };
  wick_runtime rt;
  if (argc < 2) return fprintf(stderr, "usage: %s MODEL\n", argv[0]), 2;
  if (wick_runtime_create(&options, &rt, &error) != WICK_OK) return failed("runtime", error.code, error.message);
  int code = play(rt, argv[1]);
  wick_status status = wick_runtime_shutdown(rt, WICK_FOREVER);
  return status == WICK_OK ? code : failed("shutdown", status, "a thread of the runtime is left");
}
