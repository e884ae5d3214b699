/* Entry checks of the kernels (spec N4.1, T1, T2, T4, N6), attention and loss apart: one function a
 * row of spec/kernels.def. */
#include "check_arguments.h"
#include "kernels/core/verify.h"

#include <math.h>
#include <stdint.h>

static int product(size_t *out, size_t size, size_t a, size_t b, size_t c) {
  size_t n = size;
  const size_t factor[] = {a, b, c};
  *out = 0;
  if (a == 0 || b == 0 || c == 0) return 1;
  for (int i = 0; i < 3; i++) {
    if (n > (size_t)PTRDIFF_MAX / factor[i]) return 0;
    n *= factor[i];
  }
  *out = n;
  return 1;
}

void sl_need_if(sl_arguments *args, const char *name, const void *p, sl_array_type type, size_t a,
                size_t b, size_t c) {
  size_t bytes;
  SL_VERIFY(type.size > 0 && type.size % type.alignment == 0);
  if (args->status) return;
  if (!product(&bytes, type.size, a, b, c))
    args->status = sl_fail(&args->ctx->error, SL_ERR_MEMORY,
                           "%s: %s of %zu x %zu x %zu elements is more than memory can hold",
                           args->kernel, name, a, b, c);
  else if ((uintptr_t)p % type.alignment)
    args->status = sl_fail(&args->ctx->error, SL_ERR_USAGE, "%s: %s is not aligned to its type",
                           args->kernel, name);
}

void sl_need(sl_arguments *args, const char *name, const void *p, sl_array_type type, size_t a,
             size_t b, size_t c) {
  sl_need_if(args, name, p, type, a, b, c);
  if (!args->status && !p && a && b && c)
    args->status = sl_fail(&args->ctx->error, SL_ERR_USAGE, "%s: %s is NULL", args->kernel, name);
}

void sl_require(sl_arguments *args, int ok, const char *message) {
  if (!args->status && !ok)
    args->status = sl_fail(&args->ctx->error, SL_ERR_USAGE, "%s: %s", args->kernel, message);
}

int sl_readable(const sl_arguments *args) { return !args->status && !args->ctx->device; }

size_t sl_tokens(sl_arguments *args, const uint32_t *seq, size_t n_seq) {
  if (n_seq == 0) return 0;
  SL_NEED(args, seq, n_seq, 1, 1);
  if (args->status) return 0;
  args->status = sl_check_seq(args->ctx, args->kernel, seq, n_seq);
  return args->status ? 0 : seq[n_seq];
}

static void check_ids(sl_arguments *args, const uint32_t *ids, const uint8_t *mask, size_t t,
                      size_t vocab) {
  if (sl_readable(args)) args->status = sl_check_ids(args->ctx, args->kernel, ids, mask, t, vocab);
}

sl_status sl_check_embedding_forward(sl_context *ctx, float *y, const float *table,
                                     const uint32_t *ids, size_t t, size_t d, size_t vocab) {
  sl_arguments a = {ctx, "embedding_forward", SL_OK};
  SL_NEED(&a, y, t, d, 1), SL_NEED(&a, table, vocab, d, 1), SL_NEED(&a, ids, t, 1, 1);
  check_ids(&a, ids, NULL, t, vocab);
  return a.status;
}

sl_status sl_check_embedding_grad(sl_context *ctx, float *total, const float *dy,
                                  const uint32_t *ids, const uint32_t *seq, size_t n_seq, size_t d,
                                  size_t vocab) {
  sl_arguments a = {ctx, "embedding_grad", SL_OK};
  const size_t t = sl_tokens(&a, seq, n_seq);
  SL_NEED(&a, total, vocab, d, 1), SL_NEED(&a, dy, t, d, 1), SL_NEED(&a, ids, t, 1, 1);
  check_ids(&a, ids, NULL, t, vocab);
  return a.status;
}

sl_status sl_check_rmsnorm_forward(sl_context *ctx, float *y, float *rstd, const float *x,
                                   const float *w, size_t t, size_t d, float eps) {
  sl_arguments a = {ctx, "rmsnorm_forward", SL_OK};
  SL_NEED(&a, y, t, d, 1), SL_NEED(&a, rstd, t, 1, 1), SL_NEED(&a, x, t, d, 1),
      SL_NEED(&a, w, d, 1, 1);
  sl_require(&a, t == 0 || d > 0, "a row has no element");
  sl_require(&a, isfinite(eps) && eps > 0.0f,
             "eps must be positive"); /* else a row of zeros gives 0 * inf */
  return a.status;
}

sl_status sl_check_rmsnorm_backward(sl_context *ctx, float *dx, const float *dy, const float *x,
                                    const float *w, const float *rstd, const float *residual,
                                    size_t t, size_t d) {
  sl_arguments a = {ctx, "rmsnorm_backward", SL_OK};
  SL_NEED(&a, dx, t, d, 1), SL_NEED(&a, dy, t, d, 1), SL_NEED(&a, x, t, d, 1),
      SL_NEED(&a, w, d, 1, 1), SL_NEED(&a, rstd, t, 1, 1);
  SL_NEED_IF(&a, residual, t, d, 1);
  sl_require(&a, t == 0 || d > 0, "a row has no element");
  return a.status;
}

sl_status sl_check_rmsnorm_weight_grad(sl_context *ctx, float *total, const float *dy,
                                       const float *x, const float *rstd, const uint32_t *seq,
                                       size_t n_seq, size_t d) {
  sl_arguments a = {ctx, "rmsnorm_weight_grad", SL_OK};
  const size_t t = sl_tokens(&a, seq, n_seq);
  SL_NEED(&a, total, d, 1, 1), SL_NEED(&a, dy, t, d, 1), SL_NEED(&a, x, t, d, 1),
      SL_NEED(&a, rstd, t, 1, 1);
  return a.status;
}

sl_status sl_check_residual_add(sl_context *ctx, float *y, const float *a, const float *b,
                                size_t n) {
  sl_arguments args = {ctx, "residual_add", SL_OK};
  SL_NEED(&args, y, n, 1, 1), SL_NEED(&args, a, n, 1, 1), SL_NEED(&args, b, n, 1, 1);
  return args.status;
}

sl_status sl_check_swiglu_forward(sl_context *ctx, float *y, const float *gate, const float *up,
                                  size_t n) {
  sl_arguments a = {ctx, "swiglu_forward", SL_OK};
  SL_NEED(&a, y, n, 1, 1), SL_NEED(&a, gate, n, 1, 1), SL_NEED(&a, up, n, 1, 1);
  return a.status;
}

sl_status sl_check_swiglu_backward(sl_context *ctx, float *dgate, float *dup, const float *dy,
                                   const float *gate, const float *up, size_t n) {
  sl_arguments a = {ctx, "swiglu_backward", SL_OK};
  SL_NEED(&a, dgate, n, 1, 1), SL_NEED(&a, dup, n, 1, 1), SL_NEED(&a, dy, n, 1, 1),
      SL_NEED(&a, gate, n, 1, 1), SL_NEED(&a, up, n, 1, 1);
  return a.status;
}

static sl_status check_rope(sl_context *ctx, const char *kernel, const float *x,
                            const uint32_t *position, const float *cos_table,
                            const float *sin_table, size_t t, size_t heads, size_t d,
                            size_t positions) {
  sl_arguments a = {ctx, kernel, SL_OK};
  SL_NEED(&a, x, t, heads, d), SL_NEED(&a, position, t, 1, 1);
  sl_require(&a, d % 2 == 0, "a head has an odd number of components");
  if (t == 0) return a.status;
  SL_NEED(&a, cos_table, positions, d / 2, 1), SL_NEED(&a, sin_table, positions, d / 2, 1);
  if (sl_readable(&a))
    a.status = sl_check_indices(ctx, kernel, "position", position, t, positions,
                                "the tables' positions are");
  return a.status;
}

sl_status sl_check_rope_forward(sl_context *ctx, float *x, const uint32_t *position,
                                const float *cos_table, const float *sin_table, size_t t,
                                size_t heads, size_t d, size_t positions) {
  return check_rope(ctx, "rope_forward", x, position, cos_table, sin_table, t, heads, d, positions);
}

sl_status sl_check_rope_backward(sl_context *ctx, float *dx, const uint32_t *position,
                                 const float *cos_table, const float *sin_table, size_t t,
                                 size_t heads, size_t d, size_t positions) {
  return check_rope(ctx, "rope_backward", dx, position, cos_table, sin_table, t, heads, d,
                    positions);
}

sl_status sl_check_linear_pack(sl_context *ctx, void *packed, const float *w, size_t n, size_t k,
                               sl_pack_kind kind) {
  sl_arguments a = {ctx, "linear_pack", SL_OK};
  SL_NEED(&a, w, n, k, 1);
  sl_require(&a, kind == SL_PACK_FORWARD || kind == SL_PACK_INPUT_GRAD, "no such kind of pack");
  if (!a.status)
    sl_need(&a, "packed", packed, (sl_array_type){1, 1}, ctx->table.linear_pack_bytes(n, k, kind),
            1, 1);
  return a.status;
}

sl_status sl_check_linear_forward(sl_context *ctx, float *y, const float *x, const float *w,
                                  const void *packed, const float *bias, size_t t, size_t n,
                                  size_t k) {
  sl_arguments a = {ctx, "linear_forward", SL_OK};
  (void)packed;
  SL_NEED(&a, y, t, n, 1), SL_NEED(&a, x, t, k, 1), SL_NEED(&a, w, n, k, 1),
      SL_NEED_IF(&a, bias, n, 1, 1);
  return a.status;
}

sl_status sl_check_linear_input_grad(sl_context *ctx, float *dx, const sl_linear_part *parts,
                                     size_t n_parts, size_t t, size_t k) {
  sl_arguments a = {ctx, "linear_input_grad", SL_OK};
  SL_NEED(&a, dx, t, k, 1), SL_NEED(&a, parts, n_parts, 1, 1);
  for (size_t p = 0; !a.status && p < n_parts; p++)
    SL_NEED(&a, parts[p].dy, t, parts[p].n, 1), SL_NEED(&a, parts[p].w, parts[p].n, k, 1);
  return a.status;
}

sl_status sl_check_linear_weight_grad(sl_context *ctx, float *dw, float *db, const float *dy,
                                      const float *x, const uint32_t *seq, size_t n_seq, size_t n,
                                      size_t k) {
  sl_arguments a = {ctx, "linear_weight_grad", SL_OK};
  const size_t t = sl_tokens(&a, seq, n_seq);
  SL_NEED(&a, dw, n, k, 1), SL_NEED_IF(&a, db, n, 1, 1), SL_NEED(&a, dy, t, n, 1),
      SL_NEED(&a, x, t, k, 1);
  return a.status;
}

static void check_head(sl_arguments *a, const uint32_t *target, const uint8_t *mask,
                       float inv_temperature, size_t t, size_t vocab) {
  SL_NEED(a, target, t, 1, 1), SL_NEED(a, mask, t, 1, 1);
  sl_require(a, isfinite(inv_temperature) && inv_temperature > 0.0f,
             "1/temperature must be positive and finite");
  check_ids(a, target, mask, t, vocab);
}

sl_status sl_check_logprob_forward(sl_context *ctx, float *logp, float *entropy, float *row_max,
                                   float *row_sum, const float *h, const float *w,
                                   const void *packed, const uint32_t *target, const uint8_t *mask,
                                   float inv_temperature, size_t t, size_t d, size_t vocab) {
  sl_arguments a = {ctx, "logprob_forward", SL_OK};
  (void)packed;
  SL_NEED(&a, logp, t, 1, 1), SL_NEED(&a, entropy, t, 1, 1), SL_NEED(&a, row_max, t, 1, 1),
      SL_NEED(&a, row_sum, t, 1, 1);
  SL_NEED(&a, h, t, d, 1), SL_NEED(&a, w, vocab, d, 1);
  check_head(&a, target, mask, inv_temperature, t, vocab);
  return a.status;
}

/* Each total ends with a sequence, and the last with the tokens. */
static void check_totals(sl_arguments *args, const sl_shard_total *totals, size_t n_totals,
                         const uint32_t *seq, size_t n_seq, size_t d, size_t vocab) {
  const size_t t = n_seq && !args->status ? seq[n_seq] : 0;
  SL_NEED(args, totals, n_totals, 1, 1);
  size_t end = 0;
  for (size_t k = 0, s = 0; !args->status && k < n_totals; k++) {
    const float *dw = totals[k].dw;
    SL_NEED(args, dw, vocab, d, 1);
    while (s < n_seq && seq[s] < totals[k].end) s++;
    sl_require(args, totals[k].end >= end && (n_seq == 0 || seq[s] == totals[k].end),
               "a total does not end where a sequence does");
    end = totals[k].end;
  }
  sl_require(args, end == t, "the totals do not hold all tokens");
}

sl_status sl_check_logprob_backward(sl_context *ctx, float *dh, const sl_shard_total *totals,
                                    size_t n_totals, const float *dlogp, const float *dentropy,
                                    const float *entropy, const float *row_max,
                                    const float *row_sum, const float *h, const float *w,
                                    const void *packed, const uint32_t *target, const uint8_t *mask,
                                    float inv_temperature, const uint32_t *seq, size_t n_seq,
                                    size_t d, size_t vocab) {
  sl_arguments a = {ctx, "logprob_backward", SL_OK};
  const size_t t = sl_tokens(&a, seq, n_seq);
  (void)packed;
  SL_NEED(&a, dh, t, d, 1);
  check_totals(&a, totals, n_totals, seq, n_seq, d, vocab);
  SL_NEED(&a, dlogp, t, 1, 1), SL_NEED_IF(&a, dentropy, t, 1, 1);
  SL_NEED(&a, entropy, t, 1, 1), SL_NEED(&a, row_max, t, 1, 1), SL_NEED(&a, row_sum, t, 1, 1);
  SL_NEED(&a, h, t, d, 1), SL_NEED(&a, w, vocab, d, 1);
  check_head(&a, target, mask, inv_temperature, t, vocab);
  return a.status;
}

sl_status sl_check_sample(sl_context *ctx, uint32_t *token, float *logp, float *entropy,
                          const float *logits, const sl_sampling *sampling,
                          const uint32_t *sequence, const uint32_t *position, size_t b,
                          size_t vocab) {
  sl_arguments a = {ctx, "sample", SL_OK};
  SL_NEED(&a, token, b, 1, 1), SL_NEED(&a, logp, b, 1, 1), SL_NEED(&a, entropy, b, 1, 1),
      SL_NEED(&a, logits, b, vocab, 1);
  SL_NEED(&a, sampling, 1, 1, 1), SL_NEED(&a, sequence, b, 1, 1), SL_NEED(&a, position, b, 1, 1);
  if (!a.status) a.status = sl_check_sampling(ctx, sampling, vocab);
  return a.status;
}

sl_status sl_check_grad_square_sum(sl_context *ctx, double *sum, const float *g, size_t n) {
  sl_arguments a = {ctx, "grad_square_sum", SL_OK};
  SL_NEED(&a, sum, 1, 1, 1), SL_NEED(&a, g, n, 1, 1);
  return a.status;
}

sl_status sl_check_adamw_step(sl_context *ctx, float *p, float *m, float *v, const float *g,
                              const sl_adamw *step, size_t n) {
  sl_arguments a = {ctx, "adamw_step", SL_OK};
  SL_NEED(&a, p, n, 1, 1), SL_NEED(&a, m, n, 1, 1), SL_NEED(&a, v, n, 1, 1),
      SL_NEED(&a, g, n, 1, 1), SL_NEED(&a, step, 1, 1, 1);
  if (a.status) return a.status;
  const float scalar[] = {step->grad_scale, step->b1, step->b2, step->one_b1, step->one_b2,
                          step->c1,         step->c2, step->lr, step->eps,    step->decay};
  for (size_t i = 0; i < sizeof scalar / sizeof *scalar; i++)
    sl_require(&a, isfinite(scalar[i]) && scalar[i] >= 0.0f,
               "a scalar of the step is negative or not finite");
  sl_require(&a, step->g_finite <= 1, "g_finite is neither 0 nor 1");
  /* What is not finite would reach the parameters (spec N1.5). */
  if (sl_readable(&a) && !step->g_finite) a.status = sl_check_finite(ctx, "adamw_step", g, n);
  return a.status;
}

/* Any bits are digested: NaN and infinity too. */
sl_status sl_check_tensor_digest(sl_context *ctx, uint64_t *digest, const float *x, size_t n) {
  sl_arguments a = {ctx, "tensor_digest", SL_OK};
  SL_NEED(&a, digest, 2, 1, 1), SL_NEED(&a, x, n, 1, 1);
  sl_require(&a, n >> 32 == 0,
             "x has 2^32 elements or more, and such a tensor has no digest (spec F5.3)");
  return a.status;
}
