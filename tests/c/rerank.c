/* Scores of texts for a query, in C: waited for and as a stream, sorted by the host. */
#include "check.h"
#include "wick_testing.h"

#define COUNT 3

static wick_model load(wick_runtime rt, const char *script) {
  wick_model_options options;
  wick_error error;
  wick_model model;
  SIZED(options);
  SIZED(error);
  if (wick_testing_model_load(rt, wick_cstr(script), &options, &model, NULL, &error) != WICK_OK)
    check_failed(__FILE__, __LINE__, "load: ", error.message);
  return model;
}

int main(void) {
  wick_runtime_options options;
  wick_error error;
  wick_runtime rt;
  wick_model ranking, plain;
  wick_stream stream;
  wick_str texts[COUNT];
  float scores[COUNT], again[COUNT];
  size_t needed = 0, order[COUNT], i, j, seen = 0;
  SIZED(options);
  SIZED(error);
  options.abi_version = WICK_ABI_VERSION;
  CHECK_STATUS(wick_runtime_create(&options, &rt, &error), WICK_OK);
  ranking = load(rt, "{\"reply\":\"x\",\"ranks\":true}");
  plain = load(rt, "{\"reply\":\"x\"}");
  texts[0] = wick_cstr("the key hangs behind the stove");
  texts[1] = wick_cstr("the stove is cold");
  texts[2] = wick_cstr("");

  CHECK_STATUS(wick_rerank(ranking, wick_cstr("where is the key?"), texts, COUNT, NULL, 0, &needed, WICK_FOREVER, &error),
               WICK_E_BUFFER_TOO_SMALL);
  CHECK(needed == COUNT);
  CHECK_STATUS(wick_rerank(ranking, wick_cstr("where is the key?"), texts, COUNT, scores, COUNT, &needed, WICK_FOREVER, &error),
               WICK_OK);
  for (i = 0; i < COUNT; i++) {
    for (j = i; j > 0 && scores[order[j - 1]] < scores[i]; j--) order[j] = order[j - 1];
    order[j] = i;
  }
  for (i = 1; i < COUNT; i++) CHECK(scores[order[i - 1]] >= scores[order[i]]);

  CHECK_STATUS(wick_rerank_start(ranking, wick_cstr("where is the key?"), texts, COUNT, NULL, &stream, &error), WICK_OK);
  for (;;) {
    char buf[256];
    wick_event event;
    SIZED(event);
    CHECK_STATUS(wick_stream_next(stream, &event, buf, sizeof buf, WICK_FOREVER), WICK_OK);
    if (event.kind == WICK_EVENT_VECTOR) {
      CHECK(event.done == seen && event.value_count == 1);
      again[seen++] = event.values[0];
    }
    if (event.kind == WICK_EVENT_END) {
      CHECK(event.end_reason == WICK_END_READY);
      break;
    }
  }
  CHECK(seen == COUNT && memcmp(scores, again, sizeof scores) == 0);
  CHECK_STATUS(wick_stream_close(stream), WICK_OK);

  CHECK_STATUS(wick_rerank(plain, wick_cstr("q"), texts, COUNT, scores, COUNT, &needed, WICK_FOREVER, &error),
               WICK_E_UNSUPPORTED);
  CHECK(strstr(error.message, "wick_embed") != NULL);
  CHECK_STATUS(wick_model_close(ranking), WICK_OK);
  CHECK_STATUS(wick_model_close(plain), WICK_OK);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
  return 0;
}
