/* One optimiser step of a run: norm, clipping, AdamW (spec N6), and the digests of its gradient (spec F4.4). */
#include "trainer.h"

#include <stdlib.h>

sl_status sl_step_digests_create(sl_step_digests *out, const sl_trainer *t, sl_error *err) {
  const sl_config *c = &t->config;
  const size_t updates = (size_t)(c->rl.updates * c->rl.epochs); /* at least the one of the warm start */
  *out = (sl_step_digests){.gradient = calloc(updates * t->policy.layout->n_tensors, sizeof *out->gradient)};
  return out->gradient ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "no memory for the digests of %zu updates", updates);
}

void sl_step_digests_free(sl_step_digests *digests) {
  free(digests->gradient);
  digests->gradient = NULL;
}

static sl_status digest_gradient(const sl_trainer *t, sl_step_digests *digests) {
  const sl_model_layout *layout = t->policy.layout;
  char(*out)[SL_DIGEST_TEXT] = digests->gradient + digests->updates++ * layout->n_tensors;
  for (size_t i = 0; i < layout->n_tensors; i++) {
    const sl_tensor_info *tensor = &layout->tensors[i];
    const sl_status status = sl_digest_array(out[i], &t->reader, t->gradients.total + tensor->offset, tensor->count * sizeof(float));
    if (status) return status;
  }
  return SL_OK;
}

sl_status sl_trainer_update(sl_trainer *t, float lr, sl_step_report *report, sl_step_digests *digests, sl_error *err) {
  const sl_config *c = &t->config;
  const sl_optimizer_options options = {c->optimizer.beta1, c->optimizer.beta2, c->optimizer.eps, c->optimizer.weight_decay,
                                        c->optimizer.max_norm};
  double norm;
  sl_status status = sl_gradient_norm(&t->optimizer, t->gradients.total, &norm, err);
  if (!status) status = sl_trainer_kernel_error(t, digest_gradient(t, digests), err);
  if (status) return status;
  report->gradient_norm += norm;
  if (norm > report->gradient_norm_max) report->gradient_norm_max = norm;
  report->lr = (double)lr;
  report->updates++;
  report->trained_tokens += t->step.seq[t->step.n_seq];
  return sl_optimizer_step(&t->optimizer, &options, t->policy.data, t->gradients.total, norm, lr, err);
}
