/* A character in 100 lines: he answers by sentence in a loop of frames that never waits, mutters when he is
 * late, gives up in time, remembers, and with a file goes on from there at the next start
 * (docs/character.md).
 *
 *   cargo build --release
 *   cc -std=c99 -Wall -Wextra -Werror -pedantic -Iinclude examples/c/character.c target/release/libwick.a -lm -o character
 *   ./character models/SmolLM2-135M-Instruct.Q4_1.gguf otto.wick */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <time.h>
#include "wick.h"

#define FRAME_NS 16666667
#define MUTTER_FRAMES 30       /* half a second without a sentence, and he mutters */
#define DEADLINE_NS 8000000000 /* he has said what he says by then */

static int failed(const char *what, wick_status status, const char *why) {
  fprintf(stderr, "%s: %s: %s\n", what, wick_status_name(status), why);
  return 1;
}

/* One frame of the game; what it draws is not shown here. */
static void frame(void) { nanosleep(&(struct timespec){ 0, FRAME_NS }, NULL); }

/* Runs frames until the stream has ended: a restore, an answer or a save. Sentences are shown as they
 * come. */
static int play(wick_stream stream, const char *what, int speaks) {
  char buf[4096]; /* a sentence has 400 characters at most */
  wick_event ev = { .struct_size = sizeof ev };
  wick_status status = WICK_EMPTY;
  int sentences = 0, code = 0;
  for (int frames = 0; status == WICK_EMPTY; frames++) {
    while ((status = wick_stream_next(stream, &ev, buf, sizeof buf, 0)) == WICK_OK) {
      if (ev.kind == WICK_EVENT_TEXT && ev.channel == WICK_CHANNEL_ANSWER) {
        printf("  Otto: %s\n", ev.text);
        sentences++;
      } else if (ev.kind == WICK_EVENT_END && ev.end_reason == WICK_END_ERROR) {
        code = failed(what, ev.status, ev.text);
      }
    }
    if (speaks && sentences == 0 && frames == MUTTER_FRAMES) puts("  Otto: Hm ...");
    if (status == WICK_EMPTY) frame();
  }
  if (status != WICK_ENDED) code = failed(what, status, "the stream cannot be read");
  /* Late, or silent: the game has a line for that, whatever the reason. */
  if (speaks && sentences == 0 && code == 0) puts("  Otto: Ask me later.");
  wick_stream_close(stream);
  return code;
}

/* The player says something. What is over the deadline is cut off; what was said by then is remembered. */
static int talk(wick_session otto, const char *line) {
  wick_error error = { .struct_size = sizeof error };
  wick_message message = { .role = wick_cstr("user"), .content = wick_cstr(line) };
  wick_generate_options options = { .struct_size = sizeof options, .messages = &message, .message_count = 1,
                                    .max_tokens = 60, .cut = WICK_CUT_SENTENCE, .deadline_ns = DEADLINE_NS,
                                    .sampling = { .temperature = 0.7f, .min_p = 0.05f, .seed = 1 } };
  wick_stream answer;
  printf("  You: %s\n", line);
  if (wick_generate(otto, &options, &answer, &error) != WICK_OK) return failed("Otto", error.code, error.message);
  return play(answer, "Otto", 1);
}

/* Otto as the save has him, or a new one. When his context is full he forgets the oldest, never who he is. */
static int meet(wick_model model, const char *path, wick_session *otto) {
  wick_error error = { .struct_size = sizeof error };
  wick_store_options store = { .struct_size = sizeof store, .path = wick_cstr(path) };
  wick_session_options options = { .struct_size = sizeof options, .overflow = WICK_OVERFLOW_ROLL,
    .context_length = 1024, .system = wick_cstr("You are Otto, a grumpy blacksmith. You speak in short sentences.") };
  FILE *file = path ? fopen(path, "rb") : NULL;
  wick_stream restore;
  if (file) {
    fclose(file);
    puts("Otto goes on from his save.");
    if (wick_session_restore(model, &store, otto, &restore, &error) != WICK_OK)
      return failed(path, error.code, error.message);
    return play(restore, path, 0);
  }
  puts("Otto is new here.");
  if (wick_session_create(model, &options, otto, &error) == WICK_OK) return 0;
  return failed("Otto", error.code, error.message);
}

static int scene(wick_runtime rt, const char *model_path, const char *path) {
  wick_error error = { .struct_size = sizeof error };
  wick_model_options options = { .struct_size = sizeof options, .path = wick_cstr(model_path) };
  wick_store_options store = { .struct_size = sizeof store, .with_kv = 1, .path = wick_cstr(path) };
  wick_model model;
  wick_session otto;
  wick_stream save;
  /* The load need not be waited for: an answer waits for it, and ends with its error. */
  if (wick_model_load(rt, &options, &model, NULL, &error) != WICK_OK)
    return failed(model_path, error.code, error.message);
  if (meet(model, path, &otto) || talk(otto, "Good day! I am Ada.") || talk(otto, "Can you mend my sword?")) return 1;
  if (!path) return 0;
  if (wick_session_save(otto, &store, &save, &error) != WICK_OK) return failed(path, error.code, error.message);
  return play(save, path, 0);
}

int main(int argc, char **argv) {
  wick_error error = { .struct_size = sizeof error };
  wick_runtime_options options = { .struct_size = sizeof options, .abi_version = WICK_ABI_VERSION };
  wick_runtime rt;
  if (argc < 2) return fprintf(stderr, "usage: %s MODEL [SAVE]\n", argv[0]), 2;
  if (wick_runtime_create(&options, &rt, &error) != WICK_OK) return failed("runtime", error.code, error.message);
  int code = scene(rt, argv[1], argc > 2 ? argv[2] : NULL);
  wick_status status = wick_runtime_shutdown(rt, WICK_FOREVER);
  return status == WICK_OK ? code : failed("shutdown", status, "a thread of the runtime is left");
}
