/* RLIMIT_AS in 20 steps: each use is good or says OUT_OF_MEMORY. Only what is beyond the library's power may
 * end a process: a system that refuses small allocations. Linux. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"
#include "wick_testing.h"

enum { STEPS = 20, STEP_BYTES = 4 << 20, LARGE = 256 << 10 };

static bool short_of_memory(wick_status status) {
  if (status != WICK_OK) CHECK_STATUS(status, WICK_E_OUT_OF_MEMORY);
  return status != WICK_OK;
}

static void generate(wick_model model) {
  wick_session_options session_options;
  wick_generate_options options;
  wick_session session;
  wick_stream stream;
  wick_event end;
  char buf[512];
  SIZED(session_options);
  SIZED(options);
  SIZED(end);
  if (short_of_memory(wick_session_create(model, &session_options, &session, NULL))) return;
  options.prompt = wick_cstr("Once upon a time");
  options.max_tokens = 4;
  if (short_of_memory(wick_generate(session, &options, &stream, NULL))) return;
  CHECK_STATUS(wick_stream_join(stream, &end, buf, sizeof buf, WICK_FOREVER), WICK_OK);
  if (!short_of_memory(end.status)) CHECK(end.end_reason == WICK_END_LENGTH || end.end_reason == WICK_END_STOP);
  CHECK_STATUS(wick_stream_close(stream), WICK_OK);
}

/* A model file if WICK_MODELS has the small one, else the fake model. */
static void use(void) {
  const char *folder = getenv("WICK_MODELS");
  wick_runtime_options options;
  wick_model_options model_options;
  wick_runtime rt;
  wick_model model;
  char path[1024];
  SIZED(options);
  SIZED(model_options);
  options.abi_version = WICK_ABI_VERSION;
  options.threads = 2;
  if (short_of_memory(wick_runtime_create(&options, &rt, NULL))) return;
  snprintf(path, sizeof path, "%s/stories260K-f32.gguf", folder ? folder : "");
  model_options.path = wick_cstr(path);
  if (access(path, R_OK) == 0) {
    if (!short_of_memory(wick_model_load(rt, &model_options, &model, NULL, NULL))) generate(model);
  } else if (!short_of_memory(wick_testing_model_load(rt, wick_cstr("{\"reply\":\"x\"}"), NULL, &model, NULL, NULL))) {
    generate(model);
  }
  CHECK_STATUS(wick_runtime_shutdown(rt, WICK_FOREVER), WICK_OK);
}

static rlim_t address_space(void) {
  FILE *statm = fopen("/proc/self/statm", "r");
  unsigned long pages = 0;
  CHECK(statm && fscanf(statm, "%lu", &pages) == 1);
  fclose(statm);
  return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* A child whose address space may grow by `room`; what it wrote to stderr is in `said`. */
static int in_a_child(rlim_t room, char *said, size_t cap) {
  int ends[2], status = 0;
  ssize_t got = 0;
  size_t length = 0;
  pid_t pid;
  CHECK(pipe(ends) == 0);
  fflush(NULL);
  pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    struct rlimit limit;
    limit.rlim_cur = limit.rlim_max = address_space() + room;
    alarm(300);
    dup2(ends[1], 2);
    if (setrlimit(RLIMIT_AS, &limit) != 0) _exit(2);
    use();
    _exit(0);
  }
  close(ends[1]);
  while (length + 1 < cap && (got = read(ends[0], said + length, cap - 1 - length)) > 0) length += (size_t)got;
  said[length] = 0;
  close(ends[0]);
  CHECK(waitpid(pid, &status, 0) == pid);
  return status;
}

int main(void) {
  const char *preloaded = getenv("LD_PRELOAD");
  int step, good = 0;
#ifdef __SANITIZE_ADDRESS__
  preloaded = "vgpreload";
#endif
  if (preloaded && strstr(preloaded, "vgpreload")) {
    puts("left out: RLIMIT_AS (the memory checker needs the address space itself)");
    return 0;
  }
  for (step = 0; step < STEPS; step++) {
    char said[4096];
    int status = in_a_child((rlim_t)step * step * STEP_BYTES, said, sizeof said);
    const char *small = strstr(said, "memory allocation of ");
    if (status == 0) good++;
    else if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || !small || atol(small + 21) >= LARGE)
      check_failed(__FILE__, __LINE__, "a child with little memory: ", said);
  }
  CHECK(good > STEPS / 2);
  return 0;
}
