/* What a file that cannot be opened means for the exit code. */
#include "input_file.h"

#include <errno.h>
#include <string.h>

sl_status sl_fail_open(sl_error *err, const char *path) {
  const int system = errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EIO;
  return sl_fail(err, system ? SL_ERR_IO : SL_ERR_INPUT, "%s: cannot open: %s", path,
                 strerror(errno));
}
