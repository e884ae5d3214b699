/* What a command writes where its user says (see output.h). */
#include "output.h"

#include "file_write.h"
#include "run_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

sl_status sl_output_check(const char *path, sl_error *err) {
  char own[SL_RUN_NAME];
  if (!path || strcmp(path, "-") == 0 || !sl_run_folder_name(own, path)) return SL_OK;
  return sl_fail(err, SL_ERR_USAGE, "%s is the run's own %s: name another file", path, own);
}

sl_status sl_output_begin(sl_output *out, const char *path, sl_error *err) {
  const sl_status status = sl_output_check(path, err);
  if (status) return status;
  *out = (sl_output){.path = path};
  out->stream = sl_text_stream_open(&out->made);
  return out->stream ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", path);
}

/* A device, a pipe or a link is written to, not replaced by a file. */
static int is_special(const char *path) {
  struct stat st;
  return lstat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static sl_status fail_place(const char *path, int error, sl_error *err) {
  return sl_fail(err, SL_ERR_IO, "%s: cannot be written: %s", path, strerror(error));
}

sl_status sl_output_check_place(const char *path, sl_error *err) {
  struct stat st;
  const sl_status status = sl_output_check(path, err);
  if (status || !path || strcmp(path, "-") == 0) return status;
  if (!*path) return fail_place("''", ENOENT, err);
  if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return fail_place(path, EISDIR, err);
  if (is_special(path)) return access(path, W_OK) == 0 ? SL_OK : fail_place(path, errno, err);
  const char *slash = strrchr(path, '/');
  char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup("./");
  if (!folder) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory", path);
  const int error = access(folder, W_OK | X_OK) == 0 ? 0 : errno;
  free(folder);
  return error ? fail_place(path, error, err) : SL_OK;
}

static sl_status write_in_place(const char *path, sl_bytes text, sl_error *err) {
  const int fd = sl_open(path, O_WRONLY | O_TRUNC);
  int failed = fd < 0 || sl_write_all(fd, text.data, text.size) != 0, saved = errno;
  if (fd >= 0 && close(fd) != 0 && !failed) failed = 1, saved = errno;
  if (!failed) return SL_OK;
  return sl_fail(err, SL_ERR_IO, "%s: %s", path, strerror(saved));
}

static sl_status write_text(const char *path, sl_bytes text, sl_error *err) {
  if (strcmp(path, "-") == 0) {
    if (fwrite(text.data, 1, text.size, stdout) == text.size && fflush(stdout) == 0) return SL_OK;
    return sl_fail(err, SL_ERR_IO, "standard output: %s", strerror(errno));
  }
  return is_special(path) ? write_in_place(path, text, err) : sl_file_write(path, &text, 1, err);
}

sl_status sl_output_end(sl_output *out, sl_error *err) {
  char *text = sl_text_stream_close(&out->made);
  const sl_bytes piece = {text, out->made.size};
  const sl_status status = text ? write_text(out->path, piece, err)
                                : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", out->path);
  free(text);
  *out = (sl_output){0};
  return status;
}

void sl_output_abort(sl_output *out) {
  free(sl_text_stream_close(&out->made));
  *out = (sl_output){0};
}
