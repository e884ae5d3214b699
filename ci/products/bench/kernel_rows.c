/* What `sluice bench kernels` times (kernel_rows.h): the sizes are Qwen2.5-0.5B's where a kernel
 * has a model's, with a head of a tenth of its vocabulary. */
#include "kernel_rows.h"
#include "bench_machine.h"

#include <stdlib.h>

enum {
  BIG = 1 << 24,
  SMALL = 1 << 22,
  SQUARE = 1024,
  HIDDEN = 896,
  INNER = 4864,
  TOKENS = 512,
  LONG = 2048,
  HEADS = 14,
  KV_HEADS = 2,
  HEAD_DIM = 64,
  VOCAB = 16384,
  LOSS_TOKENS = 1 << 16,
  LOSS_SEQUENCES = 64,
  DECODE_PACK = 1 << 21 /* behind the product's */
};

static int fill(sl_kernel_arrays *a) {
  a->ids = malloc((LOSS_SEQUENCES + 1 + TOKENS) * sizeof *a->ids);
  a->mask = malloc(LOSS_TOKENS);
  a->coefficient = malloc(LOSS_SEQUENCES * sizeof *a->coefficient);
  a->sums = malloc(LOSS_SEQUENCES * sizeof *a->sums);
  if (!a->ids || !a->mask || !a->coefficient || !a->sums) return 0;
  for (uint32_t i = 0; i <= LOSS_SEQUENCES; i++) a->ids[i] = i * (LOSS_TOKENS / LOSS_SEQUENCES);
  for (uint32_t i = 0; i < TOKENS; i++) a->ids[LOSS_SEQUENCES + 1 + i] = i * 7919 % VOCAB;
  for (size_t i = 0; i < LOSS_TOKENS; i++) a->mask[i] = 1;
  for (size_t i = 0; i < LOSS_SEQUENCES; i++) a->coefficient[i] = 1.0 / LOSS_TOKENS;
  return 1;
}

void sl_kernel_arrays_free(sl_kernel_arrays *a) {
  for (size_t i = 0; i < sizeof a->big / sizeof *a->big; i++) free(a->big[i]);
  for (size_t i = 0; i < sizeof a->small / sizeof *a->small; i++) free(a->small[i]);
  free(a->packed), free(a->ids), free(a->mask), free(a->coefficient), free(a->sums);
}

sl_status sl_kernel_arrays_new(sl_kernel_arrays *a, sl_context *ctx, sl_error *err) {
  *a = (sl_kernel_arrays){.seq = {0, LONG}};
  int made = (a->packed = sl_bench_numbers(BIG, 1, 0x1p-33f)) != NULL;
  for (size_t i = 0; i < sizeof a->big / sizeof *a->big; i++)
    made &= (a->big[i] = sl_bench_numbers(BIG, (uint32_t)i + 2, 0x1p-33f)) != NULL;
  for (size_t i = 0; i < sizeof a->small / sizeof *a->small; i++)
    made &= (a->small[i] = sl_bench_numbers(SMALL, (uint32_t)i + 9, 0x1p-33f)) != NULL;
  if (made && fill(a) &&
      !sl_linear_pack(ctx, a->packed, a->big[0], SQUARE, SQUARE, SL_PACK_FORWARD) &&
      !sl_linear_pack(ctx, a->packed + DECODE_PACK, a->big[0], INNER, HIDDEN, SL_PACK_FORWARD))
    return SL_OK;
  sl_kernel_arrays_free(a);
  return sl_fail(err, SL_ERR_MEMORY, "no memory for 0.5 GiB of operands");
}

static sl_status copy(sl_context *ctx, const sl_kernel_arrays *a) {
  return sl_memory_copy(ctx, a->big[1], a->big[0], BIG * sizeof(float));
}
static sl_status product(sl_context *ctx, const sl_kernel_arrays *a) {
  return sl_linear_forward(ctx, a->small[0], a->small[1], a->big[0], a->packed, NULL, SQUARE,
                           SQUARE, SQUARE);
}
static sl_status decode(sl_context *ctx, const sl_kernel_arrays *a) {
  return sl_linear_forward(ctx, a->small[0], a->small[1], a->big[0], a->packed + DECODE_PACK, NULL,
                           1, INNER, HIDDEN);
}
static sl_status attention_forward(sl_context *ctx, const sl_kernel_arrays *a) {
  return sl_attention_forward(ctx, a->small[0], a->big[0], a->big[0] + SMALL, a->small[1],
                              a->small[2], a->small[3], a->seq, 1, HEADS, KV_HEADS, HEAD_DIM);
}
/* After attention_forward: row_max and row_scale are its. */
static sl_status attention_backward(sl_context *ctx, const sl_kernel_arrays *a) {
  return sl_attention_backward(ctx, a->big[1], a->big[2], a->big[3], a->small[4], a->small[0],
                               a->small[1], a->small[2], a->small[3], a->big[0], a->big[0] + SMALL,
                               a->seq, 1, HEADS, KV_HEADS, HEAD_DIM);
}
static sl_status head_forward(sl_context *ctx, const sl_kernel_arrays *a) {
  float *out = a->small[1];
  return sl_logprob_forward(ctx, out, out + TOKENS, out + 2 * TOKENS, out + 3 * TOKENS, a->small[0],
                            a->big[1], NULL, a->ids + LOSS_SEQUENCES + 1, a->mask, 1.0f, TOKENS,
                            HIDDEN, VOCAB);
}
/* After head_forward. */
static sl_status head_backward(sl_context *ctx, const sl_kernel_arrays *a) {
  const float *in = a->small[1];
  const uint32_t seq[2] = {0, TOKENS};
  const sl_shard_total total = {a->big[2], TOKENS};
  return sl_logprob_backward(ctx, a->small[2], &total, 1, a->small[3], NULL, in + TOKENS,
                             in + 2 * TOKENS, in + 3 * TOKENS, a->small[0], a->big[1], NULL,
                             a->ids + LOSS_SEQUENCES + 1, a->mask, 1.0f, seq, 1, HIDDEN, VOCAB);
}
static sl_status loss(sl_context *ctx, const sl_kernel_arrays *a) {
  const sl_objective o = {.gate = {.family = {SL_GATE_SIGMOID, SL_GATE_SIGMOID}, .tau = {1, 1.05f}},
                          .beta = 0.0f};
  const sl_gated_loss_batch batch = {.logp_new = a->small[0],
                                     .logp_old = a->small[1],
                                     .mask = a->mask,
                                     .seq = a->ids,
                                     .advantage = a->small[2],
                                     .coefficient = a->coefficient,
                                     .n_seq = LOSS_SEQUENCES};
  return sl_gated_loss(ctx, a->small[3], NULL, a->sums, &o, &batch);
}
static sl_status norm_forward(sl_context *ctx, const sl_kernel_arrays *a) {
  return sl_rmsnorm_forward(ctx, a->small[0], a->small[1], a->small[2], a->small[3], LONG, HIDDEN,
                            1e-6f);
}
/* After norm_forward. */
static sl_status norm_backward(sl_context *ctx, const sl_kernel_arrays *a) {
  return sl_rmsnorm_backward(ctx, a->small[4], a->small[0], a->small[2], a->small[3], a->small[1],
                             NULL, LONG, HIDDEN);
}
static sl_status swiglu_forward(sl_context *ctx, const sl_kernel_arrays *a) {
  return sl_swiglu_forward(ctx, a->big[0], a->big[1], a->big[2], BIG);
}
static sl_status swiglu_backward(sl_context *ctx, const sl_kernel_arrays *a) {
  return sl_swiglu_backward(ctx, a->big[0], a->big[3], a->packed, a->big[1], a->big[2], BIG);
}
static sl_status square_sum(sl_context *ctx, const sl_kernel_arrays *a) {
  double sum;
  return sl_grad_square_sum(ctx, &sum, a->big[1], BIG);
}
static sl_status adamw(sl_context *ctx, const sl_kernel_arrays *a) {
  const sl_adamw step = {1, 0.9f, 0.95f, 0.1f, 0.05f, 1, 1, 1e-6f, 1e-8f, 1, 1};
  return sl_adamw_step(ctx, a->big[0], a->big[2], a->big[3], a->big[1], &step, BIG);
}

#define F 4.0 /* bytes of a float */
/* Pairs of a query and a key that it sees, times heads. */
#define PAIRS ((double)LONG * (LONG + 1) / 2 * HEADS)
#define LOGITS ((double)TOKENS * VOCAB)
#define SEEN (F * LONG * HEAD_DIM * (2 * HEADS + 2 * KV_HEADS)) /* q, o, k, v */

static const sl_kernel_row rows[] = {
    {"copy", "64 MiB", copy, 0, 2 * F *BIG, BIG, "element"},
    {"product, w packed", "1024^3", product, (double)SQUARE *SQUARE *SQUARE, 3 * F *SQUARE *SQUARE,
     (double)SQUARE *SQUARE *SQUARE, "fma"},
    {"linear, one row", "4864 x 896, w packed", decode, (double)INNER *HIDDEN, F *INNER *HIDDEN,
     (double)INNER *HIDDEN, "weight"},
    {"attention", "2048 tokens, 14 heads of 64", attention_forward, 2 * HEAD_DIM *PAIRS, SEEN,
     PAIRS, "pair"},
    {"attention backward", "the same", attention_backward, 5 * HEAD_DIM *PAIRS, 2 * SEEN, PAIRS,
     "pair"},
    {"head", "512 x 896, vocabulary 16384", head_forward, LOGITS *HIDDEN, F *VOCAB *HIDDEN, LOGITS,
     "logit"},
    {"head backward", "the same", head_backward, 3 * LOGITS *HIDDEN, 3 * F *VOCAB *HIDDEN, LOGITS,
     "logit"},
    {"gated loss", "64 x 1024 tokens, sigmoid", loss, 0, 13.0 * LOSS_TOKENS, LOSS_TOKENS, "token"},
    {"RMSNorm", "2048 x 896", norm_forward, 0, 2 * F *LONG *HIDDEN, (double)LONG *HIDDEN,
     "element"},
    {"RMSNorm backward", "the same", norm_backward, 0, 3 * F *LONG *HIDDEN, (double)LONG *HIDDEN,
     "element"},
    {"SwiGLU", "64 MiB", swiglu_forward, 0, 3 * F *BIG, BIG, "element"},
    {"SwiGLU backward", "64 MiB", swiglu_backward, 0, 5 * F *BIG, BIG, "element"},
    {"gradient norm", "64 MiB", square_sum, 0, F *BIG, BIG, "element"},
    {"AdamW", "64 MiB", adamw, 0, 7 * F *BIG, BIG, "element"}};

size_t sl_kernel_rows(const sl_kernel_row **list) {
  *list = rows;
  return sizeof rows / sizeof *rows;
}
