#define _GNU_SOURCE
#include "worker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  RING = 64 << 10,         // the end of a log, kept where the middle is dropped
  TAIL = 8 << 10,          // of these, sent back for messages
  END_GRACE_MS = 1000,     // between TERM and KILL
  LIMIT_SAMPLE_MS = 50,    // between two looks at the memory of a step that has a limit
  SAMPLE_MS = 500,         // of any other
  LEFTOVER_GRACE_MS = 250, // for what the command left running to end by itself: `> >(gzip > out/x)`
};

static int socket_fd, in_box;
// Open on the processes of the control group that steps with a limit join, or -1.
static int group_fd = -1;
// Where the number of the box's next process may be set: every step is number 2, so that `$$` in a name is the same in every
// run. -1 where the kernel cannot.
static int next_pid_fd = -1;

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// MARK: The log

// The first bytes go to the file, made at the first byte; of the rest the last ones are kept, and written at the end.
struct log {
  const char *path;
  int64_t head_limit, total;
  int fd, error;
};
static char ring[RING];

static void log_write(struct log *log, const char *bytes, size_t count) {
  if (log->fd < 0 && !log->error) {
    log->fd = open(log->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (log->fd < 0) log->error = errno;
  }
  while (count && !log->error) {
    ssize_t n = write(log->fd, bytes, count);
    if (n < 0 && errno != EINTR) log->error = errno;
    if (n <= 0) continue;
    bytes += n;
    count -= (size_t)n;
  }
}

static void log_take(struct log *log, const char *bytes, size_t count) {
  int64_t room = log->head_limit - log->total;
  if (room > 0) log_write(log, bytes, room < (int64_t)count ? (size_t)room : count);
  // `count` is at most RING: one read.
  size_t at = (size_t)(log->total % RING), first = RING - at < count ? RING - at : count;
  memcpy(ring + at, bytes, first);
  memcpy(ring, bytes + first, count - first);
  log->total += (int64_t)count;
}

// The last `count` bytes of the log, in order, into `out`.
static void log_tail(const struct log *log, char *out, size_t count) {
  size_t at = (size_t)((log->total - (int64_t)count) % RING), first = RING - at < count ? RING - at : count;
  memcpy(out, ring + at, first);
  memcpy(out + first, ring, count - first);
}

static int64_t log_finish(struct log *log) {
  static char end[RING];
  int64_t beyond = log->total - log->head_limit, dropped = 0;
  if (beyond > 0) {
    size_t kept = beyond < RING ? (size_t)beyond : RING;
    dropped = beyond - (int64_t)kept;
    if (dropped) {
      char note[80];
      log_write(log, note, (size_t)snprintf(note, sizeof note, "\n[reflow: %lld bytes dropped]\n", (long long)dropped));
    }
    log_tail(log, end, kept);
    log_write(log, end, kept);
  }
  if (log->fd >= 0) close(log->fd);
  return dropped;
}

// MARK: Processes

struct launch {
  char **arguments, **variables;
  const char *folder, *search;
  const char *read_from, *write_to;  // the files of `<` and `>`; empty: none
  char *command_variable;            // room for `_=` and the command's path; NULL: the shell sets it
  int output, error;
  int joins_group;
};

enum { PATH_ROOM = 4096 };

static void execute(const struct launch *l, const char *file) {
  if (l->command_variable) snprintf(l->command_variable, PATH_ROOM + 2, "_=%s", file);
  execve(file, l->arguments, l->variables);
}

static int search_and_execute(const struct launch *l) {
  const char *name = l->arguments[0];
  if (strchr(name, '/')) {
    execute(l, name);
    return errno == ENOENT ? ENOEXEC : errno;
  }
  int error = ENOENT;
  for (const char *at = l->search; *at;) {
    char file[PATH_ROOM];
    size_t length = strcspn(at, ":");
    // A look costs a tenth of an `execve` that finds nothing. What is there and is no program ends the search, as in a shell.
    if (length && snprintf(file, sizeof file, "%.*s/%s", (int)length, at, name) < (int)sizeof file &&
        access(file, X_OK) == 0) {
      execute(l, file);
      if (errno != EACCES) return errno == ENOENT ? ENOEXEC : errno;
      error = EACCES;
    }
    at += length + (at[length] == ':');
  }
  return error;
}

// Opens the file of `<` or `>` as a shell would, but waits for nobody: of a FIFO, say, the other end might never be opened, and the
// worker stands still until this process is the command. 0 or an errno.
static int redirect(const char *path, int flags, int number) {
  struct stat s;
  if (!*path) return 0;
  int fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666), error = 0;
  if (fd < 0) return errno;
  if (fstat(fd, &s)) error = errno;
  else if (!S_ISREG(s.st_mode) && strcmp(path, "/dev/null")) error = ENXIO;
  else if (fcntl(fd, F_SETFL, 0) || dup2(fd, number) < 0) error = errno;
  close(fd);
  return error;
}

// Runs in the memory of the worker, which waits until this has become the command or has failed.
static int become_step(void *argument) {
  struct launch *l = argument;
  signal(SIGTERM, SIG_DFL);
  signal(SIGINT, SIG_DFL);
  signal(SIGHUP, SIG_DFL);
  setsid();
  int error = 0;
  // Only where the group has a limit to keep: while the kernel moves a process from group to group no process of the machine can
  // fork, and it waits for all readers of all locks (RCU) first, 6 to 25 ms. Where it cannot, the step runs outside of the group, and
  // what is seen of its memory is what limits it.
  if (l->joins_group && group_fd >= 0 && write(group_fd, "0", 1) < 0) {}
  if (dup2(l->output, 1) < 0 || dup2(l->output, 2) < 0) error = errno;
  if (!error && in_box && chroot("/box")) error = errno;
  if (!error && chdir(l->folder)) error = errno;
  if (!error && in_box) error = reflow_drop_capabilities();
  // After the change of credentials, which would undo it. Covers the worker's death by a signal; its end is our end.
  if (!error && prctl(PR_SET_PDEATHSIG, SIGKILL)) error = errno;
  if (!error) error = redirect(l->read_from, O_RDONLY, 0);
  if (!error) error = redirect(l->write_to, O_WRONLY | O_CREAT | O_TRUNC, 1);
  l->error = error ? error : search_and_execute(l);
  _exit(127);
}

static FILE *list_children(void) {
  return fopen(in_box ? "/box/proc/thread-self/children" : "/proc/thread-self/children", "re");
}

static void kill_children(void) {
  FILE *list = list_children();
  int pid;
  while (list && fscanf(list, "%d", &pid) == 1) kill(pid, SIGKILL);
  if (list) fclose(list);
}

static void name_children(char *names, size_t size) {
  FILE *list = list_children();
  if (!list) return;
  int pid;
  size_t length = 0;
  while (fscanf(list, "%d", &pid) == 1 && length + 64 < size) {
    char path[64], name[32] = "";
    snprintf(path, sizeof path, "%s/proc/%d/comm", in_box ? "/box" : "", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, name, sizeof name - 1);
    if (fd >= 0) close(fd);
    if (n > 0) length += (size_t)snprintf(names + length, size - length, "%s%.*s", length ? ", " : "", (int)n - 1, name);
  }
  fclose(list);
}

// Ends all that is left of a step, however it hid: in a box all processes but this one; else every process whose
// ancestors have ended is our child, and so are its own once it has ended.
static void end_all(void) {
  for (;;) {
    if (in_box) kill(-1, SIGKILL);
    else kill_children();
    pid_t pid = waitpid(-1, NULL, WNOHANG);
    if (pid < 0 && errno == ECHILD) return;
    struct timespec nap = {0, 200000};
    if (pid == 0) nanosleep(&nap, NULL);
  }
}

// After the command has ended: 0 if nothing is left, else how many processes had to be killed.
static uint32_t end_leftovers(int with_grace, char *names, size_t size) {
  int64_t deadline = now_ns() + (with_grace ? LEFTOVER_GRACE_MS : 0) * 1000000ll;
  for (;;) {
    pid_t pid = waitpid(-1, NULL, WNOHANG);
    if (pid < 0 && errno == ECHILD) return 0;
    if (pid != 0) continue;
    if (now_ns() >= deadline) break;
    struct timespec nap = {0, 2000000};
    nanosleep(&nap, NULL);
  }
  name_children(names, size);
  uint32_t count = 0;
  for (const char *at = names; *at; at++) count += *at == ',';
  end_all();
  return count + 1;
}

// MARK: Memory

struct memory {
  int64_t own;     // pages that belong to one process, of all of them
  int64_t shared;  // the most that one of them shares
};

static void add_memory(struct memory *sum, const char *pid) {
  char path[64], text[128];
  snprintf(path, sizeof path, "%s/proc/%s/statm", in_box ? "/box" : "", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  long long size, resident, shared;
  if (n <= 0) return;
  text[n] = 0;
  if (sscanf(text, "%lld %lld %lld", &size, &resident, &shared) != 3) return;
  sum->own += resident > shared ? resident - shared : 0;
  if (shared > sum->shared) sum->shared = shared;
}

// All that descends from a process, itself included; also what its threads started.
static void add_tree(struct memory *sum, const char *pid, int depth) {
  char path[96];
  if (depth > 32) return;
  add_memory(sum, pid);
  snprintf(path, sizeof path, "/proc/%s/task", pid);
  DIR *threads = opendir(path);
  if (!threads) return;
  for (struct dirent *entry; (entry = readdir(threads));) {
    if (entry->d_name[0] == '.') continue;
    char file[384], child[16];
    snprintf(file, sizeof file, "%s/%s/children", path, entry->d_name);
    FILE *list = fopen(file, "re");
    while (list && fscanf(list, "%15s", child) == 1) add_tree(sum, child, depth + 1);
    if (list) fclose(list);
  }
  closedir(threads);
}

// What all processes of the step have now, in bytes.
static int64_t memory_in_use(void) {
  struct memory sum = {0, 0};
  if (in_box) {
    DIR *all = opendir("/box/proc");
    if (!all) return 0;
    for (struct dirent *entry; (entry = readdir(all));) {
      char first = entry->d_name[0];
      if (first >= '1' && first <= '9' && strcmp(entry->d_name, "1")) add_memory(&sum, entry->d_name);
    }
    closedir(all);
  } else {
    FILE *list = list_children();
    char child[16];
    while (list && fscanf(list, "%15s", child) == 1) add_tree(&sum, child, 0);
    if (list) fclose(list);
  }
  return (sum.own + sum.shared) * sysconf(_SC_PAGESIZE);
}

// MARK: A step

static char *buffer;
static size_t buffer_size;

static const char *take_text(char **at, char *end) {
  char *text = *at, *zero = memchr(text, 0, (size_t)(end - text));
  if (!zero) _exit(1);  // we do not send such frames
  *at = zero + 1;
  return text;
}

// Waits for the command, feeding its log. Returns when it has ended and its own writes are taken.
static void attend(const struct reflow_plan *plan, struct reflow_report *report, struct log *log, pid_t pid, int pidfd,
                   int output) {
  static char bytes[RING];
  int64_t deadline = plan->timeout_ms ? now_ns() + plan->timeout_ms * 1000000 : 0;
  int ending = 0, killed = 0;
  int64_t interval = (plan->memory_limit ? LIMIT_SAMPLE_MS : SAMPLE_MS) * 1000000ll, most = 0;
  int64_t next_sample = now_ns() + interval;
  struct pollfd polled[3] = {{pidfd, POLLIN, 0}, {socket_fd, POLLIN, 0}, {output, POLLIN, 0}};
  for (;;) {
    int wait_ms = -1;
    if (deadline) {
      int64_t left = (deadline - now_ns() + 999999) / 1000000;
      wait_ms = left < 0 ? 0 : left > 1000000000 ? 1000000000 : (int)left;
    }
    int64_t until_sample = (next_sample - now_ns() + 999999) / 1000000;
    if (until_sample < 0) until_sample = 0;
    if (wait_ms < 0 || until_sample < wait_ms) wait_ms = (int)until_sample;
    int n = poll(polled, 3, wait_ms);
    if (now_ns() >= next_sample && !ending) {
      int64_t used = memory_in_use();
      next_sample = now_ns() + interval;
      if (used > most) most = used;
      if (plan->memory_limit && used > plan->memory_limit) {
        ending = REFLOW_ENDED_MEMORY;
        report->ending = REFLOW_ENDED_MEMORY;
        killed = 1;
      }
    } else if (ending) {
      next_sample = now_ns() + 1000000000;
    }
    if (n < 0 && errno != EINTR) n = 0;
    int wanted = 0;
    if (n == 0 && deadline && now_ns() >= deadline) {
      if (ending) killed = 1;
      else wanted = REFLOW_ENDED_TIMEOUT;
    }
    if (n > 0 && polled[1].revents) {
      struct reflow_frame frame;
      if (reflow_read_exactly(socket_fd, &frame, sizeof frame)) {
        // Reflow is gone.
        kill(-pid, SIGKILL);
        end_all();
        _exit(0);
      }
      wanted = REFLOW_ENDED_CANCEL;
    }
    if (wanted && !ending) {
      ending = wanted;
      report->ending = (uint32_t)wanted;
      kill(-pid, SIGTERM);
      deadline = now_ns() + END_GRACE_MS * 1000000ll;
    }
    if (killed) {
      kill(-pid, SIGKILL);
      if (in_box) kill(-1, SIGKILL);
      deadline = 0;
      killed = 0;
    }
    if (n > 0 && polled[2].revents & POLLIN) {
      ssize_t count = read(output, bytes, sizeof bytes);
      if (count > 0) log_take(log, bytes, (size_t)count);
    } else if (n > 0 && polled[2].revents) {
      polled[2].fd = -1;  // all writers are gone: the command ends next
    }
    if (n > 0 && polled[0].revents) break;
  }
  int status;
  struct rusage usage;
  while (wait4(pid, &status, 0, &usage) < 0 && errno == EINTR) {}
  report->cpu_ns = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000ll +
                   (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000ll;
  report->peak_bytes = usage.ru_maxrss * 1024ll;
  if (most > report->peak_bytes) {
    report->peak_bytes = most;
    report->is_sampled = 1;
  }
  if (!ending) {
    report->ending = WIFEXITED(status) ? REFLOW_ENDED_EXIT : REFLOW_ENDED_SIGNAL;
    report->status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
  }
}

static void drain(struct log *log, int output) {
  static char bytes[RING];
  // At most what a pipe can hold: a process that writes for ever must not keep us here.
  for (int rounds = 0; rounds < 64; rounds++) {
    struct pollfd polled = {output, POLLIN, 0};
    if (poll(&polled, 1, 0) <= 0 || !(polled.revents & POLLIN)) return;
    ssize_t count = read(output, bytes, sizeof bytes);
    if (count <= 0) return;
    log_take(log, bytes, (size_t)count);
  }
}

static void launch_and_attend(const struct reflow_plan *plan, struct launch *l, struct reflow_report *report,
                              struct log *log, char *message, size_t message_size) {
  static char stack[64 << 10] __attribute__((aligned(16)));
  int pipe_ends[2], pidfd = -1;
  if (pipe2(pipe_ends, O_CLOEXEC)) {
    report->ending = REFLOW_ENDED_NO_PROCESS;
    report->status = errno;
    return;
  }
  l->output = pipe_ends[1];
  l->joins_group = plan->memory_limit > 0;
  if (next_pid_fd >= 0 && pwrite(next_pid_fd, "1", 1, 0) < 0) {
    close(next_pid_fd);
    next_pid_fd = -1;
  }
  int64_t start = now_ns();
  pid_t pid = clone(become_step, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, l, &pidfd);
  int error = errno;
  close(pipe_ends[1]);
  if (pid < 0) {
    report->ending = REFLOW_ENDED_NO_PROCESS;
    report->status = error;
  } else if (l->error) {
    waitpid(pid, NULL, 0);
    report->ending = REFLOW_ENDED_NOT_STARTED;
    report->status = l->error;
  } else {
    attend(plan, report, log, pid, pidfd, pipe_ends[0]);
    int by_itself = report->ending == REFLOW_ENDED_EXIT || report->ending == REFLOW_ENDED_SIGNAL;
    report->left_running = end_leftovers(by_itself, message, message_size);
    drain(log, pipe_ends[0]);
  }
  report->wall_ns = now_ns() - start;
  if (pidfd >= 0) close(pidfd);
  close(pipe_ends[0]);
}

static void run_step(char *payload, size_t length) {
  struct reflow_plan plan;
  struct reflow_report report = {0};
  char message[1024] = "", log_path[8192];
  if (length < sizeof plan) _exit(1);
  memcpy(&plan, payload, sizeof plan);
  char *at = payload + sizeof plan, *end = payload + length;
  struct launch l = {.folder = take_text(&at, end)};
  snprintf(log_path, sizeof log_path, "%s%s", in_box ? "/host" : "", take_text(&at, end));
  l.search = take_text(&at, end);
  l.read_from = take_text(&at, end);
  l.write_to = take_text(&at, end);
  static char command_variable[PATH_ROOM + 2];
  if (plan.is_direct) l.command_variable = command_variable;
  size_t words = (size_t)plan.argument_count + plan.variable_count + 3;
  char **texts = malloc(words * sizeof *texts);
  struct reflow_stage_operation *stage = malloc((plan.stage_count + 1) * sizeof *stage);
  if (!texts || !stage) _exit(1);
  l.arguments = texts;
  l.variables = texts + plan.argument_count + 1;
  for (uint32_t i = 0; i < plan.argument_count; i++) l.arguments[i] = (char *)take_text(&at, end);
  l.arguments[plan.argument_count] = NULL;
  for (uint32_t i = 0; i < plan.variable_count; i++) l.variables[i] = (char *)take_text(&at, end);
  l.variables[plan.variable_count] = l.command_variable;
  l.variables[plan.variable_count + 1] = NULL;

  struct log log = {.path = log_path, .head_limit = plan.log_limit > 2 * RING ? plan.log_limit - RING : RING, .fd = -1};
  reflow_stage_open(in_box ? NULL : l.folder);
  uint32_t staged = 0;
  for (; staged < plan.stage_count; staged++) {
    struct reflow_stage_operation *o = &stage[staged];
    o->code = at < end ? *at++ : 0;
    o->source = o->code == REFLOW_STAGE_FOLDER ? "" : take_text(&at, end);
    o->path = take_text(&at, end);
    int error = reflow_stage_do(o);
    if (error) {
      report.ending = REFLOW_ENDED_NOT_STAGED;
      report.status = error;
      snprintf(message, sizeof message, "%s", o->path);
      break;
    }
  }
  if (staged == plan.stage_count) launch_and_attend(&plan, &l, &report, &log, message, sizeof message);
  while (staged) report.stage_dirty |= (uint32_t)reflow_stage_undo(&stage[--staged]);
  reflow_stage_close();
  free(texts);
  free(stage);

  static char tail[TAIL];
  report.tail_length = log.total < TAIL ? (uint32_t)log.total : TAIL;
  log_tail(&log, tail, report.tail_length);
  report.log_dropped = log_finish(&log);
  report.log_bytes = log.total;
  report.log_errno = log.error;

  static char reply[sizeof(struct reflow_frame) + sizeof report + sizeof message + TAIL];
  size_t message_length = strlen(message) + 1;
  struct reflow_frame frame = {.length = (uint32_t)(sizeof report + message_length + report.tail_length),
                               .type = REFLOW_FRAME_REPORT};
  memcpy(reply, &frame, sizeof frame);
  memcpy(reply + sizeof frame, &report, sizeof report);
  memcpy(reply + sizeof frame + sizeof report, message, message_length);
  memcpy(reply + sizeof frame + sizeof report + message_length, tail, report.tail_length);
  if (reflow_write_exactly(socket_fd, reply, sizeof frame + frame.length)) _exit(0);
}

static void set_up(const char *payload, size_t length) {
  char message[512] = "";
  struct reflow_report report = {.ending = REFLOW_ENDED_READY};
  int error = reflow_box_build(payload, length, message, sizeof message);
  if (!error) {
    next_pid_fd = open("/box/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
  }
  if (error) {
    report.ending = REFLOW_ENDED_NO_SANDBOX;
    report.status = error;
  }
  size_t message_length = strlen(message) + 1;
  struct reflow_frame frame = {.length = (uint32_t)(sizeof report + message_length), .type = REFLOW_FRAME_REPORT};
  if (reflow_write_exactly(socket_fd, &frame, sizeof frame) ||
      reflow_write_exactly(socket_fd, &report, sizeof report) ||
      reflow_write_exactly(socket_fd, message, message_length) || error)
    _exit(0);
}

_Noreturn void reflow_worker_main(int socket, int boxed, int group) {
  in_box = boxed;
  prctl(PR_SET_NAME, "reflow-worker");
  if (!boxed) prctl(PR_SET_CHILD_SUBREAPER, 1);
  // A signal sent to everything called reflow is for Reflow, which then tells us.
  signal(SIGTERM, SIG_IGN);
  signal(SIGINT, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);
  // By way of numbers that neither of them has.
  int socket_aside = fcntl(socket, F_DUPFD_CLOEXEC, 16), group_aside = group < 0 ? -1 : fcntl(group, F_DUPFD_CLOEXEC, 16);
  dup3(socket_aside, 3, O_CLOEXEC);
  socket_fd = 3;
  if (group_aside >= 0) {
    dup3(group_aside, 4, O_CLOEXEC);
    group_fd = 4;
  }
  syscall(SYS_close_range, group_aside >= 0 ? 5u : 4u, ~0u, 0u);

  struct reflow_frame frame;
  while (reflow_read_exactly(socket_fd, &frame, sizeof frame) == 0) {
    if (frame.length > buffer_size) {
      free(buffer);
      buffer = malloc(frame.length);
      if (!buffer) _exit(1);
      buffer_size = frame.length;
    }
    if (reflow_read_exactly(socket_fd, buffer, frame.length)) break;
    if (frame.type == REFLOW_FRAME_SETUP && boxed) set_up(buffer, frame.length);
    if (frame.type == REFLOW_FRAME_RUN) run_step(buffer, frame.length);
  }
  _exit(0);
}
