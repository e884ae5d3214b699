/* Baselines (spec E5.4): what a run found, so that a later one with the same seed can be compared.
 */
#ifndef SLUICE_RELATIONS_BASELINE_H
#define SLUICE_RELATIONS_BASELINE_H

#include "report.h"

#include <sluice/status.h>

#include <stdint.h>

typedef struct {
  char kernel[32], backend[48], outcome[16];
  double ulps;
} sl_baseline_row;

typedef struct {
  uint64_t seed;
  char shape[100];          /* as it was asked for; empty: sizes were drawn */
  size_t cases, rows, said; /* said: as many rows as the head has */
  sl_baseline_row *row;
} sl_baseline;

/* SL_ERR_IO; SL_ERR_INPUT for a file that is not there, with file:line for what is no baseline, has
 * lost rows or has one twice, or is one of another generator. */
sl_status sl_baseline_read(sl_baseline *b, const char *path, sl_error *err);
/* SL_ERR_INPUT where the file has a first line, and it is not that of a baseline of any version. */
sl_status sl_baseline_may_be_replaced(const char *path, sl_error *err);
void sl_baseline_free(sl_baseline *b);
sl_status sl_baseline_write(const char *path, const sl_run_report *report, sl_error *err);

/* Prints what differs between the run and the baseline, new rows and those of backends that are not
 * here too; returns how many rows are worse: an outcome that was equal and is not, a largest error
 * that has grown, or a row that has vanished although its kernel and backend were asked for. */
size_t sl_baseline_compare(FILE *out, const sl_baseline *b, const sl_run_report *report);

#endif
