/* samples.jsonl (spec F4.9), cut back. Its size at a checkpoint is not recorded: a line names its
 * rollout, and the file is small, so a resumed run finds where to cut by reading. */
#include "run_samples.h"

#include "trainer/files/file.h"

#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)1 << 30)

/* The rollout that a line names; 0 if it names none. */
static uint64_t step_of(const char *line) {
  static const char head[] = "{\"step\":";
  if (strncmp(line, head, sizeof head - 1) != 0) return 0;
  return strtoull(line + sizeof head - 1, NULL, 10);
}

sl_status sl_samples_cut(sl_log *samples, uint64_t step, sl_error *err) {
  char *text;
  size_t size, end = 0;
  const sl_status status = sl_file_read(&text, &size, samples->path, FILE_MAX, err);
  if (status) return status;
  for (;;) {
    const char *newline = memchr(text + end, '\n', size - end);
    if (!newline || step_of(text + end) > step) break;
    end = (size_t)(newline - text) + 1;
  }
  free(text);
  return sl_log_cut(samples, end, err);
}
