/* Relation I: a kernel with itself, bit for bit (spec E3.1). */
#include "bound_linear.h"
#include "sizes.h"
#include "trial.h"

#include "kernels/vendor/vendor.h"

#include <stdio.h>
#include <string.h>

const struct sl_problem *sl_equiv_problem(const sl_equiv_trial *t) { return &t->problem; }

const void *sl_equiv_result(const sl_equiv_trial *t, size_t array) {
  return t->other.at[array] ? t->other.at[array] : t->golden.at[array];
}

const void *sl_equiv_golden(const sl_equiv_trial *t, size_t array) { return t->golden.at[array]; }

sl_status sl_trial_repeat(char *text, size_t size, sl_equiv_trial *t, sl_context *ctx,
                          unsigned layout) {
  sl_status status = sl_trial_again(t);
  if (status) {
    snprintf(text, size, "no memory for a second run");
    return status;
  }
  status = sl_trial_run(t, &t->again, ctx, layout);
  if (status) {
    snprintf(text, size, "a second run fails: %.300s", sl_context_error(ctx)->message);
    return status;
  }
  for (size_t i = 0; i < t->problem.arrays; i++) {
    const sl_array *a = &t->problem.array[i];
    if (!a->data || memcmp(t->again.at[i], t->other.at[i], sl_array_bytes(a)) == 0) continue;
    sl_trial_describe(text, size, a, t->again.at[i], t->other.at[i]);
    strncat(text, ": a second run differs", size - strlen(text) - 1);
    return SL_ERR_MISMATCH;
  }
  return SL_OK;
}

/* Kernels whose rows do not depend on one another: where their number stands in size[], and which
 * arrays have it as their outermost size (bit i: array i). */
typedef struct {
  sl_kernel_id kernel;
  size_t size;
  unsigned arrays;
} independent_rows;

static const independent_rows splittable[] = {
    {SL_KERNEL_embedding_forward, SL_LAYER_T, 0x5}, {SL_KERNEL_rmsnorm_forward, SL_LAYER_T, 0x7},
    {SL_KERNEL_rmsnorm_backward, SL_LAYER_T, 0x37}, {SL_KERNEL_residual_add, SL_LAYER_T, 0x7},
    {SL_KERNEL_swiglu_forward, SL_LAYER_T, 0x7},    {SL_KERNEL_swiglu_backward, SL_LAYER_T, 0x1f},
    {SL_KERNEL_rope_forward, SL_LAYER_T, 0x3},      {SL_KERNEL_rope_backward, SL_LAYER_T, 0x3},
    {SL_KERNEL_linear_forward, SL_T, 0x3},          {SL_KERNEL_linear_pack, SL_T, 0x3},
    {SL_KERNEL_linear_input_grad, SL_T, 0x2b},      {SL_KERNEL_attention_decode, SL_HEADS_T, 0x3c},
    {SL_KERNEL_logprob_forward, SL_LOGITS_T, 0xfd}, {SL_KERNEL_sample, SL_LOGITS_T, 0x3f},
    {SL_KERNEL_adamw_step, SL_FLAT_N, 0xf},
};

/* The problem's rows [first, first + rows). */
static sl_problem rows_of(const sl_problem *p, const independent_rows *split, size_t first,
                          size_t rows) {
  sl_problem part = *p;
  part.size[split->size] = rows;
  for (size_t i = 0; i < p->arrays; i++) {
    sl_array *a = &part.array[i];
    if (!a->data || !(split->arrays >> i & 1)) continue;
    const size_t row = a->count / p->size[split->size];
    a->data = (unsigned char *)a->data + first * row * sl_element_bytes(a->type);
    a->count = rows * row;
  }
  return part;
}

static sl_status check_rows(char *text, size_t size, sl_equiv_trial *t, sl_context *ctx,
                            const independent_rows *split, size_t first, size_t rows) {
  sl_equiv_trial part = *t;
  part.problem = rows_of(&t->problem, split, first, rows);
  const sl_status status = sl_trial_run(&part, &part.again, ctx, t->runs++);
  if (status) {
    snprintf(text, size, "rows %zu to %zu alone fail: %.300s", first, first + rows - 1,
             sl_context_error(ctx)->message);
    return status;
  }
  for (size_t i = 0; i < part.problem.arrays; i++) {
    const sl_array *a = &part.problem.array[i];
    if (!a->data || a->role == SL_IN || !(split->arrays >> i & 1)) continue;
    const size_t row = sl_array_bytes(a) / rows;
    const unsigned char *want = t->other.at[i] + first * row;
    if (memcmp(part.again.at[i], want, sl_array_bytes(a)) == 0) continue;
    sl_trial_describe(text, size, a, part.again.at[i], want);
    snprintf(text + strlen(text), size - strlen(text), ": rows %zu to %zu alone differ", first,
             first + rows - 1);
    return SL_ERR_MISMATCH;
  }
  return SL_OK;
}

static sl_status check_parts(char *text, size_t size, sl_equiv_trial *t, sl_context *ctx) {
  for (size_t i = 0; i < sizeof splittable / sizeof *splittable; i++) {
    const independent_rows *split = &splittable[i];
    const size_t n = t->problem.size[split->size], half = n / 2;
    if (split->kernel != t->kernel || half == 0) continue;
    const sl_status status = check_rows(text, size, t, ctx, split, 0, half);
    return status ? status : check_rows(text, size, t, ctx, split, half, n - half);
  }
  return SL_OK;
}

sl_status sl_equiv_check_again(sl_equiv_trial *t, sl_context *ctx, sl_error *err) {
  char text[400];
  const int vendor = sl_vendor_bounded(ctx, t->kernel);
  const unsigned layout = vendor ? t->runs - 1 + SL_TRIAL_SHIFTS : t->runs++;
  sl_status status = sl_trial_repeat(text, sizeof text, t, ctx, layout);
  if (!status && !vendor) status = check_parts(text, sizeof text, t, ctx);
  return status ? sl_trial_fail(err, t, ctx, text) : SL_OK;
}

static sl_status run_planted(sl_equiv_trial *t, sl_context *ctx) {
  return sl_trial_run(t, &t->again, ctx, t->runs++) ? SL_ERR_UNAVAILABLE : SL_OK;
}

sl_status sl_equiv_plant(sl_equiv_trial *t, sl_context *ctx, size_t array) {
  const sl_array *a = &t->problem.array[array];
  if (a->role == SL_OUT || a->type != SL_F32 || !a->data || a->count == 0)
    return SL_ERR_UNAVAILABLE;
  float *last = (float *)a->data + a->count - 1;
  const float was = *last;
  if (was == 0.0f || sl_trial_again(t)) return SL_ERR_UNAVAILABLE;
  *last = 0.0f;
  const sl_status status = run_planted(t, ctx);
  *last = was;
  return status;
}

/* One slot that was used is masked: of the slots that a mask shifted by one gets wrong, the kind
 * that does not read what a masked slot holds. */
static sl_status plant_in_mask(sl_equiv_trial *t, sl_context *ctx, const sl_array *a) {
  uint8_t *mask = a->data;
  size_t i = 0;
  while (i + 1 < a->count && !(mask[i] && !mask[i + 1])) i++;
  if (i + 1 >= a->count) i = a->count - 1;
  if (!mask[i]) return SL_ERR_UNAVAILABLE;
  mask[i] = 0;
  const sl_status status = run_planted(t, ctx);
  mask[i] = 1;
  return status;
}

/* Kernels whose sequences are a mask; in the others they order a sum over all tokens. */
static int are_apart(sl_kernel_id kernel) {
  return kernel == SL_KERNEL_attention_forward || kernel == SL_KERNEL_attention_backward ||
         kernel == SL_KERNEL_gated_loss;
}

/* A token goes from the sequence behind it to the one before. */
static sl_status plant_in_offsets(sl_equiv_trial *t, sl_context *ctx, const sl_array *a) {
  uint32_t *seq = a->data;
  for (size_t i = 1; i + 1 < a->count; i++) {
    if (seq[i] <= seq[i - 1] || seq[i] + 1 >= seq[i + 1]) continue;
    seq[i]++;
    const sl_status status = run_planted(t, ctx);
    seq[i]--;
    return status;
  }
  return SL_ERR_UNAVAILABLE;
}

sl_status sl_equiv_plant_mask(sl_equiv_trial *t, sl_context *ctx, size_t array) {
  const sl_array *a = &t->problem.array[array];
  if (!a->data || a->count == 0 || sl_trial_again(t)) return SL_ERR_UNAVAILABLE;
  if (strcmp(a->name, "mask") == 0) return plant_in_mask(t, ctx, a);
  if (strcmp(a->name, "seq") == 0 && are_apart(t->kernel)) return plant_in_offsets(t, ctx, a);
  return SL_ERR_UNAVAILABLE;
}

const void *sl_equiv_planted(const sl_equiv_trial *t, size_t array) { return t->again.at[array]; }
