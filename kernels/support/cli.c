/* What the subcommands share: exit codes, error printing, JSON texts. */
#include "cli.h"

#include "utf8.h"

#include <stdio.h>
#include <string.h>

int sl_exit_code(sl_status status) {
  switch (status) {
    case SL_OK:
      return SL_EXIT_OK;
    case SL_ERR_USAGE:
    case SL_ERR_UNAVAILABLE:
      return SL_EXIT_USAGE;
    case SL_ERR_INPUT:
    case SL_ERR_NONFINITE:
      return SL_EXIT_INPUT;
    case SL_ERR_MISMATCH:
      return SL_EXIT_FAILED;
    case SL_ERR_IO:
    case SL_ERR_MEMORY:
    case SL_ERR_ENVIRONMENT:
      return SL_EXIT_SYSTEM;
  }
  return SL_EXIT_SYSTEM;
}

int sl_cli_fail(const char *command, const sl_error *err) {
  fflush(stdout); /* what was printed before comes first */
  fprintf(stderr, "%s: error: %s\n", command, err->message);
  return sl_exit_code(err->status);
}

void sl_cli_json_text(FILE *out, const char *text) {
  fputc('"', out);
  for (size_t left = strlen(text), n; left; text += n, left -= n) {
    uint32_t point;
    n = sl_utf8_decode(text, left, &point);
    if (n == 0)
      fputs("\\ufffd", out), n = 1; /* JSON is UTF-8 */
    else if (*text == '"' || *text == '\\')
      fprintf(out, "\\%c", *text);
    else if (point < 0x20)
      fprintf(out, "\\u%04x", (unsigned)point);
    else
      fwrite(text, 1, n, out);
  }
  fputc('"', out);
}
