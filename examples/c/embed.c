/* A memory: what a character knows, and which of it a question is about.
 *
 *   cargo build --release
 *   cc -std=c99 -Wall -Wextra -Werror -pedantic -Iinclude examples/c/embed.c target/release/libwick.a -lm -o embed
 *   ./embed models/all-MiniLM-L6-v2.gguf "Where is the key?" */
#include <stdio.h>
#include <stdlib.h>
#include "wick.h"

static const char *const LORE[] = {
  "The smith's daughter left for the coast last spring.", "The key to the cellar hangs behind the stove.",
  "Wolves have been seen at the northern gate.", "The mill has stood still since the drought.",
  "The innkeeper owes the smith forty coins.", "The old bridge may not bear a loaded cart.",
};
enum { COUNT = sizeof LORE / sizeof LORE[0], BEST = 3 };

static int failed(const char *what, wick_status status, const char *why) {
  fprintf(stderr, "%s: %s: %s\n", what, wick_status_name(status), why);
  return 1;
}

/* The lore and the question in one call; then the lore that is nearest to the question. */
static int remember(wick_runtime rt, const char *path, const char *question) {
  wick_error error = { .struct_size = sizeof error };
  wick_model_options options = { .struct_size = sizeof options, .path = wick_cstr(path) };
  wick_model model;
  wick_str texts[COUNT + 1];
  size_t floats = 0, found = 0;
  for (size_t i = 0; i < COUNT; i++) texts[i] = wick_cstr(LORE[i]);
  texts[COUNT] = wick_cstr(question);
  if (wick_model_load(rt, &options, &model, NULL, &error) != WICK_OK) return failed(path, error.code, error.message);
  /* Waits for the load, and says how many floats there are. */
  if (wick_embed(model, texts, COUNT + 1, NULL, 0, &floats, WICK_FOREVER, &error) != WICK_E_BUFFER_TOO_SMALL)
    return failed(path, error.code, error.message);
  float *vectors = malloc(floats * sizeof *vectors);
  if (!vectors) return failed("vectors", WICK_E_OUT_OF_MEMORY, "no memory");
  if (wick_embed(model, texts, COUNT + 1, vectors, floats, &floats, WICK_FOREVER, &error) != WICK_OK) {
    free(vectors);
    return failed("vectors", error.code, error.message);
  }
  size_t dim = floats / (COUNT + 1);
  uint32_t index[BEST];
  float score[BEST];
  wick_status status = wick_nearest(vectors + COUNT * dim, vectors, COUNT, dim, BEST, index, score, &found);
  for (size_t i = 0; status == WICK_OK && i < found; i++) printf("%.3f  %s\n", (double)score[i], LORE[index[i]]);
  free(vectors);
  return status == WICK_OK ? 0 : failed("nearest", status, "vectors of texts");
}

int main(int argc, char **argv) {
  wick_error error = { .struct_size = sizeof error };
  wick_runtime_options options = { .struct_size = sizeof options, .abi_version = WICK_ABI_VERSION };
  wick_runtime rt;
  if (argc < 2) return fprintf(stderr, "usage: %s MODEL [QUESTION]\n", argv[0]), 2;
  if (wick_runtime_create(&options, &rt, &error) != WICK_OK) return failed("runtime", error.code, error.message);
  int code = remember(rt, argv[1], argc > 2 ? argv[2] : "Where is the key?");
  wick_status status = wick_runtime_shutdown(rt, WICK_FOREVER);
  return status == WICK_OK ? code : failed("shutdown", status, "a thread of the runtime is left");
}
