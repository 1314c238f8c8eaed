/* A folder in place of a file: one with a config.json is UNSUPPORTED where the build reads none, any other is
 * an IO error. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <unistd.h>
#include "check.h"

static void load_ends_with(wick_runtime rt, const char *path, wick_status status, const char *says) {
  wick_model_options options;
  wick_stream loading;
  wick_model model;
  wick_event end;
  char buf[512];
  SIZED(options);
  SIZED(end);
  options.path = wick_cstr(path);
  CHECK_STATUS(wick_model_load(rt, &options, &model, &loading, NULL), WICK_OK);
  CHECK_STATUS(wick_stream_join(loading, &end, buf, sizeof buf, WICK_FOREVER), WICK_OK);
  CHECK(end.end_reason == WICK_END_ERROR);
  CHECK_STATUS(end.status, status);
  CHECK(strstr(end.text, path) != NULL && strstr(end.text, says) != NULL);
  CHECK_STATUS(wick_stream_close(loading), WICK_OK);
  CHECK_STATUS(wick_model_close(model), WICK_OK);
}

static void with_and_without_a_config(void) {
  wick_runtime rt = check_runtime(WICK_MODE_THREADS);
  char folder[] = "/tmp/wick-folder-XXXXXX", config[64];
  FILE *file;
  CHECK(mkdtemp(folder) != NULL);
  load_ends_with(rt, folder, WICK_E_IO, "directory");
  snprintf(config, sizeof config, "%s/config.json", folder);
  file = fopen(config, "w");
  CHECK(file && fputs("{}", file) >= 0 && fclose(file) == 0);
  load_ends_with(rt, folder, WICK_E_UNSUPPORTED, "safetensors");
  CHECK(unlink(config) == 0 && rmdir(folder) == 0);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

TESTS(TEST(with_and_without_a_config))
