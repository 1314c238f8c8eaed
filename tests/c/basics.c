/* What needs no model: names, versions, buffers, NULLs, stale handles, struct_size and the ABI version. */
#include "check.h"

static void every_status_has_its_name(void) {
  static const char *const errors[] = {
    "WICK_E_INVALID_ARGUMENT", "WICK_E_STALE_HANDLE", "WICK_E_BUSY",          "WICK_E_REENTRANT",        "WICK_E_UNSUPPORTED",
    "WICK_E_IO",               "WICK_E_MODEL_INVALID", "WICK_E_OUT_OF_MEMORY", "WICK_E_CONTEXT_FULL",     "WICK_E_TEMPLATE",
    "WICK_E_TOKENIZER",        "WICK_E_GRAMMAR",      "WICK_E_NUMERIC",       "WICK_E_SHUTDOWN",         "WICK_E_TIMEOUT",
    "WICK_E_QUEUE_FULL",       "WICK_E_BUFFER_TOO_SMALL", "WICK_E_INTERNAL",  "WICK_E_FORKED" };
  static const char *const good[] = { "WICK_OK", "WICK_EMPTY", "WICK_ENDED", "WICK_MORE" };
  int32_t i;
  for (i = 0; i < 19; i++) CHECK(strcmp(wick_status_name(-1 - i), errors[i]) == 0);
  for (i = 0; i < 4; i++) CHECK(strcmp(wick_status_name(i), good[i]) == 0);
  CHECK(wick_status_name(12345) != NULL);
  CHECK(wick_status_name(INT32_MIN) != NULL);
}

static void versions(void) {
  CHECK(wick_abi_version() == WICK_ABI_VERSION);
  CHECK(strchr(wick_version(), '.') != NULL);
}

static void a_result_of_any_size_can_be_fetched(void) {
  size_t needed = 0, again = 0;
  char *json;
  CHECK_STATUS(wick_build_info(NULL, 0, &needed), WICK_E_BUFFER_TOO_SMALL);
  CHECK(needed > 2);
  json = (char *)malloc(needed + 1);
  CHECK(json != NULL);
  CHECK_STATUS(wick_build_info(json, needed, &again), WICK_E_BUFFER_TOO_SMALL); /* no room for the NUL */
  CHECK_STATUS(wick_build_info(json, needed + 1, &again), WICK_OK);
  CHECK(again == needed && strlen(json) == needed && json[0] == '{');
  CHECK_STATUS(wick_build_info(json, needed + 1, NULL), WICK_OK);
  CHECK_STATUS(wick_build_info(NULL, 10, &needed), WICK_E_INVALID_ARGUMENT);
  free(json);
}

static void options_are_checked(void) {
  wick_runtime_options options;
  wick_error error;
  wick_runtime rt;
  SIZED(options);
  SIZED(error);
  CHECK_STATUS(wick_runtime_create(NULL, &rt, &error), WICK_E_INVALID_ARGUMENT);
  CHECK(error.code == WICK_E_INVALID_ARGUMENT && error.message[0] != 0);
  CHECK_STATUS(wick_runtime_create(&options, &rt, NULL), WICK_E_INVALID_ARGUMENT); /* no ABI version */
  options.abi_version = WICK_ABI_VERSION;
  CHECK_STATUS(wick_runtime_create(&options, NULL, NULL), WICK_E_INVALID_ARGUMENT);
  options.mode = 2;
  CHECK_STATUS(wick_runtime_create(&options, &rt, &error), WICK_E_INVALID_ARGUMENT);
  options.mode = 0;
  options.struct_size = 8;
  CHECK_STATUS(wick_runtime_create(&options, &rt, &error), WICK_E_INVALID_ARGUMENT);
}

static void a_longer_struct_is_taken_if_its_tail_is_zero(void) {
  struct longer {
    wick_runtime_options options;
    char tail[64];
  } longer;
  wick_runtime rt;
  memset(&longer, 0, sizeof longer);
  longer.options.struct_size = sizeof longer;
  longer.options.abi_version = WICK_ABI_VERSION;
  CHECK_STATUS(wick_runtime_create(&longer.options, &rt, NULL), WICK_OK);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
  longer.tail[63] = 1;
  CHECK_STATUS(wick_runtime_create(&longer.options, &rt, NULL), WICK_E_UNSUPPORTED);
}

static void handles_of_nothing_are_stale(void) {
  wick_runtime rt = { 0 };
  wick_queue queue = { 0x1234567890abcdefull };
  wick_session session = { UINT64_MAX };
  wick_stream stream = { 0 };
  wick_model model = { 1 };
  wick_event event;
  wick_stats stats;
  char buf[256];
  SIZED(event);
  CHECK_STATUS(wick_runtime_pause(rt), WICK_E_STALE_HANDLE);
  CHECK_STATUS(wick_runtime_shutdown(rt, 0), WICK_E_STALE_HANDLE);
  CHECK_STATUS(wick_queue_wake(queue), WICK_E_STALE_HANDLE);
  CHECK_STATUS(wick_queue_close(queue), WICK_E_STALE_HANDLE);
  CHECK_STATUS(wick_session_close(session), WICK_E_STALE_HANDLE);
  CHECK_STATUS(wick_model_keep_mapped(model), WICK_E_STALE_HANDLE);
  CHECK_STATUS(wick_model_close(model), WICK_E_STALE_HANDLE);
  CHECK_STATUS(wick_stream_next(stream, &event, buf, sizeof buf, WICK_FOREVER), WICK_E_STALE_HANDLE);
  CHECK_STATUS(wick_stream_stats(stream, &stats), WICK_E_STALE_HANDLE);
  CHECK_STATUS(wick_stream_cancel(stream), WICK_E_STALE_HANDLE);
}

static void a_runtime_is_stale_after_shutdown(void) {
  uint32_t mode;
  for (mode = WICK_MODE_THREADS; mode <= WICK_MODE_HOST_STEP; mode++) {
    wick_runtime rt = check_runtime(mode);
    CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
    CHECK_STATUS(wick_runtime_resume(rt), WICK_E_STALE_HANDLE);
    CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_E_STALE_HANDLE);
  }
}

TESTS(TEST(every_status_has_its_name), TEST(versions), TEST(a_result_of_any_size_can_be_fetched), TEST(options_are_checked),
      TEST(a_longer_struct_is_taken_if_its_tail_is_zero), TEST(handles_of_nothing_are_stale),
      TEST(a_runtime_is_stale_after_shutdown))
