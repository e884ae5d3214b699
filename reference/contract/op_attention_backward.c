/* The gradient of attention (spec E2.4): P (dp - D), dp = do v', D = sum P dp = do o', summed over
 * keys for dq and over queries for dk and dv. */
#include "attention.h"

#include "cause.h"

#include <math.h>
#include <stdlib.h>

enum { DO, Q, K, V, LENGTH };         /* inputs */
enum { DQ, DK, DV };                  /* outputs */
enum { WEIGHTS = 2, DP = 4, DS = 8 }; /* stored, beside the forward pass's s */

/* A query's row: the weights, and the gradients of its scores. */
typedef struct {
  sl_op_case forward;
  const double *d_out;
  sl_query query;
  sl_ball *p, *dp, *ds;
  size_t held;
} row;

/* Mistakes in scores and masks are those of the forward pass. */
static int forward_cause(int cause) {
  switch (cause) {
    case SL_CAUSE_ATTENTION_GRAD_ONE_MORE:
      return SL_CAUSE_ATTENTION_ONE_MORE;
    case SL_CAUSE_ATTENTION_GRAD_ONE_LESS:
      return SL_CAUSE_ATTENTION_ONE_LESS;
    case SL_CAUSE_ATTENTION_GRAD_TOP_LEFT:
      return SL_CAUSE_ATTENTION_TOP_LEFT;
    case SL_CAUSE_ATTENTION_GRAD_HEADS:
      return SL_CAUSE_ATTENTION_HEADS;
    case SL_CAUSE_ATTENTION_GRAD_SCALE_BY_D:
      return SL_CAUSE_ATTENTION_SCALE_BY_D;
    case SL_CAUSE_ATTENTION_GRAD_NO_LENGTH:
      return SL_CAUSE_ATTENTION_NO_LENGTH;
    default:
      return cause;
  }
}

static sl_status row_create(row *a, const sl_op_case *c) {
  const size_t n = sl_op_size(c, 'j') + 1;
  *a = (row){.forward = *c, .d_out = c->in[DO], .held = SIZE_MAX};
  a->forward.op = &sl_op_attention;
  for (int i = 0; i < 2; i++) a->forward.cause[i] = forward_cause(c->cause[i]);
  for (int i = Q; i <= LENGTH; i++) a->forward.in[i - Q] = c->in[i];
  const sl_status status = sl_query_create(&a->query, n);
  a->p = calloc(n, sizeof *a->p);
  a->dp = calloc(n, sizeof *a->dp);
  a->ds = calloc(n, sizeof *a->ds);
  return a->p && a->dp && a->ds ? status : SL_ERR_MEMORY;
}

static void row_destroy(row *a) {
  sl_query_destroy(&a->query);
  free(a->p);
  free(a->dp);
  free(a->ds);
}

static sl_ball stored(const sl_arith *r, sl_ball x, unsigned bit) {
  return r->contract->stored & bit ? sl_arith_store(r, x) : x;
}

/* exp(s - lse), lse saved by the forward pass: a rounded difference, and for scaled arguments a
 * rounded constant and product each for s and for lse; 4 for the three and second order. */
static sl_ball by_lse(const sl_arith *r, const sl_query *q, size_t j) {
  const sl_ball s = q->s[j], lse = sl_softmax_lse(&q->row, r);
  const double size = fabs(s.mid) + s.rad + fabs(lse.mid) + lse.rad,
               away = fabs(s.mid - lse.mid) + s.rad + lse.rad,
               rounding = r->both * (r->contract->scaled ? 4.0 * size + away : away);
  return sl_arith_exp(r, (sl_ball){s.mid - lse.mid, s.rad + lse.rad + rounding});
}

static sl_ball dot_with_values(const row *a, const sl_arith *r, size_t index, size_t j) {
  const size_t d = sl_op_size(&a->forward, 'd'), at = sl_query_key_at(&a->forward, index, j);
  sl_arith_sum dot = {0};
  for (size_t e = 0; e < d; e++)
    sl_arith_sum_product(&dot, sl_arith_input(r, a->d_out[index * d + e]),
                         sl_arith_input(r, a->forward.in[2][at + e]));
  return sl_arith_dot_end(r, &dot);
}

/* Over weights in any order, as the forward pass's sums are. */
static sl_ball end_of(const sl_arith *r, const sl_arith_sum *sum) {
  const double depth = sl_softmax_depth(r, sum->terms, 1),
               products = r->contract->order == SL_ORDER_BLOCKS ? depth : (double)sum->terms;
  return sl_arith_sum_end(r, sum, depth, products);
}

/* D as sum P dp, and as do o' with the output as any forward pass has stored it. */
static sl_ball delta_of(const row *a, const sl_arith *r, size_t index, size_t n) {
  const size_t d = sl_op_size(&a->forward, 'd');
  sl_arith_sum by_weights = {0}, by_output = {0};
  for (size_t j = 0; j < n; j++) sl_arith_sum_product(&by_weights, a->p[j], a->dp[j]);
  for (size_t e = 0; e < d; e++) {
    const sl_ball o = sl_query_output(&a->forward, r, &a->query, index, e, NULL);
    sl_arith_sum_product(&by_output, sl_arith_input(r, a->d_out[index * d + e]),
                         sl_arith_store(r, o));
  }
  return sl_arith_worst(end_of(r, &by_weights), sl_arith_dot_end(r, &by_output));
}

/* P (dp - D), and P dp - P D. */
static sl_ball score_grad(const row *a, const sl_arith *r, sl_ball p, sl_ball dp, sl_ball delta) {
  if (sl_has(&a->forward, SL_CAUSE_ATTENTION_GRAD_NO_D)) return sl_arith_mul(r, p, dp);
  return sl_arith_worst(sl_arith_mul(r, p, sl_arith_sub(r, dp, delta)),
                        sl_arith_sub(r, sl_arith_mul(r, p, dp), sl_arith_mul(r, p, delta)));
}

static void row_load(row *a, const sl_arith *r, size_t index, sl_notes *notes) {
  if (a->held == index) return;
  const size_t n = sl_query_keys(&a->forward, index);
  a->held = index;
  sl_query_load(&a->query, &a->forward, r, index, notes);
  for (size_t j = 0; j < n; j++) {
    const sl_ball quotient = sl_arith_div(r, a->query.weight[j], a->query.row.sum),
                  p = sl_arith_worst(quotient, by_lse(r, &a->query, j));
    a->p[j] = stored(r, p, WEIGHTS);
    a->dp[j] = stored(r, dot_with_values(a, r, index, j), DP);
  }
  const sl_ball delta = delta_of(a, r, index, n);
  for (size_t j = 0; j < n; j++)
    a->ds[j] = stored(r, score_grad(a, r, a->p[j], a->dp[j], delta), DS);
  if (n)
    sl_note(notes, "  D = %.6g, within %.3g; first P within %.3g, dp %.3g, ds %.3g", delta.mid,
            delta.rad, a->p[0].rad, a->dp[0].rad, a->ds[0].rad);
}

/* The factor of dq and dk. */
static sl_ball outer_scale(const row *a, const sl_arith *r) {
  if (sl_has(&a->forward, SL_CAUSE_ATTENTION_GRAD_SCALED_ONCE)) return (sl_ball){1.0, 0.0};
  return sl_arith_constant(r, sl_query_scale(&a->forward));
}

static sl_ball query_grad(const row *a, const sl_arith *r, size_t index, size_t e) {
  sl_arith_sum sum = {0};
  for (size_t j = 0; j < sl_query_keys(&a->forward, index); j++) {
    const size_t at = sl_query_key_at(&a->forward, index, j) + e;
    sl_arith_sum_product(&sum, a->ds[j], sl_arith_input(r, a->forward.in[1][at]));
  }
  return sl_arith_mul(r, end_of(r, &sum), outer_scale(a, r));
}

static void walk_queries(row *a, const sl_arith *r, size_t begin, size_t end, sl_ball *balls,
                         sl_notes *notes) {
  const size_t d = sl_op_size(&a->forward, 'd');
  for (size_t i = begin; i < end; i++) {
    row_load(a, r, i / d, i == begin ? notes : NULL);
    balls[i - begin] =
        a->query.row.keys ? query_grad(a, r, i / d, i % d) : (sl_ball){NAN, INFINITY};
  }
}

/* Adds what a query gives to the elements [begin, end) of dk or dv. */
static void add_query(row *a, const sl_arith *r, size_t index, int out, size_t begin, size_t end,
                      sl_arith_sum *sums, sl_notes *notes) {
  const size_t d = sl_op_size(&a->forward, 'd');
  for (size_t j = 0; j < sl_query_keys(&a->forward, index); j++) {
    const size_t at = sl_query_key_at(&a->forward, index, j);
    if (at + d <= begin || at >= end) continue;
    row_load(a, r, index, notes);
    for (size_t e = 0; e < d; e++) {
      if (at + e < begin || at + e >= end) continue;
      const double x = (out == DK ? a->forward.in[0] : a->d_out)[index * d + e];
      sl_arith_sum_product(&sums[at + e - begin], out == DK ? a->ds[j] : a->p[j],
                           sl_arith_input(r, x));
    }
  }
}

/* All heads of a group count; a wrong gradient takes the first alone. */
static int counts(const sl_op_case *c, size_t query) {
  const size_t heads = sl_op_size(c, 'h'), g = sl_op_size(c, 'g'), head = query % heads;
  const int is_first = head == 0 || head * g / heads != (head - 1) * g / heads;
  return is_first || !sl_has(c, SL_CAUSE_ATTENTION_GRAD_ONE_HEAD);
}

/* Queries of all heads of a group; those of sequences that the elements belong to. */
static sl_status walk_keys(row *a, const sl_arith *r, int out, size_t begin, size_t end,
                           sl_ball *balls, sl_notes *notes) {
  const sl_op_case *c = &a->forward;
  const size_t queries = sl_op_size(c, 'i') * sl_op_size(c, 'h'),
               sequence = sl_op_size(c, 'j') * sl_op_size(c, 'g') * sl_op_size(c, 'd');
  sl_arith_sum *sums = calloc(end - begin + 1, sizeof *sums);
  if (!sums) return SL_ERR_MEMORY;
  for (size_t b = begin / sequence; b * sequence < end; b++)
    for (size_t i = 0; i < queries; i++)
      if (counts(c, i))
        add_query(a, r, b * queries + i, out, begin, end, sums, a->held == SIZE_MAX ? notes : NULL);
  const sl_ball scale = outer_scale(a, r);
  for (size_t i = 0; i < end - begin; i++) {
    balls[i] = end_of(r, &sums[i]);
    if (out == DK) balls[i] = sl_arith_mul(r, balls[i], scale);
  }
  free(sums);
  return SL_OK;
}

static sl_status walk_backward(const sl_op_case *c, int out, size_t begin, size_t end,
                               sl_ball *balls, sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  row a;
  sl_status status = row_create(&a, c);
  if (!status && out != DQ) status = walk_keys(&a, &r, out, begin, end, balls, notes);
  if (!status && out == DQ) walk_queries(&a, &r, begin, end, balls, notes);
  row_destroy(&a);
  return status;
}

/* Keys and values behind the end of their sequence are not read. */
static int reads(const sl_op_case *c, int input, size_t index) {
  if ((input != K && input != V) || !c->in[LENGTH]) return 1;
  const size_t width = sl_op_size(c, 'g') * sl_op_size(c, 'd'), keys = sl_op_size(c, 'j');
  return (double)(index / width % keys) < c->in[LENGTH][index / (width * keys)];
}

const sl_op sl_op_attention_backward = {
    .name = "attention_backward",
    .summary = "the gradient of attention's o for do",
    .sizes = "bijhgd",
    .in = {{.name = "do", .shape = "bihd"},
           {.name = "q", .shape = "bihd"},
           {.name = "k", .shape = "bjgd"},
           {.name = "v", .shape = "bjgd"},
           {.name = "length", .shape = "b", .kind = SL_TENSOR_LENGTH, .below = 'j', .optional = 1}},
    .out = {{.name = "dq", .shape = "bihd"},
            {.name = "dk", .shape = "bjgd", .optional = 1},
            {.name = "dv", .shape = "bjgd", .optional = 1}},
    .setting = {{"scale", 0.0, 0.0, 0x1p20}, {"causal", 1.0, 0.0, 1.0}},
    .stored = {"s", "p", "dp", "ds"},
    .reads = reads,
    .check = sl_query_check,
    .walk = walk_backward,
    .reads_all = 1};
