/* Gate files: what is read, what is refused and where, the expression's fixed point
 * (spec G1). */
#include "load.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *text, *message;
} refusal;

/* Each message names line and column and what was expected. */
static const refusal refusals[] = {
    {"", "t.gate:1:1: expected a statement 'gate NAME'"},
    {"gate a\n", "t.gate:2:1: expected 'f = ...'"},
    {"gate a f = ", "t.gate:1:12: expected an expression, found the end of the file"},
    {"gate a\nf = r +", "t.gate:2:8: expected an expression"},
    {"gate a\nf = (r", "t.gate:2:7: expected ')'"},
    {"gate a\nf = tua*r", "t.gate:2:5: expected r, a parameter, a 'let' name"},
    {"gate a\nf = exp r", "t.gate:2:9: expected '('"},
    {"gate a\nf = min(r)", "t.gate:2:10: expected ','"},
    {"gate a\nf = r^r", "t.gate:2:7: expected a rational constant as exponent"},
    {"gate a\nf = r^pi", "t.gate:2:7: expected a rational constant"},
    {"gate a\nf = 1.2.3", "t.gate:2:5: expected a number"},
    {"gate a\nf = 1234567890123456789", "t.gate:2:5: expected a number of at most 18 digits"},
    {"gate a\nf = 1e500", "t.gate:2:5: expected a number"},
    {"gate a\nf = r ; r", "t.gate:2:7: expected a name, a number or a sign, found byte 0x3b"},
    {"gate a\nf = r if r < 2", "t.gate:2:15: expected '|'"},
    {"gate a\nf = r if 2 < r | 1 otherwise", "t.gate:2:10: expected a condition on r"},
    {"gate a\nf = r if r < r + 1 | 1 otherwise",
     "t.gate:2:14: expected a bound that does not depend on r"},
    {"gate a\nf = r\nf = 2*r", "t.gate:3:1: expected one definition"},
    {"gate a\nf = r\npos weight = 1", "t.gate:3:5: expected one definition"},
    {"gate a\nparam tau in [2, 1] default 1 f = r",
     "t.gate:2:14: expected a range [low, high] with low <= high, found [2, 1]"},
    {"gate a\nparam tau in [1, 2] default 3 f = r",
     "t.gate:2:29: expected a default within [1, 2], found 3"},
    {"gate a\nparam exp in [1, 2] default 1", "t.gate:2:7: expected a new name"},
    {"gate a\nlet z = r let z = r", "t.gate:2:15: expected a new name"},
    {"gate a\nparam pick in [1, 2] default 1", "t.gate:2:7: expected a new name"},
    {"gate a\nlet sign = r", "t.gate:2:5: expected a new name"},
    {"gate a\nparam t in [1, 2] default 1\nlet t = r", "t.gate:3:5: expected a new name"},
    {"gate a\nold p\nparam p in [0, 1] default 1", "t.gate:3:7: expected a new name"},
    {"gate a\nold r", "t.gate:2:5: expected a new name"},
    {"gate a\nlet tau = 2\npos kernel sigmoid\nneg f = tau*r",
     "t.gate:3:12: expected no 'let tau' beside kernel sigmoid, whose parameter it is"},
    {"gate a\nkernel relu", "t.gate:2:8: expected sigmoid"},
    {"gate a\nkernel sigmoid\nf = r",
     "t.gate:2:8: expected a parameter tau in the file, for kernel sigmoid and A <= 0"},
    {"gate a\npos kernel clip\nf = r",
     "t.gate:2:12: expected a parameter high in the file, for kernel clip and A > 0"},
    {"gate a\nkernel identity\nneg kernel clip\nf = r",
     "t.gate:3:12: expected one 'kernel' for a sign of A, this is a second"},
    {"gate a\nparam tau in [1, 2] default 1\nkernel identity\nneg f = r pos f = 2*r",
     "t.gate:3:8: expected an expression with the kernel's f' = 1 at r = 0, found 2"},
    {"gate a\npos kernel identity\nneg kernel arctan\nparam tau in [1, 2] default 1\nf = r",
     "t.gate:3:12: expected an expression with the kernel's f'"},
    /* what runs is not what is written, though only beyond r = 20, or only next to r = 1.2345 */
    {"gate a\nkernel identity\nf = r if r <= 20 | 21 - exp(20 - r) otherwise",
     "t.gate:2:8: expected kernel identity alone, or beside it what it computes for A <= 0:\n"
     "  f = r"},
    {"gate a\nkernel arctan\nparam tau in [0.1, 20] default 1\n"
     "f = atan(tau*(r - 1))/tau + max(0, 0.0001 - abs(r - 1.2345))",
     "t.gate:2:8: expected kernel arctan alone"},
    {"gate a\nkernel identity\nf = r + 1e-15*(r - 1)", "t.gate:2:8: expected kernel identity"},
    {"gate a\nkernel identity\nparam p in [0, 1] default 0\nf = r + p*r",
     "t.gate:2:8: expected kernel identity"}, /* the same at the default alone */
    {"gate a\nf = r\nrequire sup(f) >= 1", "t.gate:3:16: expected '<='"},
    {"gate a\nf = r\nrequire f <= 1 for q in [1, 2]", "t.gate:3:20: expected r or a parameter"},
    {"gate a\nf = f", "t.gate:2:5: expected an expression in r"},
    {"gate a\nf = r\nhello", "t.gate:3:1: expected a statement"},
    {"gate a\ncite \"open\nf = r", "t.gate:2:6: expected a closing"},
    /* a gate of two arguments: what it may not have, and that nothing runs it */
    {"gate a\nold p\nold q\nf = r", "t.gate:3:1: expected one 'old' in a file, this is a second"},
    {"gate a\nold p\nf = p*r\nrequire f <= 1",
     "t.gate:4:15: expected no 'kernel' and no 'require'"},
    {"gate a\nold p\nkernel identity", "t.gate:3:16: expected no 'kernel' and no 'require'"},
    {"gate a\nold exp\nf = r", "t.gate:2:5: expected a new name"},
    {"gate a\nold p\nf = p*r", "t.gate: gate a has two arguments, r and p ('old p')"},
    /* as other languages write it */
    {"gate a\nf = r**2",
     "t.gate:2:7: expected an expression, found '*'; a power is written with "
     "'^': r^2"},
    {"gate a\nf = arctan(r)",
     "t.gate:2:5: expected r, a parameter, a 'let' name, a constant or a "
     "function, found 'arctan'; write atan(x)"},
    {"gate a\nf = sigmiod(r)",
     "t.gate:2:5: expected r, a parameter, a 'let' name, a constant or a "
     "function, found 'sigmiod'; did you mean sigmoid?"},
    {"gate a\nf = 2r",
     "t.gate:2:6: expected an operator, found 'r'; a product is written with '*'"},
    {"gate a\nf = (r - 1)(r + 1)", "t.gate:2:12: expected an operator, found '('"},
    {"gate a\nparam tau in [1, 2] default 1\nf = atan(tau(r - 1))",
     "t.gate:3:13: expected an operator, found '('"},
    {"gate a\nlet z = r - 1 f = 2 exp(z)", "t.gate:2:21: expected an operator, found 'exp'"},
    {"gate a\nf = e^(-r)",
     "t.gate:2:7: expected a rational constant as exponent (numbers and "
     "parameters under + - * /); e^x is written exp(x)"},
    {"\xef\xbb\xbfgate a\nf = r",
     "t.gate:1:1: expected a name, a number or a sign, found byte 0xef, "
     "the start of a byte order mark: save the file without one"},
    {"gate a\nf = \xcf\x84*r",
     "t.gate:2:5: expected a name, a number or a sign, found byte 0xcf: a "
     "gate file is ASCII"},
    {"gate a\nf = r\nexpect proved proved weak refuted\nneg expect proved proved weak proved",
     "t.gate:4:5: expected one 'expect' for a sign of A, this is a second"},
    /* a requirement of f where there is none */
    {"gate a\nweight = 1/r^2\nrequire f' <= 2\nrequire r*f' + f <= 1",
     "t.gate:4:16: expected a requirement of f' alone, found f: for A > 0 this file gives a weight "
     "alone; f is not given"},
    {"gate a\npos f = r\nneg weight = 1\nrequire sup(f) <= 1",
     "t.gate:4:13: expected a requirement of f' alone, found f: for A <= 0 this"},
    {"gate a\nf = r\nrequire f(1) >= 0",
     "t.gate:3:9: expected f or f' without an argument, found one; the value at one place is "
     "written with a range: require f >= 0 for r in [1, 1]"},
    {"gate a\nf = r\nrequire f'' <= 0", "t.gate:3:11: expected f or f', found a second derivative"},
    {"gate a\nf = r\nrequire sup(r f') <= 2",
     "t.gate:3:15: expected an operator, found 'f'; a product is written with '*'"},
    {"gate a\nf = r\nrequire f <= 1 for r in [0, inf]",
     "t.gate:3:29: expected a number, found 'inf'; without a range of r a requirement is for all"},
    {"gate a\nf = A*r",
     "t.gate:2:5: expected r, a parameter, a 'let' name, a constant or a function, found 'A'; "
     "write 'pos f = ...' and 'neg f = ...' for the signs of A"},
    {"gate a\nf = sigma*r",
     "t.gate:2:5: expected r, a parameter, a 'let' name, a constant or a function, found 'sigma'; "
     "a parameter is declared before its use: param sigma in [LOW, HIGH] default VALUE"},
    {"gate a\nf' = r",
     "t.gate:2:2: expected '=' (f' alone is given as 'weight = ...'), found '"
     "''"},
    {"gate a\nf = r if A > 0 | 1 otherwise",
     "t.gate:2:10: expected a condition on r ('pos f = ...' and 'neg f = ...' are for the signs"},
    {"gate a\nf = r if 0.5 < r < 1 | 1 otherwise",
     "t.gate:2:10: expected a condition on r, such as 'r <= 2' (r comes first, and a piece has one "
     "bound: X if r < 1/2 | Y if r < 1 | Z otherwise), found '0.5'"},
    {"gate a\nf = r if r < 1 else 1",
     "t.gate:2:16: expected '|' and the next piece (X if r < 1 | Y otherwise), found 'else'"},
    {"gate a\nf = np.exp(r)",
     "t.gate:2:7: expected a name, a number or a sign, found byte 0x2e, a point after a name: "
     "functions stand alone, as exp(x)"},
};

/* Where two requirements stand in a row, or one before f, nothing is taken for a product. */
Test(gate, requirements_in_any_order) {
  static const char *const texts[] = {
      "gate a\nrequire f' <= 1\nrequire f <= 2*pi\nf = atan(r - 1)",
      "gate a\nrequire f' <= 1\nweight = 1/(1 + r^2)",
      "gate a\npos expect proved proved weak proved neg expect proved proved weak refuted f = r",
      "# \xcf\x84 in a comment\ngate a\nf = r\ncite \"\xcf\x84\"",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    sl_gate_definition *def = NULL;
    sl_error err = {SL_OK, ""};
    cr_assert_eq(load(texts[i], &def, &err), SL_OK, "%s: %s", texts[i], err.message);
    sl_gate_definition_free(def);
  }
}

Test(gate, refuses_with_the_place) {
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    sl_gate_definition *def = NULL;
    sl_error err = {SL_OK, ""};
    cr_assert_eq(load(refusals[i].text, &def, &err), SL_ERR_INPUT, "%s", refusals[i].text);
    cr_assert_null(def);
    cr_assert_eq(strncmp(err.message, refusals[i].message, strlen(refusals[i].message)), 0,
                 "wanted %s, got %s", refusals[i].message, err.message);
  }
}

/* text = prefix, unit repeated, middle, other unit repeated, suffix */
static char *repeat(const char *prefix, const char *unit, size_t times, const char *middle,
                    const char *other, const char *suffix) {
  const size_t size =
      strlen(prefix) + strlen(middle) + strlen(suffix) + times * (strlen(unit) + strlen(other)) + 1;
  char *text = calloc(size, 1), *at = text;
  at += sprintf(at, "%s", prefix);
  for (size_t i = 0; i < times; i++) at += sprintf(at, "%s", unit);
  at += sprintf(at, "%s", middle);
  for (size_t i = 0; i < times; i++) at += sprintf(at, "%s", other);
  sprintf(at, "%s", suffix);
  return text;
}

static void refuse_repeated(const char *prefix, const char *unit, size_t times, const char *middle,
                            const char *other, const char *want) {
  char *text = repeat(prefix, unit, times, middle, other, "");
  sl_gate_definition *def = NULL;
  sl_error err = {SL_OK, ""};
  cr_assert_eq(load(text, &def, &err), SL_ERR_INPUT);
  cr_assert_not_null(strstr(err.message, want), "%s", err.message);
  free(text);
}

static void accept_repeated(const char *unit, size_t times, const char *other) {
  char *text = repeat("gate a f = ", unit, times, "r", other, "");
  sl_gate_definition *def = NULL;
  sl_error err = {SL_OK, ""};
  cr_expect_eq(load(text, &def, &err), SL_OK, "%zu times '%s': %s", times, unit, err.message);
  sl_gate_definition_free(def);
  free(text);
}

/* An expression and an operand count one each, in brackets again, and so does a sign. */
Test(gate, limits_on_depth_and_size) {
  accept_repeated("(", 49, ")");
  refuse_repeated("gate a f = ", "(", 50, "r", ")", "nested at most 100 deep");
  accept_repeated("-", 98, "");
  refuse_repeated("gate a f = ", "-", 99, "r", "", "nested at most 100 deep");
}

Test(gate, a_tree_that_doubles_at_every_let_is_read_at_once) {
  char text[4096] = "gate a let a0 = r + 1\n";
  for (int i = 1; i < 60; i++) sprintf(text + strlen(text), "let a%d = a%d*a%d\n", i, i - 1, i - 1);
  sprintf(text + strlen(text), "f = a59");
  sl_gate_definition *def = NULL;
  sl_error err;
  cr_assert_eq(load(text, &def, &err), SL_OK);
  char buffer[1000];
  cr_assert_eq(sl_gate_definition_expression(def, 1, 0, buffer, sizeof buffer), 0);
  sl_gate_definition_free(def);
}

Test(gate, printing_is_a_fixed_point) {
  static const char *const expressions[] = {
      "-r^2 - (-3)*r/(2 - r)",      "2^(-1/2)*(r + 1)^(3/2)",
      "a - (b - (r - 1.50)) - -r",  "(r^2)^2*exp(-(r - 1)/0.001)",
      "1e30*r + 1e-30 - 0.25",      "min(abs(r), max(sin(r), softsign(r)))",
      "clip(r, 1 - a, 1 + b)*gd(r)"};
  for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++) {
    char text[600], once[500], twice[500];
    sl_gate_definition *def = NULL;
    sl_error err;
    snprintf(text, sizeof text,
             "gate t param a in [0, 1] default 0.5 param b in [0, 1] default 0.25 f = %s",
             expressions[i]);
    cr_assert_eq(load(text, &def, &err), SL_OK, "%s", expressions[i]);
    cr_assert(sl_gate_definition_expression(def, 1, 0, once, sizeof once));
    sl_gate_definition_free(def);
    snprintf(text, sizeof text,
             "gate t param a in [0, 1] default 0.5 param b in [0, 1] default 0.25 f = %s", once);
    cr_assert_eq(load(text, &def, &err), SL_OK, "%s: %s", once, err.message);
    cr_assert(sl_gate_definition_expression(def, 1, 0, twice, sizeof twice));
    cr_assert_str_eq(once, twice);
    sl_gate_definition_free(def);
  }
}

Test(gate, parameters_are_checked_and_bound) {
  sl_gate gate;
  sl_gate_definition *def = NULL;
  sl_error err;
  const sl_gate_parameter good = {"tau", {1.05, 2.0}}, outside = {"tau", {1.0, 1e9}},
                          unknown = {"eps", {1.0, 1.0}};
  cr_assert_eq(sl_gate_load(&gate, &def, "sigmoid", &outside, 1, &err), SL_ERR_INPUT);
  cr_assert_eq(sl_gate_load(&gate, &def, "sigmoid", &unknown, 1, &err), SL_ERR_USAGE);
  cr_assert_eq(sl_gate_load(&gate, &def, "no-such", NULL, 0, &err), SL_ERR_USAGE);
  cr_assert_eq(sl_gate_load(&gate, &def, "./no/such.gate", NULL, 0, &err), SL_ERR_INPUT);
  cr_assert_eq(sl_gate_load(&gate, &def, "sigmoid", &good, 1, &err), SL_OK);
  cr_assert(gate.family[0] == SL_GATE_SIGMOID && gate.family[1] == SL_GATE_SIGMOID &&
            gate.tau[0] == 1.05f && gate.tau[1] == 2.0f);
  sl_gate_definition_free(def);
}

/* A kernel for each sign, or for one alone (spec G1.3). */
Test(gate, signs_have_kernels_of_their_own) {
  const char *const text =
      "gate t param tau in [1, 3] default pos 2 neg 3 param low in [0, 1] default 0.25\n"
      "pos kernel arctan pos f = 1 + atan(tau*(r - 1))/tau neg kernel clip neg f = max(r, 1 - low)";
  sl_gate_definition *def = NULL;
  sl_gate gate;
  sl_error err;
  cr_assert_eq(sl_gate_parse(&gate, &def, text, strlen(text), "t.gate", NULL, 0, &err), SL_OK, "%s",
               err.message);
  cr_expect(gate.family[1] == SL_GATE_ARCTAN && gate.tau[1] == 2.0f);
  cr_expect(gate.family[0] == SL_GATE_CLIP && gate.clip_low == 0.25 && !gate.function);
  sl_gate_definition_free(def);
  const char *const half =
      "gate t param tau in [1, 3] default 2 f = 1 + atan(tau*(r - 1))/tau\n"
      "neg kernel arctan";
  cr_assert_eq(sl_gate_parse(&gate, &def, half, strlen(half), "t.gate", NULL, 0, &err), SL_OK, "%s",
               err.message);
  cr_expect(gate.family[1] == SL_GATE_EXPRESSION && gate.function && gate.expression);
  cr_expect(gate.family[0] == SL_GATE_ARCTAN && gate.tau[0] == 2.0f);
  sl_gate_definition_free(def);
}
