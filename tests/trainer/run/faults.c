/* File systems that fail, as a library to be loaded before others (LD_PRELOAD).
 *
 * FAULTS=folder-sync, locks or interrupted: what the file system lacks. "interrupted": every second
 * open, write, fsync, lock and truncation is interrupted before it does anything, and writes are
 * short.
 *
 * FAULTS=CALL:ERRNO:AT: the AT-th CALL fails with that errno; of an errno other than EINTR also all
 * later ones, for a full disk stays full. CALL is open, write, short (half of the bytes are written
 * first), fsync, close, rename, mkdir, truncate, lock, memory or once: an allocation that fails
 * while later ones do not, as a large one may. Calls count that are about files whose path holds
 * FAULTS_UNDER. FAULTS=count prints how many there were of each, when the program ends, into the
 * file FAULTS_COUNT. */
#define _GNU_SOURCE /* RTLD_NEXT, renameat2, program_invocation_short_name */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#pragma GCC visibility push(default)

enum { OPEN, WRITE, SHORT, FSYNC, CLOSE, RENAME, MKDIR, TRUNCATE, LOCK, MEMORY, ONCE, CALLS };
static const char *const names[CALLS] = {"open",  "write",    "short", "fsync",  "close", "rename",
                                         "mkdir", "truncate", "lock",  "memory", "once"};
static unsigned long counted[CALLS], at;
static int failing = -1, error, ready;
static const char *mode, *under;

__attribute__((constructor)) static void begin(void) {
  char call[20];
  mode = "";
  if (strcmp(program_invocation_short_name, "sh") == 0) return; /* it runs reward.command */
  mode = getenv("FAULTS");
  under = getenv("FAULTS_UNDER");
  if (!mode) mode = "";
  if (sscanf(mode, "%19[a-z]:%d:%lu", call, &error, &at) == 3)
    for (int i = 0; i < CALLS; i++)
      if (strcmp(call, names[i]) == 0) failing = i;
  ready = 1;
}

__attribute__((destructor)) static void end(void) {
  ready = 0;
  FILE *out = strcmp(mode, "count") == 0 ? fopen(getenv("FAULTS_COUNT"), "w") : NULL;
  for (int i = 0; out && i < CALLS; i++) fprintf(out, "%s %lu\n", names[i], counted[i]);
  if (out) fclose(out);
}

static int lacks(const char *what) { return ready && strcmp(mode, what) == 0; }

/* 1: this call is interrupted. */
static int interrupted(void) {
  static unsigned calls;
  if (!lacks("interrupted") || calls++ % 2) return 0;
  errno = EINTR;
  return 1;
}

/* 1: this call fails. */
static int strikes(int call) {
  if (!ready) return 0;
  const unsigned long n = ++counted[call];
  const int lasts = error != EINTR && call != ONCE;
  if (call != failing || !(n == at || (n > at && lasts))) return 0;
  errno = error;
  return 1;
}

static int is_ours(const char *path) { return under && path && strstr(path, under); }

static int holds(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0) return 0;
  path[n] = 0;
  return is_ours(path);
}

static int is_folder(int fd) {
  struct stat st;
  return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

#define NEXT(name, result, ...)       \
  static result (*next)(__VA_ARGS__); \
  if (!next) *(void **)&next = dlsym(RTLD_NEXT, name)

int fsync(int fd) {
  NEXT("fsync", int, int);
  if (interrupted() || (holds(fd) && strikes(FSYNC))) return -1;
  if (lacks("folder-sync") && is_folder(fd)) {
    errno = EINVAL;
    return -1;
  }
  return next(fd);
}

int fcntl(int fd, int command, ...) {
  NEXT("fcntl", int, int, int, ...);
  va_list args;
  va_start(args, command);
  void *argument = va_arg(args, void *);
  va_end(args);
  if (command != F_SETLK) return next(fd, command, argument);
  if (lacks("locks")) {
    errno = ENOSYS;
    return -1;
  }
  return interrupted() || (holds(fd) && strikes(LOCK)) ? -1 : next(fd, command, argument);
}

ssize_t write(int fd, const void *data, size_t size) {
  NEXT("write", ssize_t, int, const void *, size_t);
  if (fd <= 2) return next(fd, data, size);
  if (interrupted()) return -1;
  if (holds(fd)) {
    if (strikes(WRITE)) return -1;
    if (strikes(SHORT)) {
      const int saved = errno;
      const ssize_t put = size > 1 ? next(fd, data, size / 2) : -1;
      errno = saved;
      return put > 0 && error == EINTR ? put : -1;
    }
  }
  return next(fd, data, lacks("interrupted") && size > 1 ? size / 2 : size);
}

int ftruncate(int fd, off_t size) {
  NEXT("ftruncate", int, int, off_t);
  return interrupted() || (holds(fd) && strikes(TRUNCATE)) ? -1 : next(fd, size);
}

int open(const char *path, int flags, ...) {
  NEXT("open", int, const char *, int, ...);
  va_list args;
  va_start(args, flags);
  const mode_t rights = flags & O_CREAT ? va_arg(args, mode_t) : 0;
  va_end(args);
  return interrupted() || (is_ours(path) && strikes(OPEN)) ? -1 : next(path, flags, rights);
}

/* Closes all the same, as Linux does. */
int close(int fd) {
  NEXT("close", int, int);
  const int fails = fd > 2 && holds(fd) && strikes(CLOSE), saved = errno;
  const int result = next(fd);
  if (fails) errno = saved;
  return fails ? -1 : result;
}

int rename(const char *from, const char *to) {
  NEXT("rename", int, const char *, const char *);
  return is_ours(to) && strikes(RENAME) ? -1 : next(from, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  NEXT("renameat2", int, int, const char *, int, const char *, unsigned);
  return is_ours(to) && strikes(RENAME) ? -1 : next(from_folder, from, to_folder, to, flags);
}

int mkdir(const char *path, mode_t rights) {
  NEXT("mkdir", int, const char *, mode_t);
  return is_ours(path) && strikes(MKDIR) ? -1 : next(path, rights);
}

/* What libraries take before main is not the program's to answer for: it counts from there on. */
static int started, (*program)(int argc, char **argv, char **environment);
static int start_program(int argc, char **argv, char **environment) {
  started = 1;
  return program(argc, argv, environment);
}
int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end);
int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end) {
  NEXT("__libc_start_main", int, int (*)(int, char **, char **), int, char **, void (*)(void),
       void (*)(void), void (*)(void), void *);
  program = main;
  return next(start_program, argc, argv, init, fini, rtld_fini, stack_end);
}
static int takes(void) {
  if (!started) return 0;
  const int all = strikes(MEMORY), one = strikes(ONCE);
  return all || one;
}

/* dlsym may allocate, so these are not found by it. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size) { return takes() ? NULL : __libc_malloc(size); }
void *calloc(size_t n, size_t size) { return takes() ? NULL : __libc_calloc(n, size); }
void *realloc(void *old, size_t size) { return takes() ? NULL : __libc_realloc(old, size); }
