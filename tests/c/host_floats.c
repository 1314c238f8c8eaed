/* The host's floating-point state (rounding, subnormal numbers, trapped exceptions, raised flags): nothing of
 * it reaches what is computed, and all of it is there in callbacks on the host's threads and after every
 * call. A real model (WICK_MODELS) where there is one; else the fake one. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fenv.h>
#include <pthread.h>
#include "check.h"
#include "wick_testing.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
enum { ROUNDINGS = 4, TRAPS = 7, SUBNORMALS = 4 };
static uint64_t state_get(void) { return _mm_getcsr(); }
static void state_set(uint64_t state) { _mm_setcsr((unsigned)state); }
/* MXCSR: flags 0 to 5, DAZ 6, masks 7 to 12, rounding 13 and 14, FTZ 15. Trap 0: none. All flags but those
 * that would trap are raised. */
static uint64_t state_of(unsigned rounding, unsigned trap, unsigned subnormals) {
  const uint64_t trapped = trap ? UINT64_C(1) << (trap - 1) : 0;
  return (0x3F & ~trapped) | ((subnormals & 1u) ? 0x40 : 0) | (0x1F80 & ~(trapped << 7)) | (uint64_t)rounding << 13 |
         ((subnormals & 2u) ? 0x8000 : 0);
}
static uint64_t state_default(void) { return 0x1F80; }
static uint64_t state_modes(uint64_t state) { return state & ~UINT64_C(0x3F); }
static uint64_t state_flag(void) { return 1; }
#elif defined(__aarch64__)
enum { ROUNDINGS = 4, TRAPS = 1, SUBNORMALS = 2 };
static uint64_t state_get(void) {
  uint64_t control, status;
  __asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(control), "=r"(status));
  return control | status << 32;
}
static void state_set(uint64_t state) {
  uint64_t control = state & 0xFFFFFFFFu, status = state >> 32;
  __asm__ volatile("msr fpcr, %0\n\tmsr fpsr, %1" : : "r"(control), "r"(status));
}
static uint64_t state_of(unsigned rounding, unsigned trap, unsigned subnormals) {
  (void)trap;
  return (uint64_t)rounding << 22 | (uint64_t)(subnormals & 1u) << 24 | UINT64_C(0x1F) << 32;
}
static uint64_t state_default(void) { return 0; }
static uint64_t state_modes(uint64_t state) { return state & 0xFFFFFFFFu; }
static uint64_t state_flag(void) { return UINT64_C(1) << 32; }
#else
enum { ROUNDINGS = 1, TRAPS = 1, SUBNORMALS = 1 };
static uint64_t state_get(void) { return (uint64_t)fegetround(); }
static void state_set(uint64_t state) { fesetround((int)state); }
static uint64_t state_of(unsigned r, unsigned t, unsigned s) { (void)r, (void)t, (void)s; return (uint64_t)FE_TONEAREST; }
static uint64_t state_default(void) { return (uint64_t)FE_TONEAREST; }
static uint64_t state_modes(uint64_t state) { return state; }
static uint64_t state_flag(void) { return 0; }
#endif

static char path[1024];
static unsigned char *bytes;
static size_t size;

/* What the host is in, on which thread, and what callbacks have come. */
static pthread_t host;
static uint64_t now;
static int threads, logs, reads, events, drops;

/* Any thread's callback: on the host's thread in its state, on one of wick's in the default one. */
static void look(const char *where) {
  const uint64_t state = state_get();
  const int own = pthread_equal(pthread_self(), host);
  if (own ? state == now : state_modes(state) == state_default()) return;
  state_set(state_default());
  fprintf(stderr, "in %s on %s thread: %llx, not %llx\n", where, own ? "the host's" : "wick's", (unsigned long long)state,
          (unsigned long long)(own ? now : state_default()));
  exit(1);
}

#define CALLED(count) __atomic_add_fetch(&(count), 1, __ATOMIC_SEQ_CST)

static void on_thread(void *user, int32_t start) { (void)user, (void)start, look("on_thread"), CALLED(threads); }
static void on_log(void *user, int32_t level, const char *text, size_t len) {
  (void)user, (void)level, (void)text, (void)len, look("log"), CALLED(logs);
}
static void on_drop(void *user) { (void)user, look("drop"), CALLED(drops); }
static int32_t read_at(void *user, uint64_t offset, void *dst, uint64_t len) {
  (void)user, look("read_at"), CALLED(reads);
  memcpy(dst, bytes + offset, (size_t)len);
  return 0;
}

typedef struct answer {
  uint32_t ids[64], count;
  uint16_t end;
} answer;

static void on_event(void *user, const wick_event *event) {
  answer *a = (answer *)user;
  uint32_t i;
  look("on_event"), CALLED(events);
  for (i = 0; i < event->token_count && a->count < 64; i++) a->ids[a->count++] = event->tokens[i];
  if (event->kind == WICK_EVENT_END) __atomic_store_n(&a->end, event->end_reason, __ATOMIC_SEQ_CST);
}

/* A call: in the host's state, which it leaves as it was. The check itself may use floating point, so it
 * comes in the default one. */
#define IN_STATE(call, expected) \
  do { \
    wick_status in_state; \
    uint64_t after; \
    state_set(now); \
    in_state = (call); \
    after = state_get(); \
    state_set(state_default()); \
    if (after != now) check_failed(__FILE__, __LINE__, #call, " changes the host's floating-point state"); \
    check_status(__FILE__, __LINE__, #call, in_state, expected); \
  } while (0)

static wick_model load(wick_runtime rt, wick_stream *loading) {
  wick_model_options options;
  wick_model model;
  wick_io io;
  SIZED(options);
  SIZED(io);
  io.size = size;
  io.read_at = read_at;
  io.drop = on_drop;
  if (bytes) {
    options.io = &io;
    IN_STATE(wick_model_load(rt, &options, &model, loading, NULL), WICK_OK);
  } else {
    IN_STATE(wick_testing_model_load(rt, wick_cstr("{\"reply\":\"one two three four\",\"random\":7}"), NULL, &model, loading, NULL), WICK_OK);
  }
  return model;
}

/* Everything that computes, in the state `now`; the text of what came out. */
static void all_of_it(uint32_t mode, answer *pulled, answer *pushed) {
  static const char *const texts[] = { "Once upon a time", "Lily" };
  wick_runtime_options options;
  wick_session_options session_options;
  wick_generate_options generate;
  wick_runtime rt;
  wick_stream loading, stream;
  wick_session session;
  wick_message message;
  wick_model model;
  wick_queue queue;
  wick_event event;
  wick_status status;
  uint32_t ids[64], i;
  size_t needed;
  char buf[512];
  SIZED(options);
  SIZED(session_options);
  SIZED(generate);
  SIZED(event);
  memset(pulled, 0, sizeof *pulled);
  memset(pushed, 0, sizeof *pushed);
  memset(&message, 0, sizeof message);
  options.abi_version = WICK_ABI_VERSION;
  options.mode = mode;
  options.threads = 2;
  options.on_thread = on_thread;
  options.thread_drop = on_drop;
  options.log = on_log;
  options.log_level = 5;
  options.log_drop = on_drop;
  IN_STATE(wick_runtime_create(&options, &rt, NULL), WICK_OK);
  model = load(rt, &loading);
  if (mode == WICK_MODE_HOST_STEP) {
    do {
      uint64_t after;
      state_set(now);
      status = wick_runtime_step(rt, 1000, NULL);
      after = state_get();
      state_set(state_default());
      CHECK(after == now);
    } while (status == WICK_MORE);
  }
  IN_STATE(wick_stream_join(loading, &event, buf, sizeof buf, WICK_FOREVER), WICK_OK);
  CHECK(event.end_reason == WICK_END_READY);
  IN_STATE(wick_stream_close(loading), WICK_OK);
  IN_STATE(wick_model_tokenize(model, wick_cstr("Once upon a time 3.25"), 1, 0, ids, 64, &needed, NULL), WICK_OK);
  IN_STATE(wick_model_detokenize(model, ids, needed, 1, buf, sizeof buf, NULL, NULL), WICK_OK);
  message.role = wick_cstr("user");
  message.content = wick_cstr("1.5e3");
  message.extra_json = wick_cstr("{\"x\":2.5e-3}");
  state_set(now);
  status = wick_model_render(model, &message, 1, wick_cstr("[0.1]"), wick_cstr(NULL), 1, buf, sizeof buf, NULL, NULL);
  CHECK(state_get() == now); /* stories260K has no template */
  state_set(state_default());
  CHECK(status == WICK_OK || status == WICK_E_TEMPLATE);
  IN_STATE(wick_session_create(model, &session_options, &session, NULL), WICK_OK);
  generate.max_tokens = 12;
  generate.sampling.temperature = 0.75f;
  generate.sampling.seed = 7;
  generate.prompt = wick_cstr(texts[0]);
  IN_STATE(wick_generate(session, &generate, &stream, NULL), WICK_OK);
  do {
    IN_STATE(wick_stream_next(stream, &event, buf, sizeof buf, WICK_FOREVER), WICK_OK);
    for (i = 0; i < event.token_count && pulled->count < 64; i++) pulled->ids[pulled->count++] = event.tokens[i];
  } while (event.kind != WICK_EVENT_END);
  pulled->end = event.end_reason;
  IN_STATE(wick_stream_close(stream), WICK_OK);
  /* Pushed: through a queue on this thread, then by the runtime. */
  IN_STATE(wick_queue_create(rt, &queue, NULL), WICK_OK);
  generate.on_event = on_event;
  generate.user = pushed;
  generate.drop = on_drop;
  generate.prompt = wick_cstr(texts[1]);
  for (i = 0; i < 2; i++) {
    memset(pushed, 0, sizeof *pushed);
    generate.queue = queue;
    if (i) memset(&generate.queue, 0, sizeof generate.queue);
    IN_STATE(wick_session_clear(session), WICK_OK);
    IN_STATE(wick_generate(session, &generate, &stream, NULL), WICK_OK);
    while (!__atomic_load_n(&pushed->end, __ATOMIC_SEQ_CST)) {
      uint64_t after;
      state_set(now);
      if (mode == WICK_MODE_HOST_STEP) wick_runtime_step(rt, 1000, NULL);
      wick_queue_dispatch(queue, 0, 0);
      after = state_get();
      state_set(state_default());
      CHECK(after == now);
    }
    IN_STATE(wick_stream_close(stream), WICK_OK);
  }
  IN_STATE(wick_queue_close(queue), WICK_OK);
  IN_STATE(wick_session_close(session), WICK_OK);
  IN_STATE(wick_model_close(model), WICK_OK);
  IN_STATE(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

static void in_every_state_the_same_comes_out(void) {
  uint32_t mode;
  unsigned rounding, trap, subnormals;
  answer pulled[2], pushed[2];
  for (mode = WICK_MODE_THREADS; mode <= WICK_MODE_HOST_STEP; mode++) {
    now = state_default();
    threads = logs = reads = events = drops = 0;
    all_of_it(mode, &pulled[0], &pushed[0]);
    CHECK(pulled[0].count > 0 && pushed[0].count > 0 && events > 2 && drops >= 4);
    CHECK((reads > 0) == (bytes != NULL) && (threads > 0) == (mode == WICK_MODE_THREADS));
    for (rounding = 0; rounding < ROUNDINGS; rounding++)
      for (trap = 0; trap < TRAPS; trap++)
        for (subnormals = 0; subnormals < SUBNORMALS; subnormals++) {
          now = state_of(rounding, trap, subnormals);
          all_of_it(mode, &pulled[1], &pushed[1]);
          CHECK(memcmp(&pulled[0], &pulled[1], sizeof pulled[0]) == 0);
          CHECK(memcmp(&pushed[0], &pushed[1], sizeof pushed[0]) == 0);
        }
  }
}

static void raise_one(void *user, const wick_event *event) {
  (void)user, (void)event;
  state_set(state_get() | state_flag());
}

/* What a callback does to the state is the host's own doing, and stays. */
static void what_a_callback_changes_stays(void) {
  wick_runtime rt = check_runtime(WICK_MODE_HOST_STEP);
  wick_session_options session_options;
  wick_generate_options generate;
  wick_session session;
  wick_model model;
  wick_event_fn fn = raise_one;
  uint64_t after;
  SIZED(session_options);
  SIZED(generate);
  CHECK_STATUS(wick_testing_model_load(rt, wick_cstr("{\"reply\":\"x\"}"), NULL, &model, NULL, NULL), WICK_OK);
  CHECK_STATUS(wick_session_create(model, &session_options, &session, NULL), WICK_OK);
  generate.prompt = wick_cstr("p");
  generate.on_event = fn;
  CHECK_STATUS(wick_generate(session, &generate, NULL, NULL), WICK_OK);
  state_set(state_default());
  while (wick_runtime_step(rt, 1000, NULL) == WICK_MORE) {}
  after = state_get();
  state_set(state_default());
  CHECK(after == (state_default() | state_flag()));
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

static void find(void) {
  const char *folder = getenv("WICK_MODELS");
  FILE *in;
  if (!folder) return;
  snprintf(path, sizeof path, "%s/stories260K-f32.gguf", folder);
  in = fopen(path, "rb");
  if (!in) return;
  CHECK(fseek(in, 0, SEEK_END) == 0);
  size = (size_t)ftell(in);
  rewind(in);
  bytes = (unsigned char *)malloc(size);
  CHECK(bytes && fread(bytes, 1, size, in) == size);
  fclose(in);
}

int main(void) {
  const uint64_t odd = state_of(ROUNDINGS - 1, 0, SUBNORMALS - 1);
  host = pthread_self();
  state_set(odd);
  if (state_get() != odd) {
    puts("left out: floating-point states (this machine, or the checker that it is, does not have them)");
    return 0;
  }
  state_set(state_default());
  find();
  if (!bytes) puts("left out: floating-point states with a real model (WICK_MODELS has none)");
  in_every_state_the_same_comes_out();
  what_a_callback_changes_stays();
  free(bytes);
  return 0;
}
