/* A real model through a host's reader: the same answer as from its path, a failing read is everybody's IO
 * error, and in HOST_STEP the load comes in pieces that a cancel falls between. WICK_MODELS names the folder;
 * stories260K is preferred, because it is small. */
#include "check.h"

typedef struct source {
  unsigned char *bytes;
  size_t size;
  int reads, fails_at, drops;
  size_t read;
} source;

static source file;
static char path[1024];

static int32_t read_at(void *user, uint64_t offset, void *dst, uint64_t len) {
  source *from = (source *)user;
  CHECK(len > 0 && len <= 16u << 20 && offset <= from->size && len <= from->size - offset && from->drops == 0);
  if (from->reads++ == from->fails_at) return -1;
  memcpy(dst, from->bytes + offset, (size_t)len);
  from->read += (size_t)len;
  return 0;
}

static void drop(void *user) { ((source *)user)->drops++; }

/* Whether there is a model; it is in `file` then. */
static bool find(void) {
  static const char *const names[] = { "stories260K-f32.gguf", "SmolLM2-135M-Instruct.Q4_1.gguf" };
  const char *folder = getenv("WICK_MODELS");
  size_t i;
  for (i = 0; folder && i < 2; i++) {
    FILE *in;
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    in = fopen(path, "rb");
    if (!in) continue;
    CHECK(fseek(in, 0, SEEK_END) == 0);
    file.size = (size_t)ftell(in);
    rewind(in);
    file.bytes = (unsigned char *)malloc(file.size);
    CHECK(file.bytes && fread(file.bytes, 1, file.size, in) == file.size);
    fclose(in);
    return true;
  }
  return false;
}

static wick_model load(wick_runtime rt, bool through_reader, int fails_at, wick_stream *loading) {
  wick_model_options options;
  wick_model model;
  wick_io io;
  SIZED(options);
  SIZED(io);
  file.reads = file.drops = 0;
  file.read = 0;
  file.fails_at = fails_at;
  io.size = file.size;
  io.read_at = read_at;
  io.user = &file;
  io.drop = drop;
  if (through_reader) options.io = &io;
  else options.path = wick_cstr(path);
  CHECK_STATUS(wick_model_load(rt, &options, &model, loading, NULL), WICK_OK);
  return model;
}

static uint16_t join(wick_stream stream, wick_status status) {
  wick_event end;
  char buf[512];
  SIZED(end);
  CHECK_STATUS(wick_stream_join(stream, &end, buf, sizeof buf, WICK_FOREVER), WICK_OK);
  CHECK_STATUS(end.status, status);
  CHECK_STATUS(wick_stream_close(stream), WICK_OK);
  return end.end_reason;
}

/* A stream that answers, or none and the error of a load that has failed by now. */
static wick_status ask(wick_model model, wick_stream *stream) {
  wick_session_options session_options;
  wick_generate_options options;
  wick_session session;
  wick_status status;
  SIZED(session_options);
  SIZED(options);
  status = wick_session_create(model, &session_options, &session, NULL);
  if (status != WICK_OK) return status;
  options.prompt = wick_cstr("Once upon a time");
  options.max_tokens = 8;
  return wick_generate(session, &options, stream, NULL);
}

static void answer(wick_runtime rt, bool through_reader, char *text) {
  wick_stream loading, stream;
  wick_model model = load(rt, through_reader, -1, &loading);
  wick_event event;
  char buf[512];
  SIZED(event);
  CHECK_STATUS(ask(model, &stream), WICK_OK);
  text[0] = 0;
  do {
    CHECK_STATUS(wick_stream_next(stream, &event, buf, sizeof buf, WICK_FOREVER), WICK_OK);
    if (event.kind == WICK_EVENT_TEXT) strcat(text, event.text);
  } while (event.kind != WICK_EVENT_END);
  CHECK(event.end_reason == WICK_END_LENGTH && event.stats.output_tokens == 8);
  CHECK_STATUS(wick_stream_close(stream), WICK_OK);
  CHECK(join(loading, WICK_OK) == WICK_END_READY);
  CHECK_STATUS(wick_model_close(model), WICK_OK);
}

static void the_same_answer_as_from_its_path(void) {
  char expected[512], got[512];
  uint32_t mode;
  for (mode = WICK_MODE_THREADS; mode <= WICK_MODE_HOST_STEP; mode++) {
    wick_runtime rt = check_runtime(mode);
    answer(rt, false, expected);
    CHECK(strlen(expected) > 8 && file.reads == 0);
    answer(rt, true, got);
    CHECK(strcmp(got, expected) == 0 && file.reads > 0);
    CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
    CHECK(file.drops == 1);
  }
}

static void a_read_that_fails_is_everybodys_error(void) {
  wick_runtime rt = check_runtime(WICK_MODE_THREADS);
  wick_stream loading, stream;
  wick_model model = load(rt, true, -1, &loading);
  int fails_at, reads;
  CHECK(join(loading, WICK_OK) == WICK_END_READY);
  CHECK_STATUS(wick_model_close(model), WICK_OK);
  reads = file.reads;
  CHECK(reads > 1);
  for (fails_at = 0; fails_at < reads; fails_at++) {
    wick_status asked;
    uint32_t ids[8];
    model = load(rt, true, fails_at, &loading);
    asked = ask(model, &stream);
    CHECK(join(loading, WICK_E_IO) == WICK_END_ERROR);
    if (asked == WICK_OK) CHECK(join(stream, WICK_E_IO) == WICK_END_ERROR);
    else CHECK_STATUS(asked, WICK_E_IO);
    CHECK_STATUS(ask(model, &stream), WICK_E_IO);
    CHECK_STATUS(wick_model_tokenize(model, wick_cstr("a"), 0, 0, ids, 8, NULL, NULL), WICK_E_IO);
    CHECK(file.reads == fails_at + 1 && file.drops == 1);
    CHECK_STATUS(wick_model_close(model), WICK_OK);
  }
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

static void a_step_reads_a_piece_and_a_cancel_falls_between(void) {
  wick_runtime rt = check_runtime(WICK_MODE_HOST_STEP);
  wick_stream loading;
  wick_model model = load(rt, true, -1, &loading);
  int reads;
  CHECK(file.reads == 0);
  while (file.reads == 0) CHECK_STATUS(wick_runtime_step(rt, 0, NULL), WICK_MORE);
  reads = file.reads;
  CHECK(file.read < file.size); /* the header */
  CHECK_STATUS(wick_stream_cancel(loading), WICK_OK);
  CHECK(join(loading, WICK_OK) == WICK_END_CANCELLED);
  CHECK(file.reads <= reads + 1 && file.drops == 1);
  CHECK_STATUS(wick_model_close(model), WICK_OK);
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

int main(void) {
  if (!find()) {
    puts("left out: a model through a reader (WICK_MODELS has none)");
    return 0;
  }
  the_same_answer_as_from_its_path();
  a_read_that_fails_is_everybodys_error();
  a_step_reads_a_piece_and_a_cancel_falls_between();
  free(file.bytes);
  return 0;
}
