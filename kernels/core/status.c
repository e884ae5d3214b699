/* Status codes and error messages of libsluice. */
#include <sluice/status.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* The start and the end of a text that does not fit, with dots between: a message begins with the
 * place, which may be a path of any length, and ends with the reason. Bytes that continue a UTF-8
 * character are left out where the cut falls into it. */
static void shorten(char *out, size_t size, const char *text, size_t length) {
  static const char dots[] = " ... ";
  const size_t half = (size - sizeof dots) / 2;
  size_t head = half;
  const char *tail = text + length - half;
  while (head > 0 && (text[head] & 0xc0) == 0x80) head--;
  while ((*tail & 0xc0) == 0x80) tail++;
  snprintf(out, size, "%.*s%s%s", (int)head, text, dots, tail);
}

/* Formats into memory of the needed length; if there is none, message keeps the start of the text.
 */
static void format_long(char *message, size_t size, size_t length, const char *format,
                        va_list args) {
  char *text = malloc(length + 1);
  if (!text) return;
  vsnprintf(text, length + 1, format, args);
  shorten(message, size, text, length);
  free(text);
}

#undef sl_fail /* a macro for the analyzer */
sl_status sl_fail(sl_error *err, sl_status status, const char *format, ...) {
  if (err) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int length = vsnprintf(err->message, sizeof err->message, format, args);
    if (length >= (int)sizeof err->message)
      format_long(err->message, sizeof err->message, (size_t)length, format, again);
    va_end(again);
    va_end(args);
    err->status = status;
  }
  return status;
}

const char *sl_status_name(sl_status status) {
  static const char *const names[] = {"ok",          "usage",      "input",
                                      "io",          "memory",     "environment",
                                      "unavailable", "non-finite", "mismatch"};
  return (size_t)status < sizeof names / sizeof *names ? names[status] : "unknown";
}
