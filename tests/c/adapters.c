/* Adapters: the same voice from a path, memory and a reader; a cancel in the middle of a load; files that do
 * not fit, by name; handles that go while sessions use what they stood for. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <unistd.h>
#include "small_model.h"

enum { SAID = 512 };

/* A file of a host's, and how often its reader was called and it was dropped. */
typedef struct source {
  bytes file;
  int reads, drops;
  size_t read;
} source;

static int32_t read_at(void *user, uint64_t offset, void *dst, uint64_t len) {
  source *from = (source *)user;
  CHECK(len > 0 && offset <= from->file.len && len <= from->file.len - offset && from->drops == 0);
  memcpy(dst, from->file.at + offset, (size_t)len);
  from->reads++;
  from->read += (size_t)len;
  return 0;
}

static void drop(void *user) { ((source *)user)->drops++; }

static wick_model model_of(wick_runtime rt, const bytes *file) {
  wick_model_options options;
  wick_model model;
  SIZED(options);
  options.data = file->at;
  options.data_len = file->len;
  CHECK_STATUS(wick_model_load(rt, &options, &model, NULL, NULL), WICK_OK);
  return model;
}

/* How a load ends; `text` has room for SAID bytes. */
static wick_status join(wick_stream stream, uint16_t reason, char *text) {
  wick_event end;
  char buf[SAID];
  SIZED(end);
  CHECK_STATUS(wick_stream_join(stream, &end, buf, sizeof buf, WICK_FOREVER), WICK_OK);
  CHECK(end.end_reason == reason);
  snprintf(text, SAID, "%.*s", (int)end.text_len, end.text ? end.text : "");
  CHECK_STATUS(wick_stream_close(stream), WICK_OK);
  return end.status;
}

static wick_adapter load(wick_model model, const wick_adapter_options *options, wick_stream *loading) {
  wick_adapter adapter;
  wick_error error;
  SIZED(error);
  CHECK_STATUS(wick_adapter_load(model, options, &adapter, loading, &error), WICK_OK);
  return adapter;
}

static wick_adapter load_memory(wick_model model, source *from, wick_stream *loading) {
  wick_adapter_options options;
  SIZED(options);
  options.data = from->file.at;
  options.data_len = from->file.len;
  options.data_user = from;
  options.data_drop = drop;
  return load(model, &options, loading);
}

static wick_adapter load_reader(wick_model model, source *from, wick_stream *loading) {
  wick_adapter_options options;
  wick_io io;
  SIZED(options);
  SIZED(io);
  io.size = from->file.len;
  io.read_at = read_at;
  io.user = from;
  io.drop = drop;
  options.io = &io;
  return load(model, &options, loading);
}

static wick_session session_of(wick_model model, wick_adapter adapter) {
  wick_session_options options;
  wick_session session;
  SIZED(options);
  options.adapter = adapter;
  CHECK_STATUS(wick_session_create(model, &options, &session, NULL), WICK_OK);
  return session;
}

static wick_stream ask(wick_session session) {
  wick_generate_options options;
  wick_stream stream;
  SIZED(options);
  options.prompt = wick_cstr("abc");
  options.max_tokens = 24;
  options.ignore_eos = 1;
  CHECK_STATUS(wick_generate(session, &options, &stream, NULL), WICK_OK);
  return stream;
}

/* Reads an answer to its end, behind what it has said so far. */
static void hear(wick_stream stream, char *said) {
  wick_event event;
  char buf[SAID];
  SIZED(event);
  do {
    CHECK_STATUS(wick_stream_next(stream, &event, buf, sizeof buf, WICK_FOREVER), WICK_OK);
    if (event.kind == WICK_EVENT_TEXT) {
      CHECK(strlen(said) + event.text_len < SAID);
      strncat(said, event.text, event.text_len);
    }
  } while (event.kind != WICK_EVENT_END);
  CHECK(event.end_reason == WICK_END_LENGTH && said[0]);
  CHECK_STATUS(wick_stream_close(stream), WICK_OK);
}

static void says(wick_model model, wick_adapter adapter, char *said) {
  wick_session session = session_of(model, adapter);
  said[0] = 0;
  hear(ask(session), said);
  CHECK_STATUS(wick_session_close(session), WICK_OK);
}

static source source_of(bytes file) {
  source made;
  memset(&made, 0, sizeof made);
  made.file = file;
  return made;
}

static void the_same_voice_from_a_path_memory_and_a_reader(void) {
  char folder[] = "/tmp/wick-adapters-XXXXXX", path[64];
  char plain[SAID], first[SAID], again[SAID], other[SAID], text[SAID];
  bytes file = small_model();
  source one = source_of(small_adapter("llama", 4, 0, 1)), two = source_of(small_adapter("llama", 4, 0, 2));
  const wick_adapter none = { 0 };
  FILE *out;
  uint32_t mode;
  CHECK(mkdtemp(folder) != NULL);
  snprintf(path, sizeof path, "%s/voice.gguf", folder);
  out = fopen(path, "wb");
  CHECK(out && fwrite(one.file.at, 1, one.file.len, out) == one.file.len && fclose(out) == 0);
  for (mode = WICK_MODE_THREADS; mode <= WICK_MODE_HOST_STEP; mode++) {
    wick_runtime rt = check_runtime(mode);
    wick_model model = model_of(rt, &file);
    wick_adapter_options options;
    wick_adapter adapter;
    wick_stream loading;
    says(model, none, plain);
    SIZED(options);
    options.path = wick_cstr(path);
    adapter = load(model, &options, &loading);
    says(model, adapter, first);
    CHECK_STATUS(join(loading, WICK_END_READY, text), WICK_OK);
    CHECK_STATUS(wick_adapter_close(adapter), WICK_OK);
    one.drops = one.reads = two.drops = 0;
    adapter = load_memory(model, &one, &loading);
    says(model, adapter, again);
    CHECK_STATUS(join(loading, WICK_END_READY, text), WICK_OK);
    CHECK_STATUS(wick_adapter_close(adapter), WICK_OK);
    CHECK(strcmp(again, first) == 0 && one.drops == 1 && one.reads == 0);
    one.drops = 0;
    adapter = load_reader(model, &one, &loading);
    says(model, adapter, again);
    CHECK_STATUS(join(loading, WICK_END_READY, text), WICK_OK);
    CHECK_STATUS(wick_adapter_close(adapter), WICK_OK);
    CHECK(strcmp(again, first) == 0 && one.drops == 1 && one.reads > 0);
    /* Nobody reads this load. */
    adapter = load_memory(model, &two, NULL);
    says(model, adapter, other);
    CHECK_STATUS(wick_adapter_close(adapter), WICK_OK);
    CHECK(strcmp(first, plain) != 0 && strcmp(other, plain) != 0 && strcmp(other, first) != 0);
    CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
    CHECK(two.drops == 1);
  }
  CHECK(unlink(path) == 0 && rmdir(folder) == 0);
  free(file.at);
  free(one.file.at);
  free(two.file.at);
}

/* Behind so many steps of a load it is cancelled; false: it was over by then. */
static int cancelled_after(wick_runtime rt, wick_model model, source *from, int steps) {
  wick_adapter adapter;
  wick_session session;
  wick_stream loading, answer;
  wick_event end;
  char text[SAID], buf[SAID];
  uint16_t reason;
  SIZED(end);
  from->reads = from->drops = 0;
  from->read = 0;
  adapter = load_reader(model, from, &loading);
  session = session_of(model, adapter);
  answer = ask(session);
  for (; steps > 0; steps--) CHECK_STATUS(wick_runtime_step(rt, 0, NULL), WICK_MORE);
  CHECK_STATUS(wick_stream_cancel(loading), WICK_OK);
  CHECK_STATUS(wick_stream_join(loading, &end, buf, sizeof buf, WICK_FOREVER), WICK_OK);
  CHECK_STATUS(wick_stream_close(loading), WICK_OK);
  reason = end.end_reason;
  CHECK(from->drops == 1);
  if (reason == WICK_END_CANCELLED) {
    CHECK_STATUS(wick_adapter_info(adapter, NULL, 0, NULL), WICK_E_STALE_HANDLE);
    CHECK_STATUS(join(answer, WICK_END_ERROR, text), WICK_E_STALE_HANDLE);
    CHECK(strstr(text, "adapter") != NULL);
  } else {
    CHECK(reason == WICK_END_READY);
    CHECK_STATUS(wick_stream_cancel(answer), WICK_OK);
    CHECK_STATUS(wick_stream_join(answer, &end, buf, sizeof buf, WICK_FOREVER), WICK_OK);
    CHECK_STATUS(wick_stream_close(answer), WICK_OK);
  }
  CHECK_STATUS(wick_session_close(session), WICK_OK);
  CHECK_STATUS(wick_adapter_close(adapter), WICK_OK);
  return reason == WICK_END_CANCELLED;
}

static void a_cancel_falls_anywhere_in_a_load(void) {
  wick_runtime rt = check_runtime(WICK_MODE_HOST_STEP);
  bytes file = small_model();
  /* Read in several pieces. */
  source voice = source_of(small_adapter("llama", 512, 0, 1));
  wick_model model = model_of(rt, &file);
  const wick_adapter none = { 0 };
  char said[SAID];
  int steps = 0, middle = 0;
  says(model, none, said);
  while (cancelled_after(rt, model, &voice, steps++)) middle += voice.read > 0 && voice.read < voice.file.len;
  CHECK(voice.read >= voice.file.len && middle > 0 && steps > 3);
  says(model, none, said);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
  free(file.at);
  free(voice.file.at);
}

/* The load fails so, and so does who waits for it; whether its text has all of `names`. */
static void refused(wick_model model, bytes file, size_t len, wick_status status, const char *one, const char *two) {
  source from = source_of(file);
  wick_stream loading;
  wick_session session;
  wick_adapter adapter;
  char text[SAID], again[SAID];
  from.file.len = len;
  adapter = load_memory(model, &from, &loading);
  session = session_of(model, adapter);
  CHECK_STATUS(join(ask(session), WICK_END_ERROR, again), status);
  CHECK_STATUS(join(loading, WICK_END_ERROR, text), status);
  CHECK_STATUS(wick_adapter_info(adapter, NULL, 0, NULL), status);
  if (!strstr(text, one) || !strstr(text, two) || !strstr(again, one)) {
    fprintf(stderr, "\"%s\" and \"%s\" lack %s or %s\n", text, again, one, two);
    CHECK(0);
  }
  CHECK(from.drops == 1);
  CHECK_STATUS(wick_session_close(session), WICK_OK);
  CHECK_STATUS(wick_adapter_close(adapter), WICK_OK);
}

static void what_does_not_fit_is_named(void) {
  wick_runtime rt = check_runtime(WICK_MODE_THREADS);
  bytes file = small_model(), other = small_adapter("qwen3", 4, 0, 1), wide = small_adapter("llama", 4, 32, 1),
        high = small_adapter("llama", 1025, 0, 1), voice = small_adapter("llama", 4, 0, 1);
  wick_model model = model_of(rt, &file);
  size_t cut;
  refused(model, other, other.len, WICK_E_UNSUPPORTED, "\"qwen3\"", "\"llama\"");
  refused(model, wide, wide.len, WICK_E_MODEL_INVALID, "\"blk.0.attn_q.weight.lora_a\"", "[64, 4], not [32, 4]");
  refused(model, high, high.len, WICK_E_UNSUPPORTED, "\"blk.0.attn_q.weight.lora_a\"", "rank 1025");
  refused(model, file, file.len, WICK_E_MODEL_INVALID, "general.type", "loaded as a model");
  refused(model, voice, voice.len - 64, WICK_E_MODEL_INVALID, "\"blk.1.ffn_down.weight.lora_b\"", "beyond the end");
  for (cut = 1; cut < voice.len - 64; cut += 1 + cut / 5) refused(model, voice, cut, WICK_E_MODEL_INVALID, "", "");
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
  free(file.at);
  free(other.at);
  free(wide.at);
  free(high.at);
  free(voice.at);
}

static void handles_go_while_sessions_use_what_they_stood_for(void) {
  bytes file = small_model();
  uint32_t mode;
  for (mode = WICK_MODE_THREADS; mode <= WICK_MODE_HOST_STEP; mode++) {
    wick_runtime rt = check_runtime(mode);
    wick_model model = model_of(rt, &file);
    source voice = source_of(small_adapter("llama", 4, 0, 1));
    wick_stream loading, answer;
    wick_session session, twin;
    wick_session_options options;
    wick_adapter adapter;
    wick_event event;
    char expected[SAID], said[SAID], buf[SAID], text[SAID];
    SIZED(event);
    SIZED(options);
    adapter = load_memory(model, &voice, &loading);
    says(model, adapter, expected);
    CHECK_STATUS(join(loading, WICK_END_READY, text), WICK_OK);
    /* In the middle of an answer. */
    session = session_of(model, adapter);
    answer = ask(session);
    do CHECK_STATUS(wick_stream_next(answer, &event, buf, sizeof buf, WICK_FOREVER), WICK_OK);
    while (event.kind != WICK_EVENT_TEXT);
    snprintf(said, sizeof said, "%.*s", (int)event.text_len, event.text);
    CHECK_STATUS(wick_adapter_close(adapter), WICK_OK);
    /* Nothing but the session keeps it now; the bytes that it was read from are gone, too. */
    memset(voice.file.at, 0, voice.file.len);
    free(voice.file.at);
    hear(answer, said);
    CHECK(strcmp(said, expected) == 0);
    CHECK_STATUS(wick_session_fork(session, &twin, NULL), WICK_OK);
    CHECK_STATUS(wick_session_close(session), WICK_OK);
    CHECK_STATUS(wick_session_clear(twin), WICK_OK);
    said[0] = 0;
    hear(ask(twin), said);
    CHECK(strcmp(said, expected) == 0);
    options.adapter = adapter;
    CHECK_STATUS(wick_session_create(model, &options, &session, NULL), WICK_E_STALE_HANDLE);
    CHECK_STATUS(wick_session_set_adapter(twin, adapter, 0, NULL), WICK_E_STALE_HANDLE);
    CHECK_STATUS(wick_adapter_info(adapter, NULL, 0, NULL), WICK_E_STALE_HANDLE);
    CHECK_STATUS(wick_adapter_close(adapter), WICK_E_STALE_HANDLE);
    /* Before the load has begun: the session waits for it all the same. */
    voice = source_of(small_adapter("llama", 4, 0, 1));
    adapter = load_memory(model, &voice, NULL);
    session = session_of(model, adapter);
    CHECK_STATUS(wick_adapter_close(adapter), WICK_OK);
    said[0] = 0;
    hear(ask(session), said);
    CHECK(strcmp(said, expected) == 0 && voice.drops == 1);
    CHECK_STATUS(wick_model_close(model), WICK_OK);
    CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
    free(voice.file.at);
  }
  free(file.at);
}

TESTS(TEST(the_same_voice_from_a_path_memory_and_a_reader), TEST(a_cancel_falls_anywhere_in_a_load), TEST(what_does_not_fit_is_named),
      TEST(handles_go_while_sessions_use_what_they_stood_for))
