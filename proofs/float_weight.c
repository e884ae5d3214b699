/* Weights as the kernels compute them (spec O2.1, O2.2), or as the expression does (spec G3.1). */
#include "float_weight.h"

#include "proofs/prover/arb_function.h"

#include <sluice/functions.h>

/* An upper bound of the relative distance of tau in binary32 from tau. */
static double tau_error(float rounded, sl_decimal tau) {
  arb_t exact, t;
  mag_t m;
  arb_init(exact), arb_init(t), mag_init(m);
  sl_arb_decimal(exact, tau, 128);
  arb_set_d(t, (double)rounded);
  arb_sub(t, t, exact, 128);
  arb_div(t, t, exact, 128);
  arb_get_mag(m, t);
  const double error = arb_contains_zero(t) ? 0 : mag_get_d(m) * (1 + 0x1p-29);
  arb_clear(exact), arb_clear(t), mag_clear(m);
  return error;
}

/* W(z), z = tau (r - 1), of a smooth family (spec O2.1). */
static sl_ref family_weight(sl_tree *t, sl_gate_family family, sl_decimal tau) {
  const sl_ref one = sl_tree_int(t, 1), two = sl_tree_int(t, 2),
               y = sl_tree_binary(t, SL_OP_SUB, sl_tree_unary(t, SL_OP_R, SL_NO_REF), one),
               z = sl_tree_binary(t, SL_OP_MUL, sl_tree_decimal(t, tau), y),
               square = sl_tree_binary(t, SL_OP_MUL, z, z),
               sum = sl_tree_binary(t, SL_OP_ADD, one, square);
  if (family == SL_GATE_SIGMOID) {
    const sl_ref up = sl_tree_unary(t, SL_OP_SIGMOID, z),
                 down = sl_tree_unary(t, SL_OP_SIGMOID, sl_tree_unary(t, SL_OP_NEG, z));
    return sl_tree_binary(t, SL_OP_MUL, sl_tree_int(t, 4), sl_tree_binary(t, SL_OP_MUL, up, down));
  }
  if (family == SL_GATE_ERF) {
    const sl_ref half = sl_tree_binary(t, SL_OP_DIV, square, two);
    return sl_tree_unary(t, SL_OP_EXP, sl_tree_unary(t, SL_OP_NEG, half));
  }
  if (family == SL_GATE_ARCTAN) return sl_tree_binary(t, SL_OP_DIV, one, sum);
  return sl_tree_binary(t, SL_OP_POW, sum, sl_tree_binary(t, SL_OP_DIV, sl_tree_int(t, -3), two));
}

void sl_float_weight_init(sl_float_weight *k, const sl_gate *gate, const sl_gate_definition *def,
                          int positive) {
  const sl_gate_family family = gate->family[positive];
  sl_decimal value[SL_GATE_PARAMETER_LIMIT] = {{0}};
  sl_ref f;
  *k = (sl_float_weight){.gate = gate, .def = def, .positive = positive};
  sl_tree_init(&k->tree);
  sl_tree_init(&k->form);
  for (int i = 0; i < def->param_count; i++) value[i] = def->param[i].value[positive];
  sl_gate_definition_roots(def, positive, value, &k->tree, &f, &k->w);
  if (family < SL_GATE_CLIP) {
    const sl_decimal tau = sl_gate_definition_named(def, "tau")->value[positive];
    k->tau_error = tau_error(gate->tau[positive], tau);
    k->form_w = family_weight(&k->form, family, tau);
  } else {
    k->form_w = sl_tree_copy(&k->form, &k->tree, k->w, NULL, SL_NO_REF, SL_NO_REF);
  }
}

void sl_float_weight_clear(sl_float_weight *k) {
  sl_tree_clear(&k->tree);
  sl_tree_clear(&k->form);
}

void sl_float_weights(const sl_float_weight *k, const float *r, float *w, size_t n) {
  const sl_gate *gate = k->gate;
  const int positive = k->positive;
  const float tau = gate->tau[positive], high = (float)(1 + gate->clip_high),
              low = (float)(1 - gate->clip_low);
  switch (gate->family[positive]) {
    case SL_GATE_SIGMOID:
      for (size_t i = 0; i < n; i++) w[i] = sl_fn_sech2h(tau * (r[i] - 1.0f));
      break;
    case SL_GATE_ERF:
      for (size_t i = 0; i < n; i++) w[i] = sl_fn_gaussh(tau * (r[i] - 1.0f));
      break;
    case SL_GATE_ARCTAN:
      for (size_t i = 0; i < n; i++) w[i] = sl_fn_lorentz(tau * (r[i] - 1.0f));
      break;
    case SL_GATE_SOFTSIGN:
      for (size_t i = 0; i < n; i++) w[i] = sl_fn_rhypot3(tau * (r[i] - 1.0f));
      break;
    case SL_GATE_CLIP:
      for (size_t i = 0; i < n; i++)
        w[i] = positive ? (r[i] <= high ? 1.0f : 0.0f) : (r[i] >= low ? 1.0f : 0.0f);
      break;
    case SL_GATE_IDENTITY:
      for (size_t i = 0; i < n; i++) w[i] = 1.0f;
      break;
    case SL_GATE_EXPRESSION:
      sl_gate_evaluate(k->def, positive, r, NULL, w, n);
      break;
  }
}
