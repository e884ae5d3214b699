/* What a run measured, as curves: metrics.jsonl (spec F4.3) read whole. */
#ifndef SLUICE_RUN_CURVES_H
#define SLUICE_RUN_CURVES_H

#include <sluice/status.h>

#include <stddef.h>

/* One key of one kind ("step", "evaluation") of line in one phase ("sft", "rl"), against the
 * phase's step. */
typedef struct {
  char kind[16], phase[16], key[48];
  double *x, *y;
  size_t n, capacity;
} sl_run_curve;

typedef struct {
  sl_run_curve *curve;
  size_t n, capacity, lines;
  char backend[160];        /* those that ran, in order of appearance */
  char state[96], warm[96]; /* state after the last step, and after the last one of the warm start;
                               "" if there was none */
  size_t unfinished; /* bytes after the last line: a write that is not at its end, or was cut off */
  double seconds, tokens; /* sums over all steps: time spent in them, tokens sampled and trained */
} sl_run_curves;

/* Every member of a line that is a number becomes a point, of an array its last number (the last
 * update of a rollout). SL_ERR_IO if the file cannot be read;
 * SL_ERR_INPUT with "file:line:column: ..." for a line that is not a JSON object, lacks kind, phase
 * or step, holds null, or whose step is not above that of its kind and phase before. */
sl_status sl_run_curves_read(sl_run_curves *out, const char *path, sl_error *err);
void sl_run_curves_free(sl_run_curves *curves);

/* NULL if no line has it. */
const sl_run_curve *sl_run_curves_find(const sl_run_curves *curves, const char *kind,
                                       const char *phase, const char *key);

/* The first and the last value; NAN if there is none. */
double sl_run_curve_first(const sl_run_curve *curve);
double sl_run_curve_last(const sl_run_curve *curve);
/* The mean of the last `count` values, or of all if there are fewer; NAN if there is none. */
double sl_run_curve_mean(const sl_run_curve *curve, size_t count);

#endif
