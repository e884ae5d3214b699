/* What a checkpoint knows of a log (spec F4.5). */
#include "log_record.h"

#include "trainer/files/file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static sl_status fail(const char *path, sl_error *err) {
  return sl_fail(err, SL_ERR_IO, "%s: %s", path, strerror(errno));
}

/* Feeds the first `size` bytes to the stream; *last is the last of them. */
static sl_status read_bytes(sl_digest_stream *stream, char *last, int fd, const char *path,
                            uint64_t size, sl_error *err) {
  char bytes[1 << 16];
  for (uint64_t at = 0; at < size;) {
    const uint64_t left = size - at;
    const ssize_t got =
        pread(fd, bytes, left < sizeof bytes ? (size_t)left : sizeof bytes, (off_t)at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(path, err);
    if (got == 0)
      return sl_fail(err, SL_ERR_IO, "%s: ended at byte %llu of %llu while it was read", path,
                     (unsigned long long)at, (unsigned long long)size);
    sl_digest_add(stream, bytes, (size_t)got);
    *last = bytes[got - 1];
    at += (uint64_t)got;
  }
  return SL_OK;
}

static sl_status digest(char out[SL_DIGEST_TEXT], char *last, int fd, const char *path,
                        uint64_t size, sl_error *err) {
  sl_digest_stream *stream = sl_digest_open();
  if (!stream) return sl_fail(err, SL_ERR_MEMORY, "no memory for a digest");
  const sl_status status = read_bytes(stream, last, fd, path, size, err);
  sl_digest_close(out, stream);
  return status;
}

sl_status sl_log_record_take(sl_log_record *out, const char *path, uint64_t size, sl_error *err) {
  char last;
  const int fd = sl_open_input(path);
  if (fd < 0) return fail(path, err);
  const sl_status status = digest(out->digest, &last, fd, path, size, err);
  close(fd);
  out->size = size;
  return status;
}

static sl_status compare(sl_log_finding *out, uint64_t *size, int fd, const char *path,
                         const sl_log_record *record, sl_error *err) {
  char found[SL_DIGEST_TEXT], last = '\n';
  struct stat st;
  if (fstat(fd, &st) != 0) return fail(path, err);
  if (!S_ISREG(st.st_mode)) return sl_fail(err, SL_ERR_INPUT, "%s: not a regular file", path);
  *size = (uint64_t)st.st_size;
  *out = SL_LOG_TOO_SHORT;
  if (*size < record->size) return SL_OK;
  const sl_status status = digest(found, &last, fd, path, record->size, err);
  const int same = *record->digest ? strcmp(found, record->digest) == 0 : last == '\n';
  *out = same ? SL_LOG_AS_RECORDED : SL_LOG_DIFFERS;
  return status;
}

sl_status sl_log_record_compare(sl_log_finding *out, uint64_t *size, const char *path,
                                const sl_log_record *record, sl_error *err) {
  const int fd = sl_open_input(path);
  *size = 0;
  *out = record->size ? SL_LOG_TOO_SHORT : SL_LOG_AS_RECORDED;
  if (fd < 0) return errno == ENOENT ? SL_OK : fail(path, err);
  const sl_status status = compare(out, size, fd, path, record, err);
  close(fd);
  return status;
}
