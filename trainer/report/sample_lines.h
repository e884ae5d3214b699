/* samples.jsonl (spec F4.9), read for a report. */
#ifndef SLUICE_SAMPLE_LINES_H
#define SLUICE_SAMPLE_LINES_H

#include "trainer/files/json.h"

#include <sluice/status.h>

#include <stddef.h>

typedef struct {
  size_t step;
  char *prompt, *completion, *answer;
  double reward;
  int ended;
} sl_sample_line;

typedef struct {
  sl_sample_line *line;
  size_t n, capacity;
  size_t unfinished; /* bytes after the last line */
  sl_json_left_out left_out;
} sl_sample_lines;

/* A file that is not there holds none. A line that is no sample is left out, and counted: nothing
 * depends on it. SL_ERR_INPUT for what is no file, or cannot be opened. */
sl_status sl_sample_lines_read(sl_sample_lines *out, const char *path, sl_error *err);
void sl_sample_lines_free(sl_sample_lines *lines);

#endif
