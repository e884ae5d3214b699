/* Reads checkpoints (spec F4.5), and checks them against the hash that they carry. */
#include "gate_schedule.h"
#include "run_files.h"

#include "trainer/files/file.h"
#include "trainer/files/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One of the two moments, "m" or "v", from an open file into an arena of the host. */
static sl_status read_moment(const sl_model_layout *layout, const sl_safetensors *file,
                             const char *path, const char *which, float *host, sl_error *err) {
  sl_status status = SL_OK;
  for (size_t i = 0; !status && i < layout->n_tensors; i++) {
    const sl_tensor_info *tensor = &layout->tensors[i];
    char name[112];
    snprintf(name, sizeof name, "%s.%s", which, tensor->name);
    const sl_tensor_view *view = sl_safetensors_find(file, name);
    if (!view || view->count != tensor->count)
      status =
          sl_fail(err, SL_ERR_INPUT, "%s: tensor %s is absent or has another size", path, name);
    else
      status = sl_safetensors_read(file, view, host + tensor->offset, err);
  }
  return status;
}

/* Both moments of a checkpoint, into arenas of the context's memory. */
static sl_status read_moments(float *m, float *v, sl_context *ctx, const sl_model_layout *layout,
                              const char *folder, sl_error *err) {
  char *path = sl_path_join(folder, SL_MOMENTS_FILE);
  if (!path) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  sl_safetensors *file = NULL;
  float *host = NULL;
  sl_status status = sl_safetensors_open(&file, path, err);
  if (!status) status = sl_arena_create(&host, NULL, layout, err);
  if (!status) status = read_moment(layout, file, path, "m", host, err);
  if (!status) status = sl_arena_write(m, ctx, layout, host, err);
  if (!status) status = read_moment(layout, file, path, "v", host, err);
  if (!status) status = sl_arena_write(v, ctx, layout, host, err);
  sl_arena_free(NULL, host);
  sl_safetensors_close(file);
  free(path);
  return status;
}

static sl_status read_policy(sl_run_state *run, const char *path, sl_error *err) {
  sl_parameters read;
  sl_status status = sl_model_folder_read(&read, NULL, path, err);
  if (status) return status;
  if (!sl_run_same_shape(&read.layout->shape, &run->policy.layout->shape))
    status = sl_fail(err, SL_ERR_MISMATCH,
                     "%s: the model's shape is not that of the run's configuration", path);
  else
    status = sl_arena_write(run->policy.data, run->policy.ctx, read.layout, read.data, err);
  sl_parameters_free(&read);
  return status;
}

static sl_status take_state(sl_run_state *run, const sl_checkpoint_state *s, sl_error *err) {
  const sl_counters *c = &s->counters;
  const sl_data_position sft = {(uint32_t)c->sft_epoch, (uint32_t)c->sft_offset};
  const sl_data_position rl = {(uint32_t)c->rl_epoch, (uint32_t)c->rl_offset};
  run->phase = (sl_phase)c->phase, run->sft_step = c->sft_step, run->rl_step = c->rl_step;
  run->optimizer.state = s->adamw;
  run->success_before = s->success_before, run->success_after = s->success_after;
  run->best_success = s->best_success, run->best_step = s->best_step;
  run->tau_scale = s->tau_scale;
  const sl_status status = sl_data_order_seek(&run->sft_order, sft, err);
  return status ? status : sl_data_order_seek(&run->rl_order, rl, err);
}

static sl_status check_hash(const char *path, const char *found, const char *recorded,
                            sl_error *err) {
  if (strcmp(found, recorded) == 0) return SL_OK;
  return sl_fail(err, SL_ERR_MISMATCH,
                 "%s: the state's hash is %s, but %s was recorded: the checkpoint is damaged", path,
                 found, recorded);
}

sl_status sl_checkpoint_read(sl_run_state *run, const char *path, sl_checkpoint_state *out,
                             sl_error *err) {
  sl_checkpoint_state s;
  char hash[SL_DIGEST_TEXT];
  sl_status status = sl_checkpoint_state_read(&s, path, err);
  if (status) return status;
  status = read_policy(run, path, err);
  if (!status)
    status = read_moments(run->optimizer.m, run->optimizer.v, run->optimizer.ctx,
                          run->policy.layout, path, err);
  if (!status) status = take_state(run, &s, err);
  if (!status) status = sl_run_state_hash(run, 0, hash, err);
  if (!status) status = check_hash(path, hash, s.hash, err);
  sl_gate_schedule_resume(run);
  if (status)
    sl_checkpoint_state_free(&s);
  else
    *out = s;
  return status;
}

sl_status sl_checkpoint_check_place(const char *path, const sl_checkpoint_state *s, sl_error *err) {
  const sl_counters *c = &s->counters;
  return sl_checkpoint_check_name(path, (int)c->phase,
                                  c->phase == SL_PHASE_SFT ? c->sft_step : c->rl_step, err);
}

/* The hash of a checkpoint's files, in arenas of the host. */
static sl_status hash_files(char out[SL_DIGEST_TEXT], const char *path, sl_context *ctx,
                            const sl_parameters *policy, const sl_checkpoint_state *s,
                            sl_error *err) {
  sl_digests digests = {0};
  float *m = NULL, *v = NULL;
  sl_status status = sl_digests_create(&digests, ctx, policy->layout, SL_DIGESTS_STATE, err);
  if (!status) status = sl_arena_create(&m, ctx, policy->layout, err);
  if (!status) status = sl_arena_create(&v, ctx, policy->layout, err);
  if (!status) status = read_moments(m, v, ctx, policy->layout, path, err);
  const float *const arenas[SL_DIGESTS_STATE] = {policy->data, m, v};
  sl_status taken = SL_OK;
  for (size_t a = 0; !status && !taken && a < SL_DIGESTS_STATE; a++)
    taken = sl_digests_take(&digests, a, arenas[a]);
  if (!status && !taken) taken = sl_digests_read(&digests, SL_DIGESTS_STATE);
  if (taken) status = sl_fail(err, taken, "%s", sl_context_error(ctx)->message);
  if (!status) sl_state_hash(out, &digests, &s->adamw, &s->counters, s->tau_scale);
  sl_arena_free(ctx, m);
  sl_arena_free(ctx, v);
  if (digests.layout) sl_digests_free(&digests);
  return status;
}

sl_status sl_checkpoint_check(const char *path, sl_error *err) {
  const sl_context_options options = {.backend = "cpu", .threads = 1};
  char hash[SL_DIGEST_TEXT];
  sl_context *ctx = NULL;
  sl_parameters policy = {NULL, NULL, NULL};
  sl_checkpoint_state s;
  sl_status status = sl_checkpoint_state_read(&s, path, err);
  if (status) return status;
  status = sl_checkpoint_check_place(path, &s, err);
  if (!status) status = sl_context_create(&ctx, &options, err);
  if (!status) status = sl_model_folder_read(&policy, NULL, path, err);
  if (!status) status = sl_parameters_move(&policy, ctx, err);
  if (!status) status = hash_files(hash, path, ctx, &policy, &s, err);
  if (!status) status = check_hash(path, hash, s.hash, err);
  if (policy.layout) sl_parameters_free(&policy);
  sl_context_destroy(ctx);
  sl_checkpoint_state_free(&s);
  return status;
}
