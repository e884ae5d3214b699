/* Witnesses of refuted properties (spec G4.4): does each break its property? */
#include "witness.h"

#include "beside.h"
#include "box.h"
#include "join_value.h"

#include <stdlib.h>
#include <string.h>

static int piece_of(const context_t *c, const mpfr_t r) {
  mpfi_t x;
  int found = -1;
  mpfi_init2(x, PREC);
  for (int i = 0; i < c->pieces->joins; i++) {
    slc_ex_interval(x, &c->pieces->field, c->pieces->join[i]);
    const int at = mpfr_equal_p(&x->left, r) && mpfr_equal_p(&x->right, r);
    if (at || mpfr_less_p(&x->right, r))
      found = i; /* certainly at join i, or after it */
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
  pieces_t *p = c->pieces;
  field_t *k = &p->field;
  return slc_ex_sign(k, slc_ex_sub(k, slc_join_value(p, j, 1, to),
                                   slc_join_value(p, j, 1, from))) == -way &&
         slc_join_reached(p, j, from) && slc_join_reached(p, j, to);
}
static int steps_wrong(const context_t *c, int j) {
  const int one = c->pieces->one;
  if (j < 0 || j >= c->pieces->joins || (j == 0 && c->pieces->piece[0].f >= 0)) return 0;
  return (j && against(c, j, LEFT, AT, j <= one ? 1 : -1)) ||
         against(c, j, AT, RIGHT, j < one ? 1 : -1);
}

/* The sign of w - 1 at join j itself. At r = 0 f' counts by its limit. */
static int own_over(const context_t *c, int j) {
  pieces_t *p = c->pieces;
  if (j < 0 || j >= p->joins || (j == 0 && p->piece[0].f >= 0)) return 0;
  return slc_ex_sign(
      &p->field, slc_ex_sub(&p->field, slc_join_value(p, j, 1, AT), slc_ex_si(&p->field, 1, 1)));
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

/* Does a switch of w that jumps stand at its edge at r? Beside r another branch than the one at r
 * may then hold, on both sides. A slope is that of a branch in abs, min and max too. */
static int on_edge(const box_t *b, int for_slope) {
  const int w = b->piece->w;
  char *of_w = slc_expr_live(b->e, w);
  int found = 0;
  for (int i = 0; i <= w && !found; i++) {
    const node_t *n = &b->e->node[i];
    if (!of_w[i]) continue;
    if (n->op == E_SIGN || (for_slope && n->op == E_ABS)) {
      const unsigned signs = b->flow[n->a].v.signs;
      found = signs != NEG && signs != POS;
    } else if (n->op == E_PICK || (for_slope && (n->op == E_MIN || n->op == E_MAX))) {
      mpfi_srcptr x = b->flow[n->a].v.x, y = b->flow[n->b].v.x;
      found = !mpfr_less_p(&x->right, &y->left) && !mpfr_greater_p(&x->left, &y->right);
    }
  }
  free(of_w);
  return found;
}

/* Neither of the pieces that meet at r = 1 is 1 there, of which one has w(1); or w has values next
 * to r = 1 that exceed it. */
static int one_convicts(const context_t *c, const span_t *r) {
  pieces_t *p = c->pieces;
  int off = 0, over = 0;
  for (int i = p->one - 1; i <= p->one; i++) {
    box_t b;
    slc_box_init(&b, &p->field, &p->piece[i]);
    b.in_piece = 0;
    slc_box_flow(&b, r, NULL);
    const int sign = on_edge(&b, 0) ? 0 : off_one(&b.flow[p->piece[i].w]);
    off += sign != 0;
    over |= sign > 0 && slc_join_reached(p, p->one, i < p->one ? LEFT : RIGHT);
    slc_box_clear(&b);
  }
  return off == 2 || over;
}

/* The flow of a piece at the point r, up to its ends from inside. */
static void flow_at(box_t *b, const context_t *c, const piece_t *s, const span_t *r) {
  slc_box_init(b, &c->pieces->field, s);
  b->by_inner = 0, b->in_piece = 0;
  slc_box_flow(b, r, NULL);
}

/* Has f or w no value at r? Of w = f' it counts at joins beyond 0. */
static int has_none(const context_t *c, int here, int joined, const span_t *r) {
  const piece_t *s = joined ? &c->pieces->at[here] : &c->pieces->piece[here];
  box_t b;
  flow_at(&b, c, s, r);
  const int never =
      s->f < 0 ? b.flow[s->w].never : b.flow[s->f].never || (joined && here && b.flow[s->w].never);
  slc_box_clear(&b);
  return never;
}

/* Has w values beside the point, inside the piece? from: RIGHT, LEFT: it is the low, the high end
 * of the piece; AT: it lies inside. */
static int has_values_beside(const context_t *c, int i, const mpfr_t r, side_t from) {
  return (from != LEFT && slc_goes_on(c->pieces, i, r, RIGHT)) ||
         (from != RIGHT && slc_goes_on(c->pieces, i, r, LEFT));
}

/* Piece i does at r what the witness says. Inside it w is what the piece is; at its ends, which
 * have values of their own, the piece tells what w tends to, if it goes on from there. */
static int piece_convicts(const context_t *c, const claim_t *q, int i, side_t from,
                          const span_t *r) {
  const piece_t *s = &c->pieces->piece[i];
  box_t b;
  int ok = 0;
  flow_at(&b, c, s, r);
  if (!strcmp(q->refuted_by, "value"))
    ok = !on_edge(&b, 0) && off_one(&b.flow[s->w]) > 0 &&
         (from == AT || has_values_beside(c, i, q->r, from));
  if (!strcmp(q->refuted_by, "slope"))
    ok = !on_edge(&b, 1) && slc_box_slope_signs(&b, s->w) == (i < c->pieces->one ? NEG : POS) &&
         has_values_beside(c, i, q->r, from);
  slc_box_clear(&b);
  return ok;
}

static int one_is_refuted(const context_t *c, const claim_t *q, const span_t *r) {
  pieces_t *p = c->pieces;
  if (mpfr_cmp_ui(q->r, 1)) return 0;
  return own_over(c, p->one) || (!slc_join_alone(p, p->one) && one_convicts(c, r));
}

static int point_convicts(const context_t *c, const claim_t *q) {
  const int here = piece_of(c, q->r), joined = here >= 0 && at_join(c, here, q->r);
  span_t r;
  int ok = 0;
  slc_sp_init(&r);
  mpfi_set_prec(r.x, 512);
  slc_sp_ends(&r, q->r, q->r, 0);
  if (!strcmp(q->refuted_by, "one"))
    ok = one_is_refuted(c, q, &r);
  else if (here >= 0 && !strcmp(q->refuted_by, "undefined"))
    ok = has_none(c, here, joined, &r);
  else if (here >= 0)
    ok = piece_convicts(c, q, here, joined ? RIGHT : AT, &r) ||
         (joined && here && piece_convicts(c, q, here - 1, LEFT, &r));
  slc_sp_clear(&r);
  return ok;
}

/* Is r join J, rounded to 64 bits at least? */
static int names_join(const context_t *c, const claim_t *q) {
  enum { JOIN_BITS = 64 };
  if (q->join >= c->pieces->joins) return 0;
  mpfi_t x;
  mpfr_t by;
  mpfi_init2(x, PREC), mpfr_init2(by, PREC);
  slc_ex_interval(x, &c->pieces->field, c->pieces->join[q->join]);
  mpfr_div_2ui(by, q->r, JOIN_BITS, MPFR_RNDU);
  mpfr_add(&x->right, &x->right, by, MPFR_RNDU);
  mpfr_sub(&x->left, &x->left, by, MPFR_RNDD);
  const int ok = mpfr_lessequal_p(&x->left, q->r) && mpfr_lessequal_p(q->r, &x->right);
  mpfi_clear(x), mpfr_clear(by);
  return ok;
}

static int witness_convicts(const context_t *c, const claim_t *q) {
  if (!strcmp(q->refuted_by, "jump") || !strcmp(q->refuted_by, "jump-value"))
    return names_join(c, q) && jumps(c, q->join, !strcmp(q->refuted_by, "jump"));
  if (!strcmp(q->refuted_by, "step")) return names_join(c, q) && steps_wrong(c, q->join);
  if (!strcmp(q->refuted_by, "value") && names_join(c, q) && own_over(c, q->join) > 0) return 1;
  return q->join == 0 && point_convicts(c, q);
}

const char *slc_check_refuted(const context_t *c, int i) {
  static const char *const allowed[3][3] = {
      {"undefined", "jump", "jump-value"}, {"one", "value", ""}, {"slope", "step", ""}};
  const claim_t *q = &c->part->p[i];
  int k = 0;
  while (k < 3 && strcmp(allowed[i][k], q->refuted_by)) k++;
  if (k == 3 || !*q->refuted_by)
    return "a refutation of a kind that does not belong to its property";
  return mpfr_sgn(q->r) >= 0 && witness_convicts(c, q) ? ""
                                                       : "a witness does not break the property";
}

/* r is the larger of what the witness says and of the join that it names: a witness at a join is
 * that join rounded. */
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

/* Is w above 0 at the witness, as piece i has it? from: as of piece_convicts. */
static int piece_above_0(const context_t *c, int i, side_t from, const span_t *r) {
  const piece_t *s = &c->pieces->piece[i];
  box_t b;
  flow_at(&b, c, s, r);
  const flow_t *w = &b.flow[s->w];
  const int ok = w->ok && !on_edge(&b, 0) && mpfr_sgn(&w->v.x->left) > 0 &&
                 (from == AT || has_values_beside(c, i, c->part->p[0].r, from));
  slc_box_clear(&b);
  return ok;
}

/* At join J itself, which r is. A limit is one only of values. */
static int join_above_0(const context_t *c, int first, int last) {
  const claim_t *q = &c->part->p[0];
  pieces_t *p = c->pieces;
  if (q->join < first || q->join > last || !names_join(c, q)) return 0;
  return slc_ex_sign(&p->field, slc_join_value(p, q->join, 1, AT)) > 0 &&
         (q->join || !p->limit_at_0 || slc_join_reached(p, 0, RIGHT));
}

int slc_above_0(const context_t *c, int first, int last) {
  const claim_t *q = &c->part->p[0];
  span_t r;
  if (mpfr_sgn(q->r) < 0) return 0;
  if (join_above_0(c, first, last)) return 1;
  const int here = piece_of(c, q->r), joined = here >= 0 && at_join(c, here, q->r);
  slc_sp_init(&r);
  mpfi_set_prec(r.x, 512);
  slc_sp_ends(&r, q->r, q->r, 0);
  int ok = q->join == 0 && here >= first && here < last &&
           piece_above_0(c, here, joined ? RIGHT : AT, &r);
  if (!ok && q->join == 0 && here > first && here - 1 < last && joined)
    ok = piece_above_0(c, here - 1, LEFT, &r);
  slc_sp_clear(&r);
  return ok;
}
