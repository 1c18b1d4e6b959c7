#define _GNU_SOURCE
#include "include/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static int write_end = -1;
static volatile sig_atomic_t seen;

static void on_signal(int number) {
  // Whoever asks twice wants it now; the state is made to be left at any moment.
  if (seen) _exit(128 + number);
  seen = 1;
  int saved = errno;
  char byte = (char)number;
  ssize_t ignored = write(write_end, &byte, 1);
  (void)ignored;
  errno = saved;
}

int reflow_watch_interrupts(void) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC)) return -errno;
  write_end = ends[1];
  const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  for (int i = 0; i < 3; i++) {
    struct sigaction present, ours = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    // One that the caller ignores (nohup) stays ignored.
    if (sigaction(numbers[i], NULL, &present) == 0 && present.sa_handler == SIG_IGN) continue;
    if (sigaction(numbers[i], &ours, NULL)) return -errno;
  }
  return ends[0];
}
