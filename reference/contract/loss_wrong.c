/* Known wrong forms of the loss: masks, denominators, gates (spec E8.1). */
#include "loss_wrong.h"

#include <stddef.h>

static size_t slots(const sl_op_case *c) { return sl_op_size(c, 't'); }

double sl_loss_mask(const sl_op_case *c, size_t i) {
  return sl_has(c, SL_CAUSE_LOSS_NO_MASK) ? 1.0 : c->in[MASK][i];
}

int sl_loss_is_on(const sl_op_case *c, size_t i) {
  return sl_loss_mask(c, i) != 0.0 || sl_has(c, SL_CAUSE_LOSS_MASK_IGNORED);
}

double sl_loss_counted(const sl_op_case *c, size_t s, double n) {
  (void)s;
  if (sl_has(c, SL_CAUSE_LOSS_SLOTS)) return (double)slots(c);
  return n == 0.0 && sl_has(c, SL_CAUSE_LOSS_EMPTY_COUNTS) ? 1.0 : n;
}

/* Tokens and sequences of the part that s is in, and the number of parts. */
typedef struct {
  double tokens, sequences, parts;
} part;

static part part_of(const sl_op_case *c, size_t s) {
  const size_t all = sl_op_size(c, 's'), given = (size_t)c->setting[MICRO_BATCH],
               size = given && given < all ? given : (all + 1) / 2, first = s - s % size,
               end = first + size < all ? first + size : all, parts = (all + size - 1) / size;
  part p = {.parts = (double)parts};
  for (size_t k = first; k < end; k++) {
    double n = 0.0;
    for (size_t t = 0; t < slots(c); t++) n += sl_loss_mask(c, k * slots(c) + t);
    p.tokens += n, p.sequences += n > 0.0;
  }
  return p;
}

static double factor_of(const sl_op_case *c) {
  static const struct {
    sl_cause cause;
    double times;
  } rows[] = {{SL_CAUSE_LOSS_TIMES_2, 2.0},  {SL_CAUSE_LOSS_TIMES_4, 4.0},
              {SL_CAUSE_LOSS_TIMES_8, 8.0},  {SL_CAUSE_LOSS_TIMES_HALF, 0.5},
              {SL_CAUSE_LOSS_QUARTER, 0.25}, {SL_CAUSE_LOSS_EIGHTH, 0.125}};
  double times = 1.0;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (sl_has(c, rows[i].cause)) times *= rows[i].times;
  return times;
}

void sl_loss_wrong_share(sl_loss_share *share, const sl_op_case *c, size_t s) {
  const int by_tokens = c->setting[AGGREGATION] == TOKEN_MEAN;
  share->times = factor_of(c);
  if (sl_has(c, SL_CAUSE_LOSS_BY_SLOTS) && c->setting[AGGREGATION] == SEQUENCE_MEAN)
    share->own = (double)slots(c);
  if (sl_has(c, SL_CAUSE_LOSS_SUM)) share->all = 1.0;
  if (!sl_has(c, SL_CAUSE_LOSS_PARTS)) return;
  const part p = part_of(c, s);
  share->all = (by_tokens ? p.tokens : p.sequences) * p.parts;
}

/* CISPO's cap as 1 + cap, as cap - 1 where it was to be absolute, or beyond every ratio. */
static void wrong_cap(sl_loss_gate *gate, const sl_op_case *c) {
  const double cap = c->setting[CAP];
  if (sl_has(c, SL_CAUSE_LOSS_CAP_PLUS_1)) gate->limit = 1.0 + cap;
  if (sl_has(c, SL_CAUSE_LOSS_CAP_LESS_1)) gate->limit = cap - 1.0;
  if (sl_has(c, SL_CAUSE_LOSS_NO_CAP)) gate->limit = 1e300;
}

/* clip's edges exchanged, or none. */
static void wrong_edges(sl_loss_gate *gate, const sl_op_case *c) {
  const double *set = c->setting;
  if (sl_has(c, SL_CAUSE_LOSS_CLIP_SWAPPED))
    gate->limit = gate->positive ? 1.0 + set[CLIP_LOW] : 1.0 - set[CLIP_HIGH];
  if (sl_has(c, SL_CAUSE_LOSS_NOT_CLIPPED)) gate->family = SL_LOSS_GATE_IDENTITY;
}

/* tau of the other sign, and limits: a gate has those of its family alone. */
void sl_loss_wrong_gate(sl_loss_gate *gate, const sl_op_case *c) {
  const double *set = c->setting;
  if (sl_has(c, SL_CAUSE_LOSS_TAU_SWAPPED))
    gate->tau = gate->positive ? set[TAU_NEG] : set[TAU_POS];
  if (gate->family == SL_LOSS_GATE_CISPO) wrong_cap(gate, c);
  if (gate->family == SL_LOSS_GATE_CLIP) wrong_edges(gate, c);
}

sl_ball sl_loss_wrong_advantage(const sl_op_case *c, const sl_arith *r, sl_ball a, double tokens) {
  const sl_ball one = {1.0, 0.0};
  if (sl_has(c, SL_CAUSE_LOSS_NO_ADVANTAGE)) return one;
  if (!sl_has(c, SL_CAUSE_LOSS_PADDED_ADVANTAGE)) return a;
  return sl_arith_div(r, sl_arith_mul(r, a, (sl_ball){tokens, 0.0}),
                      (sl_ball){(double)slots(c), 0.0});
}

int sl_loss_is_weighted(const sl_op_case *c, int of_kl) {
  if (!c->in[SAMPLER]) return 0;
  return of_kl ? sl_has(c, SL_CAUSE_LOSS_WEIGHTED_KL) : !sl_has(c, SL_CAUSE_LOSS_NOT_WEIGHTED);
}

double sl_loss_wrong_gamma(const sl_op_case *c, double gamma) {
  return sl_has(c, SL_CAUSE_LOSS_ENTROPY_SIGN) ? -gamma : gamma;
}
