/* A wake of a queue: sticky, not counted, and taken by the first call that finds no event, of either kind. */
#include "check.h"
#include "wick_testing.h"

static int events;

static void count(void *user, const wick_event *event) {
  (void)user, (void)event;
  events++;
}

/* A queue whose stream has been computed to its end: three events wait, for a callback or to be pulled. */
static wick_queue filled(wick_runtime rt, wick_event_fn on_event, wick_stream *stream) {
  wick_session_options session_options;
  wick_generate_options options;
  wick_session session;
  wick_model model;
  wick_queue queue;
  SIZED(session_options);
  SIZED(options);
  CHECK_STATUS(wick_queue_create(rt, &queue, NULL), WICK_OK);
  CHECK_STATUS(wick_testing_model_load(rt, wick_cstr("{\"reply\":\"abcd\"}"), NULL, &model, NULL, NULL), WICK_OK);
  CHECK_STATUS(wick_session_create(model, &session_options, &session, NULL), WICK_OK);
  options.prompt = wick_cstr("p");
  options.queue = queue;
  options.on_event = on_event;
  CHECK_STATUS(wick_generate(session, &options, stream, NULL), WICK_OK);
  while (wick_runtime_step(rt, 1000000, NULL) == WICK_MORE) {}
  events = 0;
  return queue;
}

static void a_dispatch_that_finds_events_leaves_it(void) {
  wick_runtime rt = check_runtime(WICK_MODE_HOST_STEP);
  wick_stream stream;
  wick_queue queue = filled(rt, count, &stream);
  CHECK_STATUS(wick_queue_wake(queue), WICK_OK);
  CHECK_STATUS(wick_queue_wake(queue), WICK_OK);
  CHECK_STATUS(wick_queue_dispatch(queue, 1, 0), WICK_MORE);
  CHECK_STATUS(wick_queue_dispatch(queue, 16, 0), WICK_EMPTY);
  CHECK(events == 3);
  {
    /* It is still there: a call that would wait for ever returns. */
    wick_event event;
    char buf[256];
    SIZED(event);
    CHECK_STATUS(wick_queue_next(queue, &event, buf, sizeof buf, WICK_FOREVER), WICK_EMPTY);
    CHECK_STATUS(wick_queue_next(queue, &event, buf, sizeof buf, 1000000), WICK_EMPTY);
  }
  CHECK_STATUS(wick_queue_close(queue), WICK_OK);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

static void a_read_that_finds_events_leaves_it(void) {
  wick_runtime rt = check_runtime(WICK_MODE_HOST_STEP);
  wick_stream stream;
  wick_queue queue = filled(rt, NULL, &stream);
  wick_event event;
  int read = 0;
  char buf[256];
  SIZED(event);
  CHECK_STATUS(wick_queue_wake(queue), WICK_OK);
  while (wick_queue_next(queue, &event, buf, sizeof buf, WICK_FOREVER) == WICK_OK) read++;
  CHECK(read == 3 && event.kind == WICK_EVENT_END);
  CHECK_STATUS(wick_queue_wake(queue), WICK_OK);
  CHECK_STATUS(wick_queue_dispatch(queue, 16, 0), WICK_EMPTY); /* takes it */
  CHECK_STATUS(wick_queue_next(queue, &event, buf, sizeof buf, 1000000), WICK_EMPTY);
  CHECK_STATUS(wick_queue_close(queue), WICK_OK);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

TESTS(TEST(a_dispatch_that_finds_events_leaves_it), TEST(a_read_that_finds_events_leaves_it))
