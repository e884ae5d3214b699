/* Losses that are wrong, each in one thing: planted failures that properties must catch. */
#ifndef SLUICE_TEST_WRONG_LOSSES_H
#define SLUICE_TEST_WRONG_LOSSES_H

#include "objective_step.h"

/* The coefficients of the micro-batch in place of the step's. */
sl_status wrong_of_the_micro_batch(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                                   const sl_objective *o, const sl_gated_loss_batch *b);
sl_status wrong_mask_multiplied(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                                const sl_objective *o, const sl_gated_loss_batch *b);
sl_status wrong_only_the_output_clamped(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                                        const sl_objective *o, const sl_gated_loss_batch *b);
sl_status wrong_sign_of_the_advantage(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                                      const sl_objective *o, const sl_gated_loss_batch *b);
sl_status wrong_nothing_where_a_is_zero(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                                        const sl_objective *o, const sl_gated_loss_batch *b);
/* Sequences answer for the one before them. */
sl_status wrong_shifted_advantages(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                                   const sl_objective *o, const sl_gated_loss_batch *b);
/* A gate that pushes twice as hard. */
sl_status wrong_doubled(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                        const sl_objective *o, const sl_gated_loss_batch *b);
/* The first token's advantage, or its sign alone, for the tokens of a sequence. */
sl_status wrong_first_of_the_tokens(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                                    const sl_objective *o, const sl_gated_loss_batch *b);

#endif
