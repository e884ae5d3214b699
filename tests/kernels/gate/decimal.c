/* Exact decimals (spec G1.5): their order, also where two read as one binary64 number. */
#include "kernels/gate/definition.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static sl_decimal decimal(const char *text) {
  sl_decimal out = {0, 0};
  cr_assert(sl_decimal_parse(text, &out), "%s", text);
  return out;
}

/* Ascending, no two equal; neighbours in a line of the table read as one number, or nearly. */
static const char *const ascending[] = {"-1e400",
                                        "-999999999999999999e382",
                                        "-9007199254740993",
                                        "-9007199254740992",
                                        "-1.00000000000000001",
                                        "-1",
                                        "-0.999999999999999999",
                                        "-1e-399",
                                        "-1e-400",
                                        "0",
                                        "1e-400",
                                        "1.00000000000000001e-383",
                                        "1.00000000000000002e-383",
                                        "0.0999999999999999999",
                                        "0.1",
                                        "0.100000000000000001",
                                        "0.7",
                                        "0.700000000000000001",
                                        "0.999999999999999999",
                                        "1",
                                        "1.00000000000000001",
                                        "9007199254740992",
                                        "9007199254740993",
                                        "999999999999999999",
                                        "1e18",
                                        "1e399",
                                        "1e400"};
enum { VALUES = sizeof ascending / sizeof *ascending };

Test(decimal, are_ordered_exactly) {
  for (int i = 0; i < VALUES; i++)
    for (int k = 0; k < VALUES; k++)
      cr_expect_eq(sl_decimal_cmp(decimal(ascending[i]), decimal(ascending[k])), (i > k) - (i < k),
                   "%s and %s", ascending[i], ascending[k]);
  const sl_decimal ten = {10, 0}, also = {1, 1}, most = {INT64_MAX, 0}, less = {INT64_MAX - 1, 0};
  cr_expect_eq(sl_decimal_cmp(ten, also), 0);
  cr_expect_eq(sl_decimal_cmp(most, less), 1);
  cr_expect_eq(sl_decimal_cmp(most, decimal("1e18")), 1);
  cr_expect_eq(sl_decimal_cmp(most, decimal("1e19")), -1);
}

/* A binary64 number that is given stands for its shortest decimal, which has to lie in the range:
 * 0.7 does not where the file ends it at 0.699999999999999999, which reads as the same number. */
Test(decimal, a_value_lies_in_the_declared_range_exactly) {
  static const struct {
    const char *range;
    double value;
    int lies;
  } rows[] = {{"[0.1, 0.7]", 0.7, 1},
              {"[0.1, 0.699999999999999999]", 0.7, 0},
              {"[0.1, 0.700000000000000001]", 0.7, 1},
              {"[0.100000000000000001, 1]", 0.1, 0},
              {"[0.1, 1]", 0.1, 1},
              {"[0.1, 1]", (double)INFINITY, 0},
              {"[0, 1]", (double)NAN, 0}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char text[200];
    sl_gate gate;
    sl_gate_definition *def = NULL;
    sl_error err;
    const sl_gate_parameter at = {"t", {rows[i].value, rows[i].value}};
    snprintf(text, sizeof text, "gate a param t in %s default 0.5 f = t*r", rows[i].range);
    const sl_status status = sl_gate_parse(&gate, &def, text, strlen(text), "a", &at, 1, &err);
    cr_expect_eq(status, rows[i].lies ? SL_OK : SL_ERR_INPUT, "%s", rows[i].range);
    if (status == SL_OK) sl_gate_definition_free(def);
  }
}

/* What is bound is the decimal of the definition, on both sides, and runs as binary64. */
Test(decimal, a_definition_is_bound_again_to_its_decimals) {
  static const char text[] = "gate a param t in [0, 1e17] default pos 1 neg 2 f = r*t";
  sl_gate gate;
  sl_gate_definition *def;
  sl_error err;
  const double r = 1;
  double w;
  cr_assert_eq(sl_gate_parse(&gate, &def, text, strlen(text), "a", NULL, 0, &err), SL_OK);
  def->param[0].value[0] = decimal("9007199254740993");
  def->param[0].value[1] = decimal("0.700000000000000001");
  cr_assert_eq(sl_gate_definition_bind(&gate, def, &err), SL_OK);
  cr_expect(def->param[0].value[0].m == 9007199254740993);
  sl_gate_evaluate64(def, 0, &r, NULL, &w, 1);
  cr_expect_eq(w, 0x1p53);
  sl_gate_evaluate64(def, 1, &r, NULL, &w, 1);
  cr_expect_eq(w, 0.7);
  sl_gate_definition_free(def);
}
