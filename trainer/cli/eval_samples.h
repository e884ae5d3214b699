/* What `sluice eval --samples` prints. */
#ifndef SLUICE_EVAL_SAMPLES_H
#define SLUICE_EVAL_SAMPLES_H

#include "trainer/run/sampled_evaluation.h"

/* Evaluates (spec L4.5) and prints accuracy with its intervals, pass@k, format, by category too;
 * json: one object. */
sl_status sl_eval_samples(sl_run_state *run, const sl_sampling_plan *plan, int json, sl_error *err);

#endif
