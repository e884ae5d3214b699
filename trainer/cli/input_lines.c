#include "input_lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

sl_status sl_each_input_line(sl_line_body *body, void *user, sl_error *err) {
  char *line = NULL;
  size_t room = 0, number = 0;
  sl_status status = SL_OK;
  for (ssize_t n; !status && (n = getline(&line, &room, stdin)) >= 0;) {
    size_t size = (size_t)n;
    if (size && line[size - 1] == '\n') size--;
    status = body(user, ++number, line, size, err);
  }
  free(line);
  if (!status && ferror(stdin)) status = sl_fail(err, SL_ERR_IO, "standard input: cannot be read");
  return status;
}
