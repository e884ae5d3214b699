/* One step of group-relative policy optimisation: a rollout, advantages, then several updates (spec
 * L3, O1 to O5). */
#include "gate_schedule.h"
#include "run_rollout.h"

#include "kernels/vendor/vendor.h"

#include <sluice/random.h>

#include <math.h>
#include <string.h>

/* Log-probs of the whole rollout under the frozen reference, kept in rollout_step->logp_ref (spec
 * L3.6). */
static sl_status reference_logprobs(sl_run_state *run, const sl_rollout *r, sl_error *err) {
  if (!run->reference_model) return SL_OK;
  sl_update_batch *s = &run->rollout_step;
  sl_update_batch_clear(s);
  for (size_t q = 0; q < r->n; q++)
    sl_update_batch_add(s, r->ids + r->seq[q], r->seq[q + 1] - r->seq[q], r->prompt_length[q], NULL,
                        0.0f);
  const sl_gradient_options options = {.inv_temperature = 1.0f / run->config.rl.temperature,
                                       .micro_batch = run->micro_batch};
  return sl_run_kernel_error(
      run, sl_update_batch_logprobs(s, run->reference_model, &options, s->logp_ref, s->entropy),
      err);
}

/* Groups of an update; the last one may have fewer (spec L3.12). */
static size_t update_groups(const sl_run_state *run) {
  return (size_t)(run->config.rl.prompts / run->config.rl.updates);
}

/* The sequences of the groups update_order[first .. end), whole groups at a time (spec L3.7). */
static void gather(sl_run_state *run, const sl_rollout *r, size_t first, size_t end) {
  const size_t group = (size_t)run->config.rl.group;
  sl_update_batch_clear(&run->step);
  for (size_t k = first; k < end; k++)
    for (size_t g = 0; g < group; g++) {
      const size_t q = run->update_order[k] * group + g, at = r->seq[q], n = r->seq[q + 1] - at;
      const size_t to = run->step.seq[run->step.n_seq];
      sl_update_batch_add(&run->step, r->ids + at, n, r->prompt_length[q], r->logp + at,
                          run->advantage[q]);
      if (run->reference_model)
        memcpy(run->step.logp_ref + to, run->rollout_step.logp_ref + at, n * sizeof(float));
    }
}

/* On policy, decoding and training must have the same bits: every ratio is exactly 1 (spec T3.2,
 * L3.8). A vendor's products do not promise that, so nothing is checked there. */
static sl_status check_on_policy(const sl_run_state *run, sl_error *err) {
  const sl_update_batch *s = &run->step;
  if (sl_vendor_bounded(run->ctx, SL_KERNEL_linear_forward)) return SL_OK;
  for (size_t i = 0; i < s->seq[s->n_seq]; i++)
    if (s->mask[i] && s->logp[i] != s->logp_old[i])
      return sl_fail(
          err, SL_ERR_MISMATCH,
          "log-prob of token[%zu] of the first update: %a in training, %a in the rollout", i,
          (double)s->logp[i], (double)s->logp_old[i]);
  return SL_OK;
}

/* spec L3.9 */
static void add_sums(sl_step_report *report, const sl_update_batch *s) {
  for (size_t q = 0; q < s->n_seq; q++) {
    const sl_loss_sums *x = &s->sums[q];
    report->objective += x->objective, report->centred += x->centred, report->kl += x->kl;
    report->ratio_mean += x->y_sum, report->ratio_variance += x->y_square_sum;
    report->kl_old_k1 -= x->log_ratio_sum, report->kl_old_k3 += x->y_sum - x->log_ratio_sum;
    report->weight_mean += x->weight_sum, report->effective += x->effective_sum;
    report->below_half += x->below_half, report->clamped += x->clamped, report->tokens += x->tokens;
    if (x->tokens && x->ratio_max > report->ratio_max) report->ratio_max = x->ratio_max;
    for (size_t i = s->seq[q]; i < s->seq[q + 1]; i++)
      report->entropy += s->mask[i] ? (double)s->entropy[i] : 0.0;
  }
}

/* The mean EUR of the updates but the first, whose is 1 (spec L3.10). */
static double eur_later(const sl_update_ratios *ratios, size_t updates) {
  double sum = 0.0;
  for (size_t u = 1; u < updates; u++) sum += ratios[u].effective;
  return updates > 1 ? sum / (double)(updates - 1) : (double)NAN;
}

/* Sums become means (spec O5.2, L3.10). */
static void finish_report(sl_step_report *r) {
  const double n = (double)r->tokens, u = (double)r->updates;
  const double y = r->ratio_mean / n, variance = r->ratio_variance / n - y * y;
  r->ratio_mean = 1.0 + y;
  r->ratio_variance = isnan(variance) ? variance : fmax(variance, 0.0); /* NaN: no update */
  r->kl_old_k1 /= n, r->kl_old_k3 /= n;
  r->weight_mean /= n, r->effective /= n, r->below_half /= n, r->entropy /= n;
  r->objective /= u, r->centred /= u, r->kl /= u, r->gradient_norm /= u;
  r->loss = -r->objective;
}

/* What the gate let through of this update (spec O5.3, O5.4): run->ratios by update. */
static sl_status measure(sl_run_state *run, size_t u, sl_error *err) {
  const sl_update_batch *s = &run->step;
  const sl_gated_loss_batch batch = {s->logp, s->logp_old,  s->logp_ref,    s->entropy, s->mask,
                                     s->seq,  s->advantage, s->coefficient, s->n_seq,   NULL};
  return sl_update_measure(&run->ratios[u], &run->objective, &batch, s->sums, run->group,
                           s->n_seq / (size_t)run->config.rl.group, err);
}

/* spec O4.1, part by part; of fewer groups the last part is smaller, or missing (spec L3.12). A
 * division by 1 changes no bit. */
static sl_status coefficients(sl_run_state *run, sl_error *err) {
  sl_update_batch *s = &run->step;
  const size_t all = update_groups(run) * (size_t)run->config.rl.group,
               size = all / (size_t)run->config.rl.loss_parts, parts = (s->n_seq + size - 1) / size;
  sl_status status = SL_OK;
  for (size_t first = 0; !status && first < s->n_seq; first += size) {
    const size_t left = s->n_seq - first;
    status = sl_objective_coefficients(s->coefficient + first, s->tokens + first,
                                       left < size ? left : size, run->objective.aggregation,
                                       run->objective.constant_length, err);
  }
  for (size_t i = 0; !status && i < s->n_seq; i++) s->coefficient[i] /= (double)parts;
  return status;
}

/* spec L3.8 */
static sl_status update(sl_run_state *run, int on_policy, sl_step_report *report,
                        sl_step_digests *digests, sl_error *err) {
  const sl_gradient_options options = sl_run_gradient_options(run);
  sl_update_batch *s = &run->step;
  run->update++;
  sl_status status = coefficients(run, err);
  if (!status)
    status = sl_run_kernel_error(
        run, sl_update_batch_gradient(s, run->model, &run->gradients, &options), err);
  if (!status && on_policy) status = check_on_policy(run, err);
  if (!status) status = measure(run, report->updates, err);
  if (status) return status;
  add_sums(report, s);
  return sl_run_state_update(run, run->rate, report, digests, err);
}

static sl_status update_all(sl_run_state *run, const sl_rollout *r, sl_step_report *report,
                            sl_step_digests *digests, sl_error *err) {
  const sl_config *c = &run->config;
  const size_t groups = r->n / (size_t)c->rl.group, most = update_groups(run);
  for (int64_t e = 0; e < c->rl.epochs; e++) {
    for (size_t p = 0; p < groups; p++) run->update_order[p] = (uint32_t)p;
    if (e) /* spec L3.7; F3.5 takes sequences 0 and 1 of this purpose */
      sl_random_shuffle(run->update_order, groups, (uint64_t)c->run.seed, (uint32_t)e + 1,
                        (uint32_t)run->rl_step, SL_RANDOM_SHUFFLE);
    for (size_t first = 0; first < groups; first += most) {
      gather(run, r, first, first + most < groups ? first + most : groups);
      const sl_status status = update(run, e == 0 && first == 0, report, digests, err);
      if (status) return status;
    }
  }
  return SL_OK;
}

sl_status sl_policy_step(sl_run_state *run, sl_step_report *report, sl_step_digests *digests,
                         sl_error *err) {
  const sl_config *c = &run->config;
  memset(report, 0, sizeof *report);
  digests->updates = 0, run->update = 0;
  sl_rollout r;
  sl_status status = sl_run_roll_out(run, &r, report, err);
  if (!status)
    status = sl_advantages(run->advantage, NULL, run->reward, run->group, report->kept_groups,
                           (sl_advantage_kind)c->rl.advantage, c->rl.advantage_eps, err);
  if (!status) status = reference_logprobs(run, &r, err);
  if (status) return status;
  run->rate = sl_learning_rate(c->rl.lr, (sl_decay_kind)c->rl.decay, c->rl.final,
                               (uint64_t)c->rl.warmup, run->rl_step + 1, (uint64_t)c->rl.steps);
  report->lr = (double)run->rate;
  sl_digest_bytes(digests->tokens, r.ids, r.seq[r.n] * sizeof *r.ids);
  sl_digest_bytes(digests->rewards, run->reward, r.n * sizeof *run->reward);
  sl_digest_bytes(digests->logprobs, r.logp, r.seq[r.n] * sizeof *r.logp);
  sl_gate_schedule_set(run, report);
  status = update_all(run, &r, report, digests, err);
  if (status) return status;
  finish_report(report);
  report->eur_later = eur_later(run->ratios, report->updates);
  sl_gate_schedule_move(run, report);
  run->rollout = r;
  run->rl_step++, run->update = 0;
  return SL_OK;
}
