/* Witnesses of refuted properties (spec G4.4): does each break its property? */
#include "witness.h"

#include "box.h"
#include "join_value.h"

#include <string.h>

static int piece_of(const context_t *c, const mpfr_t r) {
  mpfi_t x;
  int found = -1;
  mpfi_init2(x, PREC);
  for (int i = 0; i < c->pieces->joins; i++) {
    slc_ex_interval(x, &c->pieces->field, c->pieces->join[i]);
    if (mpfr_lessequal_p(&x->right, r))
      found = i; /* certainly at or after join i */
    else if (mpfr_lessequal_p(&x->left, r))
      found = -1; /* not certain on which side */
    else
      break;
  }
  mpfi_clear(x);
  return found;
}

static int differ(const context_t *c, int j, int weight, side_t a, side_t b) {
  pieces_t *p = c->pieces;
  return slc_ex_sign(&p->field, slc_ex_sub(&p->field, slc_join_value(p, j, weight, a),
                                           slc_join_value(p, j, weight, b))) != 0;
}

static int jumps(const context_t *c, int j, int weight) {
  const pieces_t *p = c->pieces;
  if (j < 0 || j >= p->joins || (!weight && p->piece[0].f < 0)) return 0;
  if (j && differ(c, j, weight, LEFT, RIGHT)) return 1;
  return (j || weight == (p->piece[0].f < 0)) && differ(c, j, weight, AT, RIGHT);
}

static int against(const context_t *c, int j, side_t from, side_t to, int way) {
  field_t *k = &c->pieces->field;
  return slc_ex_sign(k, slc_ex_sub(k, slc_join_value(c->pieces, j, 1, to),
                                   slc_join_value(c->pieces, j, 1, from))) == -way;
}
static int steps_wrong(const context_t *c, int j) {
  const int one = c->pieces->one;
  if (j < 0 || j >= c->pieces->joins || (j == 0 && c->pieces->piece[0].f >= 0)) return 0;
  return (j && against(c, j, LEFT, AT, j <= one ? 1 : -1)) ||
         against(c, j, AT, RIGHT, j < one ? 1 : -1);
}

/* w at join j itself, where it stands alone: the sign of w - 1. */
static int alone_over(const context_t *c, int j) {
  pieces_t *p = c->pieces;
  return j >= 0 && j < p->joins && slc_join_alone(p, j)
             ? slc_ex_sign(&p->field, slc_ex_sub(&p->field, slc_join_value(p, j, 1, AT),
                                                 slc_ex_si(&p->field, 1, 1)))
             : 0;
}

/* w(1) itself is not 1. */
static int own_value_convicts(const context_t *c) {
  pieces_t *p = c->pieces;
  return slc_ex_sign(&p->field, slc_ex_sub(&p->field, slc_join_value(p, p->one, 1, AT),
                                           slc_ex_si(&p->field, 1, 1))) != 0;
}

static int at_join(const context_t *c, int join, const mpfr_t r) {
  mpfi_t x;
  mpfi_init2(x, PREC);
  slc_ex_interval(x, &c->pieces->field, c->pieces->join[join]);
  const int equal = mpfr_equal_p(&x->left, r) && mpfr_equal_p(&x->right, r);
  mpfi_clear(x);
  return equal;
}

/* Is w at r off 1 (its sign of w - 1), where it has a value? */
static int off_one(const flow_t *w) {
  if (!w->ok) return 0;
  return mpfr_cmp_ui(&w->v.x->left, 1) > 0 ? 1 : mpfr_cmp_ui(&w->v.x->right, 1) < 0 ? -1 : 0;
}

/* Does a switch that jumps stand at its edge at r? Beside r another branch than the one at r may
 * then hold, on both sides. */
static int on_edge(const box_t *b) {
  for (int i = 0; i < b->n; i++) {
    const node_t *n = &b->e->node[i];
    if (n->op == E_SIGN) {
      const unsigned signs = b->flow[n->a].v.signs;
      if (signs != NEG && signs != POS) return 1;
    } else if (n->op == E_PICK) {
      mpfi_srcptr x = b->flow[n->a].v.x, y = b->flow[n->b].v.x;
      if (!mpfr_less_p(&x->right, &y->left) && !mpfr_greater_p(&x->left, &y->right)) return 1;
    }
  }
  return 0;
}

/* Both sides of r = 1 differ from 1 there, or one exceeds it. */
static int one_convicts(const context_t *c, const span_t *r) {
  pieces_t *p = c->pieces;
  int off = 0, over = 0;
  for (int i = p->one - 1; i <= p->one; i++) {
    box_t b;
    slc_box_init(&b, &p->field, &p->piece[i]);
    b.in_piece = 0;
    slc_box_flow(&b, r, NULL);
    const int sign = on_edge(&b) ? 0 : off_one(&b.flow[p->piece[i].w]);
    off += sign != 0, over |= sign > 0;
    slc_box_clear(&b);
  }
  return off == 2 || over;
}

/* Piece i, up to its ends from inside, does at r what the witness says. */
static int piece_convicts(const context_t *c, const claim_t *q, const piece_t *s, int i,
                          const span_t *r) {
  box_t b;
  int ok = 0;
  slc_box_init(&b, &c->pieces->field, s);
  b.by_inner = 0, b.in_piece = 0;
  slc_box_flow(&b, r, NULL);
  const int slope_counts = s->f < 0 || (i && s == &c->pieces->at[i]); /* at a join beyond 0 */
  if (!strcmp(q->refuted_by, "undefined"))
    ok = (s->f >= 0 && b.flow[s->f].never) || (slope_counts && b.flow[s->w].never);
  if (!strcmp(q->refuted_by, "value") && !on_edge(&b)) ok = off_one(&b.flow[s->w]) > 0;
  if (!strcmp(q->refuted_by, "slope") && !on_edge(&b))
    ok = slc_box_slope_signs(&b, s->w) == (i < c->pieces->one ? NEG : POS);
  slc_box_clear(&b);
  return ok;
}

static int witness_convicts(const context_t *c, const claim_t *q) {
  pieces_t *p = c->pieces;
  span_t r;
  int ok = 0;
  if (!strcmp(q->refuted_by, "jump") || !strcmp(q->refuted_by, "jump-value"))
    return jumps(c, q->join, !strcmp(q->refuted_by, "jump"));
  if (!strcmp(q->refuted_by, "step")) return steps_wrong(c, q->join);
  if (!strcmp(q->refuted_by, "value") && (q->join || !mpfr_sgn(q->r)) && alone_over(c, q->join) > 0)
    return 1;
  if (!strcmp(q->refuted_by, "one") && mpfr_cmp_ui(q->r, 1) == 0 && own_value_convicts(c)) return 1;
  if (!strcmp(q->refuted_by, "one") && slc_join_alone(p, p->one)) return alone_over(c, p->one) != 0;
  slc_sp_init(&r);
  mpfi_set_prec(r.x, 512);
  slc_sp_ends(&r, q->r, q->r, 0);
  const int here = piece_of(c, q->r), joined = here >= 0 && at_join(c, here, q->r);
  if (!strcmp(q->refuted_by, "one"))
    ok = mpfr_cmp_ui(q->r, 1) == 0 && one_convicts(c, &r);
  else if (here >= 0 && !strcmp(q->refuted_by, "undefined"))
    ok = piece_convicts(c, q, joined ? &p->at[here] : &p->piece[here], here, &r);
  else if (here >= 0)
    ok = piece_convicts(c, q, &p->piece[here], here, &r) ||
         (joined && here && piece_convicts(c, q, &p->piece[here - 1], here - 1, &r));
  slc_sp_clear(&r);
  return ok;
}

const char *slc_check_refuted(const context_t *c, int i) {
  static const char *const allowed[3] = {"undefined jump jump-value", "one value", "slope step"};
  const claim_t *q = &c->part->p[i];
  if (!strstr(allowed[i], q->refuted_by) || !*q->refuted_by)
    return "a refutation of a kind that does not belong to its property";
  return mpfr_sgn(q->r) >= 0 && witness_convicts(c, q) ? ""
                                                       : "a witness does not break the property";
}

/* r is the larger of what the witness says and of the join that it names. */
int slc_witness_inside(const context_t *c, int i) {
  const claim_t *q = &c->part->p[i];
  pieces_t *p = c->pieces;
  mpq_srcptr old = q->at[c->source->old];
  mpfi_t x;
  if (mpq_sgn(old) <= 0 || q->join < 0 || q->join >= p->joins) return 0;
  mpfi_init2(x, PREC);
  slc_ex_interval(x, &p->field, p->join[q->join]);
  if (mpfr_greater_p(q->r, &x->right)) mpfi_set_fr(x, q->r);
  mpfi_mul_q(x, x, old);
  const int inside = mpfr_cmp_ui(&x->right, 1) < 0;
  mpfi_clear(x);
  return inside;
}

static int piece_above_0(const context_t *c, int i, const span_t *r) {
  box_t b;
  slc_box_init(&b, &c->pieces->field, &c->pieces->piece[i]);
  b.by_inner = 0, b.in_piece = 0;
  slc_box_flow(&b, r, NULL);
  const flow_t *w = &b.flow[c->pieces->piece[i].w];
  const int ok = w->ok && !on_edge(&b) && mpfr_sgn(&w->v.x->left) > 0;
  slc_box_clear(&b);
  return ok;
}

int slc_above_0(const context_t *c, int first, int last) {
  const claim_t *q = &c->part->p[0];
  span_t r;
  if (mpfr_sgn(q->r) < 0) return 0;
  slc_sp_init(&r);
  mpfi_set_prec(r.x, 512);
  slc_sp_ends(&r, q->r, q->r, 0);
  const int here = piece_of(c, q->r);
  int ok = here >= first && here < last && piece_above_0(c, here, &r);
  if (!ok && here > first && here - 1 < last && at_join(c, here, q->r))
    ok = piece_above_0(c, here - 1, &r);
  slc_sp_clear(&r);
  return ok;
}
