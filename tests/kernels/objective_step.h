/* A step of the objective for the tests: sequences in groups with rewards, masks and log-probs,
 * from a printed seed. */
#ifndef SLUICE_OBJECTIVE_STEP_H
#define SLUICE_OBJECTIVE_STEP_H

#include "kernel_test.h"

#include <sluice/objective.h>

#define STEP_SEQUENCES 24
#define STEP_TOKENS 1536

typedef struct {
  size_t n_groups, n_seq, t;
  uint32_t group[STEP_SEQUENCES + 1], seq[STEP_SEQUENCES + 1], tokens[STEP_SEQUENCES];
  double reward[STEP_SEQUENCES], coefficient[STEP_SEQUENCES];
  float advantage[STEP_SEQUENCES], token_advantage[STEP_TOKENS];
  int by_token; /* token_advantage counts */
  float new[STEP_TOKENS], old[STEP_TOKENS], ref[STEP_TOKENS], entropy[STEP_TOKENS];
  uint8_t mask[STEP_TOKENS];
} step;

/* What gated_loss gives for it. */
typedef struct {
  float d[STEP_TOKENS], e[STEP_TOKENS];
  sl_loss_sums sums[STEP_SEQUENCES];
} outcome;

/* Groups of uneven size, rewards that are multiples of 1/8 (their sums are exact), lengths with 0
 * and 1 among them, log-ratios of every size; masked slots hold NaN, infinities and 1e30.
 * Advantages and coefficients are set by finish_step. */
step random_step(source *s);
void finish_step(step *p, sl_advantage_kind advantages, sl_aggregation aggregation);

/* One sequence of n unmasked tokens with that log-ratio, on log-probs of -1; advantage 1,
 * coefficient 1/n. */
step one_sequence(size_t n, float log_ratio);

sl_gated_loss_batch batch_of(const step *p);
/* Where not NULL, runs in place of every context: a planted failure that a property must catch. */
typedef sl_status (*loss_kernel)(sl_context *ctx, float *d, float *e, sl_loss_sums *sums,
                                 const sl_objective *o, const sl_gated_loss_batch *b);
extern loss_kernel planted_loss;
/* Runs it in plain, checks that a cpu context gives the same bits (each in its turn), and
 * returns it. */
outcome loss_of(const step *p, const sl_objective *o);

/* A gate with tau on both sides, clip 0.2 and 0.28, no KL, no bonus, token level. */
sl_objective objective_of(sl_gate_family family, float tau);
/* Settings of every kind. */
sl_objective random_objective(source *s);

/* Seeds of a property: from SLUICE_SEED (default `first`), SLUICE_CASES of them; the line that
 * replays one is printed on failure. */
uint64_t first_seed(uint64_t otherwise);
uint64_t seed_count(uint64_t otherwise);
#define REPLAY "replay: SLUICE_SEED=%llu SLUICE_CASES=1 test-%s --filter '%s'"

#endif
