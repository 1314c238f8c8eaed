/* No threads at all: the game gives the runtime 2 ms of each frame and reads what came of it.
 *
 *   cargo build --release
 *   cc -std=c99 -Wall -Wextra -Werror -pedantic -Iinclude examples/c/host_step.c target/release/libwick.a -lm -o host_step
 *   ./host_step models/SmolLM2-135M-Instruct.Q4_1.gguf "Name three seas." */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <time.h>
#include "wick.h"

#define FRAME_NS 16666667
#define BUDGET_NS 2000000

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int failed(const char *what, wick_status status, const char *why) {
  fprintf(stderr, "%s: %s: %s\n", what, wick_status_name(status), why);
  return 1;
}

static wick_status read_all(wick_stream stream, int *code) {
  char buf[1024];
  wick_event ev = { .struct_size = sizeof ev };
  wick_status status;
  while ((status = wick_stream_next(stream, &ev, buf, sizeof buf, 0)) == WICK_OK) {
    if (ev.kind == WICK_EVENT_TEXT) fwrite(ev.text, 1, ev.text_len, stdout);
    if (ev.kind == WICK_EVENT_END && ev.end_reason == WICK_END_ERROR) *code = failed("answer", ev.status, ev.text);
  }
  fflush(stdout);
  return status;
}

static int play(wick_runtime rt, const char *path, const char *prompt) {
  wick_error error = { .struct_size = sizeof error };
  wick_model_options model_options = { .struct_size = sizeof model_options, .path = wick_cstr(path) };
  wick_session_options session_options = { .struct_size = sizeof session_options };
  wick_message message = { .role = wick_cstr("user"), .content = wick_cstr(prompt) };
  wick_generate_options options = { .struct_size = sizeof options, .messages = &message, .message_count = 1,
                                    .max_tokens = 64 };
  wick_model model;
  wick_session session;
  wick_stream stream;
  if (wick_model_load(rt, &model_options, &model, NULL, &error) != WICK_OK ||
      wick_session_create(model, &session_options, &session, &error) != WICK_OK ||
      wick_generate(session, &options, &stream, &error) != WICK_OK) return failed(path, error.code, error.message);
  int code = 0, frames = 0;
  int64_t longest = 0;
  wick_status status;
  do {
    int64_t start = now_ns();
    status = wick_runtime_step(rt, BUDGET_NS, NULL); /* WICK_MORE or WICK_EMPTY: either way, read */
    int64_t spent = now_ns() - start;
    if (spent > longest) longest = spent;
    if (status >= 0) status = read_all(stream, &code);
    frames++;
    if (spent < FRAME_NS) nanosleep(&(struct timespec){ 0, FRAME_NS - spent }, NULL); /* the game's own work */
  } while (status == WICK_EMPTY);
  if (status != WICK_ENDED) code = failed("answer", status, "the stream cannot be read");
  wick_stream_close(stream);
  printf("\n%d frames; the longest step took %.2f ms of a budget of %.1f\n", frames, (double)longest / 1e6, BUDGET_NS / 1e6);
  return code;
}

int main(int argc, char **argv) {
  wick_error error = { .struct_size = sizeof error };
  wick_runtime_options options = { .struct_size = sizeof options, .abi_version = WICK_ABI_VERSION,
                                   .mode = WICK_MODE_HOST_STEP };
  wick_runtime rt;
  if (argc < 2) return fprintf(stderr, "usage: %s MODEL [PROMPT]\n", argv[0]), 2;
  if (wick_runtime_create(&options, &rt, &error) != WICK_OK) return failed("runtime", error.code, error.message);
  int code = play(rt, argv[1], argc > 2 ? argv[2] : "Name three seas.");
  wick_status status = wick_runtime_shutdown(rt, WICK_FOREVER);
  return status == WICK_OK ? code : failed("shutdown", status, "work is left");
}
