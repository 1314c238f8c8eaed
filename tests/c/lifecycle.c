/* Loads, sessions and generations from the first call to the last: what may be done when, and what it comes
 * to. */
#include <pthread.h>
#include "check.h"
#include "wick_testing.h"

/* While it is locked no thread of a held runtime does anything, so that no load begins. */
static pthread_mutex_t hold = PTHREAD_MUTEX_INITIALIZER;

static void wait_for_the_hold(void *user, int32_t start) {
  (void)user;
  if (!start) return;
  pthread_mutex_lock(&hold);
  pthread_mutex_unlock(&hold);
}

static wick_runtime held_runtime(void) {
  wick_runtime_options options;
  wick_runtime rt;
  SIZED(options);
  options.abi_version = WICK_ABI_VERSION;
  options.threads = 1;
  options.on_thread = wait_for_the_hold;
  CHECK(pthread_mutex_lock(&hold) == 0);
  CHECK_STATUS(wick_runtime_create(&options, &rt, NULL), WICK_OK);
  return rt;
}

static void let_go(void) { CHECK(pthread_mutex_unlock(&hold) == 0); }

static wick_model load(wick_runtime rt, const char *script, wick_stream *load_stream) {
  wick_error error;
  wick_model model;
  SIZED(error);
  if (wick_testing_model_load(rt, wick_cstr(script), NULL, &model, load_stream, &error) != WICK_OK)
    check_failed(__FILE__, __LINE__, "load: ", error.message);
  return model;
}

static wick_session session_of(wick_model model) {
  wick_session_options options;
  wick_session session;
  SIZED(options);
  CHECK_STATUS(wick_session_create(model, &options, &session, NULL), WICK_OK);
  return session;
}

static wick_status start(wick_session session, const char *prompt, wick_stream *out) {
  wick_generate_options options;
  SIZED(options);
  options.prompt = wick_cstr(prompt);
  return wick_generate(session, &options, out, NULL);
}

/* Reads on to END: its reason. */
static uint16_t end_of(wick_stream stream, wick_status status) {
  wick_event end;
  char buf[512];
  SIZED(end);
  CHECK_STATUS(wick_stream_join(stream, &end, buf, sizeof buf, WICK_FOREVER), WICK_OK);
  CHECK(end.kind == WICK_EVENT_END && end.more == 0);
  CHECK_STATUS(end.status, status);
  CHECK_STATUS(wick_stream_join(stream, &end, buf, sizeof buf, 0), WICK_ENDED);
  CHECK_STATUS(wick_stream_close(stream), WICK_OK);
  return end.end_reason;
}

static void everything_waits_for_the_load(void) {
  wick_runtime rt = held_runtime();
  wick_stream loading, stream;
  wick_model model = load(rt, "{\"reply\":\"x\",\"load_steps\":5}", &loading);
  wick_session session = session_of(model);
  size_t needed;
  CHECK_STATUS(start(session, "p", &stream), WICK_OK);
  CHECK_STATUS(wick_model_tokenize(model, wick_cstr("a"), 0, 0, NULL, 0, &needed, NULL), WICK_E_BUSY);
  CHECK_STATUS(wick_model_info(model, NULL, 0, &needed), WICK_E_BUFFER_TOO_SMALL);
  let_go();
  CHECK(end_of(stream, WICK_OK) == WICK_END_STOP);
  CHECK(end_of(loading, WICK_OK) == WICK_END_READY);
  CHECK_STATUS(wick_model_tokenize(model, wick_cstr("a"), 0, 0, NULL, 0, &needed, NULL), WICK_E_BUFFER_TOO_SMALL);
  CHECK(needed == 1);
  CHECK_STATUS(wick_model_close(model), WICK_OK);
  CHECK_STATUS(start(session, "q", &stream), WICK_OK); /* a session keeps its model */
  CHECK(end_of(stream, WICK_OK) == WICK_END_STOP);
  CHECK_STATUS(wick_session_close(session), WICK_OK);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

static void a_failed_load_is_everybodys_error(void) {
  wick_runtime rt = held_runtime();
  wick_stream loading, stream;
  wick_model model = load(rt, "{\"load_error\":\"broken\"}", &loading);
  wick_session session = session_of(model);
  wick_session_options options;
  size_t needed;
  SIZED(options);
  CHECK_STATUS(start(session, "p", &stream), WICK_OK);
  let_go();
  CHECK(end_of(stream, WICK_E_MODEL_INVALID) == WICK_END_ERROR);
  CHECK(end_of(loading, WICK_E_MODEL_INVALID) == WICK_END_ERROR);
  CHECK_STATUS(wick_model_tokenize(model, wick_cstr("a"), 0, 0, NULL, 0, &needed, NULL), WICK_E_MODEL_INVALID);
  CHECK_STATUS(wick_session_create(model, &options, &session, NULL), WICK_E_MODEL_INVALID);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

static void loads_are_cancelled(void) {
  static const char slow[] = "{\"reply\":\"x\",\"load_steps\":100000,\"load_delay_us\":100000000}";
  wick_runtime rt = check_runtime(WICK_MODE_THREADS);
  wick_stream loading, stream;
  wick_model model = load(rt, slow, &loading);
  CHECK_STATUS(wick_stream_cancel(loading), WICK_OK);
  CHECK(end_of(loading, WICK_OK) == WICK_END_CANCELLED);
  model = load(rt, slow, &loading);
  CHECK_STATUS(wick_model_close(model), WICK_OK); /* without a session: nobody needs it */
  CHECK(end_of(loading, WICK_OK) == WICK_END_CANCELLED);
  model = load(rt, slow, &loading);
  CHECK_STATUS(start(session_of(model), "p", &stream), WICK_OK);
  CHECK_STATUS(wick_stream_close(loading), WICK_OK); /* before its END */
  CHECK(end_of(stream, WICK_E_STALE_HANDLE) == WICK_END_ERROR);
  load(rt, slow, &loading);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
  CHECK(end_of(loading, WICK_OK) == WICK_END_SHUTDOWN);
}

static void a_load_that_nobody_reads_goes_on(void) {
  wick_runtime rt = check_runtime(WICK_MODE_THREADS);
  wick_stream stream;
  CHECK_STATUS(start(session_of(load(rt, "{\"reply\":\"x\",\"load_delay_us\":20000}", NULL)), "p", &stream), WICK_OK);
  CHECK(end_of(stream, WICK_OK) == WICK_END_STOP);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

static void a_session_has_one_generation_at_a_time(void) {
  wick_runtime rt = check_runtime(WICK_MODE_THREADS);
  wick_stream first, second, third;
  wick_model model = load(rt, "{\"reply\":\"x\",\"gated\":true}", NULL);
  wick_session session = session_of(model);
  CHECK_STATUS(start(session, "p", &first), WICK_OK);
  CHECK_STATUS(start(session, "q", &second), WICK_E_BUSY);
  CHECK_STATUS(wick_session_clear(session), WICK_E_BUSY);
  CHECK_STATUS(wick_stream_cancel(first), WICK_OK);
  CHECK_STATUS(wick_stream_cancel(first), WICK_OK);
  CHECK_STATUS(wick_session_clear(session), WICK_OK); /* accepted at once */
  CHECK_STATUS(start(session, "q", &second), WICK_OK);
  CHECK(end_of(first, WICK_OK) == WICK_END_CANCELLED);
  CHECK_STATUS(wick_stream_close(second), WICK_OK);
  CHECK_STATUS(start(session, "r", &third), WICK_OK);
  CHECK_STATUS(wick_testing_release(model, 100), WICK_OK);
  CHECK(end_of(third, WICK_OK) == WICK_END_STOP);
  CHECK_STATUS(start(session, "s", &first), WICK_OK);
  CHECK_STATUS(wick_session_close(session), WICK_OK);
  (void)end_of(first, WICK_OK); /* cancelled, unless it was quicker */
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

static void a_paused_runtime_still_ends_streams(void) {
  wick_runtime rt = check_runtime(WICK_MODE_THREADS);
  wick_model model = load(rt, "{\"reply\":\"x\"}", NULL);
  wick_generate_options options;
  wick_stream stream, late;
  wick_event event;
  char buf[256];
  SIZED(options);
  SIZED(event);
  CHECK_STATUS(start(session_of(model), "p", &stream), WICK_OK);
  CHECK(end_of(stream, WICK_OK) == WICK_END_STOP); /* loaded by now */
  CHECK_STATUS(wick_runtime_pause(rt), WICK_OK);
  CHECK_STATUS(wick_runtime_pause(rt), WICK_OK);
  CHECK_STATUS(start(session_of(model), "p", &stream), WICK_OK);
  options.prompt = wick_cstr("p");
  options.deadline_ns = 20000000;
  CHECK_STATUS(wick_generate(session_of(model), &options, &late, NULL), WICK_OK);
  CHECK(end_of(late, WICK_OK) == WICK_END_DEADLINE);
  while (wick_stream_next(stream, &event, buf, sizeof buf, 1000000) == WICK_OK) CHECK(event.kind == WICK_EVENT_STARTED);
  CHECK_STATUS(wick_runtime_resume(rt), WICK_OK);
  CHECK(end_of(stream, WICK_OK) == WICK_END_STOP);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

static void info_is_json(void) {
  wick_runtime rt = check_runtime(WICK_MODE_THREADS);
  wick_stream loading;
  wick_model model = load(rt, "{\"reply\":\"x\"}", &loading);
  wick_session session = session_of(model);
  char json[4096];
  CHECK(end_of(loading, WICK_OK) == WICK_END_READY);
  CHECK_STATUS(wick_runtime_info(rt, json, sizeof json, NULL), WICK_OK);
  CHECK(json[0] == '{' && strstr(json, "\"generations\"") != NULL);
  CHECK_STATUS(wick_model_info(model, json, sizeof json, NULL), WICK_OK);
  CHECK(strstr(json, "\"architecture\":\"fake\"") != NULL);
  CHECK_STATUS(wick_session_info(session, json, sizeof json, NULL), WICK_OK);
  CHECK(strstr(json, "\"state\":\"idle\"") != NULL);
  CHECK_STATUS(wick_runtime_trim(rt), WICK_OK);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

TESTS(TEST(everything_waits_for_the_load), TEST(a_failed_load_is_everybodys_error), TEST(loads_are_cancelled),
      TEST(a_load_that_nobody_reads_goes_on), TEST(a_session_has_one_generation_at_a_time),
      TEST(a_paused_runtime_still_ends_streams), TEST(info_is_json))
