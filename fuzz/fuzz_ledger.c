/* libFuzzer harness of a run's logs as `sluice resume` and `sluice report` read them back (spec
 * F4.4, F4.9): ledger.jsonl, cut to the bytes that a checkpoint recorded, and its first line;
 * samples.jsonl, cut to a rollout, and its lines. Three bytes choose where the cuts are; behind
 * them the ledger, and behind a section end the samples. A cut keeps a beginning of the file, whole
 * lines where it has to find them, and the next line follows it. */
#include "input.h"

#include "trainer/report/ledger_head.h"
#include "trainer/report/sample_lines.h"
#include "trainer/run/run_samples.h"

#include "trainer/files/file.h"
#include "trainer/files/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE                                                            \
  "{\"step\":1,\"prompt\":\"a\",\"completion\":\"b\",\"answer\":\"c\"," \
  "\"ended\":true,\"reward\":1}"

static sl_log *open_log(const char *folder, const char *name) {
  sl_log *log;
  sl_error err = {SL_OK, ""};
  if (sl_log_open(&log, folder, name, 0, &err) == SL_OK) return log;
  if (!err.message[0]) abort();
  return NULL;
}

/* The file is the first `size` bytes of what it was, and then what follows. */
static void check_text(const char *path, section was, size_t size, const char *follows) {
  char *text;
  size_t n;
  sl_error err;
  const size_t more = strlen(follows);
  if (sl_file_read(&text, &n, path, 1 << 20, &err) != SL_OK) abort();
  if (n != size + more || size > was.size || memcmp(text, was.data, size) != 0) abort();
  if (memcmp(text + size, follows, more) != 0) abort();
  free(text);
}

static void append(sl_log *log) {
  sl_error err;
  fputs(LINE, log->line);
  if (sl_log_append(log, &err) != SL_OK || sl_log_sync(log, &err) != SL_OK) abort();
}

static int numerics_of(const char *path) {
  sl_ledger_head head;
  if (sl_ledger_head_read(&head, path, NULL) != SL_OK) abort();
  return head.numerics;
}

static void check_ledger(section bytes, size_t recorded) {
  const char *path = scratch_file("ledger.jsonl", bytes);
  const int numerics = numerics_of(path);
  sl_error err;
#ifdef SLUICE_CANARY /* a planted defect that the fuzzer must find */
  if (numerics == 3) abort();
#endif
  sl_log *log = open_log(scratch_folder(), "ledger.jsonl");
  if (!log || log->size != bytes.size || sl_log_cut(log, recorded, &err) != SL_OK) abort();
  const size_t size = log->size;
  const int found_end = recorded > bytes.size;
  if (found_end ? size > 0 && bytes.data[size - 1] != '\n' : size != recorded) abort();
  if (found_end && memchr(bytes.data + size, '\n', bytes.size - size)) abort();
  append(log);
  check_text(path, bytes, size, LINE "\n");
  sl_log_close(log);
  const int has_head = size > 0 && memchr(bytes.data, '\n', size) != NULL;
  if (has_head && numerics_of(path) != numerics) abort();
}

/* How many lines a report reads; -1 where it refuses the file. */
static long count_samples(const char *path) {
  sl_sample_lines lines;
  sl_error err = {SL_OK, ""};
  if (sl_sample_lines_read(&lines, path, &err) != SL_OK) {
    if (!err.message[0]) abort();
    return -1;
  }
  const long n = (long)lines.n;
  sl_sample_lines_free(&lines);
  return n;
}

/* The samples have another name too, which keeps its bytes; a link is no log. */
static void check_samples(section bytes, uint64_t step) {
  const char *path = scratch_file("samples.jsonl", bytes);
  const long before = count_samples(path);
  char other[256], name[256];
  sl_error err;
  snprintf(other, sizeof other, "%s/other", scratch_folder());
  snprintf(name, sizeof name, "%s/link", scratch_folder());
  if (link(path, other) != 0 || symlink(path, name) != 0) abort();
  if (open_log(scratch_folder(), "link")) abort();
  sl_log *log = open_log(scratch_folder(), "samples.jsonl");
  if (!log || sl_samples_cut(log, step, &err) != SL_OK) abort();
  const size_t size = log->size;
  if (size > 0 && bytes.data[size - 1] != '\n') abort();
  const long kept = count_samples(path);
  if (before >= 0 && (kept < 0 || kept > before)) abort();
  if (sl_samples_cut(log, step, &err) != SL_OK || log->size != size) abort();
  append(log);
  sl_log_close(log);
  if (kept >= 0 && count_samples(path) != kept + 1) abort();
  check_text(other, bytes, bytes.size, "");
  if (unlink(other) != 0 || unlink(name) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 3) return 0;
  const size_t recorded = (size_t)data[0] | (size_t)data[1] << 8;
  const uint64_t step = data[2];
  data += 3, size -= 3;
  check_ledger(next_section(&data, &size, 0), recorded);
  check_samples(next_section(&data, &size, 1), step);
  sl_log *log = open_log("/dev/null", "ledger.jsonl"); /* which is no folder */
  if (log) abort();
  if (count_samples("/dev/null/samples.jsonl") != 0) abort();
  return 0;
}
