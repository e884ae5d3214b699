/* Attention, decoding, sampling and the gated loss under the simulator, from their source and from
 * their PTX (two programs: FAMILIES_BACKEND), compared with plain where the equivalence gate's
 * random problems do not reach: every tile, head sizes to 256, addresses that are no multiple of
 * 16, chunk boundaries, ties, the gates of spec/gates, what is refused. */
#include "families.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Test(simt_families, attention_of_every_tile) {
  static const size_t d[] = {1, 2, 33, 64, 65, 96, 127, 128, 129, 192, 255, 256};
  for (size_t i = 0; i < COUNT(d); i++)
    check_attention((sequences){{3, 0, 10 + (uint32_t)i}, 3, 2, 1, d[i]}, 0, 0, 0);
  for (size_t i = 0; i < COUNT(d); i += 2)
    check_attention((sequences){{17}, 1, 1, 1, d[i]}, 0, 1, 0);
  for (size_t e = 1; e <= 32; e++)
    check_attention((sequences){{1, 9}, 2, 2, 1, e}, 1, e % 3 == 0, 0);
}

Test(simt_families, attention_across_chunks) {
  static const uint32_t n[] = {63, 64, 65, 127, 128, 129, 255, 256, 257};
  for (size_t i = 0; i < COUNT(n); i++)
    check_attention((sequences){{n[i], 0}, 2, 1, 1, 3}, n[i] < 200, 0, 0);
  check_attention((sequences){{SL_SUM_CHUNK + 1}, 1, 1, 1, 2}, 0, 0, 0);
  static const size_t d[] = {64, 128, 160};
  for (size_t i = 0; i < COUNT(d); i++)
    check_attention((sequences){{SL_KEY_CHUNK + 1, 2 * SL_KEY_CHUNK + 1}, 2, 1, 1, d[i]}, 0, i == 1,
                    0);
  check_attention((sequences){{200, 65}, 2, 2, 1, 8}, 0, 0, 0);
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

/* A sequence's ratio over more chunks than warps, and where chunks are short over more than a chunk
 * has elements (spec O1.2). */
Test(simt_families, ratios_of_long_sequences) {
  const uint32_t chunks = SL_SUM_CHUNK < 1024 ? SL_SUM_CHUNK + 1 : 3;
  const loss p = {
      {.gate = {.family = {SL_GATE_CLIP, SL_GATE_CLIP}, .clip_low = 0.2, .clip_high = 0.28},
       .level = SL_LEVEL_SEQUENCE},
      {chunks * SL_SUM_CHUNK + 3, 0, 5, SL_SUM_CHUNK},
      {-1.0f, 0.0f},
      0};
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
  check_gate_of_every_function();
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
    int by_token;
    const char *message;
  } cases[] = {{3.0f, NAN, 0, "logp_new[3] is not finite"},
               {70.0f, INFINITY, 1, "logp_new[70] is not finite"},
               {-1.0f, 0.0f, 2, "token_advantage[4] is not finite"}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    loss p = {{.gate = {.family = {SL_GATE_SIGMOID, SL_GATE_SIGMOID}, .tau = {1.0f, 1.0f}}},
              {70, 0, 5, 64},
              {cases[i].token, cases[i].value},
              cases[i].by_token};
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
  const loss p = {
      {.gate = {.family = {SL_GATE_EXPRESSION, SL_GATE_EXPRESSION}, .function = infinite_weight}},
      {4, 0, 5, 6},
      {-1.0f, 0.0f},
      0};
  memory m = {.ctx = simulated(5, 1)};
  float *const d = hold_zeros(&m, loss_tokens(&p) * sizeof *d);
  sl_loss_sums *const sums = hold_zeros(&m, LOSS_SEQS * sizeof *sums);
  cr_expect_eq(loss_in(&m, &p, d, NULL, sums), SL_OK);
  expect_refused(&m, SL_ERR_NONFINITE, "the gradient of token[0] is not finite", d,
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
