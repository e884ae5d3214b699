/* The first line of ledger.jsonl (see ledger_head.h). */
#include "ledger_head.h"

#include "trainer/files/file.h"
#include "trainer/files/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static sl_ledger_head parse(const char *path, const char *line, size_t length) {
  sl_json doc;
  size_t version = 0, numerics = 0;
  if (sl_json_parse(&doc, path, 1, line, length, NULL) != SL_OK) return (sl_ledger_head){0};
  if (sl_json_size(&doc, "version", 1, 1000, &version, NULL) != SL_OK) version = 0;
  if (sl_json_size(&doc, "numerics", 1, 1000, &numerics, NULL) != SL_OK) numerics = 0;
  sl_json_free(&doc);
  return (sl_ledger_head){(int)version, (int)numerics};
}

sl_ledger_head sl_ledger_head_read(const char *path) {
  char *line = NULL;
  size_t room = 0;
  struct stat st;
  const int fd = sl_open_input(path);
  FILE *file = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? fdopen(fd, "r") : NULL;
  if (!file) {
    if (fd >= 0) close(fd);
    return (sl_ledger_head){0};
  }
  const ssize_t length = getline(&line, &room, file);
  const sl_ledger_head head = length > 0 ? parse(path, line, (size_t)length) : (sl_ledger_head){0};
  fclose(file);
  free(line);
  return head;
}
