/* The state file of a checkpoint (spec F4.5): counters, bias corrections, sizes of the logs, and
 * the digests that the rest is checked against. */
#ifndef SLUICE_CHECKPOINT_STATE_H
#define SLUICE_CHECKPOINT_STATE_H

#include "log_record.h"
#include "run_identity.h"

#define SL_CHECKPOINT_VERSION 5
#define SL_CHECKPOINT_IDENTITY \
  4 /* the first with an identity; it has no digests of logs and file */
#define SL_CHECKPOINT_OLDEST 3

typedef struct {
  int version;
  sl_counters counters;
  sl_adamw_state adamw;
  double success_before, success_after; /* held-out, around RL; NaN if not reached */
  double best_success;                  /* the highest that checkpoint.best keeps; NaN: none */
  uint64_t best_step;                   /* finished rollouts when it was measured */
  double tau_scale;                     /* that holds the EUR (spec L3.11); NaN: none */
  sl_log_record metrics, ledger;
  char hash[SL_DIGEST_TEXT]; /* of the state */
  /* Of the digests of the frozen reference's tensors; "" if there is no reference. */
  char reference[SL_DIGEST_TEXT];
  sl_run_identity identity; /* all NULL in a checkpoint of version 3 */
} sl_checkpoint_state;

/* folder/state.json */
sl_status sl_checkpoint_state_write(const sl_checkpoint_state *state, const char *folder,
                                    sl_error *err);
/* SL_ERR_INPUT with the place of what is malformed, SL_ERR_MISMATCH if the file was edited,
 * SL_ERR_IO. */
sl_status sl_checkpoint_state_read(sl_checkpoint_state *out, const char *folder, sl_error *err);
/* Frees the identity that was read. */
void sl_checkpoint_state_free(sl_checkpoint_state *state);

#endif
