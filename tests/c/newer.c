/* Structs of a newer header: what this release does not know is refused by name unless it is zero, and what
 * came with them is dropped once. */
#include "check.h"
#include "wick_testing.h"

typedef struct tail {
  uint64_t words[4];
} tail;

static int drops;

static void drop(void *user) {
  CHECK(user == &drops);
  drops++;
}

static int32_t read_at(void *user, uint64_t offset, void *dst, uint64_t len) {
  (void)user, (void)offset, (void)dst, (void)len;
  return 1;
}

/* `call` is refused, and `count` pointers are dropped in it. */
#define CHECK_REFUSED(call, count) \
  do { \
    wick_error error; \
    int before = drops; \
    SIZED(error); \
    CHECK_STATUS(call, WICK_E_UNSUPPORTED); \
    CHECK(strstr(error.message, "not zero") != NULL); \
    CHECK(drops == before + (count)); \
  } while (0)
#define LONGER(value) (memset(&(value), 0, sizeof(value)), (value).known.struct_size = (uint32_t)sizeof(value), (value).rest.words[3] = 1)

static void a_runtimes_options(void) {
  struct {
    wick_runtime_options known;
    tail rest;
  } options;
  wick_runtime rt;
  LONGER(options);
  options.known.abi_version = WICK_ABI_VERSION;
  options.known.thread_user = options.known.log_user = &drops;
  options.known.thread_drop = options.known.log_drop = drop;
  CHECK_REFUSED(wick_runtime_create(&options.known, &rt, &error), 2);
}

static void a_models_options_and_its_reader(void) {
  struct {
    wick_model_options known;
    tail rest;
  } options;
  struct {
    wick_io known;
    tail rest;
  } io;
  wick_runtime rt = check_runtime(WICK_MODE_HOST_STEP);
  wick_model model;
  LONGER(options);
  LONGER(io);
  io.known.size = 1000;
  io.known.read_at = read_at;
  options.known.user = options.known.data_user = io.known.user = &drops;
  options.known.drop = options.known.data_drop = io.known.drop = drop;
  options.known.io = &io.known;
  CHECK_REFUSED(wick_model_load(rt, &options.known, &model, NULL, &error), 3);
  options.rest.words[3] = 0;
  CHECK_REFUSED(wick_model_load(rt, &options.known, &model, NULL, &error), 3);
  io.known.struct_size = 8; /* a wrong size: this one is not read at all */
  drops = 0;
  CHECK_STATUS(wick_model_load(rt, &options.known, &model, NULL, NULL), WICK_E_INVALID_ARGUMENT);
  CHECK(drops == 2);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

static void a_generations_and_a_stores_options(void) {
  struct {
    wick_generate_options known;
    tail rest;
  } options;
  struct {
    wick_store_options known;
    tail rest;
  } store;
  wick_runtime rt = check_runtime(WICK_MODE_HOST_STEP);
  wick_session_options session_options;
  wick_session session;
  wick_stream stream;
  wick_model model;
  wick_event end;
  char buf[256];
  SIZED(session_options);
  SIZED(end);
  CHECK_STATUS(wick_testing_model_load(rt, wick_cstr("{\"reply\":\"x\"}"), NULL, &model, NULL, NULL), WICK_OK);
  CHECK_STATUS(wick_session_create(model, &session_options, &session, NULL), WICK_OK);
  LONGER(options);
  options.known.prompt = wick_cstr("p");
  options.known.user = &drops;
  options.known.drop = drop;
  CHECK_REFUSED(wick_generate(session, &options.known, &stream, &error), 1);
  LONGER(store);
  store.known.user = &drops;
  store.known.drop = drop;
  CHECK_REFUSED(wick_session_save(session, &store.known, &stream, &error), 1);
  options.rest.words[3] = 0;
  drops = 0;
  CHECK_STATUS(wick_generate(session, &options.known, &stream, NULL), WICK_OK);
  CHECK_STATUS(wick_stream_join(stream, &end, buf, sizeof buf, WICK_FOREVER), WICK_OK);
  CHECK(end.end_reason == WICK_END_STOP && drops == 0);
  CHECK_STATUS(wick_stream_close(stream), WICK_OK);
  CHECK(drops == 1);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

TESTS(TEST(a_runtimes_options), TEST(a_models_options_and_its_reader), TEST(a_generations_and_a_stores_options))
