/* Examples of gates, the gated loss, advantages, coefficients, the optimiser and digests (spec O,
 * G3.1, N6, F5.3). */
#include "examples.h"

#include <math.h>

static const char *const families[] = {"sigmoid", "erf", "arctan", "softsign", "clip", "identity"};

/* f and w in binary64, before their last rounding: one operation or rule of G3.2 to G3.9 each. */
static void expression(sl_examples *x, const char *text) {
  enum { N = 8 };
  char file[128];
  double f[N], w[N], r[N];
  sl_gate gate;
  sl_gate_definition *owner;
  sl_error err;
  const int size = snprintf(file, sizeof file, "gate example f = %s", text);
  const sl_status status =
      sl_gate_parse(&gate, &owner, file, (size_t)size, "example", NULL, 0, &err);
  sl_example_check(x, status, &err);
  if (status) return;
  sl_example(x, "expression", "%s in binary64", text);
  sl_example_word(x, "f", text);
  const float *single = sl_example_between(x, "r", SL_DIMS(N), 0.0625, 3);
  for (int i = 0; i < N; i++) r[i] = (double)single[i];
  sl_gate_evaluate64(owner, 1, r, f, w, N);
  sl_example_put_f64(x, "out", "f", SL_DIMS(N), f);
  sl_example_put_f64(x, "out", "w", SL_DIMS(N), w);
  sl_gate_definition_free(owner);
}

static void expressions(sl_examples *x) {
  static const char *const texts[] = {
      "exp(r)",      "expm1(r-1)",    "log(r)",        "log1p(r)",  "sigmoid(r-1)", "tanh(r-1)",
      "sinh(r-1)",   "cosh(r-1)",     "sin(3*r)",      "cos(3*r)",  "atan(r-1)",    "asinh(r-1)",
      "erf(r-1)",    "softsign(r-1)", "sqrt(r)",       "abs(r-1)",  "gd(r-1)",      "min(r,2)",
      "r^2",         "r^5",           "r^0.5",         "r^-1.5",    "r^0.3",        "(r+1)^(1/3)",
      "r^(2/0.5-3)", "(r+1)^1e1",     "clip(r,1/2,2)", "r*exp(-r)", "(r-1)/(r+1)",  "pi*r-e/r"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) expression(x, texts[i]);
}

/* A ratio at which 1 - tanh^2 cancels: not the rule of G3.2. */
static void tail_of_tanh(sl_examples *x) {
  const float r = 0x1.0aa9eap+3f;
  float f, w;
  sl_gate gate;
  sl_gate_definition *owner;
  sl_error err;
  const sl_status status = sl_gate_load(&gate, &owner, "tanh", NULL, 0, &err);
  sl_example_check(x, status, &err);
  if (status) return;
  sl_example(x, "gate", "a weight in the tail of tanh");
  sl_example_word(x, "file", "tanh");
  sl_example_word(x, "side", "pos");
  sl_example_put_f32(x, "in", "r", SL_DIMS(1), &r);
  sl_gate_evaluate(owner, 1, &r, &f, &w, 1);
  sl_example_put_f32(x, "out", "f", SL_DIMS(1), &f);
  sl_example_put_f32(x, "out", "w", SL_DIMS(1), &w);
  sl_gate_definition_free(owner);
}

static void built_in_gates(sl_examples *x);

void sl_examples_gate(sl_examples *x) {
  built_in_gates(x);
  tail_of_tanh(x);
  expressions(x);
}

/* By their files' expressions, at ratios on both sides of 1. */
static void built_in_gates(sl_examples *x) {
  enum { N = 12 };
  for (size_t g = 0; g < sl_gate_builtin_count(); g++)
    for (int positive = 0; positive < 2; positive++) {
      sl_gate gate;
      sl_gate_definition *owner;
      sl_error err;
      const char *name = sl_gate_builtin_name(g);
      const sl_status status = sl_gate_load(&gate, &owner, name, NULL, 0, &err);
      sl_example_check(x, status, &err);
      if (status) continue;
      sl_example(x, "gate", "spec/gates/%s.gate for %s", name, positive ? "A > 0" : "A <= 0");
      sl_example_word(x, "file", name);
      sl_example_word(x, "side", positive ? "pos" : "neg");
      const float *r = sl_example_between(x, "r", SL_DIMS(N), g % 2 ? 0.5 : 0, g % 2 ? 1.5 : 5);
      float f[N], w[N];
      sl_gate_evaluate(owner, positive, r, f, w, N);
      if (sl_gate_definition_has_value(owner, positive))
        sl_example_put_f32(x, "out", "f", SL_DIMS(N), f);
      sl_example_put_f32(x, "out", "w", SL_DIMS(N), w);
      sl_gate_definition_free(owner);
    }
}

static void put_sums(sl_examples *x, const sl_loss_sums *sums, size_t n) {
  double *real = sl_example_room(x, n, sizeof *real);
  uint32_t *count = sl_example_room(x, n, sizeof *count);
#define REAL(field)                                               \
  for (size_t i = 0; i < n; i++) real[i] = (double)sums[i].field; \
  sl_example_put_f64(x, "out", #field, SL_DIMS(n), real);
#define COUNT(field)                                       \
  for (size_t i = 0; i < n; i++) count[i] = sums[i].field; \
  sl_example_put_u32(x, "out", #field, SL_DIMS(n), count);
  REAL(objective)
  REAL(centred)
  REAL(kl)
  REAL(entropy)
  REAL(y_sum)
  REAL(y_square_sum)
  REAL(weight_sum)
  REAL(effective_sum)
  REAL(log_ratio_sum)
  COUNT(tokens)
  COUNT(below_half)
  COUNT(clamped)
  COUNT(kl_clamped)
#undef REAL
#undef COUNT
  float *ratio = sl_example_room(x, n, sizeof *ratio);
  for (size_t i = 0; i < n; i++) ratio[i] = sums[i].ratio_max;
  sl_example_put_f32(x, "out", "ratio_max", SL_DIMS(n), ratio);
}

static void put_objective(sl_examples *x, const sl_objective *o) {
  static const char *const levels[] = {"token", "sequence"}, *const kls[] = {"k1", "k2", "k3"};
  const sl_gate_family family = o->gate.family[1]; /* both signs have one in the examples */
  const char *const name =
      family == SL_GATE_EXPRESSION ? sl_gate_definition_name(o->gate.expression) : families[family];
  sl_example_word(x, "gate", name);
  if (family == SL_GATE_CLIP) {
    sl_example_number(x, "low", o->gate.clip_low);
    sl_example_number(x, "high", o->gate.clip_high);
  } else if (family < SL_GATE_CLIP) {
    sl_example_put_f32(x, "in", "tau_neg_pos", SL_DIMS(2), o->gate.tau);
  }
  sl_example_word(x, "level", levels[o->level]);
  sl_example_word(x, "kl", kls[o->kl]);
  sl_example_number(x, "beta", o->beta);
  sl_example_number(x, "gamma", o->gamma);
}

static void call_loss(sl_examples *x, const sl_objective *o, const sl_gated_loss_batch *b) {
  const size_t t = b->seq[b->n_seq];
  float *d = sl_example_room(x, t, sizeof *d), *e = sl_example_room(x, t, sizeof *e);
  sl_loss_sums *sums = sl_example_room(x, b->n_seq, sizeof *sums);
  sl_example_check(x, sl_gated_loss(x->plain, d, e, sums, o, b), NULL);
  sl_example_put_f32(x, "out", "d", SL_DIMS(t), d);
  sl_example_put_f32(x, "out", "e", SL_DIMS(t), e);
  put_sums(x, sums, b->n_seq);
}

static void loss_by(sl_examples *x, const char *what, const sl_objective *o, const uint32_t *seq,
                    size_t n_seq, double spread, int by_token) {
  const size_t t = seq[n_seq];
  sl_example(x, "gated_loss", "%s", what);
  put_objective(x, o);
  sl_example_put_u32(x, "in", "seq", SL_DIMS(n_seq + 1), seq);
  sl_gated_loss_batch b = {.seq = seq, .n_seq = n_seq};
  b.logp_new = sl_example_between(x, "logp_new", SL_DIMS(t), -3 - spread, -3 + spread);
  b.logp_old = sl_example_between(x, "logp_old", SL_DIMS(t), -3 - spread, -3 + spread);
  if (o->beta > 0)
    b.logp_ref = sl_example_between(x, "logp_ref", SL_DIMS(t), -3 - spread, -3 + spread);
  b.entropy = sl_example_between(x, "entropy", SL_DIMS(t), 0, 2);
  uint8_t *mask = sl_example_room(x, t, sizeof *mask);
  uint32_t *unmasked = sl_example_room(x, n_seq, sizeof *unmasked);
  for (size_t s = 0; s < n_seq; s++)
    for (size_t i = seq[s] + 2; i + 1 < seq[s + 1]; i++) mask[i] = 1, unmasked[s]++;
  sl_example_put_mask(x, "mask", t, mask);
  b.mask = mask;
  if (by_token)
    b.token_advantage = sl_example_floats(x, "token_advantage", SL_DIMS(t), 2);
  else
    b.advantage = sl_example_floats(x, "advantage", SL_DIMS(n_seq), 2);
  double *coefficient = sl_example_room(x, n_seq, sizeof *coefficient);
  sl_error err;
  sl_example_check(x,
                   sl_objective_coefficients(coefficient, unmasked, n_seq, o->aggregation,
                                             o->constant_length, &err),
                   &err);
  sl_example_put_f64(x, "in", "coefficient", SL_DIMS(n_seq), coefficient);
  b.coefficient = coefficient;
  call_loss(x, o, &b);
}

static void loss(sl_examples *x, const char *what, const sl_objective *o, const uint32_t *seq,
                 size_t n_seq, double spread) {
  loss_by(x, what, o, seq, n_seq, spread, 0);
}

/* spec O4.7 */
static void advantages_of_tokens(sl_examples *x, const uint32_t *seq, size_t n_seq) {
  sl_objective o = {.gate = {{SL_GATE_SIGMOID, SL_GATE_SIGMOID}, {1.05f, 1.0f}, 0, 0, NULL, NULL},
                    .aggregation = SL_AGG_TOKEN_MEAN,
                    .kl = SL_KL_K3,
                    .beta = 0.04};
  loss_by(x, "an advantage for each token, KL by k3", &o, seq, n_seq, 0.5, 1);
  o = (sl_objective){.gate = {{SL_GATE_CLIP, SL_GATE_CLIP}, {0, 0}, 0.2, 0.28, NULL, NULL},
                     .level = SL_LEVEL_SEQUENCE};
  loss_by(x, "an advantage for each token, sequence level", &o, seq, n_seq, 0.5, 1);
}

/* Terms that cancel unless each is added in its slot's lane. */
static void cancelling_slots(sl_examples *x) {
  enum { T = 20 };
  static const uint32_t seq[] = {0, T};
  static const uint8_t mask[T] = {[1] = 1, [6] = 1, [9] = 1, [17] = 1};
  static const float new[T] = {[1] = -0x1p+60f, [6] = -1}, old[T] = {[17] = -0x1p+60f}, one = 1;
  const double coefficient = 0.25;
  const sl_objective o = {.gate = {.family = {SL_GATE_IDENTITY, SL_GATE_IDENTITY}},
                          .level = SL_LEVEL_SEQUENCE};
  sl_example(x, "gated_loss", "sequence level: a sum over all slots, each in its place");
  put_objective(x, &o);
  sl_example_put_u32(x, "in", "seq", SL_DIMS(2), seq);
  sl_example_put_f32(x, "in", "logp_new", SL_DIMS(T), new);
  sl_example_put_f32(x, "in", "logp_old", SL_DIMS(T), old);
  sl_example_put_mask(x, "mask", T, mask);
  sl_example_put_f32(x, "in", "advantage", SL_DIMS(1), &one);
  sl_example_put_f64(x, "in", "coefficient", SL_DIMS(1), &coefficient);
  call_loss(x, &o,
            &(sl_gated_loss_batch){.seq = seq,
                                   .n_seq = 1,
                                   .mask = mask,
                                   .logp_new = new,
                                   .logp_old = old,
                                   .advantage = &one,
                                   .coefficient = &coefficient});
}

void sl_examples_gated_loss(sl_examples *x) {
  static const uint32_t few[] = {0, 7, 9, 18}, long_one[] = {0, 1105};
  for (int family = 0; family < SL_GATE_EXPRESSION; family++)
    for (int level = 0; level < 2; level++) {
      const sl_objective o = {.gate = {{(sl_gate_family)family, (sl_gate_family)family},
                                       {1.05f, 1.0f},
                                       0.2,
                                       0.28,
                                       NULL,
                                       NULL},
                              .level = (sl_level)level,
                              .aggregation = SL_AGG_SEQUENCE_MEAN,
                              .kl = SL_KL_K3,
                              .beta = family % 2 ? 0.04 : 0,
                              .gamma = family % 3 ? 0 : 0.01};
      char what[120];
      snprintf(what, sizeof what,
               "%s, %s level%s%s; one of three sequences without unmasked tokens", families[family],
               level ? "sequence" : "token", o.beta > 0 ? ", KL by k3" : "",
               o.gamma > 0 ? ", entropy bonus" : "");
      loss(x, what, &o, few, 3, 0.5);
    }
  sl_objective o = {.gate = {{SL_GATE_SIGMOID, SL_GATE_SIGMOID}, {10, 12}, 0, 0, NULL, NULL},
                    .aggregation = SL_AGG_TOKEN_MEAN,
                    .kl = SL_KL_K1,
                    .beta = 0.1};
  loss(x, "far from on policy: some are clamped", &o, few, 3, 70);
  o.kl = SL_KL_K2;
  loss(x, "KL by k2", &o, few, 3, 1);
  o.level = SL_LEVEL_SEQUENCE, o.beta = 0;
  loss(x, "1,102 unmasked tokens at sequence level", &o, long_one, 1, 0.25);

  sl_gate_definition *owner;
  sl_error err;
  sl_objective e = {.aggregation = SL_AGG_CONSTANT, .constant_length = 16};
  const sl_status status = sl_gate_load(&e.gate, &owner, "gudermannian", NULL, 0, &err);
  sl_example_check(x, status, &err);
  if (status) return;
  loss(x, "a gate by its expression (spec/gates/gudermannian.gate)", &e, few, 3, 0.5);
  sl_gate_definition_free(owner);
  cancelling_slots(x);
  advantages_of_tokens(x, few, 3);
}

void sl_examples_advantages(sl_examples *x) {
  static const char *const kinds[] = {"population", "sample", "none", "leave-one-out"};
  static const uint32_t group[] = {0, 4, 6, 9};
  static const double reward[] = {1, 0, 0, 1, 0.25, 0.25, 0.1, -3, 2};
  for (int kind = 0; kind < 4; kind++) {
    float advantage[9];
    size_t flat;
    sl_error err;
    sl_example(x, "advantages", "%s: three groups, one without variance", kinds[kind]);
    sl_example_word(x, "kind", kinds[kind]);
    sl_example_number(x, "eps", 1e-4);
    sl_example_put_u32(x, "in", "group", SL_DIMS(4), group);
    sl_example_put_f64(x, "in", "reward", SL_DIMS(9), reward);
    sl_example_check(
        x, sl_advantages(advantage, &flat, reward, group, 3, (sl_advantage_kind)kind, 1e-4, &err),
        &err);
    sl_example_put_f32(x, "out", "advantage", SL_DIMS(9), advantage);
    const uint64_t count = flat;
    sl_example_put_u64(x, "out", "zero_variance", SL_DIMS(0), &count);
  }
}

void sl_examples_coefficients(sl_examples *x) {
  static const char *const kinds[] = {"sequence-mean", "token-mean", "constant"};
  static const uint32_t tokens[] = {3, 0, 7, 1};
  for (int kind = 0; kind < 3; kind++) {
    double coefficient[4];
    sl_error err;
    sl_example(x, "coefficients", "%s: one sequence without unmasked tokens", kinds[kind]);
    sl_example_word(x, "kind", kinds[kind]);
    sl_example_number(x, "constant_length", 12);
    sl_example_put_u32(x, "in", "tokens", SL_DIMS(4), tokens);
    sl_example_check(
        x, sl_objective_coefficients(coefficient, tokens, 4, (sl_aggregation)kind, 12, &err), &err);
    sl_example_put_f64(x, "out", "coefficient", SL_DIMS(4), coefficient);
  }
}

static void rates(sl_examples *x) {
  static const char *const kinds[] = {"constant", "linear", "cosine"};
  for (int kind = 0; kind < 3; kind++) {
    float rate[8];
    sl_example(x, "learning_rate", "t = 1 ... 8: decay %s, warm-up of 3", kinds[kind]);
    sl_example_word(x, "decay", kinds[kind]);
    sl_example_number(x, "base", 6e-4);
    sl_example_number(x, "final", 0.1);
    sl_example_count(x, "warmup", 3);
    sl_example_count(x, "total", 8);
    for (uint64_t t = 1; t <= 8; t++)
      rate[t - 1] = sl_learning_rate(6e-4, (sl_decay_kind)kind, 0.1, 3, t, 8);
    sl_example_put_f32(x, "out", "lr", SL_DIMS(8), rate);
  }
}

static void steps(sl_examples *x) {
  enum { N = 5 };
  sl_adamw_state state = {1, 1};
  for (int step = 1; step <= 3; step++) {
    sl_example(x, "grad_square_sum clip products adamw_step",
               "update %d of a run, of one tensor: p1 and p2 as the updates before leave them",
               step);
    float *p = sl_example_floats(x, "p", SL_DIMS(N), 1),
          *m = sl_example_floats(x, "m", SL_DIMS(N), 0.1),
          *v = sl_example_between(x, "v", SL_DIMS(N), 0, 0.1);
    const float *g = sl_example_floats(x, "g", SL_DIMS(N), 1);
    sl_example_single(x, "beta1", 0.9f), sl_example_single(x, "beta2", 0.95f);
    sl_example_single(x, "eps", 1e-8f), sl_example_single(x, "lr", 1e-3f);
    sl_example_number(x, "weight_decay", 0.1), sl_example_number(x, "max_norm", 0.5);
    sl_example_number(x, "p1", state.b1_power), sl_example_number(x, "p2", state.b2_power);
    double square;
    sl_example_check(x, sl_grad_square_sum(x->plain, &square, g, N), NULL);
    sl_example_put_f64(x, "out", "norm_squared", SL_DIMS(0), &square);
    const float scale = sl_clip_scale(sqrt(square), 0.5);
    sl_adamw scalars = sl_adamw_scalars(&state, 0.9f, 0.95f, 1e-8f, 1e-3f, scale);
    scalars.decay = sl_adamw_decay(1e-3f, 0.1);
    sl_example_check(x, sl_adamw_step(x->plain, p, m, v, g, &scalars, N), NULL);
    sl_example_put_f32(x, "out", "grad_scale", SL_DIMS(0), &scale);
    sl_example_put_f64(x, "out", "p1", SL_DIMS(0), &state.b1_power);
    sl_example_put_f64(x, "out", "p2", SL_DIMS(0), &state.b2_power);
    sl_example_put_f32(x, "out", "p", SL_DIMS(N), p);
    sl_example_put_f32(x, "out", "m", SL_DIMS(N), m);
    sl_example_put_f32(x, "out", "v", SL_DIMS(N), v);
  }
}

void sl_examples_optimizer(sl_examples *x) {
  rates(x);
  steps(x);
  sl_example(x, "grad_square_sum", "more than a chunk");
  const float *g = sl_example_floats(x, "g", SL_DIMS(2100), 1);
  double square;
  sl_example_check(x, sl_grad_square_sum(x->plain, &square, g, 2100), NULL);
  sl_example_put_f64(x, "out", "norm_squared", SL_DIMS(0), &square);
}

void sl_examples_digest(sl_examples *x) {
  sl_example(x, "tensor_digest", "low and high 64 bits");
  const float *values = sl_example_floats(x, "x", SL_DIMS(11), 3);
  uint64_t digest[2];
  sl_example_check(x, sl_tensor_digest(x->plain, digest, values, 11), NULL);
  sl_example_put_u64(x, "out", "digest", SL_DIMS(2), digest);
}
