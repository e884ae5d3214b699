/* One optimiser step of a run: norm, clipping, AdamW (spec N6), and the digests of its gradient
 * (spec F4.4). */
#include "run_state.h"

size_t sl_trainer_digest_arenas(const sl_trainer *t) {
  return SL_DIGESTS_STATE +
         (size_t)(t->config.rl.updates *
                  t->config.rl.epochs); /* at least the one update of the warm start */
}

sl_status sl_trainer_update(sl_trainer *t, float lr, sl_step_report *report,
                            sl_step_digests *digests, sl_error *err) {
  const sl_config *c = &t->config;
  const sl_optimizer_options options = {c->optimizer.beta1, c->optimizer.beta2, c->optimizer.eps,
                                        c->optimizer.weight_decay, c->optimizer.max_norm};
  double norm;
  sl_status status = sl_gradient_norm(&t->optimizer, t->gradients.total, &norm, err);
  const size_t arena = SL_DIGESTS_STATE + digests->updates++;
  if (!status)
    status =
        sl_trainer_kernel_error(t, sl_digests_take(&t->digests, arena, t->gradients.total), err);
  if (status) return status;
  report->gradient_norm += norm;
  if (norm > report->gradient_norm_max) report->gradient_norm_max = norm;
  report->lr = (double)lr;
  report->updates++;
  report->trained_tokens += t->step.seq[t->step.n_seq];
  return sl_optimizer_step(&t->optimizer, &options, t->policy.data, t->gradients.total, norm, lr,
                           err);
}
