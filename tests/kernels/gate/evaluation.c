/* What gates evaluate to: derivatives, equal bits for any way of calling, registers (spec G3.1,
 * G3.2). */
#include "load.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Test(gate, every_built_in_gate_loads_and_is_finite) {
  const float ratios[] = {0.0f, 0x1p-149f, 0.5f, 1.0f, 1.5f, 1e10f, 5e34f};
  for (size_t i = 0; i < sl_gate_builtin_count(); i++) {
    sl_gate gate;
    sl_gate_definition *def = NULL;
    sl_error err;
    float f[7], w[7];
    cr_assert_eq(sl_gate_load(&gate, &def, sl_gate_builtin_name(i), NULL, 0, &err), SL_OK, "%s",
                 err.message);
    cr_assert_str_eq(sl_gate_definition_name(def), sl_gate_builtin_name(i));
    cr_assert(def->expect[1][0] != SL_EXPECT_NONE && def->expect[0][0] != SL_EXPECT_NONE,
              "%s states no expected verdict", sl_gate_builtin_name(i));
    sl_gate_evaluate(def, 1, ratios, f, w, 7);
    cr_assert(isfinite(w[3]));
    sl_gate_definition_free(def);
  }
}

Test(gate, weight_alone_has_no_value) {
  sl_gate_definition *def = NULL;
  sl_gate gate;
  sl_error err;
  const char *text = "gate cispo param cap in [1, 10] default 5 weight = min(r, cap)/r";
  cr_assert_eq(sl_gate_parse(&gate, &def, text, strlen(text), "t.gate", NULL, 0, &err), SL_OK);
  float f, w;
  gate.function(gate.expression, 1, 10.0f, &f, &w);
  cr_assert(gate.family[1] == SL_GATE_EXPRESSION && isnan(f) && w == 0.5f &&
            !sl_gate_definition_has_value(def, 1));
  sl_gate_definition_free(def);
}

/* The weight is the derivative: a difference quotient of f over 2h has error h^2 f'''/6 + u |f| /
 * h; with h = 2^-17, |f'''| <= 100 and |f|
 * <= 10 that is below 2^-27. */
Test(gate, weight_is_the_derivative_of_every_function) {
  static const char *const bodies[] = {"exp(-r)",
                                       "expm1(-r)",
                                       "log(r + 1)",
                                       "log1p(r)",
                                       "sqrt(r + 1)",
                                       "(r + 1)^(1/3)",
                                       "(r + 1)^(-2)",
                                       "(r + 2)^(5/2)/20",
                                       "abs(r - 3)",
                                       "min(r, 2 - r)",
                                       "max(r, 2 - r)",
                                       "sigmoid(r)",
                                       "sin(r)",
                                       "cos(r)",
                                       "sinh(r/2)",
                                       "cosh(r/2)",
                                       "tanh(r)",
                                       "erf(r)",
                                       "atan(r)",
                                       "asinh(r)",
                                       "(r + 1)^(1/2)",
                                       "(r + 2)^(-3/2)",
                                       "(r + 2)^(-1/2)",
                                       "max(r, sqrt(r))",
                                       "min(r, tanh(r))",
                                       "softsign(r - 1)",
                                       "r/(1 + r^2)",
                                       "1/(r + 1)",
                                       "r if r < 2 | 4 - r otherwise"};
  const double h = 0x1p-17, at[] = {0.3, 0.9, 1.7, 2.6};
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    char text[200];
    sl_gate_definition *def = NULL;
    sl_error err;
    snprintf(text, sizeof text, "gate t f = %s", bodies[i]);
    cr_assert_eq(load(text, &def, &err), SL_OK, "%s", text);
    for (int k = 0; k < 4; k++) {
      const double r[3] = {at[k] - h, at[k], at[k] + h};
      double f[3], w[3];
      sl_gate_evaluate64(def, 1, r, f, w, 3);
      cr_assert(fabs((f[2] - f[0]) / (2 * h) - w[1]) < 0x1p-27,
                "%s at %g: %.12g, difference quotient %.12g", bodies[i], at[k], w[1],
                (f[2] - f[0]) / (2 * h));
    }
    sl_gate_definition_free(def);
  }
}

/* Lanes, blocks and folding of constants cannot affect the result. */
Test(gate, one_ratio_at_a_time_gives_the_same_bits) {
  enum { N = 1000 };
  static float r[N], f[N], w[N];
  for (size_t g = 0; g < sl_gate_builtin_count(); g++) {
    sl_gate gate;
    sl_gate_definition *def = NULL;
    sl_error err;
    cr_assert_eq(sl_gate_load(&gate, &def, sl_gate_builtin_name(g), NULL, 0, &err), SL_OK);
    for (int i = 0; i < N; i++) r[i] = (float)i * 0.01f;
    sl_gate_evaluate(def, 0, r, f, w, N);
    for (int i = 0; i < N; i++) {
      float f1, w1;
      sl_gate_evaluate(def, 0, &r[i], &f1, &w1, 1);
      cr_assert(memcmp(&f1, &f[i], 4) == 0 && memcmp(&w1, &w[i], 4) == 0);
    }
    sl_gate_definition_free(def);
  }
}

/* A value that two lets use stays in its register until the second has read it, and a constant's
 * register is no operation's: random chains of lets, and the same operations in C. */
enum { LETS = 24 };
static double random_let(char *text, size_t size, int i, const double *let, double r) {
  const int a = rand() % (i + 1), b = rand() % (i + 1), k = 1 + rand() % 9; /* of i: r itself */
  const double x = a < i ? let[a] : r, y = b < i ? let[b] : r;
  char left[8] = "r", right[8] = "r";
  if (a < i) snprintf(left, sizeof left, "a%d", a);
  if (b < i) snprintf(right, sizeof right, "a%d", b);
  switch (rand() % 5) {
    case 0:
      return snprintf(text, size, "let a%d = %s + %s\n", i, left, right), x + y;
    case 1:
      return snprintf(text, size, "let a%d = %s - %s\n", i, left, right), x - y;
    case 2:
      return snprintf(text, size, "let a%d = %s / %d\n", i, left, k), x / k;
    case 3:
      return snprintf(text, size, "let a%d = %d * %s\n", i, k, left), k * x;
    default:
      return snprintf(text, size, "let a%d = min(%s, %s)\n", i, left, right), y < x ? y : x;
  }
}

Test(gate, registers_are_free_when_all_have_read_them) {
  for (unsigned seed = 1; seed <= 500; seed++) {
    char text[2048] = "gate g\n";
    size_t used = strlen(text);
    double let[LETS], r = 0.3 * seed, f, w;
    sl_gate_definition *def = NULL;
    sl_error err;
    srand(seed);
    for (int i = 0; i < LETS; i++) {
      let[i] = random_let(text + used, sizeof text - used, i, let, r);
      used += strlen(text + used);
    }
    snprintf(text + used, sizeof text - used, "f = a%d", LETS - 1);
    cr_assert_eq(load(text, &def, &err), SL_OK, "seed %u: %s\n%s", seed, err.message, text);
    sl_gate_evaluate64(def, 0, &r, &f, &w, 1);
    cr_assert(f == let[LETS - 1], "seed %u: %a, not %a\n%s", seed, f, let[LETS - 1], text);
    const sl_program *p = &def->program[0];
    for (uint32_t i = 0; i < p->count; i++)
      cr_assert(!p->is_constant[p->code[i].out], "seed %u: operation %u\n%s", seed, i, text);
    sl_gate_definition_free(def);
  }
}

/* `kernel NAME` alone takes the built-in's text, and a file's own parameters; another spelling of
 * it is the same by its normal form. */
Test(gate, a_kernel_alone_is_the_built_in) {
  static const struct {
    const char *text, *as;
    double tau;
  } same[] = {
      {"gate a kernel arctan", "arctan", 1},
      {"gate a kernel identity", "identity", 0},
      {"gate a kernel clip", "clip", 0},
      {"gate a kernel sigmoid param tau in [0.1, 20] default 2", "sigmoid", 2},
      {"gate a kernel sigmoid param tau in [0.1, 20] default 2 let s = sigmoid(tau*r - tau)\n"
       "f = s*4/tau",
       "sigmoid", 2},
      {"gate a kernel clip param low in [0, 1] default 0.2 param high in [0, 1] default 0.2\n"
       "pos f = min(r, high + 1) neg f = max(r, 1 - low)",
       "clip", 0},
      {"gate a kernel identity f = (r + 1)^2/4 - (1 - r)^2/4", "identity", 0}};
  const double r[] = {0, 0.5, 1, 1.5, 7};
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    sl_gate gate, built;
    sl_gate_definition *def = NULL, *builtin = NULL;
    sl_error err;
    const sl_gate_parameter tau = {"tau", {same[i].tau, same[i].tau}};
    cr_assert_eq(
        sl_gate_parse(&gate, &def, same[i].text, strlen(same[i].text), "t.gate", NULL, 0, &err),
        SL_OK, "%s: %s", same[i].text, err.message);
    cr_assert_eq(sl_gate_load(&built, &builtin, same[i].as, same[i].tau > 0 ? &tau : NULL,
                              same[i].tau > 0, &err),
                 SL_OK, "%s", err.message);
    for (int s = 0; s < 2; s++) {
      double f[5], w[5], f2[5], w2[5];
      sl_gate_evaluate64(def, s, r, f, w, 5);
      sl_gate_evaluate64(builtin, s, r, f2, w2, 5);
      for (int k = 0; k < 5; k++)
        cr_expect(fabs(f[k] - f2[k]) <= 0x1p-50 && fabs(w[k] - w2[k]) <= 0x1p-50, "%s, r = %g",
                  same[i].text, r[k]);
    }
    sl_gate_definition_free(def), sl_gate_definition_free(builtin);
  }
}
