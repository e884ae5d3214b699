/* What a command writes where its user says: a file, a device or a pipe, or standard output. */
#ifndef SLUICE_OUTPUT_H
#define SLUICE_OUTPUT_H

#include <sluice/status.h>

#include "text_stream.h"

/* An output that is made in memory first, so that a failure leaves what stood at path. */
typedef struct {
  const char *path; /* "-": standard output */
  FILE *stream;     /* to be written: made's */
  sl_text_stream made;
} sl_output;

/* SL_ERR_USAGE for a file of a run (spec F4), which what a command writes would destroy. NULL: no
 * output is asked for. A command asks before a long work; sl_output_begin asks again. */
sl_status sl_output_check(const char *path, sl_error *err);
/* What can be known before a long work of whether path can be written: its folder is there and open
 * for writing, no folder stands at path. SL_ERR_IO with the reason; else as sl_output_check. */
sl_status sl_output_check_place(const char *path, sl_error *err);
/* path and out must stay where they are until the end. SL_ERR_USAGE as above, SL_ERR_MEMORY. */
sl_status sl_output_begin(sl_output *out, const char *path, sl_error *err);
/* Writes it: a regular file atomically (spec F1.1), anything else in place. Frees it. */
sl_status sl_output_end(sl_output *out, sl_error *err);
/* Frees it, and writes nothing. */
void sl_output_abort(sl_output *out);

#endif
