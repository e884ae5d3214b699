/* Linear layers forward and their input gradients (spec T2.1, T2.2, T2.4).
 *
 * (t, k) x (k, n): t * n * k fmas; x, w and y are moved once, packing w moves it twice more (n * k
 * of t * n * k), packing x costs k / 4 cycles per row for every 12 panels of columns. From some
 * tens of rows on the floor is fmas: 16 (AVX-512) or 8 lanes for each unit. */
#include "cpu.h"

#include "gemm.h"

typedef struct {
  float *packed;
  const float *b;
  size_t step, columns, k_count;
  int transposed;
} pack_job;

static void pack_range(void *arg, size_t begin, size_t end, int thread) {
  const pack_job *j = arg;
  (void)thread;
  for (size_t panel = begin; panel < end; panel++)
    gemm_pack_panel(j->packed, j->b, j->step, j->transposed, panel, j->columns, j->k_count);
}

/* w (n, k): y's columns are its rows, dx's are its columns. */
static sl_status pack_weight(sl_context *ctx, float *packed, const float *w, size_t n, size_t k,
                             sl_pack_kind kind) {
  const int forward = kind == SL_PACK_FORWARD;
  pack_job j = {packed, w, k, forward ? n : k, forward ? k : n, forward};
  return sl_parallel_for(ctx, gemm_panels(j.columns), grain_for(j.k_count * 10), pack_range, &j);
}

static size_t packed_floats(size_t n, size_t k, sl_pack_kind kind) {
  return kind == SL_PACK_FORWARD ? gemm_packed_floats(n, k) : gemm_packed_floats(k, n);
}

size_t SL_ISA_NAME(linear_pack_bytes)(size_t n, size_t k, sl_pack_kind kind) {
  return packed_floats(n, k, kind) * sizeof(float);
}

sl_status SL_ISA_NAME(linear_pack)(sl_context *ctx, void *packed, const float *w, size_t n,
                                   size_t k, sl_pack_kind kind) {
  return pack_weight(ctx, packed, w, n, k, kind);
}

sl_status SL_ISA_NAME(linear_forward)(sl_context *ctx, float *y, const float *x, const float *w,
                                      const void *packed, const float *bias, size_t t, size_t n,
                                      size_t k) {
  gemm_part part = {x, packed, k, k};
  const gemm g = {.c = y, .bias = bias, .parts = &part, .c_step = n, .n_parts = 1, .columns = n};
  if (!packed) {
    float *own = sl_workspace(ctx, packed_floats(n, k, SL_PACK_FORWARD) * sizeof *own);
    if (!own) return ctx->error.status;
    SL_TRY(pack_weight(ctx, own, w, n, k, SL_PACK_FORWARD));
    part.packed = own;
  }
  return gemm_run(ctx, &g, t);
}

sl_status SL_ISA_NAME(linear_input_grad)(sl_context *ctx, float *dx, const sl_linear_part *parts,
                                         size_t n_parts, size_t t, size_t k) {
  size_t floats = 0;
  for (size_t i = 0; i < n_parts; i++)
    floats += parts[i].packed ? 0 : packed_floats(parts[i].n, k, SL_PACK_INPUT_GRAD);
  gemm_part *own = sl_workspace(ctx, round_up(n_parts * sizeof *own, 64) + floats * sizeof(float));
  if (!own) return ctx->error.status;
  float *packs = (float *)(void *)((unsigned char *)own + round_up(n_parts * sizeof *own, 64));
  for (size_t i = 0; i < n_parts; i++) {
    const size_t n = parts[i].n;
    own[i] = (gemm_part){parts[i].dy, parts[i].packed, n, n};
    if (parts[i].packed) continue;
    SL_TRY(pack_weight(ctx, packs, parts[i].w, n, k, SL_PACK_INPUT_GRAD));
    own[i].packed = packs;
    packs += packed_floats(n, k, SL_PACK_INPUT_GRAD);
  }
  const gemm g = {.c = dx, .parts = own, .c_step = k, .n_parts = n_parts, .columns = k};
  return gemm_run(ctx, &g, t);
}
