/* One update of a run: norm, clipping, AdamW (spec N6), and the digests of its gradient (spec
 * F4.4). */
#include "run_state.h"

sl_status sl_run_state_update(sl_run_state *run, float lr, sl_step_report *report,
                              sl_step_digests *digests, sl_error *err) {
  const sl_config *c = &run->config;
  const sl_optimizer_options options = {c->optimizer.beta1, c->optimizer.beta2, c->optimizer.eps,
                                        c->optimizer.weight_decay, c->optimizer.max_norm};
  double norm;
  sl_status status = sl_gradient_norm(&run->optimizer, run->gradients.total, &norm, err);
  const size_t arena = SL_DIGESTS_STATE + digests->updates++;
  if (!status)
    status =
        sl_run_kernel_error(run, sl_digests_take(&run->digests, arena, run->gradients.total), err);
  if (status) return status;
  report->gradient_norm += norm;
  if (norm > report->gradient_norm_max) report->gradient_norm_max = norm;
  report->lr = (double)lr;
  report->updates++;
  report->trained_tokens += run->step.seq[run->step.n_seq];
  return sl_optimizer_step(&run->optimizer, &options, run->policy.data, run->gradients.total, norm,
                           lr, err);
}
