/* What a file that cannot be opened means for the exit code. */
#ifndef SLUICE_INPUT_FILE_H
#define SLUICE_INPUT_FILE_H

#include <sluice/status.h>

/* Right after the open of an input failed, from errno: SL_ERR_INPUT where the file is missing or
 * may not be read, SL_ERR_IO where the system has no descriptor or memory left, or the disk fails.
 */
sl_status sl_fail_open(sl_error *err, const char *path);

#endif
