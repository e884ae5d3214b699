#include "input_lines.h"

#include "trainer/files/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

sl_status sl_fail_input(size_t line, const sl_error *inner, sl_error *err) {
  const char *message = inner->message;
  const int has_column = strncmp(message, "1:", 2) == 0 && message[2] >= '1' && message[2] <= '9';
  return sl_fail(err, inner->status, "standard input:%zu:%s%s", line, has_column ? "" : " ",
                 message + (has_column ? 2 : 0));
}

sl_status sl_input_json(json_t **out, const char *text, size_t size, sl_error *inner) {
  json_error_t bad;
  const sl_status status =
      sl_json_load(out, "JSON", text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &bad, inner);
  if (status != SL_ERR_INPUT) return status;
  return sl_fail(inner, SL_ERR_INPUT, "1:%d: %s", bad.column > 0 ? bad.column : 1, bad.text);
}
