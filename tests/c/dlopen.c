/* The shared library is loaded, used, shut down and unloaded again and again, beside the copy that this
 * program is linked with; threads that used it may end later. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include "check.h"
#include "wick_testing.h"

/* The function `name` of `library`, as the type of the one that is linked. */
#define FUNCTION(type, name) type name##_; *(void **)(&name##_) = dlsym(library, #name); CHECK(name##_ != NULL)

typedef wick_status (*create_fn)(const wick_runtime_options *, wick_runtime *, wick_error *);
typedef wick_status (*load_fn)(wick_runtime, wick_str, const wick_model_options *, wick_model *, wick_stream *, wick_error *);
typedef wick_status (*session_fn)(wick_model, const wick_session_options *, wick_session *, wick_error *);
typedef wick_status (*generate_fn)(wick_session, const wick_generate_options *, wick_stream *, wick_error *);
typedef wick_status (*join_fn)(wick_stream, wick_event *, char *, size_t, uint64_t);
typedef wick_status (*close_fn)(wick_stream);
typedef wick_status (*shutdown_fn)(wick_runtime, uint64_t);

static void use(void *library) {
  FUNCTION(create_fn, wick_runtime_create);
  FUNCTION(load_fn, wick_testing_model_load);
  FUNCTION(session_fn, wick_session_create);
  FUNCTION(generate_fn, wick_generate);
  FUNCTION(join_fn, wick_stream_join);
  FUNCTION(close_fn, wick_stream_close);
  FUNCTION(shutdown_fn, wick_runtime_shutdown);
  wick_runtime_options options;
  wick_session_options session_options;
  wick_generate_options generate_options;
  wick_runtime rt;
  wick_model model;
  wick_session session;
  wick_stream stream;
  wick_event end;
  char buf[256];
  SIZED(options);
  SIZED(session_options);
  SIZED(generate_options);
  SIZED(end);
  options.abi_version = WICK_ABI_VERSION;
  generate_options.prompt = wick_cstr("p");
  CHECK_STATUS(wick_runtime_create_(&options, &rt, NULL), WICK_OK);
  CHECK_STATUS(wick_runtime_pause(rt), WICK_E_STALE_HANDLE); /* the other copy's handle means nothing here */
  CHECK_STATUS(wick_testing_model_load_(rt, wick_cstr("{\"reply\":\"x\"}"), NULL, &model, NULL, NULL), WICK_OK);
  CHECK_STATUS(wick_session_create_(model, &session_options, &session, NULL), WICK_OK);
  CHECK_STATUS(wick_generate_(session, &generate_options, &stream, NULL), WICK_OK);
  CHECK_STATUS(wick_stream_join_(stream, &end, buf, sizeof buf, WICK_FOREVER), WICK_OK);
  CHECK(end.end_reason == WICK_END_STOP);
  CHECK_STATUS(wick_stream_close_(stream), WICK_OK);
  CHECK_STATUS(wick_runtime_shutdown_(rt, WICK_FOREVER), WICK_OK);
}

static void again_and_again(void) {
  const char *path = getenv("WICK_LIBRARY");
  long i, cycles = check_cycles(200);
  wick_runtime own;
  if (!path) {
    printf("left out: dlopen and dlclose (WICK_LIBRARY names no shared library)\n");
    return;
  }
  own = check_runtime(WICK_MODE_THREADS);
  for (i = 0; i < cycles; i++) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) check_failed(__FILE__, __LINE__, "dlopen: ", dlerror());
    use(library);
    CHECK(dlclose(library) == 0);
  }
  CHECK_STATUS(wick_runtime_shutdown(own, WICK_FOREVER), WICK_OK);
}

typedef struct guest {
  void *library;
  int used, unloaded;
} guest;

static void *use_and_stay(void *user) {
  guest *g = (guest *)user;
  use(g->library);
  __atomic_store_n(&g->used, 1, __ATOMIC_SEQ_CST);
  while (!__atomic_load_n(&g->unloaded, __ATOMIC_SEQ_CST)) sched_yield();
  return NULL; /* its thread-locals are destroyed now, by code of the library */
}

static void a_hosts_thread_ends_after_dlclose(void) {
  const char *path = getenv("WICK_LIBRARY");
  pthread_t threads[4];
  guest guests[4];
  int i;
  if (!path) return; /* said above */
  for (i = 0; i < 4; i++) {
    guests[i].used = guests[i].unloaded = 0;
    guests[i].library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CHECK(guests[i].library != NULL);
    CHECK(pthread_create(&threads[i], NULL, use_and_stay, &guests[i]) == 0);
  }
  for (i = 0; i < 4; i++) {
    while (!__atomic_load_n(&guests[i].used, __ATOMIC_SEQ_CST)) sched_yield();
    CHECK(dlclose(guests[i].library) == 0);
  }
  for (i = 0; i < 4; i++) {
    __atomic_store_n(&guests[i].unloaded, 1, __ATOMIC_SEQ_CST);
    CHECK(pthread_join(threads[i], NULL) == 0);
  }
}

TESTS(TEST(again_and_again), TEST(a_hosts_thread_ends_after_dlclose))
