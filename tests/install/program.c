/* Starts a runtime and shuts it down: what every way to link must be able to do. Knows nothing of models. */
#include <stdio.h>
#include <string.h>
#include "wick.h"

int main(void) {
  wick_runtime_options options;
  wick_error error;
  wick_runtime rt;
  memset(&options, 0, sizeof options);
  memset(&error, 0, sizeof error);
  options.struct_size = sizeof options;
  options.abi_version = WICK_ABI_VERSION;
  error.struct_size = sizeof error;
  if (wick_abi_version() != WICK_ABI_VERSION) return fprintf(stderr, "ABI %u\n", wick_abi_version()), 1;
  if (wick_runtime_create(&options, &rt, &error) != WICK_OK) return fprintf(stderr, "create: %s\n", error.message), 1;
  if (wick_runtime_shutdown(rt, WICK_FOREVER) != WICK_OK) return fprintf(stderr, "shutdown failed\n"), 1;
  return printf("wick %s\n", wick_version()) < 0;
}
