/* Values at joins (see join_value.h). */
#include "join_value.h"

#include "box.h"

/* Over numbers that hold the join, of both of its sides: the signs on the open piece say nothing.
 */
static int is_enclosed(pieces_t *p, int j, int weight, side_t from) {
  const piece_t *s = slc_piece_towards(p, j, from);
  mpfi_t join, range[MAX_PARAMS];
  span_t x;
  box_t b;
  mpfi_init2(join, 512);
  slc_ex_interval(join, &p->field, p->join[j]);
  slc_sp_init(&x);
  slc_sp_ends(&x, &join->left, &join->right, 0);
  slc_box_init(&b, &p->field, s);
  b.in_piece = 0;
  for (int i = 0; i < MAX_PARAMS; i++) {
    mpfi_init2(range[i], 53);
    mpfi_interv_si(range[i], 0, 1);
  }
  slc_box_flow(&b, &x, (const mpfi_t *)range);
  const flow_t *y = &b.flow[weight ? s->w : s->f];
  const int ok = y->ok && slc_sp_bounded(&y->v);
  for (int i = 0; i < MAX_PARAMS; i++) mpfi_clear(range[i]);
  slc_box_clear(&b);
  mpfi_clear(join);
  slc_sp_clear(&x);
  return ok;
}

int slc_join_known(pieces_t *p, int j, int weight, side_t from) {
  return slc_join_value(p, j, weight, from) || is_enclosed(p, j, weight, from);
}

/* Does it jump nowhere where it has a value? */
static int is_continuous(const expr_t *e) {
  for (int i = 0; i < e->count; i++)
    if (e->node[i].op == E_SIGN || e->node[i].op == E_PICK) return 0;
  return 1;
}

/* One expression on both, and it jumps nowhere? */
static int is_one(const piece_t *x, const piece_t *y, int weight) {
  expr_t both;
  slc_expr_init(&both);
  const int left = slc_expr_copy_root(&both, &x->e, weight ? x->w : x->f),
            right = slc_expr_copy_root(&both, &y->e, weight ? y->w : y->f),
            same = left >= 0 && left == right && is_continuous(&both);
  slc_expr_clear(&both);
  return same;
}

/* An expression that is continuous at the join has one value there; else values are compared. */
int slc_join_same(pieces_t *p, int join, int weight, side_t a, side_t b) {
  if (slc_ex_equal(&p->field, slc_join_value(p, join, weight, a),
                   slc_join_value(p, join, weight, b)))
    return 1;
  const piece_t *x = slc_piece_towards(p, join, a), *y = slc_piece_towards(p, join, b);
  if (!is_one(x, y, weight)) return 0;
  const series_t found = slc_se_expr(&p->field, &x->e, weight ? x->w : x->f, p->join[join], 1);
  return found.n > 0 || is_enclosed(p, join, weight, a);
}

/* At r = 0 there is one side: f' has its limit; where a weight's expression goes on at 0 and jumps
 * nowhere, what value it has there, if any, is the limit. */
int slc_join_alone(pieces_t *p, int join) {
  if (join == 0 && (p->piece[0].f >= 0 ||
                    is_one(slc_piece_towards(p, 0, AT), slc_piece_towards(p, 0, RIGHT), 1)))
    return 0;
  return !slc_join_same(p, join, 1, AT, RIGHT) && !(join && slc_join_same(p, join, 1, AT, LEFT));
}

static int agree(pieces_t *p, int join, int weight, side_t a, side_t b) {
  return slc_join_same(p, join, weight, a, b) && slc_join_known(p, join, weight, a) &&
         slc_join_known(p, join, weight, b);
}

int slc_join_agrees(pieces_t *p, int join, int weight) {
  return agree(p, join, weight, AT, RIGHT) && (!join || agree(p, join, weight, LEFT, RIGHT));
}
