/* Walks a run through its phases: warm start, policy optimisation, evaluation, checkpoints. */
#ifndef SLUICE_RUN_PHASES_H
#define SLUICE_RUN_PHASES_H

#include "run_files.h"

typedef struct {
  int quiet, json; /* json: the closing summary as one JSON object */
} sl_train_options;

/* What a finished or interrupted run prints. */
typedef struct {
  double success_before, success_after; /* held-out, around RL; NaN if not reached */
  double best_success;                  /* of checkpoint.best; NaN if there is none */
  uint64_t best_step;
  int interrupted;
  int diverged; /* a number was not finite (the error says which): the other fields are not set */
  char state[SL_DIGEST_TEXT];
} sl_train_result;

/* Trains until the configuration's end, or until a signal asks for a stop (sl_stop_begin): then the
 * step is finished and a checkpoint written. */
sl_status sl_run_train(sl_run_state *run, sl_run_files *files, const sl_train_options *options,
                       sl_train_result *result, sl_error *err);

#endif
