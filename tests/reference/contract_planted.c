/* Kernels that break their contract leave the bounds; the derivation says the numbers (spec E2). */
#include "contract_runs.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* beyond, of a kernel that has another contract than the bounds. */
static double beyond_by(const sl_op_case *c, const char *kernel_contract, arrangement sum,
                        int form) {
  sl_op_case other = *c;
  sl_error err = {0};
  other.contract = sl_contract_default();
  cr_assert_eq(sl_contract_parse(&other.contract, kernel_contract, c->op->stored, &err), SL_OK);
  return beyond(c, &other, 0, sum, form);
}

static void expect_caught(const char *what, const char *honest, const char *broken, sl_op_case c,
                          arrangement sum) {
  const double kept = beyond_by(&c, honest, sum == BLOCKS_CUT ? ASCENDING : sum, 0),
               left = beyond_by(&c, broken, sum, 0);
  fprintf(stderr, "planted: %-34s %.3g bounds off, within the contract %.3g\n", what, left, kept);
  cr_expect(kept <= 1.0, "%s: the right kernel is %g bounds off", what, kept);
  cr_expect(left > 1.0, "%s: not caught, %g", what, left);
}

Test(contract_planted, other_arithmetic) {
  inputs_begin("planted arithmetic");
  const sl_op_case linear = case_of(&sl_op_linear, "t=3,n=3,k=128", "", SL_FORMAT_F32, RANDOM),
                   halves = case_of(&sl_op_linear, "t=3,n=3,k=128", "acc=f32,out=bf16",
                                    SL_FORMAT_BF16, RANDOM),
                   sixteen = case_of(&sl_op_linear, "t=3,n=3,k=128", "acc=f32,out=f16",
                                     SL_FORMAT_F16, RANDOM),
                   heads = case_of(&sl_op_attention, "b=1,i=4,j=64,h=2,g=1,d=8", "out=bf16",
                                   SL_FORMAT_BF16, RANDOM),
                   norm = case_of(&sl_op_rmsnorm, "t=3,d=64", "out=bf16", SL_FORMAT_BF16, RANDOM),
                   silu = case_of(&sl_op_swiglu, "n=500", "", SL_FORMAT_F32, RANDOM),
                   row = case_of(&sl_op_softmax, "t=2,v=64", "exp=2", SL_FORMAT_F32, RANDOM);
  expect_caught("inputs reduced to tf32", "", "in=tf32", linear, ASCENDING);
  expect_caught("inputs reduced to bf16", "", "in=bf16", linear, ASCENDING);
  expect_caught("a bf16 accumulator", "out=bf16", "acc=bf16,out=bf16", halves, ASCENDING);
  expect_caught("an f16 accumulator", "out=f16", "acc=f16,out=f16", sixteen, ASCENDING);
  expect_caught("weights stored as bf16", "out=bf16", "out=bf16,stored=p", heads, ASCENDING);
  expect_caught("x r stored as bf16", "out=bf16", "out=bf16,stored=norm", norm, ASCENDING);
  expect_caught("g s(g) stored as bf16", "", "out=bf16,stored=silu", silu, ASCENDING);
  expect_caught("exp of 4000 ulps", "", "exp=4000", row, ASCENDING);
  inputs_end();
}

/* The first term absorbs the others, which a pairwise sum keeps. */
Test(contract_planted, a_chain_where_pairs_are_promised) {
  inputs_begin("planted chain");
  sl_op_case c =
      case_of(&sl_op_linear, "t=1,n=1,k=1024", "order=pairwise", SL_FORMAT_F32, ONE_SIDED);
  c.in[2] = NULL;
  double *ones = take_doubles(1024);
  for (size_t i = 0; i < 1024; i++) ones[i] = 1.0;
  c.in[1] = ones;
  cr_expect(beyond_by(&c, "order=pairwise", HALVES, 0) <= 1.0);
  cr_expect(beyond_by(&c, "", ASCENDING, 0) > 1.0);
  inputs_end();
}

/* Subnormal results that become 0 are wrong where the contract keeps them. */
Test(contract_planted, flushed_subnormals) {
  inputs_begin("planted flush");
  const sl_op_case c = case_of(&sl_op_add, "n=200", "", SL_FORMAT_F32, SUBNORMAL);
  expect_caught("subnormals flushed", "", "subnormals=flushed", c, ASCENDING);
  inputs_end();
}

/* Changes of the inputs stand for terms that are dropped, doubled or taken from elsewhere. */
static double other_inputs(const sl_op_case *c, int input, size_t index, double x) {
  size_t n, at, unbounded;
  sl_op_case changed = *c;
  const size_t count = sl_op_count_of(c, &c->op->in[input]);
  double *moved = take_doubles(count);
  memcpy(moved, c->in[input], count * sizeof *moved);
  moved[index] = x;
  changed.in[input] = moved;
  const kernel k = {&changed.contract, ASCENDING, 1, 0};
  const sl_ball *balls = bounds_of(c, 0, &n);
  double *got = take_doubles(n);
  kernel_run(&k, &changed, 0, got);
  return share_of(got, balls, n, &at, &unbounded);
}

static size_t largest(const double *x, size_t n) {
  size_t at = 0;
  for (size_t i = 1; i < n; i++)
    if (x[i] > x[at]) at = i;
  return at;
}

/* Where the first row's product with the first column is largest; a small one is below the bound.
 */
static size_t largest_product(const sl_op_case *c, size_t n) {
  double *x = take_doubles(n);
  for (size_t i = 0; i < n; i++) x[i] = fabs(c->in[0][i] * c->in[1][i]);
  return largest(x, n);
}

/* A key may have a weight below the bound: dropped ones that are noticed, of 40 keys of 4. */
static size_t keys_noticed(const sl_op_case *c, int input) {
  size_t n = 0;
  for (size_t key = 0; key < 40; key++) n += other_inputs(c, input, key * 4, 0.0) > 1.0;
  return n;
}

Test(contract_planted, terms) {
  inputs_begin("planted terms");
  sl_op_case c = case_of(&sl_op_linear, "t=2,n=2,k=1000", "", SL_FORMAT_F32, RANDOM);
  const size_t at = largest_product(&c, 1000);
  cr_expect(other_inputs(&c, 0, at, 0.0) > 1.0, "a term is dropped");
  cr_expect(other_inputs(&c, 0, at, 2.0 * c.in[0][at]) > 1.0, "a term counts twice");
  c = case_of(&sl_op_attention, "b=1,i=1,j=40,h=1,g=1,d=4", "", SL_FORMAT_F32, RANDOM);
  cr_expect(keys_noticed(&c, 2) > 20, "a value is dropped");
  c = case_of(&sl_op_logprob, "t=1,v=200", "", SL_FORMAT_F32, RANDOM);
  cr_expect(other_inputs(&c, 0, largest(c.in[0], 200), -INFINITY) > 1.0, "a logit is dropped");
  c = case_of(&sl_op_rmsnorm, "t=1,d=257", "", SL_FORMAT_F32, RANDOM);
  cr_expect(other_inputs(&c, 0, 256, 0.0) > 1.0, "the last square is dropped");
  c = case_of(&sl_op_attention_backward, "b=1,i=1,j=40,h=1,g=1,d=4", "", SL_FORMAT_F32, RANDOM);
  cr_expect(keys_noticed(&c, 3) > 20, "a value is dropped from ds");
  cr_expect(keys_noticed(&c, 2) > 20, "a key is dropped from dq");
  inputs_end();
}

/* A query that sees keys behind its own, forward and in each gradient. */
static void expect_mask(const sl_op *op) {
  sl_op_case c = case_of(op, "b=1,i=6,j=6,h=1,g=1,d=4", "", SL_FORMAT_F32, RANDOM);
  sl_op_case open = c;
  open.setting[1] = 0.0;
  const kernel k = {&c.contract, ASCENDING, 1, 0};
  for (size_t out = 0; out < (op == &sl_op_attention ? 1 : sl_op_outputs(op)); out++) {
    size_t n, at, unbounded;
    const sl_ball *balls = bounds_of(&c, (int)out, &n);
    double *x = take_doubles(n);
    kernel_run(&k, &c, (int)out, x);
    cr_expect(share_of(x, balls, n, &at, &unbounded) <= 1.0);
    kernel_run(&k, &open, (int)out, x);
    cr_expect(share_of(x, balls, n, &at, &unbounded) > 1.0, "%s", op->out[out].name);
  }
}

Test(contract_planted, causal_mask_off_by_one) {
  inputs_begin("planted mask");
  expect_mask(&sl_op_attention);
  expect_mask(&sl_op_attention_backward);
  inputs_end();
}

/* The derivation has the numbers of this element in it. */
Test(contract_planted, derivations_have_numbers) {
  inputs_begin("derivations");
  for (size_t o = 0; o < sl_op_count(); o++) {
    const sl_op *op = sl_op_at(o);
    char shape[80] = "", *text = NULL;
    size_t size = 0;
    for (const char *s = op->sizes; *s; s++)
      snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%s%c=%d", *shape ? "," : "",
               *s, *s == 'g' || *s == 'h' ? 2 : 8);
    const sl_op_case c = case_of(op, shape, "out=bf16", SL_FORMAT_F32, RANDOM);
    FILE *notes = open_memstream(&text, &size);
    sl_ball ball;
    cr_assert_eq(sl_op_bounds(&c, 0, 3, 4, &ball, notes), SL_OK);
    fclose(notes);
    char bound[40];
    snprintf(bound, sizeof bound, "bound %.3g\n", ball.rad);
    cr_expect(strstr(text, bound) && strstr(text, "stored as bf16"), "%s:\n%s", op->name, text);
    fprintf(stderr, "%s[3], %s\n%s", op->name, shape, text);
    free(text);
  }
  inputs_end();
}

/* Inputs that an op cannot be given are refused with their place. */
Test(contract_planted, inputs_are_checked) {
  inputs_begin("inputs");
  sl_op_case c = case_of(&sl_op_logprob, "t=2,v=5", "", SL_FORMAT_F32, RANDOM);
  sl_error err = {0};
  double *logits = take_doubles(10), target[] = {0.0, 5.0};
  c.in[0] = logits;
  logits[3] = -INFINITY;
  cr_expect_eq(sl_op_check(&c, &err), SL_OK);
  logits[7] = NAN;
  cr_expect_eq(sl_op_check(&c, &err), SL_ERR_NONFINITE);
  cr_expect(strstr(err.message, "logits[7] is"), "%s", err.message);
  logits[7] = 0.0, c.in[1] = target;
  cr_expect_eq(sl_op_check(&c, &err), SL_ERR_INPUT);
  cr_expect_str_eq(err.message, "target[1] is 5: it must be whole, from 0 to 4");
  c.in[1] = NULL;
  cr_expect_eq(sl_op_check(&c, &err), SL_ERR_INPUT);
  cr_expect_eq(sl_op_shape_parse(&c, "t=0", &err), SL_ERR_USAGE);
  cr_expect_eq(sl_op_shape_parse(&c, "w=2", &err), SL_ERR_USAGE);
  inputs_end();
}
