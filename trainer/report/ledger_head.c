/* The first line of ledger.jsonl (see ledger_head.h). */
#include "ledger_head.h"

#include "trainer/files/file.h"
#include "trainer/files/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static sl_status parse(sl_ledger_head *out, const char *path, const char *line, size_t length,
                       sl_error *err) {
  sl_json doc;
  size_t version = 0, numerics = 0;
  const sl_status status = sl_json_parse(&doc, path, 1, line, length, err);
  if (status) return status == SL_ERR_MEMORY ? status : SL_OK;
  if (sl_json_size(&doc, "version", 1, 1000, &version, NULL) != SL_OK) version = 0;
  if (sl_json_size(&doc, "numerics", 1, 1000, &numerics, NULL) != SL_OK) numerics = 0;
  sl_json_free(&doc);
  *out = (sl_ledger_head){(int)version, (int)numerics};
  return SL_OK;
}

sl_status sl_ledger_head_read(sl_ledger_head *out, const char *path, sl_error *err) {
  char *line = NULL;
  size_t room = 0;
  struct stat st;
  *out = (sl_ledger_head){0};
  const int fd = sl_open_input(path);
  if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
    if (fd >= 0) close(fd);
    return SL_OK;
  }
  FILE *file = fdopen(fd, "r");
  if (!file) {
    close(fd);
    return sl_fail(err, SL_ERR_MEMORY, "%s: no memory", path);
  }
  errno = 0;
  const ssize_t length = getline(&line, &room, file);
  sl_status status = SL_OK;
  if (length > 0)
    status = parse(out, path, line, (size_t)length, err);
  else if (errno == ENOMEM)
    status = sl_fail(err, SL_ERR_MEMORY, "%s: no memory", path);
  fclose(file);
  free(line);
  return status;
}
