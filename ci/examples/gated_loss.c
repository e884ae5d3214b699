/* The gated loss of two completions of one prompt, and its gradient by each new log-prob.
 * cc -std=c17 gated_loss.c $(pkg-config --cflags --libs sluice) -o gated_loss */
#include <sluice/kernels.h>
#include <sluice/objective.h>
#include <stdio.h>

int main(void) {
  /* Two sequences of three tokens, packed; the last token of the second is masked, so what it holds
   * is never read. */
  const float logp_new[] = {-1.0f, -2.0f, -0.5f, -1.5f, -3.0f, 0.0f},
              logp_old[] = {-1.1f, -2.0f, -0.6f, -1.2f, -3.3f, 0.0f};
  const uint8_t mask[] = {1, 1, 1, 1, 1, 0};
  const uint32_t seq[] = {0, 3, 6}, group[] = {0, 2}, tokens[] = {3, 2};
  const double reward[] = {1.0, 0.0};
  float advantage[2], d[6];
  double coefficient[2], objective = 0.0;
  sl_loss_sums sums[2];
  sl_error err;
  sl_context *ctx;

  /* SAPO: a sigmoid gate with tau 1.05 where the advantage is not positive and 1 where it is;
   * sequence-mean. */
  const sl_objective sapo = {
      .gate = {.family = {SL_GATE_SIGMOID, SL_GATE_SIGMOID}, .tau = {1.05f, 1.0f}}};
  if (sl_context_create(&ctx, &(sl_context_options){.backend = "cpu"}, &err) ||
      sl_advantages(advantage, NULL, reward, group, 1, SL_ADV_STD_POPULATION, 1e-6, &err) ||
      sl_objective_coefficients(coefficient, tokens, 2, SL_AGG_SEQUENCE_MEAN, 0.0, &err))
    return fprintf(stderr, "%s\n", err.message), 1;
  const sl_gated_loss_batch batch = {.logp_new = logp_new,
                                     .logp_old = logp_old,
                                     .mask = mask,
                                     .seq = seq,
                                     .advantage = advantage,
                                     .coefficient = coefficient,
                                     .n_seq = 2};
  if (sl_gated_loss(ctx, d, NULL, sums, &sapo, &batch))
    return fprintf(stderr, "%s\n", sl_context_error(ctx)->message), 1;

  for (int s = 0; s < 2; s++) objective += sums[s].centred;
  printf("objective, centred: %.9g (%s)\n", objective, sl_context_backend(ctx));
  for (int t = 0; t < 6; t++) printf("d loss / d logp_new[%d] = %.9g\n", t, (double)d[t]);
  sl_context_destroy(ctx);
  return 0;
}
