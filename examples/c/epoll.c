/* An event loop (Linux, epoll) that serves its own timer and a stream's OS handle, and sleeps when neither
 * has news.
 *
 *   cargo build --release
 *   cc -std=c99 -Wall -Wextra -Werror -pedantic -Iinclude examples/c/epoll.c target/release/libwick.a -lm -o epoll
 *   ./epoll models/SmolLM2-135M-Instruct.Q4_1.gguf "Name three seas." */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "wick.h"

static int failed(const char *what, wick_status status, const char *why) {
  fprintf(stderr, "%s: %s: %s\n", what, wick_status_name(status), why);
  return 1;
}

/* Takes the events that are there. The handle stays readable while one is left. */
static wick_status drain(wick_stream stream, int *code) {
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

static int watch(int loop, int fd) {
  struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
  return epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event);
}

static int run(wick_stream stream, int loop, int timer) {
  const struct itimerspec every = { .it_interval = { 0, 100000000 }, .it_value = { 0, 100000000 } };
  int code = 0, ticks = 0;
  wick_os_handle handle;
  wick_status status = wick_stream_os_handle(stream, &handle);
  if (status != WICK_OK) return failed("OS handle", status, "this stream has none");
  if (timerfd_settime(timer, 0, &every, NULL) != 0 || watch(loop, timer) != 0 || watch(loop, handle.fd) != 0)
    return perror("epoll"), 1;
  for (status = WICK_EMPTY; status == WICK_EMPTY;) {
    struct epoll_event ready = { .data.fd = -1 };
    uint64_t expired;
    if (epoll_wait(loop, &ready, 1, -1) < 0 && errno != EINTR) return perror("epoll_wait"), 1;
    if (ready.data.fd == handle.fd) status = drain(stream, &code); /* wait on the handle, never read it */
    else if (ready.data.fd == timer && read(timer, &expired, sizeof expired) > 0) ticks++;
  }
  printf("\n%d ticks of the timer meanwhile\n", ticks);
  return status == WICK_ENDED ? code : failed("answer", status, "the stream cannot be read");
}

static int ask(wick_runtime rt, const char *path, const char *prompt) {
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
  int loop = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, 0);
  int code = loop < 0 || timer < 0 ? (perror("epoll"), 1) : run(stream, loop, timer);
  wick_stream_close(stream);
  close(timer);
  close(loop);
  return code;
}

int main(int argc, char **argv) {
  wick_error error = { .struct_size = sizeof error };
  wick_runtime_options options = { .struct_size = sizeof options, .abi_version = WICK_ABI_VERSION };
  wick_runtime rt;
  if (argc < 2) return fprintf(stderr, "usage: %s MODEL [PROMPT]\n", argv[0]), 2;
  if (wick_runtime_create(&options, &rt, &error) != WICK_OK) return failed("runtime", error.code, error.message);
  int code = ask(rt, argv[1], argc > 2 ? argv[2] : "Name three seas.");
  wick_status status = wick_runtime_shutdown(rt, WICK_FOREVER);
  return status == WICK_OK ? code : failed("shutdown", status, "a thread of the runtime is left");
}
