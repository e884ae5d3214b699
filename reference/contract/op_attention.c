/* Attention of grouped heads, causal or not, with a number of keys for each sequence (spec E2.3,
 * E2.4). */
#include "attention.h"

#include "cause.h"
#include "fail.h"

#include <math.h>
#include <stdlib.h>

enum { SCALE, CAUSAL };           /* settings */
enum { SCORES = 1, WEIGHTS = 2 }; /* stored */

sl_status sl_query_create(sl_query *a, size_t keys) {
  *a = (sl_query){.held = SIZE_MAX};
  a->s = calloc(keys + 1, sizeof *a->s);
  a->weight = calloc(keys + 1, sizeof *a->weight);
  return a->s && a->weight ? SL_OK : SL_ERR_MEMORY;
}

void sl_query_destroy(sl_query *a) {
  free(a->s);
  free(a->weight);
}

size_t sl_query_key_at(const sl_op_case *c, size_t index, size_t j) {
  const size_t h = sl_op_size(c, 'h'), g = sl_op_size(c, 'g'), i = sl_op_size(c, 'i'),
               keys = sl_op_size(c, 'j'), batch = index / (h * i);
  const size_t head = index % h,
               group = sl_has(c, SL_CAUSE_ATTENTION_HEADS) ? head % g : head * g / h;
  return ((batch * keys + j) * g + group) * sl_op_size(c, 'd');
}

/* Keys up to the diagonal. */
static size_t keys_below(const sl_op_case *c, size_t length, size_t i, size_t queries) {
  size_t end = i + 1; /* plus length - queries */
  if (sl_has(c, SL_CAUSE_ATTENTION_TOP_LEFT)) return end < length ? end : length;
  end += (size_t)sl_has(c, SL_CAUSE_ATTENTION_ONE_MORE);
  end -= (size_t)sl_has(c, SL_CAUSE_ATTENTION_ONE_LESS);
  const size_t keys = length + end > queries ? length + end - queries : 0;
  return keys < length ? keys : length;
}

size_t sl_query_keys(const sl_op_case *c, size_t index) {
  const size_t h = sl_op_size(c, 'h'), queries = sl_op_size(c, 'i'), i = index / h % queries;
  const int has_length = c->in[3] && !sl_has(c, SL_CAUSE_ATTENTION_NO_LENGTH);
  const size_t length = has_length ? (size_t)c->in[3][index / (h * queries)] : sl_op_size(c, 'j');
  if (c->setting[CAUSAL] == 0.0) return length;
  return keys_below(c, length, i, queries);
}

double sl_query_scale(const sl_op_case *c) {
  const double d = (double)sl_op_size(c, 'd');
  if (sl_has(c, SL_CAUSE_ATTENTION_SCALE_BY_D)) return 1.0 / d;
  return c->setting[SCALE] > 0.0 ? c->setting[SCALE] : 1.0 / sqrt(d);
}

static void note_scores(const sl_op_case *c, const sl_arith *r, sl_ball s, sl_notes *notes) {
  const size_t d = sl_op_size(c, 'd');
  sl_note(notes, "  first score %.6g, within %.3g: a dot of %zu (D = %g), times scale %.6g", s.mid,
          s.rad, d, sl_contract_depth(r->contract, d, 1), sl_query_scale(c));
}

void sl_query_load(sl_query *a, const sl_op_case *c, const sl_arith *r, size_t index,
                   sl_notes *notes) {
  if (a->held == index) return;
  const size_t d = sl_op_size(c, 'd'), n = sl_query_keys(c, index);
  const sl_ball scale = sl_arith_constant(r, sl_query_scale(c));
  sl_softmax_row row;
  for (size_t j = 0; j < n; j++) {
    sl_arith_sum dot = {0};
    const double *q = c->in[0] + index * d, *k = c->in[1] + sl_query_key_at(c, index, j);
    for (size_t e = 0; e < d; e++)
      sl_arith_sum_product(&dot, sl_arith_input(r, q[e]), sl_arith_input(r, k[e]));
    a->s[j] = sl_arith_mul(r, sl_arith_dot_end(r, &dot), scale);
    if (c->contract.stored & SCORES) a->s[j] = sl_arith_store(r, a->s[j]);
  }
  if (n) note_scores(c, r, a->s[0], notes);
  sl_softmax_walk(&row, r, a->s, a->weight, n, notes);
  a->row = row, a->held = index;
}

/* P as it is stored. Before a rescaling it is a weight by a lower maximum, a larger number: what
 * its rounding loses is u of it, and after the rescaling u of P, where P itself would lose half an
 * ulp. An exact P is 1, which has its maximum already, or 0. */
static sl_ball stored_weight(const sl_op_case *c, const sl_arith *r, sl_ball p, int rescaled) {
  const sl_ball own = sl_arith_store(r, p);
  if (!rescaled || own.rad == p.rad) return own;
  const double unit = sl_format_unit(c->contract.out) * (fabs(p.mid) + p.rad);
  return (sl_ball){own.mid, fmax(own.rad, p.rad + unit)};
}

/* sum P v / l, or sum (P / l) v where `shared`; P or its share may be stored first. The rescalings
 * of the accumulator are counted in the weights. */
static sl_ball form_of(const sl_op_case *c, const sl_arith *r, const sl_query *a, size_t index,
                       size_t e, int shared, sl_notes *notes) {
  const size_t n = sl_query_keys(c, index);
  const double joins = (double)sl_contract_rescalings(r->contract, n);
  sl_arith_sum sum = {0};
  for (size_t j = 0; j < n; j++) {
    sl_ball p = shared ? sl_arith_div(r, a->weight[j], a->row.sum) : a->weight[j];
    if (c->contract.stored & WEIGHTS) p = stored_weight(c, r, p, !shared && joins > 0.0);
    sl_arith_sum_product(&sum, p, sl_arith_input(r, c->in[2][sl_query_key_at(c, index, j) + e]));
  }
  const double depth = sl_softmax_depth(r, n, 1),
               products = r->contract->order == SL_ORDER_BLOCKS ? depth : (double)n,
               underflows = shared ? products : products * exp(a->row.shift);
  const sl_ball o = sl_arith_sum_end(r, &sum, depth, underflows);
  sl_note(notes, "  sum %s v: errors of the weights %.3g, D = %g, S = %.6g: within %.3g",
          shared ? "(P / l)" : "P", sum.error, depth, sum.magnitude, o.rad);
  return shared ? o : sl_arith_div(r, o, a->row.sum);
}

sl_ball sl_query_output(const sl_op_case *c, const sl_arith *r, const sl_query *a, size_t index,
                        size_t e, sl_notes *notes) {
  return sl_arith_worst(form_of(c, r, a, index, e, 0, notes), form_of(c, r, a, index, e, 1, notes));
}

static sl_status walk_attention(const sl_op_case *c, int out, size_t begin, size_t end,
                                sl_ball *balls, sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  const size_t d = sl_op_size(c, 'd');
  sl_query a;
  const sl_status status = sl_query_create(&a, sl_op_size(c, 'j'));
  for (size_t i = begin; !status && i < end; i++) {
    const size_t index = out == 0 ? i / d : i;
    sl_notes *own = i == begin ? notes : NULL;
    sl_query_load(&a, c, &r, index, own);
    if (a.row.keys == 0)
      balls[i - begin] = (sl_ball){NAN, INFINITY};
    else if (out == 1)
      balls[i - begin] = sl_softmax_lse(&a.row, &r);
    else
      balls[i - begin] = sl_query_output(c, &r, &a, index, i % d, own);
  }
  sl_query_destroy(&a);
  return status;
}

/* Keys and values behind the end of their sequence are not read; a length that is no number leaves
 * them all unread, and is refused itself. */
static int reads(const sl_op_case *c, int input, size_t index) {
  if ((input != 1 && input != 2) || !c->in[3]) return 1;
  const size_t row = sl_op_size(c, 'g') * sl_op_size(c, 'd'), keys = sl_op_size(c, 'j');
  return (double)(index / row % keys) < c->in[3][index / (row * keys)];
}

sl_status sl_query_check(const sl_op_case *c, sl_error *err) {
  const size_t h = sl_op_size(c, 'h'), g = sl_op_size(c, 'g');
  if (h % g == 0) return SL_OK;
  return sl_contract_fail(err, SL_ERR_INPUT,
                          "%s: %zu heads (h) are no multiple of %zu kv heads (g)", c->op->name, h,
                          g);
}

const sl_op sl_op_attention = {
    .name = "attention",
    .summary = "softmax(scale q k') v; scale 0: 1/sqrt(d); head h reads kv head h g / heads",
    .sizes = "bijhgd",
    .in = {{.name = "q", .shape = "bihd"},
           {.name = "k", .shape = "bjgd"},
           {.name = "v", .shape = "bjgd"},
           {.name = "length", .shape = "b", .kind = SL_TENSOR_LENGTH, .below = 'j', .optional = 1}},
    .out = {{.name = "o", .shape = "bihd"}, {.name = "lse", .shape = "bih", .optional = 1}},
    .setting = {{"scale", 0.0, 0.0, 0x1p20}, {"causal", 1.0, 0.0, 1.0}},
    .stored = {"s", "p"},
    .reads = reads,
    .check = sl_query_check,
    .walk = walk_attention};
