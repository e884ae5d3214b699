/* A file, written so that it appears whole or not at all (see file_write.h). */
#include "file_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sl_status fail_io(sl_error *err, const char *path, const char *what) {
  return sl_fail(err, SL_ERR_IO, "%s: cannot %s: %s", path, what, strerror(errno));
}

int sl_open(const char *path, int flags) {
  int fd;
  do fd = open(path, flags | O_CLOEXEC, 0666);
  while (fd < 0 && errno == EINTR);
  return fd;
}

int sl_write_all(int fd, const void *data, size_t size) {
  const char *at = data;
  while (size > 0) {
    const ssize_t put = write(fd, at, size);
    if (put < 0 && errno == EINTR) continue;
    if (put == 0) errno = EIO; /* or this loop would have no end */
    if (put <= 0) return -1;
    at += put;
    size -= (size_t)put;
  }
  return 0;
}

int sl_sync(int fd) {
  int failed;
  do failed = fsync(fd);
  while (failed && errno == EINTR);
  return failed;
}

/* Flushes the folder's entries, so that a rename in it survives a power cut. File systems that
 * cannot flush a folder (some of FUSE, older CIFS) say EINVAL or the like: there is nothing more
 * to be done on them, so it is no failure. */
int sl_sync_folder(const char *path) {
  const int fd = sl_open(path, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return -1;
  int failed = sl_sync(fd);
  if (failed && (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) failed = 0;
  const int saved = errno;
  close(fd);
  errno = saved;
  return failed;
}

/* The folder that holds path, in a fresh string; NULL if memory is short. */
static char *parent_of(const char *path) {
  size_t n = strlen(path);
  char *parent = malloc(n + 2);
  if (!parent) return NULL;
  memcpy(parent, path, n + 1);
  while (n > 1 && parent[n - 1] == '/') parent[--n] = 0;
  char *slash = strrchr(parent, '/');
  if (slash == parent) slash++;
  if (slash)
    *slash = 0;
  else
    strcpy(parent, ".");
  return parent;
}

int sl_sync_parent(const char *path) {
  char *parent = parent_of(path);
  const int failed = parent ? sl_sync_folder(parent) : -1;
  free(parent);
  return failed;
}

/* "path.tmp-PID": beside path, so that the rename stays within one file system. */
char *sl_temporary_path(const char *path) {
  size_t n = strlen(path);
  while (n > 1 && path[n - 1] == '/') n--;
  char *out = malloc(n + 32);
  if (out) snprintf(out, n + 32, "%.*s" SL_TEMPORARY_MARK "%ld", (int)n, path, (long)getpid());
  return out;
}

/* Writes to a temporary file; messages name the one that the user knows. */
static sl_status write_pieces(const char *temporary, const char *path, const sl_bytes *pieces,
                              size_t count, sl_error *err) {
  const int fd = sl_open(temporary, O_WRONLY | O_CREAT | O_TRUNC);
  if (fd < 0) return fail_io(err, path, "create");
  int failed = 0;
  for (size_t i = 0; i < count && !failed; i++)
    failed = sl_write_all(fd, pieces[i].data, pieces[i].size);
  if (!failed) failed = sl_sync(fd);
  sl_status status = failed ? fail_io(err, path, "write") : SL_OK;
  /* EINTR: Linux has closed it all the same, and what it held is flushed */
  if (close(fd) != 0 && errno != EINTR && status == SL_OK) status = fail_io(err, path, "close");
  return status;
}

/* All memory is taken before the rename, which no error may follow but that of the folder. */
sl_status sl_file_write(const char *path, const sl_bytes *pieces, size_t count, sl_error *err) {
  char *temporary = sl_temporary_path(path), *parent = parent_of(path);
  sl_status status = temporary && parent ? write_pieces(temporary, path, pieces, count, err)
                                         : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", path);
  if (status == SL_OK && (rename(temporary, path) != 0 || sl_sync_folder(parent) != 0))
    status = fail_io(err, path, "put the written file in place");
  if (status != SL_OK && temporary) unlink(temporary);
  free(temporary);
  free(parent);
  return status;
}
