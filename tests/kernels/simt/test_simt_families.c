/* Attention, decoding, sampling and the gated loss under the simulator, from their source and from
 * their PTX (two programs: FAMILIES_BACKEND), compared with plain where the equivalence gate's
 * random problems do not reach: every tile, head sizes to 256, addresses that are no multiple of
 * 16, chunk boundaries, ties, the gates of spec/gates, what is refused. */
#include "kernels/simt/simulation.h"
#include "tests/kernels/kernel_test.h"

#include <criterion/criterion.h>
#include <math.h>
#include <sluice/gate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sl_simt_smallest_tiles(sl_context *ctx, int smallest); /* kernels/cuda/backend.cu */

#ifndef FAMILIES_BACKEND
#define FAMILIES_BACKEND "simt"
#endif
#define HELD_MAX 32
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Memory of one run in a context. odd: arrays begin 4 bytes after a multiple of 64. */
typedef struct {
  sl_context *ctx;
  void *held[HELD_MAX];
  size_t n;
  int odd;
} memory;

static void *hold(memory *m, const void *initial, size_t bytes) {
  void *p;
  cr_assert_lt(m->n, HELD_MAX);
  cr_assert_eq(sl_memory_alloc(m->ctx, &p, bytes + 4), SL_OK);
  m->held[m->n++] = p;
  unsigned char *const at = (unsigned char *)p + (m->odd ? 4 : 0);
  if (initial) cr_assert_eq(sl_memory_write(m->ctx, at, initial, bytes), SL_OK);
  return at;
}

static void *hold_zeros(memory *m, size_t bytes) {
  void *const p = hold(m, NULL, bytes);
  cr_assert_eq(sl_memory_zero(m->ctx, p, bytes), SL_OK);
  return p;
}

static void release(memory *m) {
  for (size_t i = 0; i < m->n; i++) sl_memory_free(m->ctx, m->held[i]);
  m->n = 0;
}

static sl_context *simulated(uint64_t seed, int smallest) {
  sl_context *ctx;
  sl_error err;
  sl_simulation_begin(seed);
  sl_backend_add(sl_simt_backend());
  sl_backend_add(sl_ptx_backend());
  const sl_context_options options = {FAMILIES_BACKEND, SL_ISA_BEST, 1};
  cr_assert_eq(sl_context_create(&ctx, &options, &err), SL_OK, "%s", err.message);
  sl_simt_smallest_tiles(ctx, smallest);
  return ctx;
}

/* Runs `run`, which gives `floats` results, in plain and in a simulated context. */
typedef void (*in_context)(memory *m, const void *problem, float *result);
static void check(const char *what, in_context run, const void *problem, size_t floats,
                  int smallest, int odd) {
  float *const want = calloc(floats + 1, sizeof *want), *const got =
                                                            calloc(floats + 1, sizeof *got);
  memory plain = {.ctx = plain_context()},
         device = {.ctx = simulated(floats, smallest), .odd = odd};
  run(&plain, problem, want);
  run(&device, problem, got);
  cr_expect(same_bits(what, got, want, floats * sizeof *want), "%s, seed %zu", what, floats);
  release(&plain), release(&device);
  sl_context_destroy(device.ctx);
  free(want), free(got);
}

static void expect_ok(sl_context *ctx, sl_status status) {
  cr_assert_eq(status, SL_OK, "%s", sl_context_error(ctx)->message);
}

/* ---- attention ---- */

typedef struct {
  uint32_t length[4];
  size_t n_seq, heads, kv_heads, d;
} sequences;

static size_t tokens_of(const sequences *p) {
  size_t t = 0;
  for (size_t s = 0; s < p->n_seq; s++) t += p->length[s];
  return t;
}

static void run_attention(memory *m, const void *problem, float *result) {
  const sequences *p = problem;
  const size_t t = tokens_of(p), rows = t * p->heads, q_n = rows * p->d,
               k_n = t * p->kv_heads * p->d;
  uint32_t *seq = new_seq(p->length, p->n_seq);
  source s = seeded(q_n);
  float *host[4];
  const size_t size[4] = {q_n, k_n, k_n, q_n};
  float *in[4];
  for (int i = 0; i < 4; i++)
    host[i] = new_floats(&s, i % 2 ? USUAL : MIXED, size[i]),
    in[i] = hold(m, host[i], size[i] * sizeof(float));
  float *const o = hold_zeros(m, q_n * sizeof *o), *const max = hold_zeros(m, rows * sizeof *o),
               *const scale = hold_zeros(m, rows * sizeof *o);
  float *const dq = hold_zeros(m, q_n * sizeof *o), *const dk = hold_zeros(m, k_n * sizeof *o),
               *const dv = hold_zeros(m, k_n * sizeof *o);
  expect_ok(m->ctx, sl_attention_forward(m->ctx, o, max, scale, in[0], in[1], in[2], seq, p->n_seq,
                                         p->heads, p->kv_heads, p->d));
  expect_ok(m->ctx, sl_attention_backward(m->ctx, dq, dk, dv, in[3], o, in[0], in[1], in[2], max,
                                          scale, seq, p->n_seq, p->heads, p->kv_heads, p->d));
  const float *const out[] = {o, max, scale, dq, dk, dv};
  const size_t n[] = {q_n, rows, rows, q_n, k_n, k_n};
  for (size_t i = 0; i < COUNT(out); result += n[i++])
    expect_ok(m->ctx, sl_memory_read(m->ctx, result, out[i], n[i] * sizeof *result));
  for (int i = 0; i < 4; i++) free_floats(host[i]);
  free(seq);
}

static void check_attention(sequences p, int smallest, int odd) {
  char what[120];
  const size_t t = tokens_of(&p);
  snprintf(what, sizeof what, "attention of %zu tokens, %zu heads on %zu, d %zu, %s tiles%s", t,
           p.heads, p.kv_heads, p.d, smallest ? "smallest" : "production",
           odd ? ", odd addresses" : "");
  check(what, run_attention, &p, 2 * t * p.heads * (p.d + 1) + 2 * t * p.kv_heads * p.d, smallest,
        odd);
}

Test(simt_families, attention_of_every_tile) {
  static const size_t d[] = {1, 2, 33, 64, 65, 96, 127, 128, 129, 192, 255, 256};
  for (size_t i = 0; i < COUNT(d); i++)
    check_attention((sequences){{3, 0, 10 + (uint32_t)i}, 3, 2, 1, d[i]}, 0, 0);
  for (size_t i = 0; i < COUNT(d); i += 2) check_attention((sequences){{17}, 1, 1, 1, d[i]}, 0, 1);
  for (size_t e = 1; e <= 32; e++) check_attention((sequences){{1, 9}, 2, 2, 1, e}, 1, e % 3 == 0);
}

Test(simt_families, attention_across_chunks) {
  static const uint32_t n[] = {63, 64, 65, 127, 128, 129, 255, 256, 257};
  for (size_t i = 0; i < COUNT(n); i++)
    check_attention((sequences){{n[i], 0}, 2, 1, 1, 3}, n[i] < 200, 0);
  check_attention((sequences){{SL_SUM_CHUNK + 1}, 1, 1, 1, 2}, 0, 0);
  static const size_t d[] = {64, 128, 160};
  for (size_t i = 0; i < COUNT(d); i++)
    check_attention((sequences){{SL_KEY_CHUNK + 1, 2 * SL_KEY_CHUNK + 1}, 2, 1, 1, d[i]}, 0,
                    i == 1);
  check_attention((sequences){{200, 65}, 2, 2, 1, 8}, 0, 0);
}

/* A chunk's -0 meets -0, and only the + 0 at the end of spec T3.1 makes +0 of it: subnormal values
 * that vanish under a larger score, then a product that underflows and a -0. */
static void run_edge(memory *m, const void *problem, float *result) {
  enum { N = SL_KEY_CHUNK + 3, AT = SL_KEY_CHUNK + 1 };
  static const uint32_t seq[] = {0, N}, slot[] = {0}, position[] = {AT};
  float q[N], k[N] = {0}, v[N];
  (void)problem;
  for (size_t j = 0; j < N; j++) q[j] = 1.0f, v[j] = j < AT ? -0x1p-149f : 1.0f;
  k[AT - 1] = 100.0f, k[AT] = 200.0f, v[AT] = -0.0f;
  const float *const on_q = hold(m, q, sizeof q), *const on_k = hold(m, k, sizeof k),
                     *const on_v = hold(m, v, sizeof v);
  float *const o = hold_zeros(m, sizeof v), *const max = hold_zeros(m, sizeof v),
               *const scale = hold_zeros(m, sizeof v);
  float *const decoded = hold_zeros(m, sizeof *decoded);
  expect_ok(m->ctx, sl_attention_forward(m->ctx, o, max, scale, on_q, on_k, on_v, seq, 1, 1, 1, 1));
  const uint32_t *const on_slot = hold(m, slot, sizeof slot), *const on_position = hold(
                                                                  m, position, sizeof position);
  expect_ok(m->ctx, sl_attention_decode(m->ctx, decoded, on_q, on_k, on_v, on_slot, on_position, 1,
                                        1, 1, 1, N, 1));
  expect_ok(m->ctx, sl_memory_read(m->ctx, result, o, N * sizeof *result));
  expect_ok(m->ctx, sl_memory_read(m->ctx, result + N, decoded, sizeof *result));
  cr_expect(result[AT] == 0.0f && !signbit(result[AT]) && !signbit(result[N]), "a zero below 0");
}

Test(simt_families, attention_ends_above_zero) {
  check("attention whose output is a zero", run_edge, NULL, SL_KEY_CHUNK + 4, 0, 0);
}

/* ---- decoding ---- */

typedef struct {
  size_t b, heads, kv_heads, d, capacity;
  uint32_t position[4];
} decoding;

static void run_decode(memory *m, const void *problem, float *result) {
  const decoding *p = problem;
  const size_t cache = p->b * p->kv_heads * p->d * p->capacity, q_n = p->b * p->heads * p->d;
  static const uint32_t slot[4] = {2, 0, 3, 1};
  source s = seeded(cache);
  float *const k = new_floats(&s, MIXED, cache), *const v = new_floats(&s, USUAL, cache),
               *const q = new_floats(&s, USUAL, q_n);
  float *const o = hold_zeros(m, q_n * sizeof *o);
  const float *const on_q = hold(m, q, q_n * sizeof *q),
                     *const on_k = hold(m, k, cache * sizeof *k),
                     *const on_v = hold(m, v, cache * sizeof *v);
  const uint32_t *const on_slot = hold(m, p->b == 4 ? slot : &slot[1], p->b * sizeof *slot);
  const uint32_t *const on_position = hold(m, p->position, p->b * sizeof *slot);
  expect_ok(m->ctx, sl_attention_decode(m->ctx, o, on_q, on_k, on_v, on_slot, on_position, p->b,
                                        p->heads, p->kv_heads, p->d, p->capacity, p->b));
  expect_ok(m->ctx, sl_memory_read(m->ctx, result, o, q_n * sizeof *o));
  free_floats(k), free_floats(v), free_floats(q);
}

Test(simt_families, decoding_across_chunks_and_groups) {
  static const decoding problems[] = {
      {4, 3, 1, 2, 1030, {1024, 0, 255, 256}},
      {4, 9, 1, 3, 513, {511, 512, 257, 254}},
      {1, 7, 1, 64, 300, {299}},
      {1, 16, 2, 65, 40, {38}},
      {1, 2, 2, 128, 33, {32}},
      {1, 2, 1, 256, 20, {19}},
      {4, 8, 1, 64, 200, {62, 63, 64, 199}},
      {4, 2, 2, 128, 132, {0, 127, 128, 131}},
      {1, 3, 1, 255, 130, {128}},
  };
  for (size_t i = 0; i < COUNT(problems); i++)
    for (int smallest = 0; smallest < 2; smallest++) {
      char what[60];
      snprintf(what, sizeof what, "decoding, problem %zu", i);
      check(what, run_decode, &problems[i], problems[i].b * problems[i].heads * problems[i].d,
            smallest, smallest);
    }
}

/* ---- sampling ---- */

typedef struct {
  size_t b, vocab;
  sl_sampling sampling;
  kind kind;
} sampled;

static void run_sample(memory *m, const void *problem, float *result) {
  const sampled *p = problem;
  source s = seeded(p->vocab);
  float *const logits = new_floats(&s, p->kind, p->b * p->vocab);
  for (size_t i = 0; i < p->b * p->vocab; i += 3) logits[i] = 0.25f; /* ties, also at an edge */
  uint32_t key[2][8];
  for (uint32_t i = 0; i < 8; i++) key[0][i] = 3 * i, key[1][i] = 100 - i;
  const float *const on_logits = hold(m, logits, p->b * p->vocab * sizeof *logits);
  const uint32_t *const sequence = hold(m, key[0], p->b * sizeof **key), *const position = hold(
                                                                             m, key[1],
                                                                             p->b * sizeof **key);
  uint32_t *const token = hold_zeros(m, p->b * sizeof *token);
  float *const logp = hold_zeros(m, p->b * sizeof *logp), *const entropy =
                                                              hold_zeros(m, p->b * sizeof *logp);
  expect_ok(m->ctx, sl_sample(m->ctx, token, logp, entropy, on_logits, &p->sampling, sequence,
                              position, p->b, p->vocab));
  expect_ok(m->ctx, sl_memory_read(m->ctx, result, token, p->b * sizeof *token));
  expect_ok(m->ctx, sl_memory_read(m->ctx, result + p->b, logp, p->b * sizeof *logp));
  expect_ok(m->ctx, sl_memory_read(m->ctx, result + 2 * p->b, entropy, p->b * sizeof *logp));
  free_floats(logits);
}

Test(simt_families, sampling_with_ties_and_edges) {
  static const size_t vocabs[] = {1, 2, 31, 33, SL_SUM_CHUNK, 2 * SL_SUM_CHUNK + 1};
  static const sl_sampling ways[] = {
      {0.0f, 0, 1.0, 1, 2},   {1.0f, 0, 1.0, 1, 2},   {0.7f, 1, 1.0, 3, 4},    {1.3f, 5, 0.5, 5, 6},
      {1.0f, 0, 0.999, 7, 8}, {1.0f, 0, 1e-9, 9, 10}, {1.0f, 20, 0.99, 11, 12}};
  for (size_t v = 0; v < COUNT(vocabs); v++)
    for (size_t w = 0; w < COUNT(ways); w++) {
      const sampled p = {3, vocabs[v], ways[w], w % 2 ? CONSTANT : USUAL};
      char what[60];
      snprintf(what, sizeof what, "sampling of %zu, way %zu", vocabs[v], w);
      check(what, run_sample, &p, 3 * p.b, w % 3 != 0, 0);
    }
}

/* ---- the gated loss ---- */

typedef struct {
  sl_objective objective;
  uint32_t length[4];
  float new_at[2]; /* token and what its logp_new is; none where the token is negative */
} loss;

enum { LOSS_SEQS = 4, SUMS_FLOATS = sizeof(sl_loss_sums) / sizeof(float) };

static sl_status loss_in(memory *m, const loss *p, float *d, float *e, sl_loss_sums *sums) {
  uint32_t *const seq = new_seq(p->length, LOSS_SEQS);
  const size_t t = seq[LOSS_SEQS];
  source s = seeded(t);
  float *in[4];
  for (int i = 0; i < 4; i++) in[i] = new_floats(&s, USUAL, t);
  for (size_t i = 0; i < t; i++) in[0][i] = in[1][i] + 2.0f * in[0][i];
  if (p->new_at[0] >= 0.0f) in[0][(size_t)p->new_at[0]] = p->new_at[1];
  uint8_t *const mask = malloc(t + 1);
  cr_assert_not_null(mask);
  for (size_t i = 0; i < t; i++) mask[i] = i % 7 != 2;
  static const float advantage[LOSS_SEQS] = {1.5f, -0.75f, 0.0f, 0.3f};
  static const double coefficient[LOSS_SEQS] = {0.125, 1.0 / 3.0, 0.5, 1.0 / 7.0};
  const sl_gated_loss_batch batch = {
      hold(m, in[0], t * 4),  hold(m, in[1], t * 4),    hold(m, in[2], t * 4),
      hold(m, in[3], t * 4),  hold(m, mask, t),         seq,
      hold(m, advantage, 16), hold(m, coefficient, 32), LOSS_SEQS};
  const sl_status status = sl_gated_loss(m->ctx, d, e, sums, &p->objective, &batch);
  for (int i = 0; i < 4; i++) free_floats(in[i]);
  free(mask), free(seq);
  return status;
}

static size_t loss_tokens(const loss *p) {
  return (size_t)p->length[0] + p->length[1] + p->length[2] + p->length[3];
}

static void run_loss(memory *m, const void *problem, float *result) {
  const loss *p = problem;
  const size_t t = loss_tokens(p);
  float *const d = hold_zeros(m, t * sizeof *d), *const e = hold_zeros(m, t * sizeof *d);
  sl_loss_sums *const sums = hold_zeros(m, LOSS_SEQS * sizeof *sums);
  expect_ok(m->ctx, loss_in(m, p, d, e, sums));
  expect_ok(m->ctx, sl_memory_read(m->ctx, result, d, t * sizeof *d));
  expect_ok(m->ctx, sl_memory_read(m->ctx, result + t, e, t * sizeof *d));
  expect_ok(m->ctx, sl_memory_read(m->ctx, result + 2 * t, sums, LOSS_SEQS * sizeof *sums));
}

/* A sequence's ratio over more chunks than warps, and where chunks are short over more than a chunk
 * has elements (spec O1.2). */
Test(simt_families, ratios_of_long_sequences) {
  const uint32_t chunks = SL_SUM_CHUNK < 1024 ? SL_SUM_CHUNK + 1 : 3;
  const loss p = {{.gate = {.family = SL_GATE_CLIP, .clip_low = 0.2, .clip_high = 0.28},
                   .level = SL_LEVEL_SEQUENCE},
                  {chunks * SL_SUM_CHUNK + 3, 0, 5, SL_SUM_CHUNK},
                  {-1.0f, 0.0f}};
  for (int smallest = 0; smallest < 2; smallest++)
    check("ratio of a long sequence", run_loss, &p, 2 * loss_tokens(&p) + LOSS_SEQS * SUMS_FLOATS,
          smallest, 0);
}

/* ---- the square sum ---- */

static void run_square_sum(memory *m, const void *problem, float *result) {
  const size_t n = *(const size_t *)problem;
  source s = seeded(n);
  float *const g = new_floats(&s, MIXED, n);
  double *const sum = hold_zeros(m, sizeof *sum);
  expect_ok(m->ctx, sl_grad_square_sum(m->ctx, sum, hold(m, g, n * sizeof *g), n));
  expect_ok(m->ctx, sl_memory_read(m->ctx, result, sum, sizeof *sum));
  free_floats(g);
}

Test(simt_families, square_sums_by_levels) {
  const size_t list = SL_SUM_CHUNK < 1024 ? SL_SUM_CHUNK : SL_SUM_LANES;
  for (size_t chunks = list - 1; chunks < list + 2; chunks++)
    for (size_t n = chunks * SL_SUM_CHUNK - 1; n < chunks * SL_SUM_CHUNK + 2; n++)
      check("square sum", run_square_sum, &n, 2, 0, 0);
}

/* ---- the digest ---- */

static void run_digest(memory *m, const void *problem, float *result) {
  const size_t n = *(const size_t *)problem;
  source s = seeded(n);
  float *const x = new_floats(&s, MIXED, n);
  uint64_t *const digest = hold_zeros(m, 2 * sizeof *digest);
  expect_ok(m->ctx, sl_tensor_digest(m->ctx, digest, hold(m, x, n * sizeof *x), n));
  expect_ok(m->ctx, sl_memory_read(m->ctx, result, digest, 2 * sizeof *digest));
  free_floats(x);
}

/* One block, and several; whole vectors and tails. */
Test(simt_families, digests_of_every_split) {
  static const size_t n[] = {0, 1, 3, 4, 5, 1023, 1024, 1025, 2047, 3073, 20002};
  for (size_t i = 0; i < COUNT(n); i++) check("digest", run_digest, &n[i], 4, 0, 0);
}

static const char all_functions[] =
    "gate all param c in [0, 1] default pos 0.5 neg 0.25\n"
    "f = 0.1*(exp(-r) + expm1(-c*r) + log(1+r) + log1p(r) + sqrt(1+r) + sigmoid(r-1) + sin(r) + "
    "cos(c*r) + sinh(r/(1+r)) + cosh(r/(2+r))\n"
    " + tanh(r) + erf(r-1) + atan(r) + asinh(r) + softsign(r-1) + abs(r-1) + min(r, 1.5) + max(r, "
    "c) + r^3 + (1+r)^(1/2) + (1+r)^(1/3) + "
    "1/(1+r))\n";

static void check_gate(const char *name, const sl_gate *gate) {
  for (int level = SL_LEVEL_TOKEN; level <= SL_LEVEL_SEQUENCE; level++) {
    const loss p = {
        {.gate = *gate, .level = (sl_level)level, .kl = SL_KL_K3, .beta = 0.04, .gamma = 0.01},
        {70, 0, 5, 64},
        {-1.0f, 0.0f}};
    check(name, run_loss, &p, 2 * loss_tokens(&p) + LOSS_SEQS * SUMS_FLOATS, level, 0);
  }
}

Test(simt_families, gates_from_files) {
  sl_gate gate;
  sl_gate_definition *owner;
  sl_error err;
  for (size_t i = 0; i < sl_gate_builtin_count(); i++) {
    cr_assert_eq(sl_gate_load(&gate, &owner, sl_gate_builtin_name(i), NULL, 0, &err), SL_OK, "%s",
                 err.message);
    check_gate(sl_gate_builtin_name(i), &gate);
    sl_gate_definition_free(owner);
  }
  cr_assert_eq(
      sl_gate_parse(&gate, &owner, all_functions, strlen(all_functions), "all.gate", NULL, 0, &err),
      SL_OK, "%s", err.message);
  cr_assert_eq(gate.family, SL_GATE_EXPRESSION);
  check_gate("every function", &gate);
  sl_gate_definition_free(owner);
}

/* ---- what is refused: at the next wait, with the place, and without an output ---- */

static void expect_refused(memory *m, sl_status want, const char *message, const float *out,
                           size_t n) {
  float *const got = calloc(n, sizeof *got);
  cr_expect_eq(sl_context_synchronize(m->ctx), want);
  cr_expect(strstr(sl_context_error(m->ctx)->message, message), "'%s' in '%s'", message,
            sl_context_error(m->ctx)->message);
  cr_expect_eq(sl_memory_read(m->ctx, got, out, n * sizeof *got), SL_OK,
               "an error is reported once");
  for (size_t i = 0; i < n; i++) cr_expect_eq(got[i], 0.0f);
  free(got);
}

Test(simt_families, refused_losses) {
  static const struct {
    float token, value;
    float advantage_tau;
    const char *message;
  } cases[] = {{3.0f, NAN, 1.0f, "logp_new[3] is not finite"},
               {70.0f, INFINITY, 1.0f, "logp_new[70] is not finite"}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    loss p = {{.gate = {.family = SL_GATE_SIGMOID, .tau = {1.0f, 1.0f}}},
              {70, 0, 5, 64},
              {cases[i].token, cases[i].value}};
    memory m = {.ctx = simulated(i + 1, 1)};
    float *const d = hold_zeros(&m, loss_tokens(&p) * sizeof *d), *const e = hold_zeros(
                                                                      &m,
                                                                      loss_tokens(&p) * sizeof *d);
    sl_loss_sums *const sums = hold_zeros(&m, LOSS_SEQS * sizeof *sums);
    cr_expect_eq(loss_in(&m, &p, d, e, sums), SL_OK);
    expect_refused(&m, SL_ERR_NONFINITE, cases[i].message, d, loss_tokens(&p));
    release(&m);
    sl_context_destroy(m.ctx);
  }
}

static void infinite_weight(const void *expression, int positive, float r, float *f, float *w) {
  (void)expression, (void)positive;
  *f = r, *w = INFINITY;
}

Test(simt_families, refused_gradient) {
  const loss p = {{.gate = {.family = SL_GATE_EXPRESSION, .function = infinite_weight}},
                  {4, 0, 5, 6},
                  {-1.0f, 0.0f}};
  memory m = {.ctx = simulated(5, 1)};
  float *const d = hold_zeros(&m, loss_tokens(&p) * sizeof *d);
  sl_loss_sums *const sums = hold_zeros(&m, LOSS_SEQS * sizeof *sums);
  cr_expect_eq(loss_in(&m, &p, d, NULL, sums), SL_OK);
  expect_refused(&m, SL_ERR_NONFINITE, "the gradient of token [0] is not finite", d,
                 loss_tokens(&p));
  release(&m);
  sl_context_destroy(m.ctx);
}

Test(simt_families, refused_logits_and_positions) {
  static const float logits[2][3] = {{0.0f, 1.0f, 2.0f}, {0.0f, INFINITY, 2.0f}};
  static const uint32_t key[2] = {0, 5};
  memory m = {.ctx = simulated(9, 1)};
  float *const out = hold_zeros(&m, 16 * sizeof *out);
  uint32_t *const token = hold_zeros(&m, 16 * sizeof *token);
  const uint32_t *const keys = hold(&m, key, sizeof key);
  const sl_sampling sampling = {.temperature = 1.0f, .top_p = 1.0};
  expect_ok(m.ctx, sl_sample(m.ctx, token, out, out + 2, hold(&m, logits, sizeof logits), &sampling,
                             keys, keys, 2, 3));
  expect_refused(&m, SL_ERR_NONFINITE, "the logits of row [1]", out, 4);
  const float *const zeros = hold_zeros(&m, 64 * sizeof *zeros);
  expect_ok(m.ctx,
            sl_attention_decode(m.ctx, out, zeros, zeros, zeros, keys, keys, 2, 1, 1, 1, 5, 6));
  expect_refused(&m, SL_ERR_INPUT, "position[1]", out + 1, 1);
  expect_ok(m.ctx,
            sl_attention_decode(m.ctx, out, zeros, zeros, zeros, keys, keys, 2, 1, 1, 1, 6, 5));
  expect_refused(&m, SL_ERR_INPUT, "slot[1]", out + 1, 1);
  cr_expect_eq(sl_attention_decode(m.ctx, out, zeros, zeros, zeros, keys, keys, 2, 1, 1, 257, 5, 6),
               SL_ERR_UNAVAILABLE);
  cr_expect(strstr(sl_context_error(m.ctx)->message, "no head of more than 256 components"));
  release(&m);
  sl_context_destroy(m.ctx);
}
