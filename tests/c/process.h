/* What the system says of this process: its threads and its open files. Linux; elsewhere there is nothing to
 * count by, and all counts are 0. To be included first: readdir needs a feature macro under -std=c99. */
#ifndef PROCESS_H
#define PROCESS_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <time.h>

static inline int process_entries(const char *folder) {
  int count = 0;
  DIR *opened = opendir(folder);
  struct dirent *entry;
  if (!opened) return 0;
  while ((entry = readdir(opened)) != NULL) count += entry->d_name[0] != '.';
  closedir(opened);
  return count;
}

static inline int process_files(void) { return process_entries("/proc/self/fd"); }
static inline int process_threads(void) { return process_entries("/proc/self/task"); }

/* `expected` threads are left, at the latest in ten seconds: the system lists a thread for a moment after it
 * was joined. */
static inline int process_threads_settle(int expected) {
  struct timespec pause = { 0, 10000000 };
  int tries;
  for (tries = 0; tries < 1000 && process_threads() != expected; tries++) nanosleep(&pause, NULL);
  return process_threads() == expected;
}
#endif
