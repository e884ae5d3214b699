/* The lines of metrics.jsonl and ledger.jsonl: one JSON object each, flushed at once (spec F4.3,
 * F4.4). */
#include "run_files.h"

#include "kernels/support/cli.h"

#include <math.h>

static sl_status end_line(const sl_run_files *files, sl_log *log, sl_error *err) {
  const sl_status status = sl_run_check_held(files, err);
  if (status) return status;
  fputc('}', log->line);
  return sl_log_append(log, err);
}

static const char *phase_name(const sl_run_state *run) {
  return run->phase == SL_PHASE_SFT ? "sft" : "rl";
}
static uint64_t phase_step(const sl_run_state *run) {
  return run->phase == SL_PHASE_SFT ? run->sft_step : run->rl_step;
}

static void open_line(FILE *file, const char *kind, const sl_run_state *run) {
  fprintf(file, "{\"kind\":\"%s\",\"phase\":\"%s\",\"step\":%llu", kind, phase_name(run),
          (unsigned long long)phase_step(run));
}

/* JSON has no NaN: the objective of a gate that is a weight only (spec O5.1) is null. */
static void real(FILE *file, const char *key, double x) {
  if (isfinite(x))
    fprintf(file, ",\"%s\":%.9g", key, x);
  else
    fprintf(file, ",\"%s\":null", key);
}
static void count(FILE *file, const char *key, uint64_t x) {
  fprintf(file, ",\"%s\":%llu", key, (unsigned long long)x);
}

static double effective_of(const sl_update_ratios *r) { return r->effective; }
static double clipped_of(const sl_update_ratios *r) { return r->clipped; }
static double clipped_tokens_of(const sl_update_ratios *r) { return r->clipped_tokens; }

/* One number an update; null where the gate has none (spec O5.4). */
static void ratios(FILE *f, const char *key, const sl_update_ratios *r, size_t n,
                   double (*of)(const sl_update_ratios *)) {
  if (n == 0 || isnan(of(r))) {
    fprintf(f, ",\"%s\":null", key);
    return;
  }
  fprintf(f, ",\"%s\":[", key);
  for (size_t u = 0; u < n; u++) fprintf(f, "%s%.9g", u ? "," : "", of(&r[u]));
  fputs("]", f);
}

static void ratio_metrics(FILE *f, const sl_run_state *run, const sl_step_report *r) {
  ratios(f, "eur", run->ratios, r->updates, effective_of);
  real(f, "eur_later", r->eur_later);
  ratios(f, "clip_ratio", run->ratios, r->updates, clipped_of);
  ratios(f, "clip_ratio_tokens", run->ratios, r->updates, clipped_tokens_of);
}

/* Of rl.dynamic_sampling (spec L3.12). */
static void sampling_metrics(FILE *f, const sl_run_state *run, const sl_step_report *r) {
  if (!run->config.rl.dynamic_sampling) return;
  count(f, "sampling_rounds", r->rounds), count(f, "groups_dropped", r->flat_groups);
  count(f, "groups_kept", r->kept_groups);
}

/* tau of the rollout, where a schedule moves it (spec L3.11). */
static void schedule_metrics(FILE *f, const sl_run_state *run, const sl_step_report *r) {
  if (run->config.gate.schedule == SL_CONFIG_SCHEDULE_CONSTANT) return;
  real(f, "tau_pos", (double)r->tau[1]), real(f, "tau_neg", (double)r->tau[0]);
  if (run->config.gate.schedule != SL_CONFIG_SCHEDULE_EUR) return;
  real(f, "tau_scale", r->tau_scale), count(f, "tau_saturated", (uint64_t)r->tau_saturated);
}

/* Means of the components that the reward is a sum of (spec F3.7): one alone, which nobody named,
 * is the reward itself. */
static void component_metrics(FILE *f, const sl_run_state *run, const sl_step_report *r) {
  const sl_reward_weights w = sl_config_reward_weights(&run->config);
  int listed = 0;
  for (int k = 0; k < SL_COMPONENT_COUNT; k++) listed += w.listed[k];
  if (run->config.reward.weights.n == 0 && listed < 2) return;
  for (int k = 0; k < SL_COMPONENT_COUNT; k++) {
    char key[32];
    snprintf(key, sizeof key, "reward_%s", sl_component_names[k]);
    if (w.listed[k]) real(f, key, r->component_mean[k]);
  }
  if (w.listed[SL_COMPONENT_COMMAND]) count(f, "timed_out", r->timed_out);
}

static void rl_metrics(FILE *f, const sl_run_state *run, const sl_step_report *r) {
  real(f, "reward_mean", r->reward_mean), real(f, "reward_std", r->reward_std),
      real(f, "success", r->success);
  component_metrics(f, run, r);
  real(f, "zero_variance", r->zero_variance);
  sampling_metrics(f, run, r);
  real(f, "entropy", r->entropy);
  real(f, "ratio_mean", r->ratio_mean), real(f, "ratio_variance", r->ratio_variance),
      real(f, "ratio_max", (double)r->ratio_max);
  real(f, "weight_mean", r->weight_mean), real(f, "weight_below_half", r->below_half),
      real(f, "effective_weight", r->effective);
  ratio_metrics(f, run, r);
  schedule_metrics(f, run, r);
  count(f, "clamped", r->clamped), real(f, "kl", r->kl), real(f, "kl_old_k1", r->kl_old_k1);
  real(f, "kl_old_k3", r->kl_old_k3), real(f, "objective", r->objective),
      real(f, "objective_centred", r->centred);
  real(f, "length_mean", r->length_mean), count(f, "length_max", r->length_max),
      real(f, "truncated", r->truncated), count(f, "sampled_tokens", r->sampled_tokens);
}

sl_status sl_metrics_step(sl_run_files *files, const sl_run_state *run, const sl_step_report *r,
                          const char *state, double seconds, sl_error *err) {
  FILE *f = files->metrics->line;
  open_line(f, "step", run);
  real(f, "loss", r->loss);
  if (run->phase == SL_PHASE_RL) rl_metrics(f, run, r);
  real(f, "gradient_norm", r->gradient_norm), real(f, "gradient_norm_max", r->gradient_norm_max),
      real(f, "lr", r->lr);
  count(f, "tokens", r->tokens), count(f, "trained_tokens", r->trained_tokens),
      count(f, "updates", r->updates);
  real(f, "seconds", seconds),
      real(f, "tokens_per_second", (double)(r->sampled_tokens + r->trained_tokens) / seconds);
  fprintf(f, ",\"backend\":\"%s\",\"state\":\"%s\"", sl_context_backend(run->ctx), state);
  return end_line(files, files->metrics, err);
}

sl_status sl_metrics_evaluation(sl_run_files *files, const sl_run_state *run, double success,
                                sl_error *err) {
  FILE *f = files->metrics->line;
  open_line(f, "evaluation", run);
  real(f, "held_out_success", success);
  return end_line(files, files->metrics, err);
}

sl_status sl_ledger_begin(sl_run_files *files, const sl_run_state *run, sl_error *err) {
  FILE *f = files->ledger->line;
  const sl_model_layout *layout = run->policy.layout;
  if (files->ledger->size != 0) return SL_OK;
  fprintf(f, "{\"kind\":\"ledger\",\"version\":%d,\"numerics\":%d,\"tensors\":[", SL_LEDGER_VERSION,
          SL_NUMERICS_VERSION);
  for (size_t i = 0; i < layout->n_tensors; i++)
    fprintf(f, "%s\"%s\"", i ? "," : "", layout->tensors[i].name);
  fputs("]", f);
  if (*run->certificate) fprintf(f, ",\"certificate\":\"%s\"", run->certificate);
  return end_line(files, files->ledger, err);
}

sl_status sl_ledger_change(sl_run_files *files, const sl_run_state *run, const char *key,
                           const char *before, const char *after, sl_error *err) {
  FILE *f = files->ledger->line;
  open_line(f, "change", run);
  fprintf(f, ",\"key\":\"%s\",\"before\":", key);
  sl_cli_json_text(f, before);
  fputs(",\"after\":", f);
  sl_cli_json_text(f, after);
  return end_line(files, files->ledger, err);
}

static void print_digests(FILE *f, const sl_digests *digests, size_t arena) {
  for (size_t i = 0; i < digests->layout->n_tensors; i++) {
    char text[SL_DIGEST_TEXT];
    sl_digests_text(text, digests, arena, i);
    fprintf(f, "%s\"%s\"", i ? "," : "[", text);
  }
  fputs("]", f);
}

sl_status sl_ledger_step(sl_run_files *files, const sl_run_state *run, const sl_step_digests *d,
                         const char *state, sl_error *err) {
  FILE *f = files->ledger->line;
  open_line(f, "step", run);
  fprintf(
      f,
      ",\"state\":\"%s\",\"tokens\":\"%s\",\"rewards\":\"%s\",\"logprobs\":\"%s\",\"gradients\":[",
      state, d->tokens, d->rewards, d->logprobs);
  for (size_t u = 0; u < d->updates; u++) {
    if (u) fputs(",", f);
    print_digests(f, &run->digests, SL_DIGESTS_STATE + u);
  }
  fputs("],\"parameters\":", f);
  print_digests(f, &run->digests, SL_DIGESTS_PARAMETERS);
  return end_line(files, files->ledger, err);
}

sl_status sl_ledger_measures(sl_run_files *files, const sl_run_state *run, const sl_step_report *r,
                             sl_error *err) {
  FILE *f = files->ledger->line;
  if (run->phase == SL_PHASE_SFT) return SL_OK;
  open_line(f, "measures", run);
  fputs(",\"eur\":[", f);
  for (size_t u = 0; u < r->updates; u++)
    fprintf(f, "%s\"%.17g\"", u ? "," : "", run->ratios[u].effective);
  fputs("]", f);
  if (run->config.rl.dynamic_sampling)
    count(f, "rounds", r->rounds), count(f, "dropped", r->flat_groups);
  return end_line(files, files->ledger, err);
}
