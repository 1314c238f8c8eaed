/* What the library's threads have of the thread that starts them, and what a thread inside the library may
 * meet: signals, scheduling, cancellation. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include "check.h"
#include "wick_testing.h"

#ifdef __linux__
/* How many threads were started. */
static int started;

#ifdef __cplusplus
#define NOTHROW throw()
extern "C" {
#else
#define NOTHROW
#endif
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *user) NOTHROW {
  typedef int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  create real;
  void *found = dlsym(RTLD_NEXT, "pthread_create");
  memcpy(&real, &found, sizeof real);
  __atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
  return real(thread, attributes, run, user);
}
#ifdef __cplusplus
}
#endif
#endif

static void pause_ms(long ms) {
  struct timespec pause;
  pause.tv_sec = 0;
  pause.tv_nsec = ms * 1000000;
  nanosleep(&pause, NULL);
}

/* What a thread of the library finds of itself in its first callback. */
typedef struct seen {
  int threads, signals_open, synchronous_blocked, policy_other, everywhere, cancellable;
#ifdef __linux__
  cpu_set_t processors;
#endif
} seen;

static const int synchronous[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS };

static int is_synchronous(int signal) {
  size_t i;
  for (i = 0; i < sizeof synchronous / sizeof synchronous[0]; i++)
    if (synchronous[i] == signal) return 1;
  return 0;
}

static void look(void *user, int32_t start) {
  seen *s = (seen *)user;
  sigset_t mask;
  int signal, old;
  if (!start) return;
  pthread_sigmask(SIG_BLOCK, NULL, &mask);
  for (signal = 1; signal < NSIG; signal++) {
    if (signal == SIGKILL || signal == SIGSTOP || (signal >= 32 && signal < SIGRTMIN)) continue;
    if (is_synchronous(signal)) __atomic_add_fetch(&s->synchronous_blocked, sigismember(&mask, signal) == 1, __ATOMIC_SEQ_CST);
    else __atomic_add_fetch(&s->signals_open, sigismember(&mask, signal) == 0, __ATOMIC_SEQ_CST);
  }
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
  __atomic_add_fetch(&s->cancellable, old == PTHREAD_CANCEL_ENABLE, __ATOMIC_SEQ_CST);
#ifdef __linux__
  {
    cpu_set_t processors;
    CHECK(sched_getaffinity(0, sizeof processors, &processors) == 0);
    __atomic_add_fetch(&s->everywhere, CPU_EQUAL(&processors, &s->processors) != 0, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&s->policy_other, sched_getscheduler(0) == SCHED_OTHER, __ATOMIC_SEQ_CST);
  }
#endif
  __atomic_add_fetch(&s->threads, 1, __ATOMIC_SEQ_CST);
}

/* A runtime with a model that loads and answers on threads of its own, up and down again. */
static void up_and_down(seen *s, uint32_t keep_scheduling) {
  wick_runtime_options options;
  wick_session_options session_options;
  wick_generate_options generate;
  wick_session session;
  wick_runtime rt;
  wick_model model;
  wick_stream loading, stream;
  wick_event event;
  char buf[256];
  SIZED(options);
  SIZED(session_options);
  SIZED(generate);
  SIZED(event);
  options.abi_version = WICK_ABI_VERSION;
  options.threads = 2;
  options.on_thread = look;
  options.thread_user = s;
  options.keep_scheduling = keep_scheduling;
#ifdef __linux__
  started = 0;
#endif
  CHECK_STATUS(wick_runtime_create(&options, &rt, NULL), WICK_OK);
  CHECK_STATUS(wick_testing_model_load(rt, wick_cstr("{\"reply\":\"x\"}"), NULL, &model, &loading, NULL), WICK_OK);
  CHECK_STATUS(wick_stream_join(loading, &event, buf, sizeof buf, WICK_FOREVER), WICK_OK);
  CHECK_STATUS(wick_session_create(model, &session_options, &session, NULL), WICK_OK);
  generate.prompt = wick_cstr("p");
  CHECK_STATUS(wick_generate(session, &generate, &stream, NULL), WICK_OK);
  CHECK_STATUS(wick_stream_join(stream, &event, buf, sizeof buf, WICK_FOREVER), WICK_OK);
  CHECK(event.end_reason == WICK_END_STOP);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
  CHECK(s->threads >= 4); /* engine, text, events, and the load's */
#ifdef __linux__
  CHECK(s->threads == started); /* none that the host does not hear of */
#endif
}

static void signals_are_the_hosts(void) {
  seen s;
  sigset_t before, after, one;
  struct timespec wait;
  int signal;
  memset(&s, 0, sizeof s);
  sigemptyset(&one);
  sigaddset(&one, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &one, NULL);
  pthread_sigmask(SIG_BLOCK, NULL, &before);
  up_and_down(&s, 0);
  CHECK(s.signals_open == 0 && s.synchronous_blocked == 0);
  pthread_sigmask(SIG_BLOCK, NULL, &after);
  for (signal = 1; signal < NSIG; signal++) CHECK(sigismember(&before, signal) == sigismember(&after, signal));
  {
    wick_runtime rt = check_runtime(WICK_MODE_THREADS);
    sigaddset(&one, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &one, NULL);
    CHECK(kill(getpid(), SIGUSR1) == 0); /* of no handler: the end, unless nobody takes it but sigtimedwait */
    pause_ms(20);
    wait.tv_sec = 10;
    wait.tv_nsec = 0;
    CHECK(sigtimedwait(&one, NULL, &wait) == SIGUSR1);
    CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
  }
  pthread_sigmask(SIG_UNBLOCK, &one, NULL);
}

#ifdef __linux__
/* All that the process was started with. */
static cpu_set_t all;

/* Bound to one processor, and real-time where that is allowed. */
static void *bound(void *real_time) {
  struct sched_param parameters;
  cpu_set_t one;
  seen s;
  int cpu = 0;
  while (!CPU_ISSET(cpu, &all)) cpu++;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  memset(&s, 0, sizeof s);
  memset(&parameters, 0, sizeof parameters);
  s.processors = all;
  CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
  parameters.sched_priority = 1;
  if (real_time && sched_setscheduler(0, SCHED_FIFO, &parameters) != 0) {
    puts("left out: a runtime made by a SCHED_FIFO thread (the system does not allow one)");
    parameters.sched_priority = 0;
    CHECK(sched_setscheduler(0, SCHED_BATCH, &parameters) == 0);
  }
  up_and_down(&s, 0);
  CHECK(s.everywhere == s.threads && s.policy_other == s.threads);
  memset(&s, 0, sizeof s);
  s.processors = one;
  up_and_down(&s, 1);
  CHECK(s.everywhere == s.threads && (!real_time || s.policy_other == 0));
  CHECK(sched_getaffinity(0, sizeof s.processors, &s.processors) == 0 && CPU_EQUAL(&s.processors, &one));
  return NULL;
}

static void threads_have_the_process_defaults(void) {
  pthread_t thread;
  if (CPU_COUNT(&all) < 2) puts("left out: a runtime made by a bound thread (there is one processor)");
  CHECK(pthread_create(&thread, NULL, bound, &all) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  bound(NULL); /* the first thread too: the library knows what the process was started with */
  CHECK(sched_setaffinity(0, sizeof all, &all) == 0);
}
#endif

/* Of a thread that is cancelled: whether it waits, and what its call came to. */
typedef struct reader {
  wick_stream stream;
  wick_queue queue;
  int begun, returned, called;
  wick_status status;
} reader;

static void *read_for_ever(void *argument) {
  reader *r = (reader *)argument;
  wick_event event;
  char buf[256];
  SIZED(event);
  __atomic_store_n(&r->begun, 1, __ATOMIC_SEQ_CST);
  do r->status = wick_stream_next(r->stream, &event, buf, sizeof buf, WICK_FOREVER);
  while (r->status == WICK_OK && event.kind != WICK_EVENT_TEXT);
  __atomic_store_n(&r->returned, 1, __ATOMIC_SEQ_CST);
  for (;;) pause_ms(10); /* where it is cancelled */
  return NULL;
}

static void gated(wick_runtime rt, wick_model *model, wick_session *session, wick_stream *stream, wick_generate_options *options) {
  wick_session_options session_options;
  SIZED(session_options);
  CHECK_STATUS(wick_testing_model_load(rt, wick_cstr("{\"reply\":[\"a\",\"b\"],\"gated\":true}"), NULL, model, NULL, NULL), WICK_OK);
  CHECK_STATUS(wick_session_create(*model, &session_options, session, NULL), WICK_OK);
  options->prompt = wick_cstr("p");
  CHECK_STATUS(wick_generate(*session, options, stream, NULL), WICK_OK);
}

static void a_cancelled_reader_reads_to_the_end_of_its_call(void) {
  uint32_t mode;
  int way;
  for (mode = WICK_MODE_THREADS; mode <= WICK_MODE_HOST_STEP; mode++)
    for (way = 0; way < 2; way++) {
      wick_runtime rt = check_runtime(mode);
      wick_generate_options options;
      wick_session session;
      wick_model model;
      wick_event event;
      pthread_t thread;
      void *result = NULL;
      char buf[256];
      reader r;
      SIZED(options);
      SIZED(event);
      memset(&r, 0, sizeof r);
      gated(rt, &model, &session, &r.stream, &options);
      CHECK(pthread_create(&thread, NULL, read_for_ever, &r) == 0);
      while (!__atomic_load_n(&r.begun, __ATOMIC_SEQ_CST)) pause_ms(1);
      pause_ms(20);
      CHECK(pthread_cancel(thread) == 0);
      pause_ms(20);
      CHECK(!__atomic_load_n(&r.returned, __ATOMIC_SEQ_CST));
      if (way) CHECK_STATUS(wick_stream_close(r.stream), WICK_OK);
      else CHECK_STATUS(wick_testing_release(model, 1), WICK_OK);
      CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
      CHECK(r.returned);
      CHECK_STATUS(r.status, way ? WICK_E_STALE_HANDLE : WICK_OK);
      CHECK_STATUS(wick_testing_release(model, 9), WICK_OK);
      if (!way) {
        CHECK_STATUS(wick_stream_join(r.stream, &event, buf, sizeof buf, WICK_FOREVER), WICK_OK);
        CHECK(event.end_reason == WICK_END_STOP);
      }
      CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
    }
}

/* A cancellation point inside a callback is none: frames of the library lie below it. */
static void cancel_oneself(void *user, const wick_event *event) {
  reader *r = (reader *)user;
  (void)event;
  if (r->called++ == 0) CHECK(pthread_cancel(pthread_self()) == 0);
  pause_ms(1);
  pthread_testcancel();
}

static void *dispatch(void *argument) {
  reader *r = (reader *)argument;
  int old;
  do r->status = wick_queue_dispatch(r->queue, 0, 0);
  while (r->called == 0);
  r->returned = 1;
  CHECK(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old) == 0 && old == PTHREAD_CANCEL_ENABLE);
  pthread_testcancel();
  r->returned = 2;
  return NULL;
}

static void a_callback_that_is_cancelled_returns(void) {
  wick_runtime rt = check_runtime(WICK_MODE_THREADS);
  wick_generate_options options;
  wick_session session;
  wick_stream stream;
  wick_model model;
  pthread_t thread;
  void *result = NULL;
  int old;
  reader r;
  SIZED(options);
  memset(&r, 0, sizeof r);
  CHECK_STATUS(wick_queue_create(rt, &r.queue, NULL), WICK_OK);
  options.queue = r.queue;
  options.on_event = cancel_oneself;
  options.user = &r;
  gated(rt, &model, &session, &stream, &options);
  CHECK_STATUS(wick_testing_release(model, 9), WICK_OK);
  CHECK(pthread_create(&thread, NULL, dispatch, &r) == 0);
  CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED && r.returned == 1);
  /* And who cannot be cancelled still cannot. */
  CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old) == 0);
  CHECK_STATUS(wick_queue_wake(r.queue), WICK_OK);
  CHECK(pthread_setcancelstate(old, &old) == 0 && old == PTHREAD_CANCEL_DISABLE);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
  CHECK_STATUS(wick_queue_close(r.queue), WICK_OK);
}

int main(void) {
#ifdef __linux__
  CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
  threads_have_the_process_defaults();
#endif
  signals_are_the_hosts();
  a_cancelled_reader_reads_to_the_end_of_its_call();
  a_callback_that_is_cancelled_returns();
  return 0;
}
