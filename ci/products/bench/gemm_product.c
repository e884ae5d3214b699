/* The products of a linear layer, as Sluice and as OpenBLAS have them (gemm_product.h). */
#include "gemm_product.h"
#include "bench_machine.h"
#include "bench_product.h"

#include "kernels/core/pages.h"

#include <cblas.h>
#include <stdlib.h>

void sl_gemm_product_free(sl_gemm_product *p) {
  free(p->x), free(p->w), free(p->y), free(p->dx), free(p->dw), free(p->seq);
  free(p->forward_pack), free(p->input_pack);
}

static void *new_pack(sl_context *ctx, const sl_gemm_product *p, sl_pack_kind kind) {
  void *pack = sl_pages_alloc(sl_linear_pack_bytes(ctx, p->n, p->k, kind));
  if (pack && sl_linear_pack(ctx, pack, p->w, p->n, p->k, kind)) {
    free(pack);
    return NULL;
  }
  return pack;
}

sl_status sl_gemm_product_new(sl_gemm_product *p, sl_context *ctx, const size_t shape[3],
                              sl_error *err) {
  const size_t t = shape[0], n = shape[1], k = shape[2];
  *p = (sl_gemm_product){.t = t, .n = n, .k = k, .sequences = (t + 255) / 256};
  p->x = sl_bench_numbers(t * k, 1, 0x1p-31f), p->w = sl_bench_numbers(n * k, 2, 0x1p-31f),
  p->y = sl_bench_numbers(t * n, 3, 0x1p-31f);
  p->dx = sl_bench_numbers(t * k, 4, 0x1p-31f), p->dw = sl_bench_numbers(n * k, 5, 0x1p-31f);
  p->seq = malloc((p->sequences + 1) * sizeof *p->seq);
  int made = p->x && p->w && p->y && p->dx && p->dw && p->seq;
  for (size_t i = 0; made && i <= p->sequences; i++)
    p->seq[i] = (uint32_t)(i < p->sequences ? i * 256 : t);
  if (made && ctx) {
    p->forward_pack = new_pack(ctx, p, SL_PACK_FORWARD);
    p->input_pack = new_pack(ctx, p, SL_PACK_INPUT_GRAD);
    made = p->forward_pack && p->input_pack;
  }
  if (made) return SL_OK;
  sl_gemm_product_free(p);
  return sl_fail(err, SL_ERR_MEMORY, "no memory for matrices of %zu, %zu, %zu", t, n, k);
}

static sl_status forward(sl_context *ctx, const sl_gemm_product *p, int packed) {
  return sl_linear_forward(ctx, p->y, p->x, p->w, packed ? p->forward_pack : NULL, NULL, p->t, p->n,
                           p->k);
}
static void forward_blas(const sl_gemm_product *p) {
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)p->t, (int)p->n, (int)p->k, 1.0f, p->x,
              (int)p->k, p->w, (int)p->k, 0.0f, p->y, (int)p->n);
}
static int forward_right(const sl_gemm_product *p) {
  return sl_bench_product_right(p->y, (sl_bench_terms){p->x, p->k, 1},
                                (sl_bench_terms){p->w, p->k, 1}, p->t, p->n, p->k);
}

static sl_status input_gradient(sl_context *ctx, const sl_gemm_product *p, int packed) {
  const sl_linear_part part = {p->y, p->w, packed ? p->input_pack : NULL, p->n};
  return sl_linear_input_grad(ctx, p->dx, &part, 1, p->t, p->k);
}
static void input_gradient_blas(const sl_gemm_product *p) {
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)p->t, (int)p->k, (int)p->n, 1.0f,
              p->y, (int)p->n, p->w, (int)p->k, 0.0f, p->dx, (int)p->k);
}
static int input_gradient_right(const sl_gemm_product *p) {
  return sl_bench_product_right(p->dx, (sl_bench_terms){p->y, p->n, 1},
                                (sl_bench_terms){p->w, 1, p->k}, p->t, p->k, p->n);
}

/* Both add to dw, as a step's shards do. */
static sl_status weight_gradient(sl_context *ctx, const sl_gemm_product *p, int packed) {
  (void)packed;
  return sl_linear_weight_grad(ctx, p->dw, NULL, p->y, p->x, p->seq, p->sequences, p->n, p->k);
}
static void weight_gradient_blas(const sl_gemm_product *p) {
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)p->n, (int)p->k, (int)p->t, 1.0f, p->y,
              (int)p->n, p->x, (int)p->k, 1.0f, p->dw, (int)p->k);
}
static int weight_gradient_right(const sl_gemm_product *p) {
  return sl_bench_product_right(p->dw, (sl_bench_terms){p->y, 1, p->n},
                                (sl_bench_terms){p->x, 1, p->k}, p->n, p->k, p->t);
}

static const sl_gemm_pass passes[SL_GEMM_PASSES] = {
    {"forward", 1, forward, forward_blas, forward_right},
    {"input gradient", 1, input_gradient, input_gradient_blas, input_gradient_right},
    {"weight gradient", 0, weight_gradient, weight_gradient_blas, weight_gradient_right}};

const sl_gemm_pass *sl_gemm_pass_at(size_t i) { return &passes[i]; }
