/* What calls take of the caller's stack: at most 32 KiB with threads of the library's own, 64 KiB in
 * HOST_STEP, whatever the input. Each runs on a thread whose stack is painted first; what is no longer paint
 * has been used. WICK_MODELS names a folder with a model; else the fake one is used. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include "check.h"
#include "wick_testing.h"

enum { STACK = 1 << 20, PAINT = 0xA5 };
static const size_t limits[] = { 32 << 10, 64 << 10 };

/* A stack of its own: from its upper end to the deepest byte that was written. The C library's part of a
 * thread lies in it too. */
static unsigned char *stack;
static uint32_t mode;
static size_t deepest;
static int failed;

static void measure(const char *name, void *(*work)(void *)) {
  pthread_attr_t attributes;
  pthread_t thread;
  size_t untouched = 0, used;
  memset(stack, PAINT, STACK);
  CHECK(pthread_attr_init(&attributes) == 0 && pthread_attr_setstack(&attributes, stack, STACK) == 0);
  CHECK(pthread_create(&thread, &attributes, work, NULL) == 0 && pthread_join(thread, NULL) == 0);
  pthread_attr_destroy(&attributes);
  while (untouched < STACK && stack[untouched] == PAINT) untouched++;
  used = STACK - untouched;
  if (used > deepest) deepest = used;
  if (used > limits[mode]) {
    printf("%s, mode %u: %lu bytes of stack, %lu are allowed\n", name, mode, (unsigned long)used, (unsigned long)limits[mode]);
    failed = 1;
  } else if (getenv("WICK_SHOW")) {
    printf("%s, mode %u: %lu bytes\n", name, mode, (unsigned long)used);
  }
}

/* What the calls work with. */
static wick_runtime rt;
static wick_model model;
static wick_session session;
static wick_stream stream, loading;
static wick_queue queue;
static char path[1024], *deep, *letters, out[1 << 16];
static int has_model, depth, ended;
static const char *open_with, *close_with, *in_between;

/* `depth` values in each other. */
static void nest(void) {
  char *at = deep;
  int i;
  for (i = 0; i < depth; i++) at += sprintf(at, "%s", open_with);
  at += sprintf(at, "%s", in_between);
  for (i = 0; i < depth; i++) at += sprintf(at, "%s", close_with);
}

static void on_log(void *user, int32_t level, const char *text, size_t len) { (void)user, (void)level, (void)text, (void)len; }

static void *create(void *unused) {
  wick_runtime_options options;
  wick_error error;
  (void)unused;
  SIZED(options);
  SIZED(error);
  options.abi_version = WICK_ABI_VERSION;
  options.mode = mode;
  options.log = on_log;
  options.log_level = 5;
  CHECK_STATUS(wick_runtime_create(&options, &rt, &error), WICK_OK);
  return NULL;
}

static void *load(void *unused) {
  wick_model_options options;
  (void)unused;
  SIZED(options);
  options.path = wick_cstr(path);
  options.chat_template = wick_cstr("chatml");
  if (has_model) CHECK_STATUS(wick_model_load(rt, &options, &model, &loading, NULL), WICK_OK);
  else CHECK_STATUS(wick_testing_model_load(rt, wick_cstr("{\"reply\":\"one two three\",\"random\":7}"), NULL, &model, &loading, NULL), WICK_OK);
  return NULL;
}

static void *load_missing(void *unused) {
  wick_model_options options;
  wick_stream missing;
  wick_model none;
  wick_event end;
  (void)unused;
  SIZED(options);
  SIZED(end);
  options.path = wick_cstr("/no/such/model.gguf");
  CHECK_STATUS(wick_model_load(rt, &options, &none, &missing, NULL), WICK_OK);
  CHECK_STATUS(wick_stream_join(missing, &end, out, sizeof out, WICK_FOREVER), WICK_OK);
  CHECK(end.end_reason == WICK_END_ERROR);
  CHECK_STATUS(wick_stream_close(missing), WICK_OK);
  CHECK_STATUS(wick_model_close(none), WICK_OK);
  return NULL;
}

static void *step(void *unused) {
  (void)unused;
  while (wick_runtime_step(rt, 1000000, NULL) == WICK_MORE) {}
  return NULL;
}

static void *join_load(void *unused) {
  wick_event end;
  (void)unused;
  SIZED(end);
  CHECK_STATUS(wick_stream_join(loading, &end, out, sizeof out, WICK_FOREVER), WICK_OK);
  if (end.end_reason != WICK_END_READY) check_failed(__FILE__, __LINE__, "load: ", end.text);
  CHECK_STATUS(wick_stream_close(loading), WICK_OK);
  return NULL;
}

static void *infos(void *unused) {
  (void)unused;
  CHECK_STATUS(wick_build_info(out, sizeof out, NULL), WICK_OK);
  CHECK_STATUS(wick_runtime_info(rt, out, sizeof out, NULL), WICK_OK);
  CHECK_STATUS(wick_model_info(model, out, sizeof out, NULL), WICK_OK);
  CHECK_STATUS(wick_session_info(session, out, sizeof out, NULL), WICK_OK);
  CHECK_STATUS(wick_runtime_pause(rt), WICK_OK);
  CHECK_STATUS(wick_runtime_resume(rt), WICK_OK);
  CHECK_STATUS(wick_runtime_trim(rt), WICK_OK);
  return NULL;
}

static void *open_session(void *unused) {
  wick_session_options options;
  (void)unused;
  SIZED(options);
  CHECK_STATUS(wick_session_create(model, &options, &session, NULL), WICK_OK);
  CHECK_STATUS(wick_queue_create(rt, &queue, NULL), WICK_OK);
  return NULL;
}

static void *tokenize(void *unused) {
  size_t needed;
  uint32_t id = 1;
  (void)unused;
  wick_model_tokenize(model, wick_cstr(letters), 1, 1, NULL, 0, &needed, NULL);
  wick_model_detokenize(model, &id, 1, 1, out, sizeof out, NULL, NULL);
  return NULL;
}

/* One of the three texts that may be nested, and whether it is too deep. */
static int which, too_deep;

static void *render(void *unused) {
  wick_message message;
  wick_error error;
  (void)unused;
  SIZED(error);
  memset(&message, 0, sizeof message);
  message.role = wick_cstr("user");
  message.content = wick_cstr("hello");
  if (which == 0) message.extra_json = wick_cstr(deep);
  wick_model_render(model, &message, 1, wick_cstr(which == 1 ? deep : NULL), wick_cstr(which == 2 ? deep : NULL), 1, out, sizeof out,
                    NULL, &error);
  CHECK((error.code == WICK_E_INVALID_ARGUMENT) == too_deep);
  CHECK(too_deep ? strstr(error.message, "at most 40") != NULL : error.code == WICK_OK || error.code == WICK_E_TEMPLATE);
  return NULL;
}

static void on_event(void *user, const wick_event *event) {
  (void)user;
  if (event->kind == WICK_EVENT_END) __atomic_store_n(&ended, 1, __ATOMIC_SEQ_CST);
}

static void *generate(void *unused) {
  wick_generate_options options;
  wick_message message;
  wick_status status;
  (void)unused;
  SIZED(options);
  memset(&message, 0, sizeof message);
  message.role = wick_cstr("user");
  message.content = wick_cstr("hello");
  options.max_tokens = 8;
  options.sampling.temperature = 0.8f;
  if (deep[0]) {
    options.messages = &message;
    options.message_count = 1;
    if (which == 0) message.extra_json = wick_cstr(deep);
    if (which == 1) options.tools_json = wick_cstr(deep);
    if (which == 2) options.template_json = wick_cstr(deep);
  } else {
    options.prompt = wick_cstr("Once upon a time");
  }
  memset(&stream, 0, sizeof stream);
  CHECK_STATUS(wick_session_clear(session), WICK_OK);
  status = wick_generate(session, &options, &stream, NULL);
  CHECK(status == (deep[0] && too_deep ? WICK_E_INVALID_ARGUMENT : WICK_OK) || status == WICK_E_UNSUPPORTED);
  return NULL;
}

static void *read_to_end(void *unused) {
  wick_event event;
  (void)unused;
  SIZED(event);
  if (!stream.id) return NULL;
  do CHECK_STATUS(wick_stream_next(stream, &event, out, sizeof out, WICK_FOREVER), WICK_OK);
  while (event.kind != WICK_EVENT_END);
  CHECK_STATUS(wick_stream_close(stream), WICK_OK);
  return NULL;
}

static void *push(void *unused) {
  wick_generate_options options;
  (void)unused;
  SIZED(options);
  options.prompt = wick_cstr("Once upon a time");
  options.max_tokens = 8;
  options.queue = queue;
  options.on_event = on_event;
  ended = 0;
  CHECK_STATUS(wick_session_clear(session), WICK_OK);
  CHECK_STATUS(wick_generate(session, &options, NULL, NULL), WICK_OK);
  while (!__atomic_load_n(&ended, __ATOMIC_SEQ_CST)) {
    if (mode == WICK_MODE_HOST_STEP) wick_runtime_step(rt, 1000000, NULL);
    wick_queue_dispatch(queue, 0, 0);
  }
  return NULL;
}

static void *shutdown_all(void *unused) {
  (void)unused;
  CHECK_STATUS(wick_session_close(session), WICK_OK);
  CHECK_STATUS(wick_model_close(model), WICK_OK);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
  CHECK_STATUS(wick_queue_close(queue), WICK_OK);
  return NULL;
}

static void *nothing(void *unused) { return unused; }

/* JSON that is nested ever deeper, each way, through each door: read up to 40 levels, refused beyond. */
static void nested(void) {
  static const char *const ways[][3] = { { "[", "]", "1" }, { "{\"a\":", "}", "1" }, { "[[],{\"k\":[", "]}]", "1" }, { "[{\"\":", "}]", "\"x\"" } };
  static const int levels[] = { 1, 1, 3, 2 };
  static const int depths[] = { 1, 13, 30, 38, 39, 40, 41, 64, 110, 126, 127, 128, 1000, 100000 };
  char name[64];
  size_t way, i;
  for (way = 0; way < sizeof ways / sizeof ways[0]; way++)
    for (i = 0; i < sizeof depths / sizeof depths[0]; i++)
      for (which = 0; which < 3; which++) {
        open_with = ways[way][0], close_with = ways[way][1], in_between = ways[way][2], depth = depths[i];
        nest();
        too_deep = depth * levels[way] + (which != 1) > 40;
        if (which != 1) { /* an object, inside which it is */
          memmove(deep + 5, deep, strlen(deep) + 1);
          memcpy(deep, "{\"v\":", 5);
          strcat(deep, "}");
        }
        snprintf(name, sizeof name, "render, JSON %d deep, %s", depth, ways[way][0]);
        measure(name, render);
        snprintf(name, sizeof name, "generate, JSON %d deep, %s", depth, ways[way][0]);
        measure(name, generate);
        measure("reading what JSON came to", read_to_end);
      }
}

int main(void) {
  const char *folder = getenv("WICK_MODELS");
  FILE *in;
  size_t i;
  stack = (unsigned char *)aligned_alloc(1 << 16, STACK);
  deep = (char *)malloc(4 << 20);
  letters = (char *)malloc((1 << 18) + 1);
  CHECK(stack && deep && letters);
  for (i = 0; i < 1 << 18; i++) letters[i] = "ab \n1\xC3\xA9.x"[i % 9];
  letters[(1 << 18) - (1 << 18) % 9] = 0;
  if (folder) {
    snprintf(path, sizeof path, "%s/stories260K-f32.gguf", folder);
    in = fopen(path, "rb");
    has_model = in != NULL;
    if (in) fclose(in);
  }
  if (!has_model) puts("left out: the stack that a real model takes (WICK_MODELS has none)");
  for (mode = WICK_MODE_THREADS; mode <= WICK_MODE_HOST_STEP; mode++) {
    measure("nothing", nothing);
    measure("create", create);
    measure("load of nothing", load_missing);
    measure("load", load);
    if (mode == WICK_MODE_HOST_STEP) measure("step while it loads", step);
    measure("join of the load", join_load);
    measure("session, queue", open_session);
    measure("infos", infos);
    measure("tokenize", tokenize);
    deep[0] = 0;
    measure("generate", generate);
    if (mode == WICK_MODE_HOST_STEP) measure("step", step);
    measure("next", read_to_end);
    measure("dispatch", push);
    nested();
    measure("shutdown", shutdown_all);
    printf("mode %u: %lu bytes at most\n", mode, (unsigned long)deepest);
    deepest = 0;
  }
  free(stack);
  free(deep);
  free(letters);
  return failed;
}
