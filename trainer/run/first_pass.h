/* The first forward passes of a model that was brought: its weights are finite, its numbers may not
 * be.
 */
#ifndef SLUICE_FIRST_PASS_H
#define SLUICE_FIRST_PASS_H

#include "trainer/files/tokenizer.h"
#include "trainer/model/model_layout.h"
#include "trainer/tasks/tasks.h"

/* What a run computes log-probs of. */
typedef struct {
  const sl_tokenizer *tokenizer;
  const sl_task *task;
  float temperature; /* of rollouts; the warm start has 1 */
} sl_first_pass;

/* Over the first held-out problem's prompt, answer and end token (an evaluation checks the alphabet
 * of no other problems), or the first training problem's where none is held out, of more than 64
 * ids the first and the last 32 (spec L1.8): a plan takes seconds. Then over padding, with which a
 * run takes its memory. Log-probs are those of the lower of both temperatures.
 * SL_ERR_INPUT, which names the model's path, the part of the model and its largest weight. ctx is
 * where the parameters lie. */
sl_status sl_first_pass_check(sl_context *ctx, const sl_parameters *parameters,
                              const sl_first_pass *over, const char *path, sl_error *err);

/* Of a plan, the backend that makes these passes in place of the context's, which has the same bits
 * and would take minutes or hours (spec L1.8); NULL: the context's own. */
const char *sl_first_pass_other_backend(const sl_context *ctx);

#endif
