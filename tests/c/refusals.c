/* What the system refuses is a code: every large allocation and every thread, once and from then on. Threads,
 * descriptors and the next use are as before. Linux; with a real model from WICK_MODELS (stories260K) also
 * its load and a long text. */
#include "process.h"
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include "check.h"
#include "wick_testing.h"

#ifdef __cplusplus
#define NOTHROW throw()
extern "C" {
#else
#define NOTHROW
#endif

/* Large: sized by a model, a file or an argument. The tests' own texts are larger, all else is smaller. */
#define LARGE (256u << 10)

typedef struct refusal {
  long first, seen;
  bool for_ever;
} refusal;

static refusal threads = { -1, 0, false };
#ifndef __SANITIZE_ADDRESS__
static refusal allocations = { -1, 0, false };
#endif
static int refused;

static bool refuses(refusal *what) {
  long first = __atomic_load_n(&what->first, __ATOMIC_SEQ_CST), now;
  if (first < 0) return false;
  now = __atomic_fetch_add(&what->seen, 1, __ATOMIC_SEQ_CST);
  if (now != first && !(what->for_ever && now > first)) return false;
  __atomic_store_n(&refused, 1, __ATOMIC_SEQ_CST);
  return true;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *user) NOTHROW {
  typedef int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  create real;
  void *found = dlsym(RTLD_NEXT, "pthread_create");
  memcpy(&real, &found, sizeof real);
  return refuses(&threads) ? EAGAIN : real(thread, attributes, run, user);
}

/* The sanitizer's own allocator must stay. */
#ifndef __SANITIZE_ADDRESS__
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static bool too_large(size_t size) { return size >= LARGE && refuses(&allocations); }

void *malloc(size_t size) NOTHROW { return too_large(size) ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) NOTHROW {
  return count != 0 && too_large(count * size) ? NULL : __libc_calloc(count, size);
}
void *realloc(void *old, size_t size) NOTHROW { return too_large(size) ? NULL : __libc_realloc(old, size); }
void *aligned_alloc(size_t align, size_t size) NOTHROW { return too_large(size) ? NULL : __libc_memalign(align, size); }
int posix_memalign(void **out, size_t align, size_t size) NOTHROW {
  void *got = too_large(size) ? NULL : __libc_memalign(align, size);
  if (!got) return ENOMEM;
  *out = got;
  return 0;
}
void free(void *old) NOTHROW { __libc_free(old); }
#endif
#ifdef __cplusplus
}
#endif

static void set(refusal *what, long first, bool for_ever) {
  __atomic_store_n(&what->first, -1, __ATOMIC_SEQ_CST);
  what->for_ever = for_ever;
  what->seen = 0;
  refused = 0;
  __atomic_store_n(&what->first, first, __ATOMIC_SEQ_CST);
}

static char model_path[1024], *text;
static uint32_t *ids;
enum { TEXT_BYTES = 300000, IDS = 70000 };

/* Good, or out of memory; whether it was the latter. */
static bool short_of_memory(wick_status status) {
  if (status != WICK_OK) CHECK_STATUS(status, WICK_E_OUT_OF_MEMORY);
  return status != WICK_OK;
}

/* Whether the generation ran out of memory; an input over the context is as good as one that fits. */
static bool generate(wick_session session, wick_str prompt, size_t id_count) {
  wick_generate_options options;
  wick_stream stream;
  wick_event end;
  char buf[256];
  SIZED(options);
  SIZED(end);
  options.prompt = prompt;
  options.prompt_tokens = id_count ? ids : NULL;
  options.prompt_token_count = id_count;
  options.max_tokens = 2;
  if (short_of_memory(wick_generate(session, &options, &stream, NULL))) return true;
  CHECK_STATUS(wick_stream_join(stream, &end, buf, sizeof buf, WICK_FOREVER), WICK_OK);
  CHECK_STATUS(wick_stream_close(stream), WICK_OK);
  return end.status != WICK_E_CONTEXT_FULL && short_of_memory(end.status);
}

static bool use_session(wick_model model) {
  wick_session_options options;
  wick_session session;
  wick_str none = { NULL, 0 }, all = { text, TEXT_BYTES };
  size_t needed;
  wick_status status;
  bool failed;
  SIZED(options);
  if (short_of_memory(wick_session_create(model, &options, &session, NULL))) return true;
  failed = generate(session, wick_cstr("p"), 0);
  CHECK_STATUS(wick_session_clear(session), WICK_OK);
  failed |= generate(session, all, 0);
  CHECK_STATUS(wick_session_clear(session), WICK_OK);
  failed |= generate(session, none, IDS);
  CHECK_STATUS(wick_session_close(session), WICK_OK);
  status = wick_model_tokenize(model, all, 0, 0, NULL, 0, &needed, NULL);
  if (status == WICK_E_BUSY || status == WICK_E_BUFFER_TOO_SMALL) return failed;
  return short_of_memory(status) || failed;
}

/* One whole use; whether something was refused, each time by its code. */
static bool use(uint32_t mode) {
  wick_runtime_options options;
  wick_model_options model_options;
  wick_runtime rt;
  wick_model model;
  wick_stream loading;
  wick_event end;
  char buf[512];
  bool failed;
  SIZED(options);
  SIZED(model_options);
  SIZED(end);
  options.abi_version = WICK_ABI_VERSION;
  options.mode = mode;
  if (short_of_memory(wick_runtime_create(&options, &rt, NULL))) return true;
  model_options.path = wick_cstr(model_path);
  model_options.no_mmap = 1;
  if (model_path[0]) failed = short_of_memory(wick_model_load(rt, &model_options, &model, &loading, NULL));
  else failed = short_of_memory(wick_testing_model_load(rt, wick_cstr("{\"reply\":\"x\"}"), NULL, &model, &loading, NULL));
  if (!failed) {
    CHECK_STATUS(wick_stream_join(loading, &end, buf, sizeof buf, WICK_FOREVER), WICK_OK);
    CHECK_STATUS(wick_stream_close(loading), WICK_OK);
    failed = short_of_memory(end.status) || use_session(model);
    CHECK_STATUS(wick_model_close(model), WICK_OK);
  }
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
  return failed;
}

static void every_use_is_good_or_says_so(refusal *what, uint32_t mode, bool for_ever) {
  int descriptors = process_files(), running = process_threads();
  long first;
  for (first = 0; first < 100; first++) {
    bool failed, was_refused;
    set(what, first, for_ever);
    failed = use(mode);
    was_refused = refused != 0;
    set(what, -1, false);
    CHECK(process_files() == descriptors && process_threads_settle(running));
    CHECK(!failed || was_refused);
    if (!was_refused) break;
    /* A load whose thread is refused takes that of long texts; a runtime cannot do without its own. */
    CHECK(what != &threads || failed || first > 0);
    CHECK(!use(mode));
  }
  CHECK(first < 100);
}

static void large_allocations(void) {
#ifdef __SANITIZE_ADDRESS__
  puts("left out: refused allocations (the address sanitizer has its own allocator)");
#else
  uint32_t mode;
  for (mode = WICK_MODE_THREADS; mode <= WICK_MODE_HOST_STEP; mode++) {
    every_use_is_good_or_says_so(&allocations, mode, false);
    every_use_is_good_or_says_so(&allocations, mode, true);
  }
#endif
}

static void threads_of_the_runtime(void) {
  every_use_is_good_or_says_so(&threads, WICK_MODE_THREADS, false);
  every_use_is_good_or_says_so(&threads, WICK_MODE_THREADS, true);
}

int main(void) {
  const char *folder = getenv("WICK_MODELS");
  FILE *found = NULL;
  size_t i;
  if (folder) snprintf(model_path, sizeof model_path, "%s/stories260K-f32.gguf", folder);
  if (folder) found = fopen(model_path, "rb");
  if (found) fclose(found);
  else model_path[0] = 0;
  text = (char *)malloc(TEXT_BYTES);
  ids = (uint32_t *)calloc(IDS, sizeof *ids);
  CHECK(text && ids);
  for (i = 0; i < TEXT_BYTES; i++) text[i] = "once upon a time "[i % 17];
  large_allocations();
  threads_of_the_runtime();
  free(text);
  free(ids);
  return 0;
}
