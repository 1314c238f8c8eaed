/* A relative path means what it means when it is given, whatever the host's directory is a moment later.
 * WICK_MODELS names a folder with a model. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <unistd.h>
#include "check.h"

static void load(uint32_t mode, const char *path, int32_t reason, const char *why) {
  wick_runtime rt = check_runtime(mode);
  wick_model_options options;
  wick_stream loading;
  wick_model model;
  wick_event event;
  char buf[1024];
  SIZED(options);
  SIZED(event);
  options.path = wick_cstr(path);
  CHECK_STATUS(wick_model_load(rt, &options, &model, &loading, NULL), WICK_OK);
  CHECK(chdir("/") == 0);
  CHECK_STATUS(wick_stream_join(loading, &event, buf, sizeof buf, WICK_FOREVER), WICK_OK);
  if (event.end_reason != reason || !strstr(event.text, why)) check_failed(__FILE__, __LINE__, path, event.text);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

int main(void) {
  static const char *const paths[] = { "stories260K-f32.gguf", ".//stories260K-f32.gguf" };
  const char *given = getenv("WICK_MODELS");
  char folder[1024], path[2048];
  uint32_t mode;
  size_t i;
  int times;
  if (!given || chdir(given) != 0 || access(paths[0], R_OK) != 0 || !getcwd(folder, sizeof folder)) {
    puts("left out: relative paths (WICK_MODELS has no stories260K-f32.gguf)");
    return 0;
  }
  for (mode = WICK_MODE_THREADS; mode <= WICK_MODE_HOST_STEP; mode++)
    for (times = 0; times < 5; times++) {
      for (i = 0; i < 2; i++) {
        CHECK(chdir(folder) == 0);
        load(mode, paths[i], WICK_END_READY, "");
      }
      /* Through its parent: by the folder's own name. */
      CHECK(chdir(folder) == 0 && getcwd(path, 1024) && strrchr(path, '/'));
      memmove(path + 3, strrchr(path, '/') + 1, strlen(strrchr(path, '/') + 1) + 1);
      memcpy(path, "../", 3);
      strcat(path, "/stories260K-f32.gguf");
      load(mode, path, WICK_END_READY, "");
      CHECK(chdir(folder) == 0);
      load(mode, "no-such.gguf", WICK_END_ERROR, "/no-such.gguf");
    }
  return 0;
}
