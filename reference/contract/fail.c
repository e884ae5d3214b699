/* Errors of the contract's readers. */
#include "fail.h"

#include <stdarg.h>
#include <stdio.h>

sl_status sl_contract_fail(sl_error *err, sl_status status, const char *format, ...) {
  if (!err) return status;
  va_list args;
  va_start(args, format);
  err->status = status;
  vsnprintf(err->message, sizeof err->message, format, args);
  va_end(args);
  return status;
}
