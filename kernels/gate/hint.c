/* Names that mean something elsewhere (see hint.h). */
#include "hint.h"

#include <stddef.h>

typedef struct {
  const char *name, *write;
} spelling;

static const spelling names[] = {
    {"A", "'pos f = ...' and 'neg f = ...' for the signs of A"},
    {"R", "r"},
    {"ratio", "r"},
    {"E", "e, or exp(x)"},
    {"arctan", "atan(x)"},
    {"arcsinh", "asinh(x)"},
    {"arsinh", "asinh(x)"},
    {"ln", "log(x)"},
    {"log2", "log(x)/log(2)"},
    {"log10", "log(x)/log(10)"},
    {"pow", "x^2, with a constant exponent"},
    {"square", "x^2"},
    {"cbrt", "x^(1/3)"},
    {"fabs", "abs(x)"},
    {"fmin", "min(x, y)"},
    {"fmax", "max(x, y)"},
    {"minimum", "min(x, y)"},
    {"maximum", "max(x, y)"},
    {"clamp", "clip(x, low, high)"},
    {"sign", "x/abs(x), or pieces: -1 if r < 1 | 1 otherwise"},
    {"tan", "sin(x)/cos(x)"},
    {"sech", "1/cosh(x)"},
    {"csch", "1/sinh(x)"},
    {"erfc", "1 - erf(x)"},
    {"logistic", "sigmoid(x)"},
    {"expit", "sigmoid(x)"},
    {"relu", "max(x, 0)"},
    {"softplus", "log1p(exp(x))"},
    {"atanh", "(log(1 + x) - log(1 - x))/2"},
    {"step", "pieces: 0 if r < 1 | 1 otherwise"},
};

const char *sl_gate_hint_name(const sl_token *name) {
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (sl_token_is(name, names[i].name)) return names[i].write;
  return NULL;
}
