/* HOST_STEP: no thread is ever started, work is done in steps and in calls that wait, and a step says when
 * the next is due. */
#include "process.h"
#include "check.h"
#include "wick_testing.h"

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

static wick_stream start(wick_session session, uint64_t deadline_ns) {
  wick_generate_options options;
  wick_stream stream;
  SIZED(options);
  options.prompt = wick_cstr("p");
  options.deadline_ns = deadline_ns;
  CHECK_STATUS(wick_generate(session, &options, &stream, NULL), WICK_OK);
  return stream;
}

static void there_is_one_thread(void) {
  wick_runtime rt = check_runtime(WICK_MODE_HOST_STEP);
  wick_stream stepped, waited;
  wick_event event;
  uint64_t wake = 0;
  char buf[256];
  SIZED(event);
  CHECK(process_threads() <= 1);
  stepped = start(session_of(rt, "{\"reply\":\"stepped\"}"), 0);
  waited = start(session_of(rt, "{\"reply\":\"waited\"}"), 0);
  CHECK_STATUS(wick_stream_next(stepped, &event, buf, sizeof buf, 0), WICK_EMPTY); /* a poll does no work */
  while (wick_runtime_step(rt, 100000, &wake) == WICK_MORE) CHECK(wake == 0 && process_threads() <= 1);
  CHECK(wake == WICK_FOREVER);
  CHECK_STATUS(wick_stream_join(stepped, &event, buf, sizeof buf, 0), WICK_OK);
  CHECK(event.end_reason == WICK_END_STOP);
  CHECK_STATUS(wick_stream_join(waited, &event, buf, sizeof buf, 0), WICK_OK);
  waited = start(session_of(rt, "{\"reply\":\"waited\"}"), 0);
  CHECK_STATUS(wick_stream_join(waited, &event, buf, sizeof buf, WICK_FOREVER), WICK_OK);
  CHECK(event.end_reason == WICK_END_STOP && process_threads() <= 1);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
  CHECK(process_threads() <= 1);
}

static void a_step_says_when_the_next_is_due(void) {
  wick_runtime rt = check_runtime(WICK_MODE_HOST_STEP);
  wick_session session = session_of(rt, "{\"reply\":\"x\"}");
  wick_stream stream;
  wick_event event;
  uint64_t wake = 0;
  char buf[256];
  SIZED(event);
  CHECK_STATUS(wick_runtime_pause(rt), WICK_OK);
  stream = start(session, UINT64_C(3600000000000));
  while (wick_runtime_step(rt, 1000000, &wake) == WICK_MORE) {}
  CHECK(wake > 0 && wake <= UINT64_C(3600000000000));
  CHECK_STATUS(wick_stream_close(stream), WICK_OK);
  while (wick_runtime_step(rt, 1000000, &wake) == WICK_MORE) {}
  CHECK(wake == WICK_FOREVER);
  stream = start(session, 30000000);
  CHECK_STATUS(wick_stream_join(stream, &event, buf, sizeof buf, WICK_FOREVER), WICK_OK);
  CHECK(event.end_reason == WICK_END_DEADLINE);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

static void a_queue_wait_does_the_work(void) {
  wick_runtime rt = check_runtime(WICK_MODE_HOST_STEP);
  wick_generate_options options;
  wick_stream stream;
  wick_event event;
  wick_queue queue;
  char buf[256];
  SIZED(options);
  SIZED(event);
  CHECK_STATUS(wick_queue_create(rt, &queue, NULL), WICK_OK);
  options.prompt = wick_cstr("p");
  options.queue = queue;
  CHECK_STATUS(wick_generate(session_of(rt, "{\"reply\":\"x\"}"), &options, &stream, NULL), WICK_OK);
  do CHECK_STATUS(wick_queue_next(queue, &event, buf, sizeof buf, WICK_FOREVER), WICK_OK);
  while (event.kind != WICK_EVENT_END);
  CHECK(process_threads() <= 1);
  CHECK_STATUS(wick_queue_close(queue), WICK_OK);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

static void a_shutdown_ends_what_nobody_stepped(void) {
  wick_runtime rt = check_runtime(WICK_MODE_HOST_STEP);
  wick_stream stream = start(session_of(rt, "{\"reply\":\"x\"}"), 0);
  wick_event event;
  char buf[256];
  SIZED(event);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
  CHECK_STATUS(wick_stream_join(stream, &event, buf, sizeof buf, 0), WICK_OK);
  CHECK(event.end_reason == WICK_END_SHUTDOWN);
  CHECK_STATUS(wick_stream_close(stream), WICK_OK);
}

/* Nothing has been stepped since the clear: it counts all the same. */
static void a_cleared_session_is_empty_at_once(void) {
  wick_runtime rt = check_runtime(WICK_MODE_HOST_STEP);
  wick_session session = session_of(rt, "{\"reply\":\"x\"}");
  wick_stream stream = start(session, 0), none;
  wick_generate_options options;
  wick_event event;
  char buf[256];
  SIZED(options);
  SIZED(event);
  CHECK_STATUS(wick_stream_join(stream, &event, buf, sizeof buf, WICK_FOREVER), WICK_OK);
  CHECK(event.stats.session_tokens > 0);
  CHECK_STATUS(wick_generate(session, &options, &none, NULL), WICK_OK); /* goes on from there */
  CHECK_STATUS(wick_stream_join(none, &event, buf, sizeof buf, WICK_FOREVER), WICK_OK);
  CHECK(event.end_reason == WICK_END_STOP);
  CHECK_STATUS(wick_session_clear(session), WICK_OK);
  CHECK_STATUS(wick_generate(session, &options, &none, NULL), WICK_E_INVALID_ARGUMENT);
  stream = start(session, 0);
  CHECK_STATUS(wick_stream_join(stream, &event, buf, sizeof buf, WICK_FOREVER), WICK_OK);
  CHECK_STATUS(wick_generate(session, &options, &none, NULL), WICK_OK);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

TESTS(TEST(there_is_one_thread), TEST(a_step_says_when_the_next_is_due), TEST(a_queue_wait_does_the_work),
      TEST(a_shutdown_ends_what_nobody_stepped), TEST(a_cleared_session_is_empty_at_once))
