/* Status codes and error messages of libsluice. */
#include <sluice/status.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#undef sl_fail /* a macro for the analyzer */
sl_status sl_fail(sl_error *err, sl_status status, const char *format, ...) {
  if (err) {
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
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
