/* The bounds of contracts (spec E2): no kernel that meets the contract leaves them, whatever its
 * order, its rounding and its luck; the values agree with exact arithmetic and with the oracle. */
#include "contract_runs.h"

#include "reference/kernels.h"

#include <criterion/criterion.h>
#include <gmp.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  const sl_op *op;
  const char *shape;
} subject;

static const subject subjects[] = {{&sl_op_linear, "t=2,n=2,k=1"},
                                   {&sl_op_linear, "t=2,n=3,k=37"},
                                   {&sl_op_linear, "t=1,n=2,k=700"},
                                   {&sl_op_linear_input_grad, "t=2,n=130,k=2"},
                                   {&sl_op_linear_weight_grad, "t=90,n=2,k=2"},
                                   {&sl_op_add, "n=50"},
                                   {&sl_op_rmsnorm, "t=2,d=67"},
                                   {&sl_op_rmsnorm_backward, "t=1,d=40"},
                                   {&sl_op_swiglu, "n=60"},
                                   {&sl_op_swiglu_backward, "n=60"},
                                   {&sl_op_rope, "t=3,h=2,c=3,p=5"},
                                   {&sl_op_softmax, "t=2,v=50"},
                                   {&sl_op_logprob, "t=3,v=90"},
                                   {&sl_op_logprob_backward, "t=1,v=40"},
                                   {&sl_op_embedding, "t=5,d=4,v=3"},
                                   {&sl_op_embedding_grad, "t=80,d=2,v=3"},
                                   {&sl_op_adamw, "n=60"},
                                   {&sl_op_clip_grad_norm, "n=120"},
                                   {&sl_op_attention, "b=1,i=4,j=40,h=2,g=1,d=5"},
                                   {&sl_op_attention, "b=2,i=2,j=70,h=2,g=2,d=3"}};
#define SUBJECTS (sizeof subjects / sizeof *subjects)

static const char *const contracts[] = {"",
                                        "order=pairwise,softmax=two-pass,exponent=plain",
                                        "order=chain,exp=0.5,log=0.5,rsqrt=0.5",
                                        "order=blocks:4",
                                        "order=blocks:16,out=bf16",
                                        "out=bf16,subnormals=flushed",
                                        "out=f16,exp=8,div=2",
                                        "in=tf32,order=blocks:8,subnormals=flushed",
                                        "acc=f64,out=f64",
                                        "acc=f64,out=f32"};
#define CONTRACTS (sizeof contracts / sizeof *contracts)

/* rstd is an input of rmsnorm_backward that is left out: it is computed. */
static void without_options(sl_op_case *c) {
  if (c->op == &sl_op_rmsnorm_backward) c->in[3] = NULL;
  if (c->op == &sl_op_swiglu && c->contract.out != c->contract.acc) c->contract.stored = 1;
  if (c->op == &sl_op_attention && c->contract.out != c->contract.acc) c->contract.stored = 2;
  if (c->op == &sl_op_attention_backward && c->contract.out != c->contract.acc)
    c->contract.stored = (unsigned)(next_u64() % 16);
  if (c->op == &sl_op_attention || c->op == &sl_op_attention_backward)
    c->setting[1] = (double)(next_u64() % 2);
}

static void run_all(const sl_op_case *c, run_tally *t) {
  for (size_t out = 0; out < sl_op_outputs(c->op); out++)
    run_output(c, (int)out, c->op->name, ARRANGEMENTS, t);
}

static const sl_format given_as[] = {SL_FORMAT_F32, SL_FORMAT_BF16, SL_FORMAT_F16, SL_FORMAT_F64};

/* Inputs in binary64 go with sums that are. */
static int is_binary64(const char *contract) { return strncmp(contract, "acc=f64", 7) == 0; }

static void check_subject(const subject *s, size_t contract) {
  run_tally t = {0};
  inputs_begin(s->op->name);
  for (input_kind kind = 0; kind < KINDS; kind++)
    for (int given = 0; given < (is_binary64(contracts[contract]) ? 4 : 3); given++) {
      sl_op_case c = case_of(s->op, s->shape, contracts[contract], given_as[given], kind);
      without_options(&c);
      run_all(&c, &t);
    }
  fprintf(stderr, "%-20s %-26s %-52s %5zu runs, largest share %.3f, no bound %zu of %zu\n",
          s->op->name, s->shape, contracts[contract], t.runs, t.largest, t.unbounded, t.elements);
  cr_expect(t.runs > 0 && t.unbounded * 4 < t.elements);
  inputs_end();
}

Test(contract_bounds, no_kernel_that_meets_its_contract_leaves_them) {
  for (size_t s = 0; s < SUBJECTS; s++)
    for (size_t c = 0; c < CONTRACTS; c++) check_subject(&subjects[s], c);
}

/* Factors of any size: the product that comes first may underflow, and what it has lost is enlarged
 * by the last factor. */
Test(contract_bounds, products_that_underflow) {
  static const subject products[] = {{&sl_op_rmsnorm, "t=4,d=67"},
                                     {&sl_op_rmsnorm_backward, "t=4,d=3"},
                                     {&sl_op_swiglu, "n=200"},
                                     {&sl_op_swiglu_backward, "n=200"},
                                     {&sl_op_adamw, "n=200"}};
  for (size_t s = 0; s < sizeof products / sizeof *products; s++) {
    run_tally t = {0};
    inputs_begin(products[s].op->name);
    for (int round = 0; round < 20; round++) {
      sl_op_case c = case_of(products[s].op, products[s].shape, "", SL_FORMAT_F32, RANDOM);
      for (size_t i = 0; i < sl_op_inputs(c.op); i++) {
        const size_t n = sl_op_count_of(&c, &c.op->in[i]);
        double *x = take_doubles(n);
        for (size_t e = 0; e < n; e++)
          x[e] = (double)(float)ldexp(c.in[i][e], 20 - (int)(next_u64() % 170));
        c.in[i] = x;
      }
      without_options(&c);
      run_all(&c, &t);
    }
    cr_expect(t.runs > 0 && t.unbounded == 0);
    inputs_end();
  }
}

/* Its kernels cost the most. */
Test(contract_bounds, attention_backward) {
  static const subject s = {&sl_op_attention_backward, "b=1,i=2,j=9,h=2,g=1,d=2"};
  for (size_t c = 0; c < CONTRACTS; c++) check_subject(&s, c);
}

/* 16-bit accumulators have bounds below 1 / u terms, and none from there on. */
Test(contract_bounds, sixteen_bit_accumulators) {
  static const struct {
    const char *contract;
    double below;
  } rows[] = {{"acc=bf16,out=bf16", 255.0}, {"acc=f16,out=f16", 2047.0}};
  for (int i = 0; i < 2; i++) {
    run_tally t = {0};
    inputs_begin("16 bits");
    const sl_op_case c =
        case_of(&sl_op_linear, "t=1,n=2,k=100", rows[i].contract, SL_FORMAT_BF16, RANDOM);
    const sl_arith r = sl_arith_of(&c.contract);
    run_all(&c, &t);
    cr_expect_eq(t.unbounded, 0);
    cr_expect(isfinite(sl_arith_gamma(&r, rows[i].below)));
    cr_expect(isinf(sl_arith_gamma(&r, rows[i].below + 1.0)));
    inputs_end();
  }
}

/* Small whole numbers: every order and every block gives the same bits, and the bound is 0. */
Test(contract_bounds, exact_sums_have_none) {
  static const char *const exact[] = {"",
                                      "order=pairwise",
                                      "order=blocks:4",
                                      "order=blocks:16",
                                      "subnormals=flushed",
                                      "in=tf32,order=blocks:8"};
  inputs_begin("exact");
  for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
    sl_op_case c = case_of(&sl_op_linear, "t=3,n=3,k=300", exact[i], SL_FORMAT_F32, RANDOM);
    for (int in = 0; in < 3; in++) {
      double *x = take_doubles(900);
      for (size_t e = 0; e < 900; e++) x[e] = (double)(next_u64() % 33) - 16.0;
      c.in[in] = x;
    }
    size_t n;
    const sl_ball *balls = bounds_of(&c, 0, &n);
    for (size_t e = 0; e < n; e++) cr_assert(balls[e].rad == 0.0, "%s: %g", exact[i], balls[e].rad);
    run_tally t = {0};
    run_all(&c, &t);
    cr_expect_eq(t.largest, 0.0);
  }
  inputs_end();
}

/* q = 0: every weight is 1 / 2^k, and o the mean of the values. */
Test(contract_bounds, attention_over_equal_keys_is_exact) {
  inputs_begin("exact attention");
  sl_op_case c = case_of(&sl_op_attention, "b=1,i=1,j=64,h=2,g=1,d=4", "stored=p,out=bf16",
                         SL_FORMAT_F32, RANDOM);
  c.in[0] = take_doubles(8);
  double *v = take_doubles(256);
  for (size_t e = 0; e < 256; e++) v[e] = (double)(next_u64() % 9) - 4.0;
  c.in[2] = v;
  size_t n;
  const sl_ball *balls = bounds_of(&c, 0, &n);
  for (size_t e = 0; e < n; e++) cr_expect(balls[e].rad == 0.0, "%g", balls[e].rad);
  run_tally t = {0};
  run_output(&c, 0, c.op->name, ARRANGEMENTS, &t);
  cr_expect_eq(t.largest, 0.0);
  inputs_end();
}

/* The exact dot by rationals lies within what binary64 adds to rad: acc=f64 leaves nothing else. */
Test(contract_bounds, values_against_rationals) {
  inputs_begin("rationals");
  for (input_kind kind = 0; kind < KINDS; kind++) {
    sl_op_case c = case_of(&sl_op_linear, "t=2,n=3,k=400", "acc=f64,out=f64", SL_FORMAT_F32, kind);
    c.in[2] = NULL;
    size_t n;
    const sl_ball *balls = bounds_of(&c, 0, &n);
    for (size_t i = 0; i < n; i++) {
      mpq_t sum, a, b;
      mpq_inits(sum, a, b, (mpq_ptr)0);
      for (size_t e = 0; e < 400; e++) {
        mpq_set_d(a, c.in[0][i / 3 * 400 + e]), mpq_set_d(b, c.in[1][i % 3 * 400 + e]);
        mpq_mul(a, a, b);
        mpq_add(sum, sum, a);
      }
      mpq_set_d(a, balls[i].mid);
      mpq_sub(sum, sum, a);
      cr_expect(fabs(mpq_get_d(sum)) <= balls[i].rad / 2.0);
      mpq_clears(sum, a, b, (mpq_ptr)0);
    }
  }
  inputs_end();
}

static float *narrow(const double *x, size_t n) {
  float *y = take_floats(n);
  for (size_t i = 0; i < n; i++) y[i] = (float)x[i];
  return y;
}

/* Both are binary64: together they err by less than 2^-18 of a binary32 bound. */
static void expect_same(const char *what, const double *exact, const sl_ball *balls, size_t n) {
  for (size_t i = 0; i < n; i++)
    cr_expect(fabs(exact[i] - balls[i].mid) <= 0x1p-18 * balls[i].rad, "%s[%zu]: %a, walk %a +- %a",
              what, i, exact[i], balls[i].mid, balls[i].rad);
}

/* What the oracle is given as saved numbers is the exact forward pass, rounded: that is within the
 * contract, and so are its gradients, which are exact for them. */
static void attention_backward_against_the_oracle(void) {
  enum { T = 20, H = 4, G = 2, D = 5, Q = T * H * D, KV = T * G * D };
  const uint32_t seq[] = {0, T};
  double *o = take_doubles(Q), *max = take_doubles(T * H), *scale = take_doubles(T * H),
         *dq = take_doubles(Q), *dk = take_doubles(KV), *dv = take_doubles(KV);
  const sl_op_case c =
      case_of(&sl_op_attention_backward, "b=1,i=20,j=20,h=4,g=2,d=5", "", SL_FORMAT_F32, RANDOM);
  const float *d_o = narrow(c.in[0], Q), *q = narrow(c.in[1], Q), *k = narrow(c.in[2], KV),
              *v = narrow(c.in[3], KV);
  cr_assert_eq(sl_ref_attention_forward(o, max, scale, q, k, v, seq, 1, H, G, D), SL_OK);
  cr_assert_eq(sl_ref_attention_backward(dq, dk, dv, d_o, narrow(o, Q), q, k, v, narrow(max, T * H),
                                         narrow(scale, T * H), seq, 1, H, G, D),
               SL_OK);
  const double *exact[] = {dq, dk, dv};
  for (int out = 0; out < 3; out++) {
    size_t n, at, unbounded;
    const sl_ball *balls = bounds_of(&c, out, &n);
    const double share = share_of(exact[out], balls, n, &at, &unbounded);
    cr_expect(share <= 1.0 && unbounded == 0, "%s[%zu]: %g", c.op->out[out].name, at, share);
  }
}

Test(contract_bounds, values_against_the_oracle) {
  inputs_begin("oracle");
  size_t n;
  double *a = take_doubles(4000), *b = take_doubles(4000), *d = take_doubles(4000);
  sl_op_case c = case_of(&sl_op_rmsnorm, "t=3,d=67", "", SL_FORMAT_F32, RANDOM);
  sl_ref_rmsnorm_forward(a, b, narrow(c.in[0], 201), narrow(c.in[1], 67), 3, 67, 1e-6f);
  c.setting[0] = (double)1e-6f;
  expect_same("rmsnorm y", a, bounds_of(&c, 0, &n), 201);
  expect_same("rmsnorm rstd", b, bounds_of(&c, 1, &n), 3);
  c = case_of(&sl_op_rmsnorm_backward, "t=3,d=67", "", SL_FORMAT_F32, RANDOM);
  sl_ref_rmsnorm_backward(a, narrow(c.in[0], 201), narrow(c.in[1], 201), narrow(c.in[2], 67),
                          narrow(c.in[3], 3), NULL, 3, 67);
  expect_same("rmsnorm dx", a, bounds_of(&c, 0, &n), 201);
  c = case_of(&sl_op_swiglu_backward, "n=90", "", SL_FORMAT_F32, RANDOM);
  sl_ref_swiglu_backward(a, b, narrow(c.in[0], 90), narrow(c.in[1], 90), narrow(c.in[2], 90), 90);
  expect_same("swiglu dgate", a, bounds_of(&c, 0, &n), 90);
  expect_same("swiglu dup", b, bounds_of(&c, 1, &n), 90);
  c = case_of(&sl_op_attention, "b=1,i=30,j=30,h=4,g=2,d=5", "", SL_FORMAT_F32, RANDOM);
  const uint32_t seq[] = {0, 30};
  cr_assert_eq(sl_ref_attention_forward(a, b, d, narrow(c.in[0], 600), narrow(c.in[1], 300),
                                        narrow(c.in[2], 300), seq, 1, 4, 2, 5),
               SL_OK);
  expect_same("attention o", a, bounds_of(&c, 0, &n), 600);
  for (size_t i = 0; i < 120; i++) b[i] -= log(d[i]); /* the scale is 1 / l */
  expect_same("attention lse", b, bounds_of(&c, 1, &n), 120);
  attention_backward_against_the_oracle();
  c = case_of(&sl_op_logprob, "t=4,v=300", "", SL_FORMAT_F32, RANDOM);
  uint32_t *target = take_words(4);
  for (size_t i = 0; i < 4; i++) target[i] = (uint32_t)c.in[1][i];
  cr_assert_eq(sl_ref_sample(a, b, target, narrow(c.in[0], 1200), 1.0f, 4, 300), SL_OK);
  expect_same("logp", a, bounds_of(&c, 0, &n), 4);
  expect_same("entropy", b, bounds_of(&c, 1, &n), 4);
  inputs_end();
}
