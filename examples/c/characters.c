/* Twenty villagers, one model: a game loop at 60 Hz that never waits, one world that all of them share, and
 * lives that go on: with a folder each villager is saved at the end and goes on from there at the next start.
 *
 *   cargo build --release
 *   cc -std=c99 -Wall -Wextra -Werror -pedantic -Iinclude examples/c/characters.c target/release/libwick.a -lm -o characters
 *   mkdir saves
 *   ./characters models/SmolLM2-135M-Instruct.Q4_1.gguf saves */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "wick.h"

#define VILLAGERS 20
#define FRAME_NS 16666667
#define MAX_FRAMES 36000

/* Comes first in every system prompt: it is computed once, and its keys and values are held once. */
static const char WORLD[] =
  "You live in Brookfield, a small village between the river and the old forest. The bridge was washed away by the "
  "spring flood, so no carts come from the city, and flour and salt are dear. At night lights have been seen at the "
  "mill, which has stood empty for years. Nobody talks of it to strangers. You answer in one or two short sentences, "
  "as a villager would, and never say that you are a machine. You are ";

typedef struct villager {
  const char *name, *persona;
  wick_session session;
  wick_stream stream;       /* what is under way: a restore, an answer, a save */
  int busy, goes_on, spoke;
  char path[512], said[1024];
  size_t length;
  double ttft_ms;
} villager;

static villager village[VILLAGERS] = {
  { .name = "Otto", .persona = "Otto the blacksmith, grumpy, proud of your swords." },
  { .name = "Mira", .persona = "Mira the innkeeper, friendly, who hears everything." },
  { .name = "Jon", .persona = "Jon the guard, tired and suspicious." },
  { .name = "Ida", .persona = "Ida the baker, worried about the flour." },
  { .name = "Pip", .persona = "Pip, nine years old, who has been to the mill." },
  { .name = "Greta", .persona = "Greta the midwife, calm and old." },
  { .name = "Hal", .persona = "Hal the ferryman, who earns well without a bridge." },
  { .name = "Wanda", .persona = "Wanda the weaver, who wants to leave." },
  { .name = "Ben", .persona = "Ben the shepherd, a man of few words." },
  { .name = "Rosa", .persona = "Rosa the healer, who knows the forest." },
  { .name = "Karl", .persona = "Karl the mayor, polite and afraid." },
  { .name = "Lena", .persona = "Lena the teacher, curious." },
  { .name = "Tom", .persona = "Tom the carpenter, who will build the bridge." },
  { .name = "Nell", .persona = "Nell the beekeeper, cheerful." },
  { .name = "Finn", .persona = "Finn the fisher, who exaggerates." },
  { .name = "Edda", .persona = "Edda the widow, who prays a lot." },
  { .name = "Max", .persona = "Max the miller's son, who never speaks of the mill." },
  { .name = "Olga", .persona = "Olga the hunter, blunt." },
  { .name = "Sam", .persona = "Sam the pedlar, stuck here by the flood." },
  { .name = "Vera", .persona = "Vera the singer, in love with Tom." },
};

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int failed(const char *what, wick_status status, const char *why) {
  fprintf(stderr, "%s: %s: %s\n", what, wick_status_name(status), why);
  return 1;
}

/* A new life. */
static int create(wick_model model, villager *v) {
  char system[2048];
  wick_error error = { .struct_size = sizeof error };
  wick_session_options options = { .struct_size = sizeof options, .context_length = 1024,
                                   .overflow = WICK_OVERFLOW_ROLL }; /* the oldest is forgotten, the persona never */
  snprintf(system, sizeof system, "%s%s", WORLD, v->persona);
  options.system = wick_cstr(system);
  if (wick_session_create(model, &options, &v->session, &error) == WICK_OK) return 0;
  return failed(v->name, error.code, error.message);
}

/* The life of the last time, if there is a save. Its stream says when it is there. */
static int begin(wick_model model, wick_queue queue, villager *v, const char *folder) {
  wick_error error = { .struct_size = sizeof error };
  wick_store_options store = { .struct_size = sizeof store, .queue = queue, .user = v };
  FILE *file = NULL;
  if (folder) {
    snprintf(v->path, sizeof v->path, "%s/%s.save", folder, v->name);
    file = fopen(v->path, "rb");
  }
  if (!file) return create(model, v);
  fclose(file);
  store.path = wick_cstr(v->path);
  if (wick_session_restore(model, &store, &v->session, &v->stream, &error) != WICK_OK)
    return failed(v->path, error.code, error.message);
  return (v->busy = v->goes_on = 1), 0;
}

static int speak(wick_queue queue, villager *v) {
  wick_error error = { .struct_size = sizeof error };
  wick_message message = { .role = wick_cstr("user"),
                           .content = wick_cstr(v->goes_on ? "It is me again, Ada. Is there any news?"
                                                           : "Good day! I am Ada. Who are you?") };
  wick_generate_options options = { .struct_size = sizeof options, .messages = &message, .message_count = 1,
                                    .max_tokens = 32, .queue = queue, .user = v,
                                    .sampling = { .temperature = 0.7f, .min_p = 0.05f, .seed = 1 } };
  if (wick_generate(v->session, &options, &v->stream, &error) != WICK_OK)
    return failed(v->name, error.code, error.message);
  return (v->busy = v->spoke = 1), 0;
}

static int save(wick_queue queue, villager *v) {
  wick_error error = { .struct_size = sizeof error };
  wick_store_options store = { .struct_size = sizeof store, .queue = queue, .user = v, .with_kv = 1,
                               .path = wick_cstr(v->path) };
  if (wick_session_save(v->session, &store, &v->stream, &error) != WICK_OK)
    return failed(v->path, error.code, error.message);
  return (v->busy = 1), 0;
}

/* What a frame does for the villagers: takes the events that are there. */
static int frame(wick_queue queue) {
  char buf[1024];
  wick_event ev = { .struct_size = sizeof ev };
  int code = 0;
  while (wick_queue_next(queue, &ev, buf, sizeof buf, 0) == WICK_OK) {
    villager *v = ev.user;
    size_t room = sizeof v->said - 1 - v->length, n = ev.text_len < room ? ev.text_len : room;
    if (ev.kind == WICK_EVENT_TEXT) {
      memcpy(v->said + v->length, ev.text, n);
      v->length += n;
    } else if (ev.kind == WICK_EVENT_END) {
      if (ev.end_reason == WICK_END_ERROR) code = failed(v->name, ev.status, ev.text);
      else if (v->length) {
        v->said[v->length] = 0;
        printf("%s: %s\n", v->name, v->said);
        v->ttft_ms = (double)ev.stats.ttft_ns / 1e6;
      }
      v->length = 0;
      v->busy = 0;
      wick_stream_close(v->stream);
    }
  }
  return code;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void percentiles(const char *what, double *ms, int count) {
  qsort(ms, (size_t)count, sizeof *ms, ascending);
  printf("%s: half within %.3f ms, 9 of 10 within %.3f, all within %.3f\n", what, ms[count / 2], ms[count * 9 / 10],
         ms[count - 1]);
}

static int busy(void) {
  int count = 0;
  for (int at = 0; at < VILLAGERS; at++) count += village[at].busy;
  return count;
}

static int play(wick_runtime rt, const char *path, const char *folder) {
  static double frames[MAX_FRAMES];
  double ttft[VILLAGERS];
  wick_error error = { .struct_size = sizeof error };
  wick_model_options options = { .struct_size = sizeof options, .path = wick_cstr(path) };
  wick_model model;
  wick_queue queue;
  int code = 0, count = 0, asked = 0, saved = 0, old = 0;
  if (wick_queue_create(rt, &queue, &error) != WICK_OK) return failed("queue", error.code, error.message);
  if (wick_model_load(rt, &options, &model, NULL, &error) != WICK_OK) return failed(path, error.code, error.message);
  for (int at = 0; at < VILLAGERS; at++) code |= begin(model, queue, &village[at], folder);
  for (; code == 0 && count < MAX_FRAMES; count++) {
    int64_t start = now_ns();
    code = frame(queue);
    /* Ada meets somebody every sixth of a second; who is not there yet is met in a later frame. */
    if (code == 0 && asked < VILLAGERS && count % 10 == 0 && !village[asked].busy) code = speak(queue, &village[asked++]);
    if (code == 0 && asked == VILLAGERS && !busy()) {
      if (!folder || saved == VILLAGERS) break;
      while (code == 0 && saved < VILLAGERS) code = save(queue, &village[saved++]);
    }
    int64_t spent = now_ns() - start;
    frames[count] = (double)spent / 1e6;
    if (spent < FRAME_NS) nanosleep(&(struct timespec){ 0, FRAME_NS - spent }, NULL); /* the game's own work */
  }
  wick_queue_close(queue);
  if (code || count == 0) return code;
  for (int at = 0; at < VILLAGERS; at++) {
    ttft[at] = village[at].ttft_ms;
    old += village[at].goes_on;
  }
  printf("\n%d of %d went on from their saves; %d frames\n", old, VILLAGERS, count);
  percentiles("of a frame's 16.7 ms wick took", frames, count);
  percentiles("from a question to the first text", ttft, VILLAGERS);
  return 0;
}

int main(int argc, char **argv) {
  wick_error error = { .struct_size = sizeof error };
  wick_runtime_options options = { .struct_size = sizeof options, .abi_version = WICK_ABI_VERSION };
  wick_runtime rt;
  if (argc < 2) return fprintf(stderr, "usage: %s MODEL [FOLDER]\n", argv[0]), 2;
  if (wick_runtime_create(&options, &rt, &error) != WICK_OK) return failed("runtime", error.code, error.message);
  int code = play(rt, argv[1], argc > 2 ? argv[2] : NULL);
  wick_status status = wick_runtime_shutdown(rt, WICK_FOREVER);
  return status == WICK_OK ? code : failed("shutdown", status, "a thread of the runtime is left");
}
