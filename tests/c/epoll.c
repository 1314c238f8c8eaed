/* Readiness as an event loop sees it: exactly while something waits, for streams and queues, over many
 * answers. Linux. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <poll.h>
#include "check.h"
#include "wick_testing.h"

static int readable(int fd, int timeout_ms) {
  struct pollfd one;
  one.fd = fd;
  one.events = POLLIN;
  one.revents = 0;
  return poll(&one, 1, timeout_ms) == 1 && (one.revents & POLLIN) != 0;
}

static wick_session session_of(wick_runtime rt, const char *script) {
  wick_session_options options;
  wick_session session;
  wick_model model;
  SIZED(options);
  CHECK_STATUS(wick_testing_model_load(rt, wick_cstr(script), NULL, &model, NULL, NULL), WICK_OK);
  CHECK_STATUS(wick_session_create(model, &options, &session, NULL), WICK_OK);
  CHECK_STATUS(wick_model_close(model), WICK_OK);
  return session;
}

/* Reads answers with nothing but the descriptor to wait by: a lost wake-up would hang. */
static void a_loop_that_waits_by_the_descriptor_alone(void) {
  wick_runtime rt = check_runtime(WICK_MODE_THREADS);
  wick_session session = session_of(rt, "{\"reply\":\"one two three four five six seven eight\"}");
  wick_generate_options options;
  wick_os_handle handle;
  wick_stream stream;
  wick_event event;
  wick_status status;
  long i, answers = check_cycles(300);
  char buf[256];
  SIZED(options);
  SIZED(event);
  options.prompt = wick_cstr("p");
  for (i = 0; i < answers; i++) {
    CHECK_STATUS(wick_session_clear(session), WICK_OK);
    CHECK_STATUS(wick_generate(session, &options, &stream, NULL), WICK_OK);
    CHECK_STATUS(wick_stream_os_handle(stream, &handle), WICK_OK);
    CHECK(handle.fd >= 0 && handle.event == NULL);
    do {
      CHECK(readable(handle.fd, 60000));
      while ((status = wick_stream_next(stream, &event, buf, sizeof buf, 0)) == WICK_OK && event.kind != WICK_EVENT_END) {}
      CHECK(status == WICK_OK || status == WICK_EMPTY);
    } while (status != WICK_OK);
    CHECK(!readable(handle.fd, 0));
    CHECK_STATUS(wick_stream_next(stream, &event, buf, sizeof buf, 0), WICK_ENDED);
    CHECK_STATUS(wick_stream_close(stream), WICK_OK);
  }
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

static int ends;

static void count_end(void *user, const wick_event *event) {
  (void)user;
  if (event->kind == WICK_EVENT_END) ends++;
}

static void a_queue_shows_pulled_and_pushed_streams_and_wakes(void) {
  wick_runtime rt = check_runtime(WICK_MODE_THREADS);
  wick_generate_options options;
  wick_os_handle handle;
  wick_event event;
  wick_queue queue;
  int i, pulled = 0;
  char buf[256];
  SIZED(options);
  SIZED(event);
  CHECK_STATUS(wick_queue_create(rt, &queue, NULL), WICK_OK);
  CHECK_STATUS(wick_queue_os_handle(queue, &handle), WICK_OK);
  CHECK(!readable(handle.fd, 0));
  CHECK_STATUS(wick_queue_wake(queue), WICK_OK);
  CHECK(readable(handle.fd, 0));
  CHECK_STATUS(wick_queue_dispatch(queue, 16, 0), WICK_EMPTY);
  CHECK(!readable(handle.fd, 0));
  options.prompt = wick_cstr("p");
  options.queue = queue;
  for (i = 0; i < 8; i++) {
    wick_stream stream;
    options.on_event = i % 2 ? count_end : NULL;
    CHECK_STATUS(wick_generate(session_of(rt, "{\"reply\":\"some text\"}"), &options, i % 2 ? NULL : &stream, NULL), WICK_OK);
  }
  while (pulled < 4 || ends < 4) {
    CHECK(readable(handle.fd, 60000));
    CHECK(wick_queue_dispatch(queue, 3, 0) >= 0);
    while (wick_queue_next(queue, &event, buf, sizeof buf, 0) == WICK_OK) pulled += event.kind == WICK_EVENT_END;
  }
  CHECK(!readable(handle.fd, 0));
  CHECK_STATUS(wick_queue_close(queue), WICK_OK);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

TESTS(TEST(a_loop_that_waits_by_the_descriptor_alone), TEST(a_queue_shows_pulled_and_pushed_streams_and_wakes))
