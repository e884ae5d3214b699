/* A file of lines to which one process appends. A line is built in memory and then written whole,
 * so that a signal or a short write cannot lose part of it; stdio would drop the rest after a
 * failed write. */
#ifndef SLUICE_LOG_H
#define SLUICE_LOG_H

#include <sluice/status.h>

#include "kernels/support/text_stream.h"

#include <stdint.h>

typedef struct {
  int fd;
  char *path;
  uint64_t size; /* bytes of the file */
  FILE *line;    /* where the next line is made, without its newline: made's */
  sl_text_stream made;
} sl_log;

/* Opens folder/name for appending. fresh: it starts empty; else it continues, and is created if
 * absent. A link is refused (SL_ERR_INPUT); a file with several names is replaced by a copy. */
sl_status sl_log_open(sl_log **out, const char *folder, const char *name, int fresh, sl_error *err);
/* Appends log->line and a newline. On error a part of the line may stand in the file. */
sl_status sl_log_append(sl_log *log, sl_error *err);
/* Cuts the file back to its first `size` bytes; where it has fewer, to its last complete line. */
sl_status sl_log_cut(sl_log *log, uint64_t size, sl_error *err);
/* Brings the file to the disk. */
sl_status sl_log_sync(const sl_log *log, sl_error *err);
/* log may be NULL. */
void sl_log_close(sl_log *log);

#endif
