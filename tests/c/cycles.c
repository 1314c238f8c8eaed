/* A thousand times from wick_runtime_create to wick_runtime_shutdown: no thread, no descriptor and no memory
 * stays (WICK_CYCLES: how often). */
#include "process.h"
#include "check.h"
#include "wick_testing.h"

/* Resident memory in KiB. */
static long resident(void) {
  char line[256];
  long kib = 0;
  FILE *status = fopen("/proc/self/status", "r");
  if (!status) return 0;
  while (fgets(line, sizeof line, status))
    if (strncmp(line, "VmRSS:", 6) == 0) kib = strtol(line + 6, NULL, 10);
  fclose(status);
  return kib;
}

static int drops;

static void drop(void *user) {
  (void)user;
  __atomic_add_fetch(&drops, 1, __ATOMIC_RELAXED);
}

static void ignore(void *user, const wick_event *event) {
  (void)user;
  (void)event;
}

/* One of everything: read, abandoned, queued, called back, never closed. */
static void cycle(uint32_t mode) {
  wick_runtime rt = check_runtime(mode);
  wick_session_options session_options;
  wick_generate_options options;
  wick_session session;
  wick_os_handle handle;
  wick_stream streams[4];
  wick_queue queue;
  wick_model model;
  wick_event end;
  int i, before = __atomic_load_n(&drops, __ATOMIC_RELAXED);
  char buf[256];
  SIZED(session_options);
  SIZED(options);
  SIZED(end);
  CHECK_STATUS(wick_testing_model_load(rt, wick_cstr("{\"reply\":\"some text\"}"), NULL, &model, NULL, NULL), WICK_OK);
  CHECK_STATUS(wick_queue_create(rt, &queue, NULL), WICK_OK);
  CHECK_STATUS(wick_queue_os_handle(queue, &handle), WICK_OK);
  options.prompt = wick_cstr("p");
  options.drop = drop;
  for (i = 0; i < 4; i++) {
    CHECK_STATUS(wick_session_create(model, &session_options, &session, NULL), WICK_OK);
    options.queue.id = i == 2 ? queue.id : 0;
    options.on_event = i == 3 ? ignore : NULL;
    CHECK_STATUS(wick_generate(session, &options, &streams[i], NULL), WICK_OK);
  }
  CHECK_STATUS(wick_stream_os_handle(streams[0], &handle), WICK_OK);
  CHECK(wick_stream_note(streams[1], wick_cstr("note")) >= 0); /* or it has ended already */
  CHECK_STATUS(wick_stream_join(streams[0], &end, buf, sizeof buf, WICK_FOREVER), WICK_OK);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
  for (i = 0; i < 4; i++) CHECK_STATUS(wick_stream_close(streams[i]), WICK_OK);
  CHECK_STATUS(wick_queue_close(queue), WICK_OK);
  CHECK(__atomic_load_n(&drops, __ATOMIC_RELAXED) == before + 4);
}

static void nothing_stays(uint32_t mode) {
  long i, cycles = check_cycles(1000), memory;
  int threads = process_threads(), descriptors;
  for (i = 0; i < 20 || i < cycles / 5; i++) cycle(mode); /* what is made once, and the allocator's caches */
  descriptors = process_files();
  memory = resident();
  for (i = 0; i < cycles; i++) cycle(mode);
  CHECK(process_threads_settle(threads));
  CHECK(process_files() == descriptors);
  /* One leaked object a cycle would be far more; sanitizers and valgrind keep books of their own. */
  if (cycles >= 1000 && getenv("ASAN_OPTIONS") == NULL) CHECK(resident() < memory + 2048);
}

static void with_threads(void) { nothing_stays(WICK_MODE_THREADS); }
static void without_threads(void) { nothing_stays(WICK_MODE_HOST_STEP); }

TESTS(TEST(with_threads), TEST(without_threads))
