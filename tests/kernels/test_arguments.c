/* What kernels refuse, with the place, outputs untouched: null and misaligned pointers for every
 * array of every kernel, sizes that overflow, shapes and contents that make no sense (spec N1.5,
 * N4.1, O1.3). */
#include "ci/products/equiv/problem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES ((size_t)24 << 20)
#define CASES 12

static sl_context *plain(void) {
  sl_context *ctx;
  sl_error err;
  cr_assert_eq(
      sl_context_create(&ctx, &(sl_context_options){.backend = "plain", .threads = 1}, &err), SL_OK,
      "%s", err.message);
  return ctx;
}

/* Arrays that may be NULL, or that the case does not pass on: the call may succeed without them. */
static int is_optional(const char *kernel, const char *array) {
  static const char *const always[] = {"bias", "residual", "db", "dentropy", "logp_ref"};
  for (size_t i = 0; i < sizeof always / sizeof *always; i++)
    if (strcmp(always[i], array) == 0) return 1;
  if (strcmp(kernel, "gated_loss") == 0)
    return strcmp(array, "e") == 0 || strcmp(array, "entropy") == 0 || /* tested below, by gamma */
           strcmp(array, "advantage") == 0 || strcmp(array, "token_advantage") == 0;
  if (strcmp(kernel, "logprob_backward") == 0) return strcmp(array, "logp") == 0; /* no argument */
  return strcmp(array, "a") == 0 || strcmp(array, "b") == 0; /* y stands in for it */
}

/* A call without tokens, copies or sequences reads nothing. */
static int is_idle(const sl_problem *p) {
  for (size_t i = 0; i < p->arrays; i++)
    if (p->array[i].type == SL_U32 &&
        p->array[i].count == (size_t)(strcmp(p->array[i].name, "seq") == 0))
      return 1;
  return 0;
}

/* Calls the case with array i at `place`: it must be refused with its kernel's name, and outputs be
 * as before. */
static void expect_refused(sl_context *ctx, const sl_case *c, const sl_problem *p, size_t i,
                           unsigned char *place, const unsigned char *before, const char *what) {
  void *at[SL_ARRAYS_MAX];
  for (size_t j = 0; j < p->arrays; j++) at[j] = p->array[j].data;
  at[i] = place;
  const sl_status status = c->run(ctx, p, at);
  if (status == SL_OK && (is_idle(p) || is_optional(c->name, p->array[i].name))) return;
  cr_expect_eq(status, SL_ERR_USAGE, "%s, %s %s: %s", c->name, what, p->array[i].name,
               sl_status_name(status));
  const char *message = sl_context_error(ctx)->message;
  cr_expect(strstr(message, what) && (strncmp(message, c->name, strlen(c->name)) == 0 ||
                                      strncmp(message, "linear_", 7) == 0),
            "%s", message);
  cr_expect_eq(memcmp(p->arena, before, p->arena_used), 0, "%s, %s %s: something was written",
               c->name, what, p->array[i].name);
}

/* Each array of the problem in turn; 1 for each that was tried. */
static void spoil_arrays(sl_context *ctx, const sl_case *c, uint64_t seed,
                         int tried[SL_ARRAYS_MAX]) {
  sl_problem p = {
      .source = {seed}, .golden = ctx, .arena = malloc(ARENA_BYTES), .arena_bytes = ARENA_BYTES};
  cr_assert_not_null(p.arena);
  c->make(&p);
  unsigned char *before = malloc(p.arena_used);
  cr_assert_not_null(before);
  for (size_t i = 0; i < p.arrays; i++) {
    if (p.array[i].count == 0) continue;
    memcpy(before, p.arena, p.arena_used);
    expect_refused(ctx, c, &p, i, NULL, before, "is NULL");
    memcpy(p.arena, before, p.arena_used); /* an optional array's call wrote */
    if (p.array[i].type != SL_U8)
      expect_refused(ctx, c, &p, i, (unsigned char *)p.array[i].data + 1, before, "is not aligned");
    memcpy(p.arena, before, p.arena_used);
    tried[i]++;
  }
  free(before);
  free(p.arena);
}

static void spoil_kernel(const sl_case *c) {
  sl_context *ctx = plain();
  int tried[SL_ARRAYS_MAX] = {0};
  for (uint64_t seed = 1; seed <= CASES; seed++) spoil_arrays(ctx, c, seed, tried);
  cr_expect_gt(tried[0] + tried[1], 0, "%s: no array was tried", c->name);
  sl_context_destroy(ctx);
}

#define SL_KERNEL(name, params, args, storage, clause, bound)       \
  Test(arguments, pointers_##name) {                                \
    spoil_kernel(&(sl_case){#name, sl_make_##name, sl_run_##name}); \
  }
#include <sluice/kernels.def>
#undef SL_KERNEL

/* Small arrays that any call below may point to; none may be written. */
static float f[64];
static _Alignas(8) float out[64];
static uint32_t u[] = {0, 1, 2, 3}, written[4];
static uint8_t ones[4] = {1, 1, 1, 1};
static const uint32_t all_of_them[] = {0, 4};
static const sl_shard_total of_four = {out, 4}, of_one = {out, 1};
static sl_context *ctx;

static void expect(sl_status got, sl_status want, const char *message) {
  static const float zeros[64];
  cr_expect_eq(got, want, "%s: %s", message, sl_status_name(got));
  cr_expect_not_null(strstr(sl_context_error(ctx)->message, message), "'%s', not '%s'",
                     sl_context_error(ctx)->message, message);
  cr_expect_eq(memcmp(out, zeros, sizeof out), 0, "%s: an output was written", message);
}

static void begin(void) { ctx = plain(); }
static void end(void) { sl_context_destroy(ctx); }
TestSuite(refused, .init = begin, .fini = end);

#define TOO_MANY ((size_t)1 << 40)

Test(refused, sizes_whose_product_overflows) {
  expect(sl_embedding_forward(ctx, out, f, u, TOO_MANY, TOO_MANY, 1), SL_ERR_MEMORY,
         "embedding_forward: y of 1099511627776 x 1099511627776 x 1 elements");
  expect(sl_embedding_grad(ctx, out, f, u, u, 1, TOO_MANY, TOO_MANY), SL_ERR_MEMORY,
         "embedding_grad: total of");
  expect(sl_rmsnorm_forward(ctx, out, out, f, f, TOO_MANY, TOO_MANY, 1e-6f), SL_ERR_MEMORY,
         "rmsnorm_forward: y of");
  expect(sl_rmsnorm_backward(ctx, out, f, f, f, f, NULL, TOO_MANY, TOO_MANY), SL_ERR_MEMORY,
         "rmsnorm_backward: dx of");
  expect(sl_rmsnorm_weight_grad(ctx, out, f, f, f, u, 1, SIZE_MAX / 2), SL_ERR_MEMORY,
         "rmsnorm_weight_grad: total of");
  expect(sl_residual_add(ctx, out, f, f, SIZE_MAX / 4), SL_ERR_MEMORY, "residual_add: y of");
  expect(sl_swiglu_forward(ctx, out, f, f, SIZE_MAX), SL_ERR_MEMORY, "swiglu_forward: y of");
  expect(sl_swiglu_backward(ctx, out, out, f, f, f, SIZE_MAX), SL_ERR_MEMORY,
         "swiglu_backward: dgate of");
  expect(sl_rope_forward(ctx, out, u, f, f, TOO_MANY, TOO_MANY, 2, 4), SL_ERR_MEMORY,
         "rope_forward: x of");
  expect(sl_rope_backward(ctx, out, u, f, f, TOO_MANY, TOO_MANY, 2, 4), SL_ERR_MEMORY,
         "rope_backward: x of");
  expect(sl_linear_pack(ctx, out, f, TOO_MANY, TOO_MANY, SL_PACK_FORWARD), SL_ERR_MEMORY,
         "linear_pack: w of");
  expect(sl_linear_forward(ctx, out, f, f, NULL, NULL, TOO_MANY, TOO_MANY, 1), SL_ERR_MEMORY,
         "linear_forward: y of");
  const sl_linear_part part = {f, f, NULL, TOO_MANY};
  expect(sl_linear_input_grad(ctx, out, &part, 1, TOO_MANY, 1), SL_ERR_MEMORY,
         "linear_input_grad: parts[p].dy of");
  expect(sl_linear_weight_grad(ctx, out, NULL, f, f, u, 1, TOO_MANY, TOO_MANY), SL_ERR_MEMORY,
         "linear_weight_grad: dw of");
  expect(sl_attention_forward(ctx, out, out, out, f, f, f, u, 2, TOO_MANY, TOO_MANY, TOO_MANY),
         SL_ERR_MEMORY, "attention_forward: o of");
  expect(sl_attention_backward(ctx, out, out, out, f, f, f, f, f, f, f, u, 2, TOO_MANY, TOO_MANY,
                               TOO_MANY),
         SL_ERR_MEMORY, "attention_backward: dq of");
  expect(sl_attention_decode(ctx, out, f, f, f, u, u, 1, 1, 1, TOO_MANY, TOO_MANY, 4),
         SL_ERR_MEMORY, "attention_decode: k_cache of");
  expect(sl_attention_decode(ctx, out, f, f, f, u, u, 1, 1, 1, 1, TOO_MANY, TOO_MANY),
         SL_ERR_MEMORY, "attention_decode: k_cache of");
  expect(sl_rope_forward(ctx, out, u, f, f, 1, 1, 4, SIZE_MAX / 2), SL_ERR_MEMORY,
         "rope_forward: cos_table of");
  expect(sl_kv_store(ctx, out, out, f, f, u, u, 1, 1, TOO_MANY, TOO_MANY, 4), SL_ERR_MEMORY,
         "kv_store: k_cache of");
  expect(sl_kv_fork(ctx, out, out, u, u, u, 1, TOO_MANY, TOO_MANY, 1, 4), SL_ERR_MEMORY,
         "kv_fork: k_cache of");
  expect(
      sl_logprob_forward(ctx, out, out, out, out, f, f, NULL, u, ones, 1.0f, 1, TOO_MANY, TOO_MANY),
      SL_ERR_MEMORY, "logprob_forward: w of");
  expect(sl_logprob_backward(ctx, out, &of_one, 1, f, NULL, f, f, f, f, f, NULL, u, ones, 1.0f, u,
                             2, TOO_MANY, TOO_MANY),
         SL_ERR_MEMORY, "logprob_backward: dw of");
  const sl_sampling sampling = {.temperature = 1.0f, .top_p = 1.0};
  expect(sl_sample(ctx, written, out, out, f, &sampling, u, u, TOO_MANY, TOO_MANY), SL_ERR_MEMORY,
         "sample: logits of");
  expect(sl_grad_square_sum(ctx, (double *)(void *)out, f, SIZE_MAX), SL_ERR_MEMORY,
         "grad_square_sum: g of");
  expect(sl_tensor_digest(ctx, (uint64_t *)(void *)out, f, SIZE_MAX), SL_ERR_MEMORY,
         "tensor_digest: x of");
  expect(sl_tensor_digest(ctx, (uint64_t *)(void *)out, f, (size_t)1 << 32), SL_ERR_USAGE,
         "tensor_digest: x has 2^32 elements or more");
  const sl_adamw step = {1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 0};
  expect(sl_adamw_step(ctx, out, out, out, f, &step, SIZE_MAX), SL_ERR_MEMORY, "adamw_step: p of");
}

Test(refused, shapes_that_make_no_sense) {
  expect(sl_rmsnorm_forward(ctx, out, out, f, f, 1, 0, 1e-6f), SL_ERR_USAGE,
         "rmsnorm_forward: a row has no element");
  expect(sl_rmsnorm_backward(ctx, out, f, f, f, f, NULL, 1, 0), SL_ERR_USAGE,
         "rmsnorm_backward: a row has no element");
  expect(sl_rope_forward(ctx, out, u, f, f, 1, 1, 3, 4), SL_ERR_USAGE,
         "rope_forward: a head has an odd number of components");
  expect(sl_rope_backward(ctx, out, u, f, f, 1, 1, 3, 4), SL_ERR_USAGE,
         "rope_backward: a head has an odd number of components");
  expect(sl_attention_forward(ctx, out, out, out, f, f, f, u, 1, 3, 2, 4), SL_ERR_USAGE,
         "attention_forward: 2 kv heads do not divide 3");
  expect(sl_attention_backward(ctx, out, out, out, f, f, f, f, f, f, f, u, 1, 2, 0, 4),
         SL_ERR_USAGE, "attention_backward: 0 kv heads");
  expect(sl_attention_decode(ctx, out, f, f, f, u, u, 1, 2, 2, 0, 1, 4), SL_ERR_USAGE,
         "attention_decode: a head has no component");
  expect(sl_linear_pack(ctx, out, f, 1, 1, (sl_pack_kind)7), SL_ERR_USAGE,
         "linear_pack: no such kind of pack");
}

Test(refused, offsets_that_do_not_ascend) {
  const uint32_t late[] = {1, 2}, falling[] = {0, 2, 1};
  expect(sl_embedding_grad(ctx, out, f, u, late, 1, 1, 4), SL_ERR_INPUT,
         "embedding_grad: seq[0] is 1, not 0");
  expect(sl_rmsnorm_weight_grad(ctx, out, f, f, f, falling, 2, 1), SL_ERR_INPUT,
         "rmsnorm_weight_grad: seq[2] is 1, below seq[1] = 2");
  expect(sl_linear_weight_grad(ctx, out, NULL, f, f, falling, 2, 1, 1), SL_ERR_INPUT,
         "linear_weight_grad: seq[2] is 1");
  expect(sl_attention_forward(ctx, out, out, out, f, f, f, falling, 2, 1, 1, 1), SL_ERR_INPUT,
         "attention_forward: seq[2] is 1");
  expect(sl_attention_backward(ctx, out, out, out, f, f, f, f, f, f, f, late, 1, 1, 1, 1),
         SL_ERR_INPUT, "attention_backward: seq[0] is 1");
  expect(sl_logprob_backward(ctx, out, &of_four, 1, f, NULL, f, f, f, f, f, NULL, u, ones, 1.0f,
                             falling, 2, 1, 4),
         SL_ERR_INPUT, "logprob_backward: seq[2] is 1");
}

Test(refused, totals_that_are_not_the_shards_of_the_tokens) {
  static const uint32_t seq[] = {0, 2, 4};
  static const sl_shard_total within[] = {{out, 1}, {out, 4}}, falling[] = {{out, 2}, {out, 0}},
                              beyond[] = {{out, 2}, {out, 5}}, nowhere[] = {{out, 2}, {NULL, 4}};
  const struct {
    const sl_shard_total *totals;
    size_t n;
    const char *message;
  } cases[] = {{within, 2, "logprob_backward: a total does not end where a sequence does"},
               {falling, 2, "logprob_backward: a total does not end where a sequence does"},
               {beyond, 2, "logprob_backward: a total does not end where a sequence does"},
               {beyond, 1, "logprob_backward: the totals do not hold all tokens"},
               {NULL, 0, "logprob_backward: the totals do not hold all tokens"},
               {NULL, 1, "logprob_backward: totals is NULL"},
               {nowhere, 2, "logprob_backward: dw is NULL"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    expect(sl_logprob_backward(ctx, out, cases[i].totals, cases[i].n, f, NULL, f, f, f, f, f, NULL,
                               u, ones, 1.0f, seq, 2, 1, 4),
           SL_ERR_USAGE, cases[i].message);
}

Test(refused, indices_out_of_range) {
  expect(sl_embedding_forward(ctx, out, f, u, 4, 1, 3), SL_ERR_INPUT,
         "embedding_forward: token[3] is 3, but the vocabulary has 3");
  expect(sl_embedding_grad(ctx, out, f, u, all_of_them, 1, 1, 2), SL_ERR_INPUT,
         "embedding_grad: token[2] is 2");
  expect(sl_logprob_forward(ctx, out, out, out, out, f, f, NULL, u, ones, 1.0f, 4, 1, 2),
         SL_ERR_INPUT, "logprob_forward: token[2] is 2");
  expect(sl_logprob_backward(ctx, out, &of_four, 1, f, NULL, f, f, f, f, f, NULL, u, ones, 1.0f,
                             all_of_them, 1, 1, 3),
         SL_ERR_INPUT, "logprob_backward: token[3] is 3");
  expect(sl_rope_forward(ctx, out, u, f, f, 4, 1, 2, 3), SL_ERR_INPUT,
         "rope_forward: position[3] is 3, but the tables' positions are 3");
  expect(sl_rope_backward(ctx, out, u, f, f, 4, 1, 2, 2), SL_ERR_INPUT,
         "rope_backward: position[2] is 2");
  expect(sl_attention_decode(ctx, out, f, f, f, u, u, 4, 1, 1, 1, 3, 4), SL_ERR_INPUT,
         "attention_decode: position[3] is 3");
  expect(sl_kv_store(ctx, out, out, f, f, u, u, 4, 1, 1, 2, 4), SL_ERR_INPUT,
         "kv_store: position[2] is 2");
  expect(sl_attention_decode(ctx, out, f, f, f, u, u, 4, 1, 1, 1, 4, 3), SL_ERR_INPUT,
         "attention_decode: slot[3] is 3, but the caches' slots are 3");
  expect(sl_kv_store(ctx, out, out, f, f, u, u, 4, 1, 1, 4, 2), SL_ERR_INPUT,
         "kv_store: slot[2] is 2");
  expect(sl_kv_fork(ctx, out, out, u, written, u, 4, 1, 1, 4, 3), SL_ERR_INPUT,
         "kv_fork: to[3] is 3");
  expect(sl_kv_fork(ctx, out, out, written, u, u, 4, 1, 1, 4, 2), SL_ERR_INPUT,
         "kv_fork: from[2] is 2");
  expect(sl_kv_fork(ctx, out, out, u, u, u, 4, 1, 1, 2, 4), SL_ERR_INPUT,
         "kv_fork: length[3] is 3");
}

Test(refused, scalars_out_of_range) {
  expect(sl_rmsnorm_forward(ctx, out, out, f, f, 1, 1, 0.0f), SL_ERR_USAGE,
         "rmsnorm_forward: eps must be positive");
  expect(sl_rmsnorm_forward(ctx, out, out, f, f, 1, 1, NAN), SL_ERR_USAGE,
         "rmsnorm_forward: eps must be positive");
  expect(sl_logprob_forward(ctx, out, out, out, out, f, f, NULL, u, ones, 0.0f, 1, 1, 2),
         SL_ERR_USAGE, "logprob_forward: 1/temperature");
  expect(sl_logprob_backward(ctx, out, &of_one, 1, f, NULL, f, f, f, f, f, NULL, u, ones, INFINITY,
                             u, 1, 1, 2),
         SL_ERR_USAGE, "logprob_backward: 1/temperature");
  sl_sampling sampling = {.temperature = -1.0f, .top_p = 1.0};
  expect(sl_sample(ctx, written, out, out, f, &sampling, u, u, 1, 4), SL_ERR_USAGE,
         "sample: temperature must be 0 (greedy) or positive, not -1");
  sampling = (sl_sampling){.temperature = 1.0f, .top_p = 0.0};
  expect(sl_sample(ctx, written, out, out, f, &sampling, u, u, 1, 4), SL_ERR_USAGE,
         "sample: top_p must lie in (0, 1], not 0");
  const sl_adamw step = {1, 0.9f, 0.9f, 0.1f, 0.1f, 1, INFINITY, 0, 0, 1, 0};
  expect(sl_adamw_step(ctx, out, out, out, f, &step, 1), SL_ERR_USAGE,
         "adamw_step: a scalar of the step is negative or not finite");
  const sl_adamw odd = {1, 0.9f, 0.9f, 0.1f, 0.1f, 1, 1, 0, 0, 1, 2};
  expect(sl_adamw_step(ctx, out, out, out, f, &odd, 1), SL_ERR_USAGE,
         "adamw_step: g_finite is neither 0 nor 1");
}

Test(refused, numbers_that_are_not_finite) {
  float g[] = {1.0f, NAN, INFINITY};
  const sl_adamw step = {1, 0.9f, 0.9f, 0.1f, 0.1f, 1, 1, 0, 0, 1, 0};
  expect(sl_adamw_step(ctx, out, out, out, g, &step, 3), SL_ERR_NONFINITE,
         "adamw_step: element [1] is nan");
  g[1] = 0.0f;
  expect(sl_grad_square_sum(ctx, (double *)(void *)out, g, 3), SL_ERR_NONFINITE,
         "grad_square_sum: element [2] is inf");
  const sl_sampling sampling = {.temperature = 1.0f, .top_p = 1.0};
  expect(sl_sample(ctx, written, out, out, g, &sampling, u, u, 1, 3), SL_ERR_NONFINITE,
         "sample: logit[0][2] is inf");
}

/* A small loss whose every part is in order; a test spoils one. */
static float logp_new[] = {-1.0f, -2.0f, -3.0f}, logp_old[] = {-1.0f, -2.0f, -3.0f},
             logp_ref[] = {-1.0f, -2.0f, -3.0f};
static float entropy[] = {1.0f, 1.0f, 1.0f}, advantage[] = {1.0f, -1.0f};
static double coefficient[] = {0.5, 0.5};
static const uint32_t loss_seq[] = {0, 2, 3};
static const sl_gated_loss_batch good = {logp_new, logp_old,  logp_ref,    entropy, ones,
                                         loss_seq, advantage, coefficient, 2,       NULL};
static const sl_objective sapo = {
    .gate = {.family = {SL_GATE_SIGMOID, SL_GATE_SIGMOID}, .tau = {1.05f, 1.0f}},
    .kl = SL_KL_K3,
    .beta = 0.1,
    .gamma = 0.1};

static void expect_loss(const sl_objective *o, const sl_gated_loss_batch *b, sl_status want,
                        const char *message) {
  static const sl_loss_sums zero[2];
  sl_loss_sums sums[2] = {{0}};
  expect(sl_gated_loss(ctx, out, out + 8, sums, o, b), want, message);
  cr_expect_eq(memcmp(sums, zero, sizeof sums), 0, "%s: sums were written", message);
}

Test(refused, settings_of_the_objective) {
  const double bad[] = {-1.0, (double)NAN, (double)INFINITY, 0x1p21};
  for (int i = 0; i < 4; i++) {
    sl_objective o = sapo;
    o.gate.tau[i % 2] = (float)bad[i];
    expect_loss(&o, &good, SL_ERR_USAGE, "gated_loss: tau must lie in [2^-20, 2^10]");
    o = sapo, o.beta = bad[i];
    expect_loss(&o, &good, SL_ERR_USAGE, "gated_loss: beta must lie in");
    o = sapo, o.gamma = bad[i];
    expect_loss(&o, &good, SL_ERR_USAGE, "gated_loss: gamma must lie in");
    o = sapo, o.gate.family[0] = o.gate.family[1] = SL_GATE_CLIP, o.gate.clip_high = bad[i];
    expect_loss(&o, &good, SL_ERR_USAGE, "gated_loss: clip edges must lie in");
  }
  sl_objective o = sapo;
  o.gate.family[0] = o.gate.family[1] = SL_GATE_EXPRESSION;
  expect_loss(&o, &good, SL_ERR_USAGE, "gated_loss: an expression gate without a function");
  o = sapo, o.gate.family[1] = (sl_gate_family)99;
  expect_loss(&o, &good, SL_ERR_USAGE, "gated_loss: no such gate");
  o = sapo, o.level = (sl_level)2;
  expect_loss(&o, &good, SL_ERR_USAGE, "gated_loss: no such level");
  o = sapo, o.kl = (sl_kl_kind)3;
  expect_loss(&o, &good, SL_ERR_USAGE, "gated_loss: no such kind of KL");
}

/* spec O4.7: in place of advantages of sequences, which are then not read. */
Test(refused, advantages_of_tokens) {
  static const float nan_at_1[] = {1.0f, NAN, 1.0f}, fine[] = {1.0f, -1.0f, 0.0f};
  static const uint8_t masks[] = {1, 0, 1};
  sl_gated_loss_batch b = good;
  b.token_advantage = nan_at_1, b.advantage = NULL;
  expect_loss(&sapo, &b, SL_ERR_NONFINITE, "gated_loss: token_advantage[1] (sequence 0) is nan");
  sl_loss_sums sums[2];
  b.mask = masks;
  cr_expect_eq(sl_gated_loss(ctx, out, out + 8, sums, &sapo, &b), SL_OK);
  b.token_advantage = fine, b.mask = ones;
  cr_expect_eq(sl_gated_loss(ctx, out, out + 8, sums, &sapo, &b), SL_OK);
  memset(out, 0, sizeof out);
  b.token_advantage = NULL;
  expect_loss(&sapo, &b, SL_ERR_USAGE, "gated_loss: batch->advantage is NULL");
}

Test(refused, what_a_loss_lacks) {
  sl_gated_loss_batch b = good;
  sl_loss_sums sums[2];
  b.logp_ref = NULL;
  expect_loss(&sapo, &b, SL_ERR_USAGE, "gated_loss: batch->logp_ref is NULL");
  b = good, b.entropy = NULL;
  expect_loss(&sapo, &b, SL_ERR_USAGE, "gated_loss: batch->entropy is NULL");
  expect(sl_gated_loss(ctx, out, NULL, sums, &sapo, &good), SL_ERR_USAGE, "gated_loss: e is NULL");
  expect(sl_gated_loss(ctx, out, out, sums, NULL, &good), SL_ERR_USAGE,
         "gated_loss: objective is NULL");
  expect(sl_gated_loss(ctx, out, out, sums, &sapo, NULL), SL_ERR_USAGE,
         "gated_loss: batch is NULL");
  const uint32_t falling[] = {0, 2, 1};
  b = good, b.seq = falling;
  expect_loss(&sapo, &b, SL_ERR_INPUT, "gated_loss: seq[2] is 1");
}

Test(refused, numbers_of_a_loss) {
  static float *const slots[] = {&logp_new[1], &logp_old[2], &logp_ref[0], &entropy[1],
                                 &advantage[1]};
  static const char *const places[] = {"logp_new[1] (sequence 0)", "logp_old[2] (sequence 1)",
                                       "logp_ref[0] (sequence 0)", "entropy[1] (sequence 0)",
                                       "advantage[1]"};
  for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
    const float before = *slots[i], bad[] = {NAN, INFINITY, -INFINITY};
    for (int k = 0; k < 3; k++)
      *slots[i] = bad[k], expect_loss(&sapo, &good, SL_ERR_NONFINITE, places[i]);
    *slots[i] = before;
  }
  logp_new[0] = 3e38f, logp_old[0] = -3e38f;
  expect_loss(&sapo, &good, SL_ERR_NONFINITE, "log-ratio[0] (sequence 0) is inf");
  logp_new[0] = logp_old[0] = -1.0f;
  coefficient[1] = 1.5;
  expect_loss(&sapo, &good, SL_ERR_INPUT, "gated_loss: coefficient[1] is 1.5, not in [0, 1]");
  coefficient[1] = (double)NAN;
  expect_loss(&sapo, &good, SL_ERR_INPUT, "gated_loss: coefficient[1] is nan");
  coefficient[1] = 0.5;
}

static void broken(const void *bad, int positive, float r, float *value, float *w) {
  (void)positive;
  *value = r, *w = r > 1.5f ? *(const float *)bad : 1.0f;
}

/* Only the kernel can see these: both backends must refuse, before they write. */
Test(refused, gradients_that_are_not_finite) {
  const float nan = NAN, huge = 3e38f;
  sl_objective o = sapo;
  o.gate = (sl_gate){
      .family = {SL_GATE_EXPRESSION, SL_GATE_EXPRESSION}, .function = broken, .expression = &nan};
  logp_new[2] = -2.5f; /* ratio 1.65 */
  expect_loss(&o, &good, SL_ERR_NONFINITE,
              "gated_loss: the gradient of token[2] (sequence 1) is nan");
  advantage[1] = -3e38f, o.gate.expression = &huge;
  expect_loss(&o, &good, SL_ERR_NONFINITE,
              "gated_loss: the gradient of token[2] (sequence 1) is inf");
  sl_context *scalar = ctx;
  sl_error err;
  cr_assert_eq(sl_context_create(&ctx, &(sl_context_options){.backend = "cpu", .threads = 2}, &err),
               SL_OK);
  expect_loss(&o, &good, SL_ERR_NONFINITE,
              "gated_loss: the gradient of token[2] (sequence 1) is inf");
  sl_context_destroy(ctx);
  ctx = scalar, logp_new[2] = -3.0f, advantage[1] = -1.0f;
}

/* Bits are digested, not numbers: NaN and infinity are no error (spec F5.3). */
Test(refused, not_the_bits_of_a_digest) {
  const float x[] = {NAN, INFINITY};
  uint64_t digest[2] = {0, 0};
  cr_expect_eq(sl_tensor_digest(ctx, digest, x, 2), SL_OK);
  cr_expect(digest[0] && digest[1] < 2);
}

/* With nothing to do, pointers may be NULL. */
Test(refused, not_an_empty_call) {
  cr_expect_eq(sl_residual_add(ctx, NULL, NULL, NULL, 0), SL_OK);
  cr_expect_eq(sl_linear_forward(ctx, NULL, NULL, NULL, NULL, NULL, 0, 0, 0), SL_OK);
  const sl_gated_loss_batch none = {0};
  cr_expect_eq(sl_gated_loss(ctx, NULL, NULL, NULL, &sapo, &none), SL_OK, "%s",
               sl_context_error(ctx)->message);
  cr_expect_eq(sl_attention_forward(ctx, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 2, 1, 4),
               SL_OK);
}

/* A structure may lie where its type may: sl_adamw is of floats, and needs 4 bytes, not 8. */
Test(refused, not_a_structure_at_its_own_alignment) {
  static _Alignas(8) unsigned char place[4 + sizeof(sl_adamw)];
  const sl_adamw step = {1, 0.9f, 0.9f, 0.1f, 0.1f, 1, 1, 0, 0, 1, 0};
  float p[1] = {1.0f}, m[1] = {0}, v[1] = {0};
  memcpy(place + 4, &step, sizeof step);
  cr_expect_eq(sl_adamw_step(ctx, p, m, v, f, (const sl_adamw *)(const void *)(place + 4), 1),
               SL_OK, "%s", sl_context_error(ctx)->message);
}
