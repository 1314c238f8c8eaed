/* The C tests' harness: checks that say where and what, and a main that runs a list of tests; knows only
 * wick.h. C99 and C++11.
 *
 *   static void name(void) { CHECK(1 + 1 == 2); }
 *   TESTS(TEST(name), TEST(another))
 *
 * A failed check ends the program with 1. Hangs are the runner's (scripts/c-tests.sh kills from outside). */
#ifndef CHECK_H
#define CHECK_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wick.h"

#define CHECK(condition) \
  do { \
    if (!(condition)) check_failed(__FILE__, __LINE__, #condition, ""); \
  } while (0)
/* `call` returns exactly `expected`. */
#define CHECK_STATUS(call, expected) check_status(__FILE__, __LINE__, #call, (call), (expected))
/* `length` bytes at `text` are those of the C string `expected`. */
#define CHECK_TEXT(text, length, expected) check_text(__FILE__, __LINE__, #text, (text), (length), (expected))
/* All zero, and struct_size filled in. */
#define SIZED(value) (memset(&(value), 0, sizeof(value)), (value).struct_size = (uint32_t)sizeof(value))

static void check_failed(const char *file, int line, const char *what, const char *why) {
  fprintf(stderr, "%s:%d: %s%s\n", file, line, what, why);
  fflush(stderr);
  exit(1);
}

static inline void check_status(const char *file, int line, const char *call, wick_status got, wick_status expected) {
  char why[96];
  if (got == expected) return;
  snprintf(why, sizeof why, ": %s, not %s", wick_status_name(got), wick_status_name(expected));
  check_failed(file, line, call, why);
}

static inline void check_text(const char *file, int line, const char *what, const char *text, size_t length,
                              const char *expected) {
  char why[512];
  if (length == strlen(expected) && (length == 0 || memcmp(text, expected, length) == 0)) return;
  snprintf(why, sizeof why, " is \"%.*s\", not \"%.200s\"", (int)(length < 200 ? length : 200), text ? text : "", expected);
  check_failed(file, line, what, why);
}

/* How often a test repeats what should not leak: WICK_CYCLES, else `usual`. */
static inline long check_cycles(long usual) {
  const char *set = getenv("WICK_CYCLES");
  return set ? strtol(set, NULL, 10) : usual;
}

/* A runtime with the default options, in `mode`. */
static inline wick_runtime check_runtime(uint32_t mode) {
  wick_runtime_options options;
  wick_error error;
  wick_runtime rt;
  SIZED(options);
  SIZED(error);
  options.abi_version = WICK_ABI_VERSION;
  options.mode = mode;
  if (wick_runtime_create(&options, &rt, &error) != WICK_OK) check_failed(__FILE__, __LINE__, "runtime: ", error.message);
  return rt;
}

typedef struct check_test {
  const char *name;
  void (*run)(void);
} check_test;

#define TEST(function) { #function, function }
#define TESTS(...) \
  int main(void) { \
    static const check_test tests[] = { __VA_ARGS__ }; \
    size_t i; \
    for (i = 0; i < sizeof tests / sizeof tests[0]; i++) { \
      printf("  %s\n", tests[i].name); \
      fflush(stdout); /* so that a hang shows where */ \
      tests[i].run(); \
    } \
    return 0; \
  }
#endif
