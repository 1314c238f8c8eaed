/* Callbacks in each place: what is refused and what works inside them, one at a time per stream, dropped once
 * and never under their own feet. */
#include "check.h"
#include "wick_testing.h"

typedef struct listener {
  wick_runtime rt;
  wick_queue queue;
  wick_session session;
  int inside, events, ends, drops, refused, again;
} listener;

static void drop(void *user) {
  listener *l = (listener *)user;
  CHECK(l->inside == 0); /* never under a running callback */
  __atomic_add_fetch(&l->drops, 1, __ATOMIC_SEQ_CST);
}

static void generate(listener *l, wick_queue queue, wick_event_fn on_event, wick_stream *out);

static void listen(void *user, const wick_event *event) {
  listener *l = (listener *)user;
  wick_event other;
  char buf[256];
  SIZED(other);
  CHECK(l->inside++ == 0 && l->ends == 0);
  CHECK(event->struct_size == sizeof *event && event->seq == (uint64_t)l->events);
  CHECK(event->user == user && event->text[event->text_len] == 0);
  l->events++;
  CHECK_STATUS(wick_stream_next(event->stream, &other, buf, sizeof buf, WICK_FOREVER), WICK_E_REENTRANT);
  CHECK_STATUS(wick_queue_dispatch(l->queue, 1, 0), WICK_E_REENTRANT);
  CHECK_STATUS(wick_runtime_shutdown(l->rt, WICK_FOREVER), WICK_E_REENTRANT); /* before the handle is looked at */
  CHECK_STATUS(wick_queue_wake(l->queue), WICK_OK);
  l->refused++;
  l->inside--;
  if (event->kind == WICK_EVENT_END) __atomic_store_n(&l->ends, 1, __ATOMIC_SEQ_CST);
}

static void close_in_the_first(void *user, const wick_event *event) {
  listener *l = (listener *)user;
  l->inside++;
  CHECK(l->events++ == 0); /* none comes after it */
  CHECK_STATUS(wick_stream_close(event->stream), WICK_OK);
  CHECK_STATUS(wick_stream_close(event->stream), WICK_E_STALE_HANDLE);
  CHECK(l->drops == 0);
  l->inside--;
}

/* "Player interrupts": the next answer is asked for inside the END of the one before. */
static void ask_again(void *user, const wick_event *event) {
  listener *l = (listener *)user;
  if (event->kind != WICK_EVENT_END) return;
  if (++l->again < 5) generate(l, l->queue, ask_again, NULL);
}

static void generate(listener *l, wick_queue queue, wick_event_fn on_event, wick_stream *out) {
  wick_generate_options options;
  SIZED(options);
  options.prompt = wick_cstr("p");
  options.queue = queue;
  options.on_event = on_event;
  options.user = l;
  options.drop = drop;
  CHECK_STATUS(wick_generate(l->session, &options, out, NULL), WICK_OK);
}

static void make(listener *l, uint32_t mode) {
  wick_session_options options;
  wick_model model;
  memset(l, 0, sizeof *l);
  SIZED(options);
  l->rt = check_runtime(mode);
  CHECK_STATUS(wick_queue_create(l->rt, &l->queue, NULL), WICK_OK);
  CHECK_STATUS(wick_testing_model_load(l->rt, wick_cstr("{\"reply\":\"one two three\"}"), NULL, &model, NULL, NULL), WICK_OK);
  CHECK_STATUS(wick_session_create(model, &options, &l->session, NULL), WICK_OK);
}

static void finish(listener *l) {
  CHECK_STATUS(wick_runtime_shutdown(l->rt, WICK_FOREVER), WICK_OK);
  CHECK_STATUS(wick_queue_close(l->queue), WICK_OK);
}

static void on_the_runtimes_thread(void) {
  wick_queue none = { 0 };
  listener l;
  make(&l, WICK_MODE_THREADS);
  generate(&l, none, listen, NULL);
  while (__atomic_load_n(&l.drops, __ATOMIC_SEQ_CST) == 0) {}
  CHECK(l.ends == 1 && l.refused == l.events && l.events >= 3);
  finish(&l);
  CHECK(l.drops == 1);
}

static void in_a_dispatch(void) {
  listener l;
  int before;
  make(&l, WICK_MODE_THREADS);
  generate(&l, l.queue, listen, NULL);
  while (l.drops == 0) {
    before = l.events;
    CHECK(wick_queue_dispatch(l.queue, 1, 0) >= 0);
    CHECK(l.events <= before + 1);
  }
  CHECK(l.ends == 1);
  finish(&l);
}

static void in_a_step(void) {
  wick_queue none = { 0 };
  listener l;
  make(&l, WICK_MODE_HOST_STEP);
  generate(&l, none, listen, NULL);
  while (l.drops == 0) CHECK(wick_runtime_step(l.rt, 1000000, NULL) >= 0);
  CHECK(l.ends == 1);
  finish(&l);
}

static void a_stream_may_be_closed_in_its_own_callback(void) {
  wick_stream stream;
  listener l;
  make(&l, WICK_MODE_THREADS);
  generate(&l, l.queue, close_in_the_first, &stream);
  while (l.drops == 0) CHECK(wick_queue_dispatch(l.queue, 16, 0) >= 0);
  CHECK(l.events == 1);
  finish(&l);
  CHECK(l.drops == 1);
}

static void the_next_may_be_asked_for_inside_an_end(void) {
  listener l;
  make(&l, WICK_MODE_THREADS);
  generate(&l, l.queue, ask_again, NULL);
  while (l.drops < 5) CHECK(wick_queue_dispatch(l.queue, 4, 0) >= 0);
  CHECK(l.again == 5);
  finish(&l);
}

static void a_shutdown_gives_every_callback_its_end(void) {
  wick_queue none = { 0 };
  listener direct, pumped;
  int i;
  for (i = 0; i < 50; i++) {
    make(&direct, i % 2 ? WICK_MODE_THREADS : WICK_MODE_HOST_STEP);
    generate(&direct, none, listen, NULL);
    CHECK_STATUS(wick_runtime_shutdown(direct.rt, WICK_FOREVER), WICK_OK);
    CHECK(direct.ends == 1 && direct.drops == 1);
    CHECK_STATUS(wick_queue_close(direct.queue), WICK_OK);
    make(&pumped, WICK_MODE_THREADS);
    generate(&pumped, pumped.queue, listen, NULL);
    CHECK_STATUS(wick_runtime_shutdown(pumped.rt, WICK_FOREVER), WICK_OK);
    CHECK(pumped.drops == 0);
    while (wick_queue_dispatch(pumped.queue, 1, 0) != WICK_ENDED) {}
    CHECK(pumped.ends == 1 && pumped.drops == 1);
    CHECK_STATUS(wick_queue_close(pumped.queue), WICK_OK);
  }
}

TESTS(TEST(on_the_runtimes_thread), TEST(in_a_dispatch), TEST(in_a_step), TEST(a_stream_may_be_closed_in_its_own_callback),
      TEST(the_next_may_be_asked_for_inside_an_end), TEST(a_shutdown_gives_every_callback_its_end))
