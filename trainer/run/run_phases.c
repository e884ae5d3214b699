/* Walks a run through its phases: warm start, policy optimisation, evaluation, checkpoints (spec
 * L1.1). */
#include "run_phases.h"

#include "reward_answers.h"
#include "run_samples.h"
#include "kernels/support/process.h"
#include "kernels/support/progress.h"
#include "trainer/files/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
  sl_run_state *t;
  sl_run_files *run;
  const sl_train_options *options;
  sl_step_digests digests;
  sl_progress progress;
  sl_pace pace; /* of the phase */
  double begin;
  int in_step; /* of the phase: the one after the finished ones */
} walk;

static double now_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void say(walk *w, const char *phase, uint64_t step, double success) {
  sl_progress_end(&w->progress);
  if (!w->options->quiet)
    fprintf(stderr, "%s %llu: held-out success %.3f [%.0f s]\n", phase, (unsigned long long)step,
            success, now_seconds() - w->begin);
}

static sl_status log_step(walk *w, const sl_step_report *report, double seconds, sl_error *err) {
  char state[SL_DIGEST_TEXT];
  sl_status status = sl_run_state_hash(w->t, w->digests.updates, state, err);
  if (!status) status = sl_metrics_step(w->run, w->t, report, state, seconds, err);
  if (!status) status = sl_ledger_step(w->run, w->t, &w->digests, state, err);
  if (!status) status = sl_ledger_measures(w->run, w->t, report, err);
  if (!status && w->t->phase == SL_PHASE_RL) status = sl_samples_write(w->run, w->t, err);
  return status;
}

/* spec L4.2 */
static sl_status evaluate(walk *w, double *success, sl_error *err) {
  sl_status status =
      sl_evaluate(w->t, (size_t)w->t->config.eval.problems, success, NULL, NULL, err);
  if (!status) status = sl_metrics_evaluation(w->run, w->t, *success, err);
  if (!status)
    say(w, w->t->phase == SL_PHASE_SFT ? "warm start" : "rl",
        w->t->phase == SL_PHASE_SFT ? w->t->sft_step : w->t->rl_step, *success);
  return status;
}

/* A new best: a checkpoint that says so, then its copy that stays. In this order a kill between the
 * two loses neither the best before nor this one, which catch_up_best writes again. */
static sl_status keep_best(walk *w, double success, int *written, sl_error *err) {
  sl_run_state *run = w->t;
  *written = 0;
  if (!run->config.checkpoint.best || !(isnan(run->best_success) || success > run->best_success))
    return SL_OK;
  run->best_success = success, run->best_step = run->rl_step;
  *written = 1;
  const sl_status status = sl_checkpoint_write(w->run, run, err);
  return status ? status : sl_checkpoint_write_best(w->run, run, err);
}

/* If the current checkpoint is the best one but the copy is of another step, the process was killed
 * between the two writes: writes the copy again. */
static sl_status catch_up_best(walk *w, sl_error *err) {
  sl_run_state *run = w->t;
  if (isnan(run->best_success) || run->best_step != run->rl_step) return SL_OK;
  char *path = sl_path_join(w->run->path, SL_RUN_BEST);
  sl_checkpoint_state kept;
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  const sl_status found = sl_checkpoint_state_read(&kept, path, NULL);
  free(path);
  if (found) return sl_checkpoint_write_best(w->run, run, err);
  const int same = kept.counters.rl_step == run->best_step;
  sl_checkpoint_state_free(&kept);
  return same ? SL_OK : sl_checkpoint_write_best(w->run, run, err);
}

static int due(uint64_t step, int64_t every) { return every > 0 && step % (uint64_t)every == 0; }

/* The loop of spec L2.1 and L2.5. A signal ends it early; the caller then writes the checkpoint.
 * *done is 1 if the warm start is over. Then RL is entered even if a signal came: a checkpoint of
 * this phase would make the resumed run take one more step than an uninterrupted one. */
static sl_status warm_start(walk *w, int *done, sl_error *err) {
  sl_run_state *run = w->t;
  const sl_config *c = &run->config;
  double success = 0.0;
  char left[SL_PACE_TEXT];
  sl_pace_text(left, &w->pace, run->sft_step, (uint64_t)c->sft.steps);
  while (run->sft_step < (uint64_t)c->sft.steps) {
    if (sl_stop_requested()) return SL_OK;
    sl_step_report report;
    const double begin = now_seconds();
    w->in_step = 1;
    sl_status status = sl_warm_start_step(run, &report, &w->digests, err);
    if (!status) w->in_step = 0;
    if (!status) status = log_step(w, &report, now_seconds() - begin, err);
    if (status) return status;
    sl_pace_text(left, &w->pace, run->sft_step, (uint64_t)c->sft.steps);
    sl_progress_line(&w->progress, "warm start %llu/%lld  loss %.3f  %.0f tokens/s  %s%s",
                     (unsigned long long)run->sft_step, (long long)c->sft.steps, report.loss,
                     (double)report.trained_tokens / (now_seconds() - begin),
                     *left ? "at most " : "", left);
    const int last = run->sft_step == (uint64_t)c->sft.steps,
              look = due(run->sft_step, c->sft.eval_every) || last;
    if (look) status = evaluate(w, &success, err);
    if (status) return status;
    if (look && success >= c->sft.stop_success) break;
    if (due(run->sft_step, c->checkpoint.every)) status = sl_checkpoint_write(w->run, run, err);
    if (status) return status;
  }
  *done = 1;
  return SL_OK;
}

/* From warm start to RL: the moments start afresh, the reference is taken (spec L2.6). */
static sl_status enter_rl(walk *w, sl_error *err) {
  sl_run_state *run = w->t;
  run->phase = SL_PHASE_RL;
  sl_status status = sl_run_kernel_error(run, sl_optimizer_reset(&run->optimizer), err);
  if (!status) status = sl_run_check_held(w->run, err);
  if (!status) status = sl_reference_save(run, w->run->path, err);
  if (!status) status = evaluate(w, &run->success_before, err);
  int written = 0;
  if (!status) status = keep_best(w, run->success_before, &written, err);
  if (!status && !written) status = sl_checkpoint_write(w->run, run, err);
  return status;
}

static void show_rollout(walk *w, const sl_step_report *r, double seconds, const char *left) {
  char what[100] = "no group with variance, no update"; /* spec L3.12 */
  if (r->updates)
    snprintf(what, sizeof what, "entropy %.3f  ratio variance %.2e", r->entropy, r->ratio_variance);
  sl_progress_line(&w->progress, "rl %llu/%lld  reward %.3f  %s  %.0f tokens/s  %s",
                   (unsigned long long)w->t->rl_step, (long long)w->t->config.rl.steps,
                   r->reward_mean, what, (double)(r->sampled_tokens + r->trained_tokens) / seconds,
                   left);
}

/* Such a rollout teaches nothing of the program, and so may all others. */
static void warn_of_silence(walk *w, const sl_step_report *r) {
  if (r->timed_out == 0 || r->timed_out < r->sampled) return;
  sl_progress_end(&w->progress);
  fprintf(stderr,
          "warning: rollout %llu: no answer of reward.command came in time (%zu completions): each "
          "counts as 0. reward.command_seconds is %g\n",
          (unsigned long long)w->t->rl_step, r->sampled, w->t->config.reward.command_seconds);
}

/* The loop of spec L3.1. */
static sl_status optimise(walk *w, sl_error *err) {
  sl_run_state *run = w->t;
  const sl_config *c = &run->config;
  char left[SL_PACE_TEXT];
  w->pace.begun = 0;
  sl_pace_text(left, &w->pace, run->rl_step, (uint64_t)c->rl.steps);
  while (!sl_stop_requested() && run->rl_step < (uint64_t)c->rl.steps) {
    sl_step_report report;
    const double begin = now_seconds();
    w->in_step = 1;
    sl_status status = sl_policy_step(run, &report, &w->digests, err);
    if (!status) w->in_step = 0;
    const double seconds = now_seconds() - begin;
    if (!status) status = log_step(w, &report, seconds, err);
    if (status) return status;
    sl_pace_text(left, &w->pace, run->rl_step, (uint64_t)c->rl.steps);
    show_rollout(w, &report, seconds, left);
    warn_of_silence(w, &report);
    int written = 0;
    if (due(run->rl_step, c->eval.every) || run->rl_step == (uint64_t)c->rl.steps) {
      status = evaluate(w, &run->success_after, err);
      if (!status) status = keep_best(w, run->success_after, &written, err);
    }
    if (!status && !written && due(run->rl_step, c->checkpoint.every))
      status = sl_checkpoint_write(w->run, run, err);
    if (status) return status;
  }
  return SL_OK;
}

/* spec L4.3 */
static sl_status publish(sl_run_state *run, const char *companions, const char *path,
                         sl_error *err) {
  char source[SL_DIGEST_TEXT];
  sl_model_format format = {SL_TENSOR_F32, SL_SHARD_BYTES, NULL};
  if (run->config.run.model_dtype == SL_CONFIG_MODEL_DTYPE_BF16) {
    format.type = SL_TENSOR_BF16, format.source = source;
    SL_TRY(sl_parameters_digest(source, run->ctx, run->policy.layout, run->policy.data, err));
  }
  return sl_model_folder_publish(&run->policy, run->tokenizer, &format, companions, path, err);
}

static sl_status finish(walk *w, sl_error *err) {
  sl_run_state *run = w->t;
  run->phase = SL_PHASE_DONE;
  char *path = sl_path_join(w->run->path, SL_RUN_MODEL),
       *companions = sl_path_join(w->run->path, SL_RUN_COMPANIONS);
  sl_status status = path && companions ? sl_run_check_held(w->run, err)
                                        : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  if (!status) status = publish(run, companions, path, err);
  free(path);
  free(companions);
  return status;
}

/* Writes a checkpoint first, so that a run killed at any later moment can be resumed. A model from
 * model.folder is evaluated before the warm start, to show what that changes. */
static sl_status begin(walk *w, sl_error *err) {
  const sl_config *c = &w->t->config;
  double success;
  const sl_status status = sl_checkpoint_write(w->run, w->t, err);
  if (status || !*c->model.folder || c->sft.steps == 0) return status;
  return evaluate(w, &success, err);
}

static sl_status walk_phases(walk *w, sl_error *err) {
  sl_run_state *run = w->t;
  sl_status status = SL_OK;
  if (run->phase == SL_PHASE_DONE && run->rl_step < (uint64_t)run->config.rl.steps)
    run->phase = SL_PHASE_RL; /* a finished run that was made longer */
  if (run->phase == SL_PHASE_RL) status = catch_up_best(w, err);
  if (!status && run->phase == SL_PHASE_SFT) {
    int done = 0;
    if (run->sft_step == 0) status = begin(w, err);
    if (!status) status = warm_start(w, &done, err);
    if (!status && done) status = enter_rl(w, err);
  }
  if (!status && run->phase == SL_PHASE_RL) {
    status = optimise(w, err);
    if (!status && run->rl_step == (uint64_t)run->config.rl.steps) status = finish(w, err);
  }
  if (!status) status = sl_checkpoint_write(w->run, run, err);
  return status;
}

/* "warm start, step 3, update 3"; between steps the last one, "before step 1" where there is none.
 */
static void name_place(const walk *w, char *out, size_t size) {
  const sl_run_state *run = w->t;
  const int warm = run->phase == SL_PHASE_SFT;
  const unsigned long long finished = warm ? run->sft_step : run->rl_step;
  const long updates = run->config.rl.updates * run->config.rl.epochs;
  const int before = !w->in_step && finished == 0;
  int n = snprintf(out, size, "%s, %sstep %llu", warm ? "warm start" : "RL",
                   before ? "before " : "", finished + (w->in_step || before));
  if (w->in_step && run->update && warm)
    snprintf(out + n, size - (size_t)n, ", update %llu", finished + 1);
  else if (w->in_step && run->update)
    snprintf(out + n, size - (size_t)n, ", update %llu of %ld", (unsigned long long)run->update,
             updates);
}

/* An error of the system or of a step, with its place. */
static void add_place(const walk *w, sl_error *err) {
  char place[128];
  const sl_error inner = *err;
  name_place(w, place, sizeof place);
  sl_fail(err, inner.status, "%s: %s", place, inner.message);
}

/* A non-finite number in a run whose weights and data were checked: the user can only make steps
 * smaller. Repeating the same steps would end the same way. */
static void explain_divergence(const walk *w, sl_error *err) {
  const sl_run_state *run = w->t;
  char place[128];
  const sl_error inner = *err;
  const char *phase = run->phase == SL_PHASE_SFT ? "sft" : "rl";
  const double most = run->config.optimizer.max_norm;
  name_place(w, place, sizeof place);
  if (run->sft_step == 0 && run->rl_step == 0 && w->digests.updates == 0)
    sl_fail(err, SL_ERR_NONFINITE,
            "%s: %.700s: no update is done yet: the numbers of the first model are too large",
            place, inner.message);
  else if (most > 0)
    sl_fail(err, SL_ERR_NONFINITE,
            "%s (lr %g): %.700s: training diverged. Lower %s.lr, or optimizer.max_norm (%g)", place,
            (double)run->rate, inner.message, phase, most);
  else
    sl_fail(err, SL_ERR_NONFINITE,
            "%s (lr %g): %.700s: training diverged. Lower %s.lr, or set optimizer.max_norm", place,
            (double)run->rate, inner.message, phase);
}

/* What reward.command has answered before (spec F4.10), also after the checkpoint. */
static sl_status open_answers(sl_run_state *run, const sl_run_files *files, sl_error *err) {
  const int asks = sl_config_reward_weights(&run->config).listed[SL_COMPONENT_COMMAND];
  if (!asks || *run->config.reward.replay) return SL_OK;
  return sl_reward_answers_open(&run->answers, files, run->rl_step, err);
}

sl_status sl_run_train(sl_run_state *run, sl_run_files *files, const sl_train_options *options,
                       sl_train_result *result, sl_error *err) {
  walk w = {.t = run, .run = files, .options = options, .begin = now_seconds()};
  sl_stop_begin(!options->quiet);
  sl_progress_start(&w.progress);
  if (options->quiet) w.progress.kind = SL_PROGRESS_OFF;
  sl_status status = sl_ledger_begin(files, run, err);
  if (!status) status = open_answers(run, files, err);
  if (!status) status = walk_phases(&w, err);
  if (status == SL_ERR_IO) sl_run_check_held(files, err); /* the better reason, if it fails */
  result->diverged = status == SL_ERR_NONFINITE;
  if (result->diverged)
    explain_divergence(&w, err);
  else if (status)
    add_place(&w, err);
  sl_progress_end(&w.progress);
  sl_stop_end();
  result->success_before = run->success_before, result->success_after = run->success_after;
  result->best_success = run->best_success, result->best_step = run->best_step;
  result->interrupted = sl_stop_requested() && run->phase != SL_PHASE_DONE;
  return status ? status : sl_run_state_hash(run, 0, result->state, err);
}
