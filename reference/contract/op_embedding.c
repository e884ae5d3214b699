/* Rows of a table, and the sums of their gradients (spec E2.4). */
#include "cause.h"

#include <math.h>

static size_t row_of(const sl_op_case *c, size_t token) {
  const size_t id = (size_t)c->in[1][token], rows = sl_op_size(c, 'v');
  if (sl_has(c, SL_CAUSE_EMBEDDING_NEXT)) return (id + 1) % rows;
  return sl_has(c, SL_CAUSE_EMBEDDING_PREVIOUS) ? (id + rows - 1) % rows : id;
}

static sl_status walk_embedding(const sl_op_case *c, int out, size_t begin, size_t end,
                                sl_ball *balls, sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  const size_t d = sl_op_size(c, 'd');
  (void)out;
  for (size_t i = begin; i < end; i++) {
    balls[i - begin] = sl_arith_input(&r, c->in[0][row_of(c, i / d) * d + i % d]);
    if (sl_has(c, SL_CAUSE_EMBEDDING_SCALED))
      balls[i - begin] = sl_arith_mul(&r, balls[i - begin], sl_arith_constant(&r, sqrt((double)d)));
  }
  sl_note(notes, "  a copy");
  return SL_OK;
}

const sl_op sl_op_embedding = {
    .name = "embedding",
    .summary = "y = rows of a table",
    .sizes = "tdv",
    .in = {{.name = "table", .shape = "vd"},
           {.name = "ids", .shape = "t", .kind = SL_TENSOR_INDEX, .below = 'v'}},
    .out = {{.name = "y", .shape = "td"}},
    .walk = walk_embedding};

/* 1 if the token's gradient goes to that row. */
static int goes_to(const sl_op_case *c, size_t token, size_t row) {
  const size_t id = (size_t)c->in[1][token], rows = sl_op_size(c, 'v');
  if (sl_has(c, SL_CAUSE_EMBEDDING_GRAD_NEXT)) return (id + 1) % rows == row;
  if (sl_has(c, SL_CAUSE_EMBEDDING_GRAD_PREVIOUS)) return (id + rows - 1) % rows == row;
  return id == row && !(row == 0 && sl_has(c, SL_CAUSE_EMBEDDING_GRAD_PADDING));
}

static sl_ball end_of(const sl_op_case *c, const sl_arith *r, const sl_arith_sum *s, double depth) {
  const sl_ball sum = sl_arith_sum_end(r, s, depth, 0.0);
  if (!sl_has(c, SL_CAUSE_EMBEDDING_GRAD_MEAN) || s->terms == 0) return sum;
  return sl_arith_div(r, sum, (sl_ball){(double)s->terms, 0.0});
}

static sl_status walk_grad(const sl_op_case *c, int out, size_t begin, size_t end, sl_ball *balls,
                           sl_notes *notes) {
  const sl_arith r = sl_arith_of(&c->contract);
  const size_t d = sl_op_size(c, 'd'), t = sl_op_size(c, 't');
  (void)out;
  for (size_t i = begin; i < end; i++) {
    sl_arith_sum s = {0};
    for (size_t token = 0; token < t; token++) {
      if (!goes_to(c, token, i / d)) continue;
      if (sl_has(c, SL_CAUSE_EMBEDDING_GRAD_LAST)) s = (sl_arith_sum){0};
      sl_arith_sum_add(&s, sl_arith_term(&r, c->in[0][token * d + i % d]));
    }
    const double depth = sl_contract_depth(r.contract, s.terms, 0);
    balls[i - begin] = end_of(c, &r, &s, depth);
    if (i == begin)
      sl_note(notes, "  %zu terms, D = %g, S = %.6g: within %.3g", s.terms, depth, s.magnitude,
              balls[0].rad);
  }
  return SL_OK;
}

const sl_op sl_op_embedding_grad = {
    .name = "embedding_grad",
    .summary = "dtable = the sums of dy over the tokens of each row",
    .sizes = "tdv",
    .in = {{.name = "dy", .shape = "td"},
           {.name = "ids", .shape = "t", .kind = SL_TENSOR_INDEX, .below = 'v'}},
    .out = {{.name = "dtable", .shape = "vd"}},
    .walk = walk_grad};
