/* A file of lines to which one process appends (see log.h). */
#include "log.h"

#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static sl_status fail(const sl_log *log, sl_error *err) {
  return sl_fail(err, SL_ERR_IO, "%s: %s", log->path, strerror(errno));
}

/* A file with other names too, as in a copy made by links, is another run's as well: this one gets
 * a file of its own, in one step. */
static sl_status make_own(sl_log *log, sl_error *err) {
  char *temporary = sl_temporary_path(log->path);
  if (!temporary) return sl_fail(err, SL_ERR_MEMORY, "no memory for a log");
  const int to = sl_open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW);
  sl_status status = SL_OK;
  if (to < 0 || sl_copy_bytes(to, log->fd) != 0 || sl_sync(to) != 0 ||
      rename(temporary, log->path) != 0 || sl_sync_parent(log->path) != 0)
    status = fail(log, err);
  if (status && to >= 0) unlink(temporary), close(to);
  free(temporary);
  if (status) return status;
  close(log->fd);
  log->fd = to;
  return SL_OK;
}

static sl_status open_file(sl_log *log, int fresh, sl_error *err) {
  struct stat st;
  log->fd = sl_open(log->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK);
  if (log->fd < 0 && errno == ELOOP)
    return sl_fail(err, SL_ERR_INPUT, "%s: a link: expected a file of the run's own", log->path);
  if (log->fd < 0 || fstat(log->fd, &st) != 0) return fail(log, err);
  if (!S_ISREG(st.st_mode)) return sl_fail(err, SL_ERR_INPUT, "%s: not a regular file", log->path);
  if (st.st_nlink > 1) SL_TRY(make_own(log, err));
  if (fresh && st.st_size > 0) return sl_log_cut(log, 0, err);
  if (lseek(log->fd, 0, SEEK_END) < 0) return fail(log, err);
  log->size = (uint64_t)st.st_size;
  return SL_OK;
}

sl_status sl_log_open(sl_log **out, const char *folder, const char *name, int fresh,
                      sl_error *err) {
  sl_log *log = calloc(1, sizeof *log);
  if (!log) return sl_fail(err, SL_ERR_MEMORY, "no memory for a log");
  log->fd = -1;
  log->path = sl_path_join(folder, name);
  log->line = sl_text_stream_open(&log->made);
  const sl_status status = log->path && log->line
                               ? open_file(log, fresh, err)
                               : sl_fail(err, SL_ERR_MEMORY, "no memory for a log");
  if (status)
    sl_log_close(log);
  else
    *out = log;
  return status;
}

sl_status sl_log_append(sl_log *log, sl_error *err) {
  fputc('\n', log->line);
  const char *text = sl_text_stream_flush(&log->made);
  if (!text) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory for a line", log->path);
  if (sl_write_all(log->fd, text, log->made.size) != 0) return fail(log, err);
  log->size += log->made.size;
  sl_text_stream_restart(&log->made);
  return SL_OK;
}

/* The end of the last complete line. */
static sl_status find_end(const sl_log *log, uint64_t *end, sl_error *err) {
  char c = 0;
  for (*end = log->size; *end > 0; --*end) {
    const ssize_t got = pread(log->fd, &c, 1, (off_t)(*end - 1));
    if (got < 0 && errno == EINTR)
      ++*end;
    else if (got != 1)
      return fail(log, err);
    else if (c == '\n')
      break;
  }
  return SL_OK;
}

sl_status sl_log_cut(sl_log *log, uint64_t size, sl_error *err) {
  if (log->size < size) {
    const sl_status status = find_end(log, &size, err);
    if (status) return status;
  }
  int failed;
  do failed = ftruncate(log->fd, (off_t)size);
  while (failed && errno == EINTR);
  if (failed || lseek(log->fd, (off_t)size, SEEK_SET) < 0) return fail(log, err);
  log->size = size;
  return SL_OK;
}

sl_status sl_log_sync(const sl_log *log, sl_error *err) {
  return sl_sync(log->fd) == 0 ? SL_OK : fail(log, err);
}

void sl_log_close(sl_log *log) {
  if (!log) return;
  if (log->fd >= 0) close(log->fd);
  free(sl_text_stream_close(&log->made));
  free(log->path);
  free(log);
}
