/* Bounds of gates that are expressions (spec E2.8): every built-in gate file, kernels at the edge
 * of the contract and such that break it, and the kernel that Sluice has. */
#include "ci/products/judge/gate_file.h"
#include "tests/reference/contract_runs.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const contracts[] = {"",
                                        "order=pairwise,exponent=plain",
                                        "order=chain,exp=0.5,log=0.5",
                                        "out=bf16,div=2",
                                        "exp=8,log=8,subnormals=flushed",
                                        "acc=f64,out=f32",
                                        "acc=f64,out=f64"};
#define CONTRACTS (sizeof contracts / sizeof *contracts)

static sl_gate_form *load(const char *name) {
  sl_gate_form *form;
  sl_error err;
  cr_assert_eq(sl_gate_form_load(&form, name, NULL, 0, &err), SL_OK, "%s", err.message);
  return form;
}

static sl_op_case loss_case(const char *contract, input_kind kind, const sl_gate_form *form) {
  sl_error err = {0};
  sl_op_case c = case_of(&sl_op_gated_loss, "s=4,t=5", contract, SL_FORMAT_F32, kind);
  c.form = form;
  cr_assert_eq(sl_op_setting_parse(&c, "gate=expression", &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_op_check(&c, &err), SL_OK, "%s", err.message);
  return c;
}

static void check_gate(const char *name) {
  sl_gate_form *form = load(name);
  run_tally t = {0};
  inputs_begin(name);
  for (size_t contract = 0; contract < CONTRACTS; contract++)
    for (input_kind kind = 0; kind < KINDS; kind++) {
      const sl_op_case c = loss_case(contracts[contract], kind, form);
      run_output(&c, 0, name, BLOCKS_CUT, &t);
      if (form->side[0].value != SL_EXPRESSION_NONE) run_output(&c, 2, name, BLOCKS_CUT, &t);
    }
  fprintf(stderr, "%-16s %5zu runs, largest share %.3f, no bound %zu of %zu\n", name, t.runs,
          t.largest, t.unbounded, t.elements);
  cr_expect(t.runs > 0 && t.unbounded * 4 < t.elements, "%s", name);
  inputs_end();
  free(form);
}

Test(gate_bounds, no_kernel_that_meets_its_contract_leaves_them) {
  for (size_t i = 0; i < sl_gate_builtin_count(); i++) check_gate(sl_gate_builtin_name(i));
}

/* Ratios from 2^-100 to 2^100, around 1 and at joins; up to 2^29 where there is a sine, which is
 * known up to there (spec G3.4). */
static double some_ratio(size_t i, const sl_expression *e) {
  static const double joins[] = {0.0, 0.8, 1.0, 1.2, 1.28, 2.0, 3.0, 1e5, 1e6};
  if (i < sizeof joins / sizeof *joins) return joins[i];
  const double x = 2.0 * next_uniform() - 1.0;
  double most = 100.0;
  for (uint32_t n = 0; n < e->count; n++)
    if (e->node[n].op == SL_EXPRESSION_SIN || e->node[n].op == SL_EXPRESSION_COS) most = 29.0;
  return i % 2 ? exp2(most * x) : 1.0 + x;
}

/* Sluice's own evaluation is binary64, its functions within 6 ulps (spec G3.1, G3.4). */
static void check_own_kernel(const char *name) {
  sl_gate gate;
  sl_gate_definition *definition;
  sl_gate_form *form;
  sl_error err;
  sl_contract contract = sl_contract_default();
  size_t judged = 0, open = 0;
  double largest = 0.0;
  cr_assert_eq(sl_gate_load(&gate, &definition, name, NULL, 0, &err), SL_OK);
  cr_assert_eq(sl_gate_form_of(&form, definition, &err), SL_OK);
  cr_assert_eq(sl_contract_parse(&contract, "acc=f64,out=f64,exp=6,log=2", NULL, &err), SL_OK);
  const sl_arith r = sl_arith_of(&contract);
  for (int side = 0; side < 2; side++)
    for (size_t i = 0; i < 2000; i++) {
      const sl_expression *e = &form->side[side];
      const double ratio = some_ratio(i, e);
      double got[2];
      sl_ball ball[2];
      sl_span scratch[512];
      cr_assert(e->count <= 512);
      sl_gate_evaluate64(definition, side, &ratio, &got[0], &got[1], 1);
      sl_walk_expression(&r, e, (sl_ball){ratio, 0.0}, scratch, &ball[0], &ball[1]);
      for (int o = e->value == SL_EXPRESSION_NONE; o < 2; o++) {
        if (isinf(ball[o].rad)) {
          open++;
          continue;
        }
        const double off = fabs(got[o] - ball[o].mid);
        judged++;
        cr_assert(off <= ball[o].rad, "%s at %a: %a, not %a +- %a", name, ratio, got[o],
                  ball[o].mid, ball[o].rad);
        if (ball[o].rad > 0.0 && off / ball[o].rad > largest) largest = off / ball[o].rad;
      }
    }
  fprintf(stderr, "%-16s its own kernel: %zu values, largest share %.3f, no bound %zu\n", name,
          judged, largest, open);
  cr_expect(judged > 4 * open, "%s", name);
  free(form);
  sl_gate_definition_free(definition);
}

Test(gate_bounds, the_kernel_that_sluice_has) {
  inputs_begin("its own kernel");
  for (size_t i = 0; i < sl_gate_builtin_count(); i++) check_own_kernel(sl_gate_builtin_name(i));
  inputs_end();
}

/* A family's file says the family's function: the exact values are the same, and the walk along the
 * file's tree claims no less than half of the family's. */
Test(gate_bounds, families_agree_with_their_files) {
  static const char *const families[] = {"sigmoid", "erf", "arctan", "softsign", "identity"};
  inputs_begin("families");
  for (size_t i = 0; i < 5; i++) {
    sl_gate_form *form = load(families[i]);
    char setting[40];
    sl_error err;
    size_t n;
    sl_op_case c = loss_case("", RANDOM, form), family = c;
    snprintf(setting, sizeof setting, "gate=%s", families[i]);
    cr_assert_eq(sl_op_setting_parse(&family, setting, &err), SL_OK);
    if (i) cr_assert_eq(sl_op_setting_parse(&family, "tau_neg=1", &err), SL_OK);
    const sl_ball *a = bounds_of(&c, 0, &n), *b = bounds_of(&family, 0, &n);
    for (size_t e = 0; e < n; e++)
      cr_expect(fabs(a[e].mid - b[e].mid) <= 0x1p-18 * b[e].rad && 2.0 * a[e].rad >= b[e].rad,
                "%s[%zu]: %a +- %a, %a +- %a", families[i], e, a[e].mid, a[e].rad, b[e].mid,
                b[e].rad);
    free(form);
  }
  inputs_end();
}

static void expect_caught(const char *what, const char *gate, const char *wrong_gate,
                          const char *contract) {
  sl_gate_form *form = load(gate), *wrong = load(wrong_gate);
  const sl_op_case c = loss_case("", RANDOM, form);
  sl_op_case other = c;
  sl_error err = {0};
  other.form = wrong;
  cr_assert_eq(sl_contract_parse(&other.contract, contract, NULL, &err), SL_OK);
  const double kept = beyond(&c, &c, 0, ASCENDING, 4), left = beyond(&c, &other, 0, ASCENDING, 4);
  fprintf(stderr, "planted: %-46s %.3g bounds off, within the contract %.3g\n", what, left, kept);
  cr_expect(kept <= 1.0 && left > 1.0, "%s: %g, right %g", what, left, kept);
  free(form);
  free(wrong);
}

/* Function errors outside of the contract's two ulps, other arithmetic, other formulas. */
Test(gate_bounds, wrong_kernels_are_caught) {
  inputs_begin("planted gates");
  expect_caught("a tanh of 64 ulps", "tanh", "tanh", "exp=64");
  expect_caught("an atan of 64 ulps", "gudermannian", "gudermannian", "exp=64");
  expect_caught("a sigmoid of 64 ulps", "mixture", "mixture", "exp=64");
  expect_caught("a power by a logarithm of 4096 ulps", "student", "student", "exp=4096");
  expect_caught("a quotient of 64 ulps", "cauchy", "cauchy", "div=64");
  expect_caught("16-bit arithmetic", "asinh", "asinh", "acc=bf16,out=bf16");
  expect_caught("half of a mixture", "mixture", "arctan", "");
  expect_caught("another exponent", "softsign_k", "softsign", "");
  expect_caught("the slope of z by the other temperature", "asymmetric", "arctan", "");
  expect_caught("exp(-z^2) for exp(-z^2 / 2)", "erf", "gauss", "");
  expect_caught("a floor that is missing", "floor", "cauchy", "");
  expect_caught("a clip that is missing", "gmpo", "identity", "");
  inputs_end();
}

/* On policy every span is a point. */
Test(gate_bounds, exact_on_policy) {
  static const char *const exact[] = {"cauchy", "quartic",      "clip",
                                      "asinh",  "softsign_abs", "floor"};
  inputs_begin("on policy");
  for (size_t i = 0; i < 6; i++) {
    sl_gate_form *form = load(exact[i]);
    sl_op_case c = loss_case("", RANDOM, form);
    double *one = take_doubles(20), *advantage = take_doubles(4);
    for (size_t e = 0; e < 20; e++) one[e] = 1.0;
    for (size_t e = 0; e < 4; e++) advantage[e] = (double)(next_u64() % 9) - 4.0;
    c.in[1] = c.in[0], c.in[4] = one, c.in[5] = advantage;
    c.setting[7] = 2.0, c.setting[8] = 8.0; /* constant, length 8 */
    size_t n;
    const sl_ball *balls = bounds_of(&c, 0, &n);
    for (size_t e = 0; e < n; e++)
      cr_expect(i == 5 ? balls[e].rad >= 0.0
                       : balls[e].rad == 0.0 && balls[e].mid == -advantage[e / 5] / 32.0,
                "%s: %a +- %a", exact[i], balls[e].mid, balls[e].rad);
    free(form);
  }
  inputs_end();
}

static sl_gate_form *form_of_weight(const char *weight) {
  char text[80];
  sl_gate gate;
  sl_gate_definition *definition;
  sl_gate_form *form;
  sl_error err;
  const int size = snprintf(text, sizeof text, "gate g\nweight = %s\n", weight);
  cr_assert_eq(sl_gate_parse(&gate, &definition, text, (size_t)size, "g.gate", NULL, 0, &err),
               SL_OK, "%s", err.message);
  cr_assert_eq(sl_gate_form_of(&form, definition, &err), SL_OK, "%s", err.message);
  sl_gate_definition_free(definition);
  return form;
}

static long double three_times(long double r) { return 3.0L * r; }
static long double square_of(long double r) { return r * r; }
static long double three_more(long double r) { return r + 3.0L; }
static long double third_of(long double r) { return r / 3.0L; }

/* Contract acc=f64: what binary64 rounds in the value is counted, also of exact operands (spec
 * E2.1). long double has 11 digits more. */
Test(gate_bounds, binary64_rounds_too) {
  static const struct {
    const char *weight;
    long double (*exact)(long double r);
    double first; /* a product, sum or root that binary64 rounds to a short number */
  } one[] = {{"3*r", three_times, 1.0 / 3.0},
             {"r^2", square_of, 0x1.6fa6ea162d0f0p-1},
             {"r + 3", three_more, 1.0 - 0x1p-53},
             {"r/3", third_of, 3.0 + 0x1p-51},
             {"sqrt(r)", sqrtl, 1.0 + 0x1p-52}};
  sl_contract contract = sl_contract_default();
  cr_assert_eq(sl_contract_parse(&contract, "acc=f64,out=f64", NULL, NULL), SL_OK);
  const sl_arith r = sl_arith_of(&contract);
  inputs_begin("rounding of binary64");
  for (size_t k = 0; k < sizeof one / sizeof *one; k++) {
    sl_gate_form *form = form_of_weight(one[k].weight);
    size_t rounded = 0;
    for (int i = 0; i < 200; i++) {
      const double ratio = i ? 0.5 + next_uniform() : one[k].first;
      sl_span scratch[16];
      sl_ball f, w;
      cr_assert(form->side[1].count <= 16);
      sl_walk_expression(&r, &form->side[1], (sl_ball){ratio, 0.0}, scratch, &f, &w);
      const long double exact = one[k].exact(ratio);
      rounded += (long double)w.mid != exact;
      cr_assert(fabsl(exact - w.mid) <= w.rad + 0x1p-62L * fabsl(exact), "%s at %a: %a +- %a",
                one[k].weight, ratio, w.mid, w.rad);
      cr_assert(w.rad <= 0x1p-50 * fabs(w.mid), "%s at %a: %a +- %a", one[k].weight, ratio, w.mid,
                w.rad);
    }
    cr_expect(rounded > 50, "%s", one[k].weight);
    free(form);
  }
  inputs_end();
}

/* What cannot be judged is refused with its reason. */
Test(gate_bounds, inputs_are_checked) {
  sl_gate_form *form;
  sl_error err = {0};
  inputs_begin("gate files");
  cr_expect_eq(sl_gate_form_load(&form, "no_such_gate", NULL, 0, &err), SL_ERR_USAGE);
  form = load("cauchy");
  sl_op_case c = loss_case("", RANDOM, form);
  cr_expect_eq(sl_op_setting_parse(&c, "weight_form=product", &err), SL_OK);
  cr_expect_eq(sl_op_check(&c, &err), SL_ERR_INPUT);
  cr_expect(strstr(err.message, "weight of its file"), "%s", err.message);
  c.setting[15] = 0.0, c.form = NULL;
  cr_expect_eq(sl_op_check(&c, &err), SL_ERR_INPUT);
  cr_expect(strstr(err.message, "its file is needed"), "%s", err.message);
  free(form);
  inputs_end();
}
