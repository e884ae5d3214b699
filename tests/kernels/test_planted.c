/* Planted failures: kernels that are wrong in one of the usual ways must not pass the comparison that the other tests rely on. Each rule is
 * put into the same small kernel, whose right form passes (spec N3.2, N3.5, N3.6, T1.3, T3.1). */
#include "kernel_test.h"

#include <criterion/criterion.h>
#include <math.h>
#include <sluice/functions.h>
#include <stdlib.h>

typedef enum { RIGHT, LANES_16, CHUNKS_SWAPPED, TAIL_DROPPED, PRODUCT_ROUNDED, BUTTERFLY_UPWARD, RULES } rule;
static const char *const rule_names[] = {"right",           "16 lanes", "chunks swapped", "tail dropped", "product rounded on its own",
                                         "butterfly upward"};

static float chunk_sum(const float *x, size_t n, rule r) {
  float lane[SL_SUM_LANES] = {0};
  const size_t lanes = r == LANES_16 ? 16 : SL_SUM_LANES;
  for (size_t i = 0; i < n; i++) {
    const float square = x[i] * x[i];
    lane[i % lanes] = r == PRODUCT_ROUNDED ? lane[i % lanes] + square : fmaf(x[i], x[i], lane[i % lanes]);
  }
  for (size_t h = 1; h < SL_SUM_LANES; h *= 2) {
    const size_t step = r == BUTTERFLY_UPWARD ? h : SL_SUM_LANES / 2 / h;
    for (size_t j = 0; j < SL_SUM_LANES; j++)
      if (j % (2 * step) < step) lane[j] += lane[j + step];
  }
  return lane[0];
}

static float square_sum(const float *x, size_t n, rule r) {
  float total = 0.0f;
  if (r == TAIL_DROPPED) n = n / 8 * 8;
  const size_t chunks = (n + SL_SUM_CHUNK - 1) / SL_SUM_CHUNK;
  for (size_t i = 0; i < chunks; i++) {
    const size_t at = (r == CHUNKS_SWAPPED ? chunks - 1 - i : i) * SL_SUM_CHUNK;
    total += chunk_sum(x + at, n - at < SL_SUM_CHUNK ? n - at : SL_SUM_CHUNK, r);
  }
  return total;
}

typedef struct {
  const float *x, *w;
  size_t t, d;
  rule r;
} norm_inputs;

static sl_status norm(sl_context *ctx, void *arg, float *out) {
  const norm_inputs *in = arg;
  return sl_rmsnorm_forward(ctx, out, out + in->t * in->d, in->x, in->w, in->t, in->d, 1e-6f);
}

static sl_status planted_norm(sl_context *ctx, void *arg, float *out) {
  const norm_inputs *in = arg;
  (void)ctx;
  for (size_t i = 0; i < in->t; i++) {
    const float *x = in->x + i * in->d;
    const float rstd = sl_fn_rsqrt(square_sum(x, in->d, in->r) / (float)in->d + 1e-6f);
    out[in->t * in->d + i] = rstd;
    for (size_t c = 0; c < in->d; c++) out[i * in->d + c] = (x[c] * rstd) * in->w[c];
  }
  return SL_OK;
}

Test(planted, sums) {
  source s = seeded(11);
  enum { T = 40, D = 3 * SL_SUM_CHUNK + 5 };
  float *x = new_floats(&s, USUAL, T * D), *w = new_floats(&s, USUAL, D);
  for (rule r = RIGHT; r < RULES; r++) {
    norm_inputs in = {x, w, T, D, r};
    cr_expect_eq(runs_agree(rule_names[r], planted_norm, norm, &in, NULL, T * (D + 1)), r == RIGHT, "%s", rule_names[r]);
  }
  free_floats(x), free_floats(w);
}

typedef enum {
  A_RIGHT,
  NO_CHUNKS,
  CHUNKS_FROM_THE_QUERY,
  LAST_KEY_DROPPED,
  A_KEY_TOO_MANY,
  SCALED_QUERY,
  DIVIDED_BEFORE,
  A_RULES
} attention_rule;
static const char *const attention_names[] = {"right",          "no chunks",    "chunks from the query backwards", "last key dropped",
                                              "a key too many", "scaled query", "divided before the dot"};

typedef struct {
  const float *q, *k, *v;
  size_t n, d;
  attention_rule r;
} attention_inputs;

static sl_status attention(sl_context *ctx, void *arg, float *out) {
  const attention_inputs *in = arg;
  const uint32_t seq[] = {0, (uint32_t)in->n};
  return sl_attention_forward(ctx, out, out + in->n * in->d, out + in->n * (in->d + 1), in->q, in->k, in->v, seq, 1, 1, 1, in->d);
}

static float dot(const float *a, const float *b, size_t step, size_t n, size_t anchor, int chunked) {
  float total = 0.0f, chain = 0.0f;
  for (size_t i = 0; i < n; i++) {
    if (chunked && i && (i + anchor) % SL_DOT_CHUNK == 0) total += chain, chain = 0.0f;
    chain = fmaf(a[i], b[i * step], chain);
  }
  return total + chain;
}

static float lane_sum(const float *x, size_t n) {
  float total = 0.0f;
  for (size_t at = 0; at < n; at += SL_SUM_CHUNK) {
    float lane[SL_SUM_LANES] = {0};
    for (size_t i = at; i < n && i < at + SL_SUM_CHUNK; i++) lane[i % SL_SUM_LANES] += x[i];
    for (size_t h = SL_SUM_LANES / 2; h > 0; h /= 2)
      for (size_t j = 0; j < h; j++) lane[j] += lane[j + h];
    total += lane[0];
  }
  return total;
}

static void planted_row(const attention_inputs *in, size_t i, float *s, float *o, float *max_out, float *scale_out) {
  const size_t d = in->d, n = in->r == LAST_KEY_DROPPED && i ? i : in->r == A_KEY_TOO_MANY && i + 1 < in->n ? i + 2 : i + 1;
  const float scale = (float)(1.0 / sqrt((double)d));
  float q[64], max = -INFINITY;
  for (size_t c = 0; c < d; c++) q[c] = in->q[i * d + c] * (in->r == SCALED_QUERY ? scale : 1.0f);
  for (size_t j = 0; j < n; j++) {
    s[j] = dot(q, in->k + j * d, 1, d, 0, 1) * (in->r == SCALED_QUERY ? 1.0f : scale);
    if (s[j] > max) max = s[j];
  }
  for (size_t j = 0; j < n; j++) s[j] = sl_fn_exp(s[j] - (max + 0.0f));
  const float inverse = 1.0f / lane_sum(s, n);
  for (size_t j = 0; j < n && in->r == DIVIDED_BEFORE; j++) s[j] *= inverse;
  const size_t anchor = in->r == CHUNKS_FROM_THE_QUERY ? SL_DOT_CHUNK - n % SL_DOT_CHUNK : 0;
  for (size_t c = 0; c < d; c++) o[c] = (in->r == DIVIDED_BEFORE ? 1.0f : inverse) * dot(s, in->v + c, d, n, anchor, in->r != NO_CHUNKS);
  *max_out = max + 0.0f, *scale_out = inverse;
}

static sl_status planted_attention(sl_context *ctx, void *arg, float *out) {
  const attention_inputs *in = arg;
  float *s = malloc((in->n + 1) * sizeof *s);
  (void)ctx;
  for (size_t i = 0; i < in->n; i++) planted_row(in, i, s, out + i * in->d, out + in->n * in->d + i, out + in->n * (in->d + 1) + i);
  free(s);
  return SL_OK;
}

Test(planted, attention) {
  source s = seeded(12);
  enum { N = 2 * SL_DOT_CHUNK + 7, D = 12 };
  float *q = new_floats(&s, USUAL, N * D), *k = new_floats(&s, USUAL, N * D), *v = new_floats(&s, USUAL, N * D);
  for (attention_rule r = A_RIGHT; r < A_RULES; r++) {
    attention_inputs in = {q, k, v, N, D, r};
    cr_expect_eq(runs_agree(attention_names[r], planted_attention, attention, &in, NULL, N * (D + 2)), r == A_RIGHT, "%s",
                 attention_names[r]);
  }
  free_floats(q), free_floats(k), free_floats(v);
}

/* Ways to misbehave with right results: taking memory again, writing behind the output, and a second run that differs. */
static sl_status honest(sl_context *ctx, void *arg, float *out) {
  (void)ctx, (void)arg;
  out[0] = 1.0f;
  return SL_OK;
}

#ifdef __SANITIZE_ADDRESS__
#define HEAP_SEEN 0 /* mallinfo2 does not see the sanitizer's allocator */
#else
#define HEAP_SEEN 1
#endif
static sl_status takes_memory(sl_context *ctx, void *arg, float *out) {
  void **kept = arg, **block = malloc(5000);
  cr_assert_not_null(block);
  block[0] = kept[0];
  kept[0] = block;
  return honest(ctx, NULL, out);
}

static sl_status writes_behind(sl_context *ctx, void *arg, float *out) {
  out[1] = 0.0f;
  return honest(ctx, arg, out);
}

static sl_status remembers(sl_context *ctx, void *arg, float *out) {
  int *runs = arg;
  honest(ctx, NULL, out);
  out[0] += (float)(*runs)++;
  return SL_OK;
}

Test(planted, misbehaviour) {
  void *kept = NULL;
  int runs = 0;
  cr_expect(runs_agree("honest", honest, honest, NULL, NULL, 1));
  cr_expect(!HEAP_SEEN || !runs_agree("takes memory", takes_memory, honest, &kept, NULL, 1));
  cr_expect_not(runs_agree("writes behind", writes_behind, honest, NULL, NULL, 1));
  cr_expect_not(runs_agree("remembers", remembers, honest, &runs, NULL, 1));
  for (void **next; kept; kept = next) {
    next = *(void **)kept;
    free(kept);
  }
}
