/* Problems of whole kernels, in plain and in a simulated context, for the tests of kernels/simt. */
#include "families.h"
#include "kernels/simt/simulation.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sl_simt_smallest_tiles(sl_context *ctx, int smallest); /* kernels/cuda/backend.cu */

#ifndef FAMILIES_BACKEND
#define FAMILIES_BACKEND "simt"
#endif

void *hold(memory *m, const void *initial, size_t bytes) {
  void *p;
  cr_assert_lt(m->n, HELD_MAX);
  cr_assert_eq(sl_memory_alloc(m->ctx, &p, bytes + 4), SL_OK);
  m->held[m->n++] = p;
  unsigned char *const at = (unsigned char *)p + (m->odd ? 4 : 0);
  if (initial) cr_assert_eq(sl_memory_write(m->ctx, at, initial, bytes), SL_OK);
  return at;
}

void *hold_zeros(memory *m, size_t bytes) {
  void *const p = hold(m, NULL, bytes);
  cr_assert_eq(sl_memory_zero(m->ctx, p, bytes), SL_OK);
  return p;
}

void release(memory *m) {
  for (size_t i = 0; i < m->n; i++) sl_memory_free(m->ctx, m->held[i]);
  m->n = 0;
}

sl_context *simulated(uint64_t seed, int smallest) {
  sl_context *ctx;
  sl_error err;
  sl_simulation_begin(seed);
  sl_backend_add(sl_simt_backend());
  sl_backend_add(sl_ptx_backend());
  const sl_context_options options = {.backend = FAMILIES_BACKEND, .threads = 1};
  cr_assert_eq(sl_context_create(&ctx, &options, &err), SL_OK, "%s", err.message);
  sl_simt_smallest_tiles(ctx, smallest);
  return ctx;
}

void check_seeded(const char *what, in_context run, const void *problem, size_t floats,
                  int smallest, int odd, uint64_t seed) {
  float *const want = calloc(floats + 1, sizeof *want), *const got =
                                                            calloc(floats + 1, sizeof *got);
  memory plain = {.ctx = plain_context()}, device = {.ctx = simulated(seed, smallest), .odd = odd};
  run(&plain, problem, want);
  run(&device, problem, got);
  cr_expect(same_bits(what, got, want, floats * sizeof *want), "%s, seed %" PRIu64, what, seed);
  char finding[400] = "";
  if (sl_simulation_findings()) sl_simulation_describe(0, finding, sizeof finding);
  cr_expect_str_empty(finding, "%s, seed %" PRIu64 ": %s", what, seed, finding);
  release(&plain), release(&device);
  sl_context_destroy(device.ctx);
  free(want), free(got);
}

void check(const char *what, in_context run, const void *problem, size_t floats, int smallest,
           int odd) {
  check_seeded(what, run, problem, floats, smallest, odd, floats);
}

void expect_ok(sl_context *ctx, sl_status status) {
  cr_assert_eq(status, SL_OK, "%s", sl_context_error(ctx)->message);
}

/* ---- attention ---- */

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

void check_attention(sequences p, int smallest, int odd, uint64_t seed) {
  char what[120];
  const size_t t = tokens_of(&p), floats = 2 * t * p.heads * (p.d + 1) + 2 * t * p.kv_heads * p.d;
  snprintf(what, sizeof what, "attention of %zu tokens, %zu heads on %zu, d %zu, %s tiles%s", t,
           p.heads, p.kv_heads, p.d, smallest ? "smallest" : "production",
           odd ? ", odd addresses" : "");
  check_seeded(what, run_attention, &p, floats, smallest, odd, seed ? seed : floats);
}

/* ---- decoding ---- */

void run_decode(memory *m, const void *problem, float *result) {
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

/* ---- the gated loss ---- */

sl_status loss_in(memory *m, const loss *p, float *d, float *e, sl_loss_sums *sums) {
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
  float *const by_token = new_floats(&s, USUAL, t);
  for (size_t i = 0; i < t; i++)
    by_token[i] = mask[i] && !(p->by_token == 2 && i == 4) ? advantage[i % 5 % 4] : NAN;
  const sl_gated_loss_batch batch = {hold(m, in[0], t * 4),
                                     hold(m, in[1], t * 4),
                                     hold(m, in[2], t * 4),
                                     hold(m, in[3], t * 4),
                                     hold(m, mask, t),
                                     seq,
                                     p->by_token ? NULL : hold(m, advantage, 16),
                                     hold(m, coefficient, 32),
                                     LOSS_SEQS,
                                     p->by_token ? hold(m, by_token, t * 4) : NULL};
  const sl_status status = sl_gated_loss(m->ctx, d, e, sums, &p->objective, &batch);
  for (int i = 0; i < 4; i++) free_floats(in[i]);
  free_floats(by_token), free(mask), free(seq);
  return status;
}

size_t loss_tokens(const loss *p) {
  return (size_t)p->length[0] + p->length[1] + p->length[2] + p->length[3];
}

void run_loss(memory *m, const void *problem, float *result) {
  const loss *p = problem;
  const size_t t = loss_tokens(p);
  float *const d = hold_zeros(m, t * sizeof *d), *const e = hold_zeros(m, t * sizeof *d);
  sl_loss_sums *const sums = hold_zeros(m, LOSS_SEQS * sizeof *sums);
  expect_ok(m->ctx, loss_in(m, p, d, e, sums));
  expect_ok(m->ctx, sl_memory_read(m->ctx, result, d, t * sizeof *d));
  expect_ok(m->ctx, sl_memory_read(m->ctx, result + t, e, t * sizeof *d));
  expect_ok(m->ctx, sl_memory_read(m->ctx, result + 2 * t, sums, LOSS_SEQS * sizeof *sums));
}

void check_gate(const char *name, const sl_gate *gate) {
  static const struct {
    sl_level level;
    int by_token;
  } ways[] = {{SL_LEVEL_TOKEN, 0}, {SL_LEVEL_SEQUENCE, 0}, {SL_LEVEL_TOKEN, 1}};
  for (size_t i = 0; i < COUNT(ways); i++) {
    const loss p = {
        {.gate = *gate, .level = ways[i].level, .kl = SL_KL_K3, .beta = 0.04, .gamma = 0.01},
        {70, 0, 5, 64},
        {-1.0f, 0.0f},
        ways[i].by_token};
    check(name, run_loss, &p, 2 * loss_tokens(&p) + LOSS_SEQS * SUMS_FLOATS, i == 1, 0);
  }
}

static const char functions[] =
    "gate all param c in [0, 1] default pos 0.5 neg 0.25\n"
    "f = 0.1*(exp(-r) + expm1(-c*r) + log(1+r) + log1p(r) + sqrt(1+r) + sigmoid(r-1) + sin(r) + "
    "cos(c*r) + sinh(r/(1+r)) + cosh(r/(2+r))\n"
    " + tanh(r) + erf(r-1) + atan(r) + asinh(r) + softsign(r-1) + abs(r-1) + min(r, 1.5) + max(r, "
    "c) + r^3 + (1+r)^(1/2) + (1+r)^(1/3) + "
    "1/(1+r))\n";

void check_gate_of_every_function(void) {
  sl_gate gate;
  sl_gate_definition *owner;
  sl_error err;
  cr_assert_eq(
      sl_gate_parse(&gate, &owner, functions, strlen(functions), "all.gate", NULL, 0, &err), SL_OK,
      "%s", err.message);
  cr_assert_eq(gate.family[1], SL_GATE_EXPRESSION);
  check_gate("every function", &gate);
  gate.family[1] = SL_GATE_ERF, gate.tau[1] = 2.0f;
  check_gate("an expression for A <= 0 alone", &gate);
  sl_gate_definition_free(owner);
}
