/* Planted failures: kernels that are wrong in one of the usual ways must not pass the comparison
 * that the other tests rely on. Each rule is put into the same small kernel, whose right form
 * passes (spec N3.2, N3.5, N3.6, T1.3, T3.1). */
#include "kernel_test.h"

#include <criterion/criterion.h>
#include <math.h>
#include <sluice/functions.h>
#include <stdlib.h>

typedef enum {
  RIGHT,
  LANES_16,
  CHUNKS_SWAPPED,
  TAIL_DROPPED,
  PRODUCT_ROUNDED,
  BUTTERFLY_UPWARD,
  RULES
} rule;
static const char *const rule_names[] = {
    "right",           "16 lanes", "chunks swapped", "tail dropped", "product rounded on its own",
    "butterfly upward"};

static float chunk_sum(const float *x, size_t n, rule r) {
  float lane[SL_SUM_LANES] = {0};
  const size_t lanes = r == LANES_16 ? 16 : SL_SUM_LANES;
  for (size_t i = 0; i < n; i++) {
    const float square = x[i] * x[i];
    lane[i % lanes] =
        r == PRODUCT_ROUNDED ? lane[i % lanes] + square : fmaf(x[i], x[i], lane[i % lanes]);
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

/* A kernel is compared on each instruction set of the processor, with each number of threads. */
Test(planted, contexts_of_each_instruction_set) {
  sl_context *const *list;
  const size_t n = cpu_contexts(&list);
  cr_expect_eq(n, __builtin_cpu_supports("avx512dq") ? 6 : 3, "%zu contexts", n);
  cr_expect_eq(cpu_contexts(&list), n);
}

Test(planted, sums) {
  source s = seeded(11);
  enum { T = 40, D = 3 * SL_SUM_CHUNK + 5 };
  float *x = new_floats(&s, USUAL, T * D), *w = new_floats(&s, USUAL, D);
  for (rule r = RIGHT; r < RULES; r++) {
    norm_inputs in = {x, w, T, D, r};
    cr_expect_eq(runs_agree(rule_names[r], planted_norm, norm, &in, NULL, T * (D + 1)), r == RIGHT,
                 "%s", rule_names[r]);
  }
  free_floats(x), free_floats(w);
}

/* Attention. The first rules are orders of the softmax that spec T3.1 does not have. */
typedef enum {
  A_RIGHT,
  ONE_CHUNK,
  CHUNKS_OF_THE_DOT,
  CHUNKS_FROM_THE_QUERY,
  CHUNKS_DESCENDING,
  MAXIMUM_AT_ONCE,
  JOIN_UNFUSED,
  JOIN_FUSED_THE_OTHER_WAY,
  SUM_IN_ONE_CHAIN,
  DIVIDED_AT_THE_END,
  ZERO_WITH_ITS_SIGN,
  LAST_KEY_DROPPED,
  A_KEY_TOO_MANY,
  SCALED_QUERY,
  A_RULES
} attention_rule;
static const char *const attention_names[] = {"right",
                                              "one chunk for all keys",
                                              "chunks of the dot's size",
                                              "chunks from the query backwards",
                                              "chunks joined descending",
                                              "the row's maximum at once",
                                              "join with two products rounded",
                                              "join that rounds the chunk's product",
                                              "chunk summed in one chain",
                                              "divided by the sum",
                                              "a zero keeps its sign",
                                              "last key dropped",
                                              "a key too many",
                                              "scaled query"};

enum { HEAD = 12 };
typedef struct {
  const float *q, *k, *v;
  size_t n;
  attention_rule r;
} attention_inputs;

static sl_status attention(sl_context *ctx, void *arg, float *out) {
  const attention_inputs *in = arg;
  const uint32_t seq[] = {0, (uint32_t)in->n};
  return sl_attention_forward(ctx, out, out + in->n * HEAD, out + in->n * (HEAD + 1), in->q, in->k,
                              in->v, seq, 1, 1, 1, HEAD);
}

static float dot(const float *a, const float *b) {
  float total = 0.0f, chain = 0.0f;
  for (size_t i = 0; i < HEAD; i++) {
    if (i && i % SL_DOT_CHUNK == 0) total += chain, chain = 0.0f;
    chain = fmaf(a[i], b[i], chain);
  }
  return total + chain;
}

static float largest(const float *x, size_t n) {
  float max = -INFINITY;
  for (size_t j = 0; j < n; j++) max = x[j] > max ? x[j] : max;
  return max + 0.0f;
}

static float chunk_weight(const float *x, size_t n, attention_rule r) {
  float lane[SL_SUM_LANES] = {0};
  for (size_t i = 0; i < n; i++) lane[r == SUM_IN_ONE_CHAIN ? 0 : i % SL_SUM_LANES] += x[i];
  for (size_t h = SL_SUM_LANES / 2; h > 0; h /= 2)
    for (size_t j = 0; j < h; j++) lane[j] += lane[j + h];
  return lane[0];
}

/* x, of a chunk, joined to y, of those before it. */
static float join(float x, float b, float y, float a, attention_rule r) {
  if (r == JOIN_UNFUSED) return x * b + y * a;
  return r == JOIN_FUSED_THE_OTHER_WAY ? fmaf(y, a, x * b) : fmaf(x, b, y * a);
}

typedef struct {
  float max, sum;
} softmax;

/* The keys [begin, end), whose scores are s[begin..end), joined to a row with the outputs o;
 * row_max: the row's maximum. */
static void join_keys(const attention_inputs *in, softmax *row, float *o, float *s, size_t begin,
                      size_t end, float row_max) {
  const float max = in->r == MAXIMUM_AT_ONCE ? row_max : largest(s + begin, end - begin),
              joined = fmaxf(row->max, max);
  const float a = sl_fn_exp(row->max - joined), b = sl_fn_exp(max - joined);
  for (size_t j = begin; j < end; j++) s[j] = sl_fn_exp(s[j] - max);
  row->sum = join(chunk_weight(s + begin, end - begin, in->r), b, row->sum, a, in->r);
  for (size_t c = 0; c < HEAD; c++) {
    float w = 0.0f;
    for (size_t j = begin; j < end; j++) w = fmaf(s[j], in->v[j * HEAD + c], w);
    o[c] = join(w, b, o[c], a, in->r);
  }
  row->max = joined;
}

static void planted_row(const attention_inputs *in, size_t i, float *s, float *o, float *max_out,
                        float *scale_out) {
  const size_t n = in->r == LAST_KEY_DROPPED && i             ? i
                   : in->r == A_KEY_TOO_MANY && i + 1 < in->n ? i + 2
                                                              : i + 1;
  const float scale = (float)(1.0 / sqrt((double)HEAD));
  float q[HEAD];
  for (size_t c = 0; c < HEAD; c++)
    q[c] = in->q[i * HEAD + c] * (in->r == SCALED_QUERY ? scale : 1.0f), o[c] = 0.0f;
  for (size_t j = 0; j < n; j++)
    s[j] = dot(q, in->k + j * HEAD) * (in->r == SCALED_QUERY ? 1.0f : scale);
  size_t size = SL_KEY_CHUNK;
  if (in->r == ONE_CHUNK) size = n;
  if (in->r == CHUNKS_OF_THE_DOT) size = SL_DOT_CHUNK;
  const size_t first = in->r == CHUNKS_FROM_THE_QUERY ? (n - 1) % size + 1 : size,
               chunks = (n + 2 * size - first - 1) / size;
  const float row_max = largest(s, n);
  softmax row = {-INFINITY, 0.0f};
  for (size_t k = 0; k < chunks; k++) {
    const size_t end = first + (in->r == CHUNKS_DESCENDING ? chunks - 1 - k : k) * size;
    join_keys(in, &row, o, s, end > size ? end - size : 0, end < n ? end : n, row_max);
  }
  const float inverse = 1.0f / row.sum, zero = in->r == ZERO_WITH_ITS_SIGN ? -0.0f : 0.0f;
  for (size_t c = 0; c < HEAD; c++)
    o[c] = (in->r == DIVIDED_AT_THE_END ? o[c] / row.sum : inverse * o[c]) + zero;
  *max_out = row.max, *scale_out = inverse;
}

static sl_status planted_attention(sl_context *ctx, void *arg, float *out) {
  const attention_inputs *in = arg;
  float *s = malloc((in->n + 1) * sizeof *s);
  (void)ctx;
  for (size_t i = 0; i < in->n; i++)
    planted_row(in, i, s, out + i * HEAD, out + in->n * HEAD + i, out + in->n * (HEAD + 1) + i);
  free(s);
  return SL_OK;
}

static int planted_agrees(const float *q, const float *k, const float *v, size_t n,
                          attention_rule r) {
  attention_inputs in = {q, k, v, n, r};
  return runs_agree(attention_names[r], planted_attention, attention, &in, NULL, n * (HEAD + 2));
}

/* A row with O = -0: the second chunk is so much larger that the first one's subnormal values
 * vanish, and its own are a product that underflows and a -0. The next row sees a value above 0. */
static void make_minus_zero(float *q, float *k, float *v) {
  for (size_t i = 0; i < SL_KEY_CHUNK + 3; i++) {
    const float score = i == SL_KEY_CHUNK ? 100.0f : i == SL_KEY_CHUNK + 1 ? 200.0f : 0.0f;
    const float value = i <= SL_KEY_CHUNK ? -0x1p-149f : i == SL_KEY_CHUNK + 1 ? -0.0f : 1.0f;
    for (size_t c = 0; c < HEAD; c++)
      q[i * HEAD + c] = c == 0, k[i * HEAD + c] = c ? 0.0f : score * sqrtf(HEAD),
                   v[i * HEAD + c] = value;
  }
}

Test(planted, attention) {
  source s = seeded(12);
  enum { N = 5 * SL_KEY_CHUNK + 7, FEW = SL_KEY_CHUNK + 3 };
  float *q = new_floats(&s, USUAL, N * HEAD), *k = new_floats(&s, USUAL, N * HEAD),
        *v = new_floats(&s, USUAL, N * HEAD);
  float *few_q = zero_floats(FEW * HEAD), *few_k = zero_floats(FEW * HEAD),
        *few_v = zero_floats(FEW * HEAD);
  make_minus_zero(few_q, few_k, few_v);
  for (attention_rule r = A_RIGHT; r < A_RULES; r++) {
    const int right = r == A_RIGHT || (r == CHUNKS_OF_THE_DOT && SL_DOT_CHUNK == SL_KEY_CHUNK);
    cr_expect_eq(planted_agrees(q, k, v, N, r) && planted_agrees(few_q, few_k, few_v, FEW, r),
                 right, "%s", attention_names[r]);
  }
  free_floats(q), free_floats(k), free_floats(v), free_floats(few_q), free_floats(few_k),
      free_floats(few_v);
}

/* Ways to misbehave with right results: taking memory again, writing behind the output, and a
 * second run that differs. */
static sl_status honest(sl_context *ctx, void *arg, float *out) {
  (void)ctx, (void)arg;
  out[0] = 1.0f;
  return SL_OK;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HEAP_SEEN 0 /* mallinfo2 does not see a sanitizer's allocator */
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
