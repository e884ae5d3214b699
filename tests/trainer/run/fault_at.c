/* For LD_PRELOAD: one fault at the n-th call that changes a file.
 *   FAULT_AT=N     the call, from 1; 0: none
 *   FAULT_HOW=HOW  kill-before, kill-after, kill-half (half of what it would write is written): the
 *                  process is killed as by kill -9; eio, enospc: the call fails so and does
 *                  nothing; short: a write takes half, and says so
 *   FAULT_LOG=F    at the end of the process, the number of calls is written to that file
 * Calls that libc makes within itself are not seen: a log's lines are, by their fflush. */
#define _GNU_SOURCE
#pragma GCC visibility push(default) /* the project's flags hide what is not exported */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned long calls;

static int is(const char *kind) {
  const char *wanted = getenv("FAULT_HOW");
  return wanted && strcmp(wanted, kind) == 0;
}

static void die(void) {
  kill(getpid(), SIGKILL);
  pause();
}

typedef enum { PASS, DIE_AFTER, HALF, FAIL } fault;

/* The fault for the current call. */
static fault next_fault(void) {
  const char *at = getenv("FAULT_AT");
  if (++calls != (at ? strtoul(at, NULL, 10) : 0)) return PASS;
  if (is("kill-before")) die();
  if (is("kill-half") || is("short")) return HALF;
  if (is("eio") || is("enospc")) {
    errno = is("eio") ? EIO : ENOSPC;
    return FAIL;
  }
  return DIE_AFTER;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* A call that writes nothing: a half of it is the whole. */
#define WRAP(name, parameters, arguments)                        \
  int name parameters {                                          \
    const fault f = next_fault();                                \
    if (f == FAIL) return -1;                                    \
    const int result = REAL(name) arguments;                     \
    if (f == DIE_AFTER || (f == HALF && is("kill-half"))) die(); \
    return result;                                               \
  }

WRAP(fsync, (int fd), (fd))
WRAP(ftruncate, (int fd, off_t size), (fd, size))
WRAP(mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(rename, (const char *from, const char *to), (from, to))
WRAP(renameat2, (int a, const char *from, int b, const char *to, unsigned flags),
     (a, from, b, to, flags))
WRAP(rmdir, (const char *path), (path))
WRAP(unlink, (const char *path), (path))
WRAP(unlinkat, (int folder, const char *path, int flags), (folder, path, flags))

ssize_t write(int fd, const void *data, size_t size) {
  const fault f = fd > STDERR_FILENO ? next_fault() : PASS;
  if (f == FAIL) return -1;
  const ssize_t result = REAL(write)(fd, data, f == HALF && size > 1 ? size / 2 : size);
  if (f == DIE_AFTER || (f == HALF && is("kill-half"))) die();
  return result;
}

/* glibc's stream: what lies between base and pointer is what a flush would write. */
int fflush(FILE *stream) {
  if (!stream || fileno(stream) <= STDERR_FILENO) return REAL(fflush)(stream);
  const fault f = next_fault();
  if (f == FAIL) return EOF;
  if (f == HALF && is("kill-half")) {
    const size_t waiting = (size_t)(stream->_IO_write_ptr - stream->_IO_write_base);
    if (waiting) (void)!REAL(write)(fileno(stream), stream->_IO_write_base, waiting / 2);
    die();
  }
  const int result = REAL(fflush)(stream);
  if (f == DIE_AFTER) die();
  return result;
}

__attribute__((destructor)) static void report(void) {
  const char *path = getenv("FAULT_LOG");
  FILE *file = path ? fopen(path, "w") : NULL;
  if (!file) return;
  fprintf(file, "%lu\n", calls);
  fclose(file);
}
