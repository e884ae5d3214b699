/* The gated loss and its gradient by log-probs and entropies (spec O1, O2, O4, E2.7). */
#include "expression.h"
#include "loss_gate.h"
#include "softmax.h"

#include "fail.h"

#include <math.h>
#include <stdlib.h>

enum {
  GATE,
  TAU_POS,
  TAU_NEG,
  CLIP_LOW,
  CLIP_HIGH,
  CAP,
  LEVEL,
  AGGREGATION,
  LENGTH,
  SEQUENCES,
  TOKENS,
  BETA,
  KL,
  GAMMA,
  CLAMP,
  WEIGHT_FORM
};                                                             /* settings */
enum { NEW, OLD, REF, ENTROPY, MASK, ADVANTAGE };              /* inputs */
enum { SEQUENCE_MEAN, TOKEN_MEAN, CONSTANT };                  /* aggregations */
enum { K1, K2, K3 };                                           /* KL kinds */
enum { SEQUENCE_LEVEL = 1, PRODUCT = 1, DLOGP = 0, LOSS = 2 }; /* LOSS, DLOGP: outputs */

static const sl_ball zero = {0.0, 0.0}, one = {1.0, 0.0};

/* A clamped log-ratio. outside: the exact one is beyond the clamp; unsure: the kernel's may be on
 * the other side. */
typedef struct {
  sl_ball x;
  int outside, unsure;
} clamped;

/* What the tokens of a sequence share. */
typedef struct {
  size_t held;
  double tokens;
  sl_ball share; /* the coefficient */
  clamped x;     /* at the level of sequences */
} sequence;

typedef struct {
  const sl_op_case *c;
  const sl_arith *r;
  double sequences, tokens; /* of the update: given, or counted */
  sequence s;
  sl_span *scratch; /* of an expression */
} loss;

static size_t slots(const sl_op_case *c) { return sl_op_size(c, 't'); }

static double tokens_of(const sl_op_case *c, size_t s) {
  double n = 0.0;
  for (size_t t = 0; t < slots(c); t++) n += c->in[MASK][s * slots(c) + t];
  return n;
}

static int is_expression(const sl_op_case *c) {
  return c->setting[GATE] == SL_LOSS_GATE_EXPRESSION;
}

static const sl_expression *side_of(const sl_op_case *c, size_t s) {
  return &c->form->side[c->in[ADVANTAGE][s] > 0.0];
}

static loss loss_of(const sl_op_case *c, const sl_arith *r) {
  loss a = {.c = c, .r = r, .s.held = SIZE_MAX};
  for (size_t s = 0; s < sl_op_size(c, 's'); s++) {
    const double n = tokens_of(c, s);
    a.tokens += n, a.sequences += n > 0.0;
  }
  if (c->setting[SEQUENCES] > 0.0) a.sequences = c->setting[SEQUENCES];
  if (c->setting[TOKENS] > 0.0) a.tokens = c->setting[TOKENS];
  return a;
}

static sl_ball input(const loss *a, int which, size_t i) {
  return sl_arith_input(a->r, a->c->in[which][i]);
}

static int is_power(double x) {
  int exponent;
  return frexp(x, &exponent) == 0.5;
}

/* 1 / (a b): two quotients, or two constants and a product. */
static sl_ball reciprocal(const sl_arith *r, double a, double b) {
  const double value = 1.0 / (a * b),
               quotient = (2.0 * r->contract->ulps[SL_ULPS_DIV] + 2.0) * r->u;
  if (is_power(a) && is_power(b) && value >= ldexp(1.0, sl_format_least(r->contract->acc)))
    return (sl_ball){value, 0.0};
  return (sl_ball){value,
                   value * (2.0 * quotient + 2.0 * quotient * quotient + 0x1p-50) + 3.0 * r->tiny};
}

static sl_ball share_of(const loss *a, double tokens) {
  const double *set = a->c->setting;
  if (set[AGGREGATION] == TOKEN_MEAN) return reciprocal(a->r, a->tokens, 1.0);
  return reciprocal(a->r, a->sequences, set[AGGREGATION] == CONSTANT ? set[LENGTH] : tokens);
}

static clamped clamp(const loss *a, sl_ball x) {
  const double limit = a->c->setting[CLAMP], size = fabs(x.mid),
               rounding = sl_format_holds(a->r->contract->acc, limit) ? 0.0 : a->r->both * limit;
  clamped k = {sl_ball_clamp(x, -limit, limit), size > limit,
               fabs(size - limit) <= x.rad + rounding};
  if (size + x.rad + rounding >= limit) k.x.rad += rounding;
  return k;
}

/* y where the log-ratio is inside, else `otherwise`; either, where that is unsure. */
static sl_ball unless_clamped(clamped x, sl_ball y, sl_ball otherwise) {
  if (!x.unsure) return x.outside ? otherwise : y;
  return x.outside ? sl_arith_worst(otherwise, y) : sl_arith_worst(y, otherwise);
}

/* The mean of a sequence's log-ratios (spec O1.2). */
static sl_ball mean_log_ratio(const loss *a, size_t s, double tokens) {
  sl_arith_sum sum = {0};
  for (size_t i = s * slots(a->c); i < (s + 1) * slots(a->c); i++)
    if (a->c->in[MASK][i] != 0.0)
      sl_arith_sum_add(&sum, sl_arith_sub(a->r, input(a, NEW, i), input(a, OLD, i)));
  const double depth = sl_softmax_depth(a->r, slots(a->c), 0);
  return sl_arith_div(a->r, sl_arith_sum_end(a->r, &sum, depth, 0.0), (sl_ball){tokens, 0.0});
}

static void load(loss *a, size_t s, sl_notes *notes) {
  if (a->s.held == s) return;
  a->s = (sequence){.held = s, .tokens = tokens_of(a->c, s)};
  if (a->s.tokens == 0.0) return;
  a->s.share = share_of(a, a->s.tokens);
  if (a->c->setting[LEVEL] == SEQUENCE_LEVEL) a->s.x = clamp(a, mean_log_ratio(a, s, a->s.tokens));
  sl_note(notes, "  sequence %zu: %g tokens, coefficient %.6g, within %.3g", s, a->s.tokens,
          a->s.share.mid, a->s.share.rad);
}

static clamped log_ratio(const loss *a, size_t i) {
  if (a->c->setting[LEVEL] == SEQUENCE_LEVEL) return a->s.x;
  return clamp(a, sl_arith_sub(a->r, input(a, NEW, i), input(a, OLD, i)));
}

static sl_gate_walk expression_at(const loss *a, size_t s, sl_ball ratio) {
  sl_gate_walk walk = {.r = ratio, .chain = one};
  sl_walk_expression(a->r, side_of(a->c, s), ratio, a->scratch, &walk.f, &walk.w);
  return walk;
}

static sl_gate_walk gate_at(const loss *a, size_t i, sl_ball x) {
  const double *set = a->c->setting;
  const int positive = a->c->in[ADVANTAGE][i / slots(a->c)] > 0.0;
  if (is_expression(a->c)) return expression_at(a, i / slots(a->c), sl_arith_exp(a->r, x));
  const sl_loss_gate gate = {.family = (sl_loss_gate_family)(int)set[GATE],
                             .positive = positive,
                             .product = set[WEIGHT_FORM] == PRODUCT,
                             .tau = positive ? set[TAU_POS] : set[TAU_NEG],
                             .limit = set[GATE] == SL_LOSS_GATE_CISPO ? set[CAP]
                                      : positive                      ? 1.0 + set[CLIP_HIGH]
                                                                      : 1.0 - set[CLIP_LOW]};
  return sl_walk_gate(a->r, &gate, sl_arith_exp(a->r, x));
}

/* By automatic differentiation of a mean over the tokens, their n equal terms are added up, and the
 * sum divided by n. */
static sl_ball through_mean(const loss *a, sl_ball d) {
  sl_arith_sum sum = {0};
  for (double n = 0.0; n < a->s.tokens; n += 1.0) sl_arith_sum_add(&sum, d);
  const double depth = sl_softmax_depth(a->r, slots(a->c), 0);
  const sl_ball mean =
      sl_arith_div(a->r, sl_arith_sum_end(a->r, &sum, depth, 0.0), (sl_ball){a->s.tokens, 0.0});
  return sl_arith_worst(d, mean);
}

/* -A c w r, with the gate's chain: five factors, of which the coefficient is two. */
static sl_ball policy_grad(const loss *a, size_t i, sl_notes *notes) {
  const clamped x = log_ratio(a, i);
  const sl_gate_walk g = gate_at(a, i, x.x);
  const sl_ball factor[] = {sl_ball_neg(input(a, ADVANTAGE, i / slots(a->c))), a->s.share, g.w, g.r,
                            g.chain};
  sl_ball d = sl_arith_product(a->r, factor, 5, 7.0);
  if (a->c->setting[LEVEL] == SEQUENCE_LEVEL) d = through_mean(a, d);
  sl_note(notes, "  log-ratio %.6g, within %.3g; ratio %.6g, within %.3g", x.x.mid, x.x.rad,
          g.r.mid, g.r.rad);
  sl_note(notes, "  weight %.6g, within %.3g; -A c w r = %.6g, within %.3g", g.w.mid, g.w.rad,
          d.mid, d.rad);
  return unless_clamped(x, d, zero);
}

/* exp(-y), and exp(-y) - 1 by a function of its own. */
static sl_ball inverse(const loss *a, sl_ball y) { return sl_arith_exp(a->r, sl_ball_neg(y)); }

static sl_ball inverse_less_one(const loss *a, sl_ball y) {
  if (y.mid == 0.0 && y.rad == 0.0) return zero;
  const double value = expm1(-y.mid), error = exp(-y.mid) * expm1(y.rad),
               unit = 2.0 * a->r->contract->ulps[SL_ULPS_EXP] * a->r->u + 0x1p-51;
  if (!(fabs(value) + error <= sl_format_largest(a->r->contract->acc)))
    return (sl_ball){value, INFINITY};
  return (sl_ball){value, error + unit * (fabs(value) + error) + a->r->tiny};
}

static clamped to_reference(const loss *a, size_t i) {
  return clamp(a, sl_arith_sub(a->r, input(a, NEW, i), input(a, REF, i)));
}

/* k3: expm1(-y) + y, and exp(-y) + y - 1 in each of three orders. */
static sl_ball kl_value(const loss *a, sl_ball y) {
  const double kind = a->c->setting[KL];
  if (kind == K1) return y;
  if (kind == K2) {
    const sl_ball square = sl_arith_mul(a->r, y, y);
    return (sl_ball){square.mid / 2.0, square.rad / 2.0 + a->r->tiny * (square.rad > 0.0)};
  }
  const sl_ball e = inverse(a, y), least = sl_arith_add(a->r, inverse_less_one(a, y), y),
                first = sl_arith_add(a->r, sl_arith_sub(a->r, e, one), y),
                second = sl_arith_sub(a->r, sl_arith_add(a->r, e, y), one),
                third = sl_arith_add(a->r, e, sl_arith_sub(a->r, y, one));
  return sl_arith_worst(sl_arith_worst(least, first), sl_arith_worst(second, third));
}

static sl_ball kl_slope(const loss *a, sl_ball y) {
  const double kind = a->c->setting[KL];
  if (kind != K3) return kind == K1 ? one : y;
  return sl_arith_worst(sl_ball_neg(inverse_less_one(a, y)),
                        sl_arith_sub(a->r, one, inverse(a, y)));
}

/* d + beta c slope; of k3 also as three terms, d + beta c - beta c exp(-y), in any order. */
static sl_ball with_kl(const loss *a, size_t i, sl_ball d, sl_notes *notes) {
  const clamped y = to_reference(a, i);
  const sl_ball beta = sl_arith_constant(a->r, a->c->setting[BETA]), share = a->s.share,
                slope = kl_slope(a, y.x), factor[] = {beta, share, slope},
                joined = sl_arith_product(a->r, factor, 3, 5.0);
  sl_ball sum = sl_arith_add(a->r, d, joined);
  if (a->c->setting[KL] == K3) {
    const sl_ball part[] = {beta, share, sl_ball_neg(inverse(a, y.x))};
    sl_arith_sum terms = {0};
    sl_arith_sum_add(&terms, d);
    sl_arith_sum_add(&terms, sl_arith_product(a->r, part, 2, 4.0));
    sl_arith_sum_add(&terms, sl_arith_product(a->r, part, 3, 5.0));
    sum = sl_arith_worst(sum, sl_arith_sum_end(a->r, &terms, 2.0, 0.0));
  }
  sl_note(notes, "  log-ratio to the reference %.6g, slope %.6g, within %.3g; d within %.3g",
          y.x.mid, slope.mid, slope.rad, sum.rad);
  return unless_clamped(y, sum, d);
}

static sl_ball logp_grad(const loss *a, size_t i, sl_notes *notes) {
  const sl_ball d = policy_grad(a, i, notes);
  return a->c->setting[BETA] > 0.0 ? with_kl(a, i, d, notes) : d;
}

static sl_ball entropy_grad(const loss *a) {
  const sl_ball factor[] = {sl_arith_constant(a->r, -a->c->setting[GAMMA]), a->s.share};
  return sl_arith_product(a->r, factor, 2, 4.0);
}

/* Means are taken after the sum of the terms: what they add up to must not overflow either. */
typedef struct {
  sl_arith_sum sum;
  double before; /* magnitudes without their coefficients */
} value;

static void take_term(value *v, const loss *a, sl_ball scale, sl_ball x) {
  const sl_ball factor[] = {scale, a->s.share, x};
  sl_arith_sum_add(&v->sum, sl_arith_product(a->r, factor, 3, 5.0));
  v->before += (fmax(fabs(scale.mid), 1.0) + scale.rad) * (fabs(x.mid) + x.rad);
}

static void take_token(value *v, const loss *a, size_t i) {
  const double *set = a->c->setting;
  const sl_ball advantage = input(a, ADVANTAGE, i / slots(a->c));
  take_term(v, a, sl_ball_neg(advantage), gate_at(a, i, log_ratio(a, i).x).f);
  if (set[BETA] > 0.0)
    take_term(v, a, sl_arith_constant(a->r, set[BETA]), kl_value(a, to_reference(a, i).x));
  if (set[GAMMA] > 0.0) take_term(v, a, sl_arith_constant(a->r, -set[GAMMA]), input(a, ENTROPY, i));
}

/* A weight alone has no value: 1 where a sequence with tokens has such a gate. */
static int has_no_value(const loss *a) {
  if (a->tokens == 0.0 || a->c->setting[GATE] == SL_LOSS_GATE_CISPO) return 1;
  for (size_t s = 0; is_expression(a->c) && s < sl_op_size(a->c, 's'); s++)
    if (side_of(a->c, s)->value == SL_EXPRESSION_NONE && tokens_of(a->c, s) > 0.0) return 1;
  return 0;
}

/* Sums by sequence and over them, by term of the loss, of all slots: no more roundings than a sum
 * of all, and four; the masked ones are exact zeros. */
static sl_ball value_of(loss *a, sl_notes *notes) {
  const size_t n = sl_op_size(a->c, 's') * slots(a->c);
  value v = {0};
  if (has_no_value(a)) return (sl_ball){NAN, INFINITY};
  for (size_t i = 0; i < n; i++) {
    if (a->c->in[MASK][i] == 0.0) continue;
    load(a, i / slots(a->c), NULL);
    take_token(&v, a, i);
  }
  const double depth = sl_softmax_depth(a->r, n, 0) + 4.0;
  sl_ball sum = sl_arith_sum_end(a->r, &v.sum, depth, 4.0);
  sl_note(notes, "  %g tokens of %g sequences; terms %.6g, errors %.3g, D = %g: within %.3g",
          a->tokens, a->sequences, v.sum.magnitude, v.sum.error, depth, sum.rad);
  if (!(v.before * (1.0 + 2.0 * sl_arith_gamma(a->r, depth)) <=
        sl_format_largest(a->r->contract->acc)))
    sum.rad = INFINITY;
  return sum;
}

static sl_status take_scratch(loss *a) {
  const sl_expression *side = is_expression(a->c) ? a->c->form->side : NULL;
  if (!side) return SL_OK;
  const uint32_t most = side[0].count > side[1].count ? side[0].count : side[1].count;
  a->scratch = calloc(most, sizeof *a->scratch);
  return a->scratch ? SL_OK : SL_ERR_MEMORY;
}

static sl_status walk_loss(const sl_op_case *c, int out, size_t begin, size_t end, sl_ball *balls,
                           sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  loss a = loss_of(c, &r);
  const sl_status status = take_scratch(&a);
  if (status) return status;
  for (size_t i = begin; i < end; i++) {
    sl_notes *own = i == begin ? notes : NULL;
    if (out == LOSS) {
      balls[i - begin] = value_of(&a, own);
      continue;
    }
    load(&a, i / slots(c), own);
    balls[i - begin] = c->in[MASK][i] == 0.0 ? zero
                       : out == DLOGP        ? logp_grad(&a, i, own)
                                             : entropy_grad(&a);
  }
  free(a.scratch);
  return SL_OK;
}

static int reads(const sl_op_case *c, int which, size_t index) {
  if (which >= MASK) return 1;
  if (which == REF && c->setting[BETA] == 0.0) return 0;
  if (which == ENTROPY && c->setting[GAMMA] == 0.0) return 0;
  return c->in[MASK][index] == 1.0;
}

static sl_status check(const sl_op_case *c, sl_error *err) {
  if (c->setting[BETA] > 0.0 && !c->in[REF])
    return sl_contract_fail(err, SL_ERR_INPUT, "gated_loss: beta is %g: logp_ref is needed",
                            c->setting[BETA]);
  if (c->setting[GAMMA] > 0.0 && !c->in[ENTROPY])
    return sl_contract_fail(err, SL_ERR_INPUT, "gated_loss: gamma is %g: entropy is needed",
                            c->setting[GAMMA]);
  if (is_expression(c) && !c->form)
    return sl_contract_fail(err, SL_ERR_INPUT, "gated_loss: gate=expression: its file is needed");
  if (is_expression(c) && c->setting[WEIGHT_FORM] == PRODUCT)
    return sl_contract_fail(err, SL_ERR_INPUT,
                            "gated_loss: weight_form=product: a gate that is an expression has the "
                            "weight of its file");
  return SL_OK;
}

const sl_op sl_op_gated_loss = {
    .name = "gated_loss",
    .summary = "L = -J of the gated objective, and its gradient by log-probs and entropies",
    .sizes = "st",
    .in = {{.name = "logp_new", .shape = "st"},
           {.name = "logp_old", .shape = "st"},
           {.name = "logp_ref", .shape = "st", .optional = 1},
           {.name = "entropy", .shape = "st", .optional = 1},
           {.name = "mask", .shape = "st", .kind = SL_TENSOR_FLAG},
           {.name = "advantage", .shape = "s"}},
    .out = {{.name = "dlogp", .shape = "st"},
            {.name = "dentropy", .shape = "st", .optional = 1},
            {.name = "loss", .shape = "", .optional = 1}},
    .setting = {{"gate", SL_LOSS_GATE_SIGMOID, SL_LOSS_GATE_SIGMOID, SL_LOSS_GATE_EXPRESSION},
                {"tau_pos", 1.0, 0x1p-20, 0x1p10},
                {"tau_neg", 1.05, 0x1p-20, 0x1p10},
                {"clip_low", 0.2, 0.0, 0x1p20},
                {"clip_high", 0.2, 0.0, 0x1p20},
                {"cap", 5.0, 0.0, 0x1p20},
                {"level", 0.0, 0.0, SEQUENCE_LEVEL},
                {"aggregation", SEQUENCE_MEAN, SEQUENCE_MEAN, CONSTANT},
                {"length", 1024.0, 1.0, 0x1p40},
                {"sequences", 0.0, 0.0, 0x1p40},
                {"tokens", 0.0, 0.0, 0x1p40},
                {"beta", 0.0, 0.0, 0x1p20},
                {"kl", K3, K1, K3},
                {"gamma", 0.0, 0.0, 0x1p20},
                {"clamp", 80.0, 1.0, 1e30},
                {"weight_form", 0.0, 0.0, PRODUCT}},
    .choices = {[GATE] = "sigmoid|erf|arctan|softsign|clip|identity|cispo|expression",
                [LEVEL] = "token|sequence",
                [AGGREGATION] = "sequence_mean|token_mean|constant",
                [KL] = "k1|k2|k3",
                [WEIGHT_FORM] = "stable|product"},
    .reads = reads,
    .check = check,
    .walk = walk_loss};
