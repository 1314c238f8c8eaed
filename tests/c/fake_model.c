/* One answer of the fake model, read in each way: the same text, one END, then ENDED. */
#include "check.h"
#include "wick_testing.h"

#define REPLY "Hello from the model that is none."

static wick_session session_of(wick_runtime rt) {
  wick_model_options model_options;
  wick_session_options options;
  wick_error error;
  wick_model model;
  wick_session session;
  SIZED(model_options);
  SIZED(options);
  SIZED(error);
  if (wick_testing_model_load(rt, wick_cstr("{\"reply\":\"" REPLY "\"}"), &model_options, &model, NULL, &error) != WICK_OK)
    check_failed(__FILE__, __LINE__, "load: ", error.message);
  CHECK_STATUS(wick_session_create(model, &options, &session, &error), WICK_OK);
  CHECK_STATUS(wick_model_close(model), WICK_OK);
  return session;
}

typedef struct answer {
  char text[256];
  size_t length;
  uint64_t next_seq;
  int ends, dropped;
} answer;

static void take(void *user, const wick_event *event) {
  answer *a = (answer *)user;
  CHECK(event->seq == a->next_seq && a->ends == 0);
  a->next_seq++;
  if (event->kind == WICK_EVENT_TEXT) {
    CHECK(a->length + event->text_len < sizeof a->text && event->text[event->text_len] == 0);
    memcpy(a->text + a->length, event->text, event->text_len);
    a->length += event->text_len;
  } else if (event->kind == WICK_EVENT_END) {
    CHECK(event->end_reason == WICK_END_STOP && event->status == WICK_OK);
    a->ends++;
  }
}

static void drop(void *user) { ((answer *)user)->dropped++; }

static void generate(wick_session session, wick_queue queue, wick_event_fn on_event, answer *a, wick_stream *out) {
  wick_generate_options options;
  wick_error error;
  SIZED(options);
  SIZED(error);
  options.prompt = wick_cstr("Hi");
  options.queue = queue;
  options.on_event = on_event;
  options.user = a;
  options.drop = drop;
  if (wick_generate(session, &options, out, &error) != WICK_OK) check_failed(__FILE__, __LINE__, "generate: ", error.message);
}

static void finish(wick_runtime rt, const answer *a) {
  CHECK_TEXT(a->text, a->length, REPLY);
  CHECK(a->ends == 1);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
  CHECK(a->dropped == 1);
}

static void read_by_next(uint64_t timeout_ns, uint32_t mode) {
  wick_runtime rt = check_runtime(mode);
  wick_queue none = { 0 };
  wick_event event;
  wick_stream stream;
  wick_status status;
  answer a;
  char buf[256];
  memset(&a, 0, sizeof a);
  SIZED(event);
  generate(session_of(rt), none, NULL, &a, &stream);
  while ((status = wick_stream_next(stream, &event, buf, sizeof buf, timeout_ns)) != WICK_ENDED) {
    if (status == WICK_OK) take(&a, &event);
    else CHECK_STATUS(status, WICK_EMPTY);
    if (mode == WICK_MODE_HOST_STEP && timeout_ns == 0) CHECK(wick_runtime_step(rt, 100000, NULL) >= 0);
  }
  CHECK_STATUS(wick_stream_next(stream, &event, buf, sizeof buf, WICK_FOREVER), WICK_ENDED);
  CHECK_STATUS(wick_stream_close(stream), WICK_OK);
  CHECK_STATUS(wick_stream_close(stream), WICK_E_STALE_HANDLE);
  finish(rt, &a);
}

static void by_wait(void) { read_by_next(WICK_FOREVER, WICK_MODE_THREADS); }
static void by_poll(void) { read_by_next(0, WICK_MODE_THREADS); }
static void by_wait_without_threads(void) { read_by_next(WICK_FOREVER, WICK_MODE_HOST_STEP); }
static void by_step_without_threads(void) { read_by_next(0, WICK_MODE_HOST_STEP); }

static void by_queue(void) {
  wick_runtime rt = check_runtime(WICK_MODE_THREADS);
  wick_queue queue;
  wick_event event;
  wick_stream stream;
  answer a;
  char buf[256];
  memset(&a, 0, sizeof a);
  SIZED(event);
  CHECK_STATUS(wick_queue_create(rt, &queue, NULL), WICK_OK);
  generate(session_of(rt), queue, NULL, &a, &stream);
  while (a.ends == 0) {
    CHECK_STATUS(wick_queue_next(queue, &event, buf, sizeof buf, WICK_FOREVER), WICK_OK);
    CHECK(event.stream.id == stream.id && event.user == &a);
    take(&a, &event);
  }
  CHECK_STATUS(wick_stream_close(stream), WICK_OK);
  CHECK_STATUS(wick_queue_close(queue), WICK_OK);
  finish(rt, &a);
}

static void by_dispatch(void) {
  wick_runtime rt = check_runtime(WICK_MODE_THREADS);
  wick_queue queue;
  answer a;
  memset(&a, 0, sizeof a);
  CHECK_STATUS(wick_queue_create(rt, &queue, NULL), WICK_OK);
  generate(session_of(rt), queue, take, &a, NULL);
  while (a.ends == 0) CHECK(wick_queue_dispatch(queue, 16, 0) >= 0);
  CHECK_STATUS(wick_queue_close(queue), WICK_OK);
  finish(rt, &a);
}

static void by_callback(void) {
  wick_runtime rt = check_runtime(WICK_MODE_HOST_STEP); /* callbacks run inside wick_runtime_step */
  wick_queue none = { 0 };
  answer a;
  memset(&a, 0, sizeof a);
  generate(session_of(rt), none, take, &a, NULL);
  while (a.ends == 0) CHECK(wick_runtime_step(rt, 100000, NULL) >= 0);
  finish(rt, &a);
}

TESTS(TEST(by_wait), TEST(by_poll), TEST(by_wait_without_threads), TEST(by_step_without_threads), TEST(by_queue),
      TEST(by_dispatch), TEST(by_callback))
