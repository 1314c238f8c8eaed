/* Loads a model, asks it once and streams the answer. Ctrl-C cancels.
 *
 *   cargo build --release
 *   cc -std=c99 -Wall -Wextra -Werror -pedantic -Iinclude examples/c/chat.c target/release/libwick.a -lm -o chat
 *   ./chat models/SmolLM2-135M-Instruct.Q4_1.gguf "Hello, who are you?"
 *
 * Exit: 0 answered, 1 an error, 2 wrong usage, 130 cancelled. */
#include <signal.h>
#include <stdio.h>
#include "wick.h"

enum { DONE = 0, FAILED = 1, USAGE = 2, CANCELLED = 130, LOOK_NS = 50 * 1000 * 1000 };
static volatile sig_atomic_t interrupted;

static void on_interrupt(int number) { (void)number; interrupted = 1; }

static int failed(const char *what, wick_status status, const char *why) {
  fprintf(stderr, "%s: %s: %s\n", what, wick_status_name(status), why);
  return FAILED;
}

/* Shows one event, text on stdout, the rest on stderr. Returns what the program's exit would be if it were
 * the last. */
static int show(const char *what, const wick_event *ev) {
  if (ev->kind == WICK_EVENT_PROGRESS && ev->total > 0)
    fprintf(stderr, "\r%s: %3.0f %%", what, 100.0 * (double)ev->done / (double)ev->total);
  if (ev->kind == WICK_EVENT_TEXT && (fwrite(ev->text, 1, ev->text_len, stdout) != ev->text_len || fflush(stdout) != 0))
    interrupted = 1; /* nobody can read us: stop */
  if (ev->kind != WICK_EVENT_END) return DONE;
  if (ev->end_reason == WICK_END_ERROR) return failed(what, ev->status, ev->text);
  if (ev->end_reason == WICK_END_READY) return fprintf(stderr, "\r%s: %.0f ms\n\n", what, (double)ev->time_ns / 1e6), DONE;
  fprintf(stderr, "\n\n%s: %u tokens in, %u out, first text after %.0f ms, END after %.0f ms\n", what,
          ev->stats.prompt_tokens, ev->stats.output_tokens, (double)ev->stats.ttft_ns / 1e6, (double)ev->time_ns / 1e6);
  return ev->end_reason == WICK_END_CANCELLED ? CANCELLED : DONE;
}

/* Reads a stream to its END and closes it. */
static int follow(const char *what, wick_stream stream) {
  char buf[4096];
  wick_event ev = { .struct_size = sizeof ev };
  wick_status status;
  int code = DONE;
  while ((status = wick_stream_next(stream, &ev, buf, sizeof buf, LOOK_NS)) == WICK_OK || status == WICK_EMPTY) {
    if (status == WICK_OK) code = show(what, &ev);
    if (interrupted) wick_stream_cancel(stream); /* its END follows */
  }
  if (status != WICK_ENDED) code = failed(what, status, "the stream cannot be read");
  wick_stream_close(stream);
  return code;
}

static int chat(wick_runtime rt, const char *path, const char *prompt) {
  wick_error error = { .struct_size = sizeof error };
  wick_model_options model_options = { .struct_size = sizeof model_options, .path = wick_cstr(path) };
  wick_session_options session_options = { .struct_size = sizeof session_options };
  wick_message message = { .role = wick_cstr("user"), .content = wick_cstr(prompt) };
  wick_generate_options options = { .struct_size = sizeof options, .messages = &message, .message_count = 1,
                                    .max_tokens = 256 };
  wick_model model;
  wick_session session;
  wick_stream load, answer;
  if (wick_model_load(rt, &model_options, &model, &load, &error) != WICK_OK) return failed(path, error.code, error.message);
  int code = follow("load", load);
  if (code != DONE) return code;
  if (wick_session_create(model, &session_options, &session, &error) != WICK_OK ||
      wick_generate(session, &options, &answer, &error) != WICK_OK) return failed("generate", error.code, error.message);
  return follow("answer", answer);
}

int main(int argc, char **argv) {
  wick_error error = { .struct_size = sizeof error };
  wick_runtime_options options = { .struct_size = sizeof options, .abi_version = WICK_ABI_VERSION };
  wick_runtime rt;
  if (argc < 2 || argc > 3) return fprintf(stderr, "usage: %s MODEL [PROMPT]\n", argv[0]), USAGE;
  signal(SIGINT, on_interrupt);
  if (wick_runtime_create(&options, &rt, &error) != WICK_OK) return failed("runtime", error.code, error.message);
  int code = chat(rt, argv[1], argc == 3 ? argv[2] : "Hello, who are you?");
  wick_status status = wick_runtime_shutdown(rt, WICK_FOREVER); /* closes the model and the session too */
  return status == WICK_OK ? code : failed("shutdown", status, "a thread of the runtime is left");
}
