/* samples.jsonl (spec F4.9), read for a report. */
#include "sample_lines.h"

#include "trainer/files/json.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static sl_sample_line *grow(sl_sample_lines *lines) {
  if (lines->n == lines->capacity) {
    const size_t wanted = lines->capacity ? 2 * lines->capacity : 64;
    sl_sample_line *fresh = realloc(lines->line, wanted * sizeof *fresh);
    if (!fresh) return NULL;
    lines->line = fresh, lines->capacity = wanted;
  }
  sl_sample_line *line = &lines->line[lines->n++];
  *line = (sl_sample_line){0};
  return line;
}

static sl_status read_line(const sl_json *doc, void *user, sl_error *err) {
  sl_sample_line read = {0};
  const char *prompt, *completion, *answer;
  sl_status status = sl_json_size(doc, "step", 1, (size_t)1 << 53, &read.step, err);
  if (!status) status = sl_json_text(doc, "prompt", &prompt, err);
  if (!status) status = sl_json_text(doc, "completion", &completion, err);
  if (!status) status = sl_json_text(doc, "answer", &answer, err);
  if (!status) status = sl_json_bool(doc, "ended", &read.ended, err);
  if (!status) status = sl_json_real(doc, "reward", &read.reward, err);
  if (status) return status;
  sl_sample_line *line = grow(user);
  if (!line) return sl_fail(err, SL_ERR_MEMORY, "no memory for the samples of a run");
  *line = read;
  line->prompt = strdup(prompt);
  line->completion = strdup(completion);
  line->answer = strdup(answer);
  if (line->prompt && line->completion && line->answer) return SL_OK;
  return sl_fail(err, SL_ERR_MEMORY, "no memory for the samples of a run");
}

sl_status sl_sample_lines_read(sl_sample_lines *out, const char *path, sl_error *err) {
  sl_sample_lines lines = {0};
  struct stat info;
  if (lstat(path, &info) != 0) { /* a run of an older version has no such file */
    *out = lines;
    return SL_OK;
  }
  const sl_status status =
      sl_json_log_lines(path, read_line, &lines, &lines.unfinished, &lines.left_out, err);
  if (status)
    sl_sample_lines_free(&lines);
  else
    *out = lines;
  return status;
}

void sl_sample_lines_free(sl_sample_lines *lines) {
  for (size_t i = 0; i < lines->n; i++) {
    free(lines->line[i].prompt);
    free(lines->line[i].completion);
    free(lines->line[i].answer);
  }
  free(lines->line);
  *lines = (sl_sample_lines){0};
}
