/* Cutting an expression at the roots of its affine switches (see pieces.h). */
#include "pieces.h"

#include "course.h"
#include "limit.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  exact_t slope, offset;
} line_t;

/* Lines of all nodes that are affine in r. */
static line_t *lines(field_t *k, const expr_t *e) {
  line_t *v = calloc((size_t)e->count, sizeof *v);
  char *has_r = calloc((size_t)e->count, 1);
  if (!v || !has_r) abort();
  for (int i = 0; i < e->count; i++) {
    const node_t *n = &e->node[i];
    const int child[] = {n->a, n->b, n->c, n->d};
    has_r[i] = n->op == E_R;
    for (int c = 0; c < slc_expr_arity(n->op); c++) has_r[i] |= has_r[child[c]];
    const line_t a = n->a >= 0 ? v[n->a] : (line_t){NULL, NULL},
                 b = n->b >= 0 ? v[n->b] : (line_t){NULL, NULL};
    if (!has_r[i]) {
      const series_t s = slc_se_expr(k, e, i, slc_ex_si(k, 0, 1), 1);
      v[i] = (line_t){slc_ex_si(k, 0, 1), s.n ? s.c[0] : NULL};
    } else if (n->op == E_R) {
      v[i] = (line_t){slc_ex_si(k, 1, 1), slc_ex_si(k, 0, 1)};
    } else if (n->op == E_NEG) {
      v[i] = (line_t){slc_ex_sub(k, slc_ex_si(k, 0, 1), a.slope),
                      slc_ex_sub(k, slc_ex_si(k, 0, 1), a.offset)};
    } else if (n->op == E_ADD || n->op == E_SUB) {
      v[i] = n->op == E_ADD
                 ? (line_t){slc_ex_add(k, a.slope, b.slope), slc_ex_add(k, a.offset, b.offset)}
                 : (line_t){slc_ex_sub(k, a.slope, b.slope), slc_ex_sub(k, a.offset, b.offset)};
    } else if (n->op == E_MUL && (slc_ex_zero(a.slope) || slc_ex_zero(b.slope))) {
      const line_t f = slc_ex_zero(a.slope) ? a : b, l = slc_ex_zero(a.slope) ? b : a;
      v[i] = (line_t){slc_ex_mul(k, f.offset, l.slope), slc_ex_mul(k, f.offset, l.offset)};
    } else if (n->op == E_DIV && slc_ex_zero(b.slope)) {
      v[i] = (line_t){slc_ex_div(k, a.slope, b.offset), slc_ex_div(k, a.offset, b.offset)};
    }
  }
  free(has_r);
  return v;
}

static line_t decision(field_t *k, const node_t *n, const line_t *v) {
  if (n->op == E_ABS || n->op == E_SIGN || n->op == E_SOFTSIGN) return v[n->a];
  return (line_t){slc_ex_sub(k, v[n->a].slope, v[n->b].slope),
                  slc_ex_sub(k, v[n->a].offset, v[n->b].offset)};
}
static exact_t root(field_t *k, line_t g) {
  if (!g.slope || !g.offset || !slc_ex_sign(k, g.slope)) return NULL;
  return slc_ex_sub(k, slc_ex_si(k, 0, 1), slc_ex_div(k, g.offset, g.slope));
}

/* The order of two numbers: -1, 1; 0 equal by an identity; 2 not certain. */
static int order(pieces_t *p, exact_t a, exact_t b) {
  if (slc_ex_equal(&p->field, a, b)) return 0;
  const unsigned signs = slc_ex_signs(&p->field, slc_ex_sub(&p->field, a, b));
  if (signs & NEG && signs & POS) return 2;
  if (signs & NIL) p->weak_order = 1;
  return signs & NEG ? -1 : signs & POS ? 1 : 2;
}

/* -1 below or at the low end, 0 inside, 1 at or above the high end, 2 not certain */
static int place(pieces_t *p, exact_t c, int i) {
  const int low = order(p, c, p->join[i]);
  if (low <= 0) return -1;
  const int high = i + 1 < p->joins ? order(p, c, p->join[i + 1]) : -1;
  if (high == 0 || high == 1) return 1;
  return low == 2 || high == 2 ? 2 : 0;
}

static int insert_join(pieces_t *p, exact_t c) {
  if (p->joins == SEGMENTS) return 0;
  for (int i = 0; i < p->joins; i++) {
    const int s = order(p, c, p->join[i]);
    if (s == 0 || s == 2 || (s < 0 && i == 0)) return 0;
    if (s > 0) continue;
    memmove(&p->join[i + 1], &p->join[i], (size_t)(p->joins - i) * sizeof *p->join);
    p->join[i] = c;
    p->joins++;
    return 1;
  }
  p->join[p->joins++] = c;
  return 1;
}

/* Which way a switch goes where what it decides on has these signs: -1 as for <= 0, 1 as for >= 0
 * (of PICK > 0), 0 not known. */
static int way(op_t op, unsigned signs) {
  if (op == E_SIGN) return signs == NEG || signs == NIL || signs == POS;
  if (!(signs & POS)) return -1;
  return !(signs & NEG) && (op != E_PICK || !(signs & NIL));
}

static int replaced(expr_t *e, const node_t *n, const int *map, unsigned signs) {
  const int up = way(n->op, signs) > 0;
  switch (n->op) {
    case E_ABS:
      return up ? map[n->a] : slc_expr_add(e, E_NEG, map[n->a], -1, -1, -1);
    case E_SIGN:
      return slc_expr_si(e, signs == NEG ? -1 : signs == POS);
    case E_SOFTSIGN:
      return slc_expr_add(e, E_DIV, map[n->a],
                          slc_expr_add(e, up ? E_ADD : E_SUB, slc_expr_si(e, 1), map[n->a], -1, -1),
                          -1, -1);
    case E_MIN:
      return up ? map[n->b] : map[n->a];
    case E_MAX:
      return up ? map[n->a] : map[n->b];
    default: /* PICK: a <= b */
      return up ? map[n->d] : map[n->c];
  }
}

/* The signs of a line on the open piece i. */
static unsigned line_signs(pieces_t *p, line_t g, int i) {
  field_t *k = &p->field;
  if (!g.slope || !g.offset) return ANY;
  if (slc_ex_zero(g.slope)) return slc_ex_signs(k, g.offset);
  const exact_t c = root(k, g);
  const int side = c ? place(p, c, i) : 2;
  const unsigned slope = slc_ex_signs(k, g.slope);
  return side == -1 ? slope : side == 1 ? slc_signs_minus(slope) : ANY;
}

/* The signs of what switch x decides on, on the open piece i or at join i itself. */
static unsigned decide(pieces_t *p, const expr_t *e, int x, const line_t *v, int i, int at) {
  const node_t *n = &e->node[x];
  const line_t g = decision(&p->field, n, v);
  if (!at && g.slope && g.offset) return line_signs(p, g, i);
  piece_t s = {.inner = -1};
  slc_expr_init(&s.e);
  const int a = slc_expr_copy_root(&s.e, e, n->a), two = n->b >= 0,
            b = two ? slc_expr_copy_root(&s.e, e, n->b) : -1;
  s.w = two ? slc_expr_add(&s.e, E_SUB, a, b, -1, -1) : a;
  unsigned signs = ANY;
  if (s.w >= 0) slc_course_match(p, &s);
  if (s.w >= 0 && at) {
    const series_t t = slc_se_expr(&p->field, &s.e, s.w, p->join[i], 1);
    signs = t.n ? slc_ex_signs(&p->field, t.c[0]) : ANY;
    /* continuous there, it is at the end what it is on a piece, or 0 */
    for (int k = i - 1; t.n && !p->weak_order && k <= i; k++)
      if (k >= 0 && signs & NEG && signs & POS) signs &= slc_course_signs(p, &s, k) | NIL;
  } else if (s.w >= 0) {
    signs = slc_course_signs(p, &s, i);
  }
  slc_expr_clear(&s.e);
  return signs;
}

/* Copies what f and w need and decides the switches that it can. 1: it decided one; 0: none; -1:
 * too large. */
static int pass(pieces_t *p, int i, int at, const expr_t *from, int f, int w, expr_t *to, int *f2,
                int *w2) {
  line_t *v = lines(&p->field, from);
  int *map = calloc((size_t)from->count, sizeof *map), changed = 0, ok = 1;
  char *live = calloc((size_t)from->count, 1);
  if (!map || !live) abort();
  if (f >= 0) live[f] = 1;
  live[w] = 1;
  for (int x = from->count - 1; x >= 0; x--) {
    const node_t *n = &from->node[x];
    const int child[] = {n->a, n->b, n->c, n->d};
    for (int c = 0; live[x] && c < slc_expr_arity(n->op); c++) live[child[c]] = 1;
  }
  for (int x = 0; x < from->count && ok; x++) {
    const node_t *n = &from->node[x];
    if (!live[x]) continue;
    const unsigned signs = slc_expr_is_switch(n->op) ? decide(p, from, x, v, i, at) : ANY;
    const int decided = slc_expr_is_switch(n->op) && way(n->op, signs);
    changed |= decided;
    map[x] = decided ? replaced(to, n, map, signs) : slc_expr_copy(to, n, map);
    ok = map[x] >= 0;
  }
  *f2 = f >= 0 ? map[f] : -1, *w2 = map[w];
  free(v), free(map), free(live);
  return ok ? changed : -1;
}

static int resolve(pieces_t *p, int i, int at, const expr_t *e, int f, int w) {
  piece_t *s = at ? &p->at[i] : &p->piece[i];
  const expr_t *from = e;
  for (int round = 0; round < 12; round++) {
    expr_t to;
    int f2, w2;
    slc_expr_init(&to);
    const int changed = pass(p, i, at, from, f, w, &to, &f2, &w2);
    if (round) slc_expr_clear(&s->e);
    s->e = to, s->f = f = f2, s->w = w = w2;
    from = &s->e;
    if (changed <= 0) return changed == 0;
  }
  return 0;
}

/* The first root inside the piece of a switch that is left; NULL: none, or not certain. */
static exact_t open_root(pieces_t *p, int i, int *uncertain) {
  const expr_t *e = &p->piece[i].e;
  line_t *v = lines(&p->field, e);
  exact_t found = NULL;
  int where = -1;
  for (int x = 0; x < e->count && (where == -1 || where == 1); x++) {
    if (!slc_expr_is_switch(e->node[x].op)) continue;
    found = root(&p->field, decision(&p->field, &e->node[x], v));
    where = found ? place(p, found, i) : -1;
  }
  free(v);
  *uncertain = where == 2;
  return where == 0 ? found : NULL;
}

/* Does ref depend on r by a path that does not lead through z? */
static int depends_beside(const expr_t *e, int ref, int z) {
  unsigned char *depends = calloc((size_t)ref + 1, 1);
  if (!depends) abort();
  for (int i = 0; i <= ref; i++) {
    const node_t *n = &e->node[i];
    const int child[] = {n->a, n->b, n->c, n->d};
    depends[i] = n->op == E_R;
    for (int c = 0; c < slc_expr_arity(n->op); c++) depends[i] |= depends[child[c]];
    if (i == z) depends[i] = 0;
  }
  const int result = depends[ref];
  free(depends);
  return result;
}

void slc_piece_signs(pieces_t *p, int i) {
  piece_t *s = &p->piece[i];
  const int weak_order = p->weak_order; /* the roots of these lines are no joins */
  line_t *v = lines(&p->field, &s->e);
  free(s->signs);
  s->signs = malloc((size_t)s->e.count);
  if (!s->signs) abort();
  for (int x = 0; x < s->e.count; x++) s->signs[x] = (unsigned char)line_signs(p, v[x], i);
  p->weak_order = weak_order;
  free(v);
}

static void find_inner(pieces_t *p, piece_t *s) {
  line_t *v = lines(&p->field, &s->e);
  s->inner = -1;
  for (int i = s->w - 1; i >= 0 && s->inner < 0; i--) {
    if (s->e.node[i].op == E_R || !v[i].slope || !v[i].offset) continue;
    s->inner_sign = slc_ex_sign(&p->field, v[i].slope);
    if (s->inner_sign && !depends_beside(&s->e, s->w, i)) s->inner = i;
  }
  free(v);
}

int slc_pieces_make(pieces_t *p, const expr_t *e, int f, int w) {
  p->joins = 2;
  p->join[0] = slc_ex_si(&p->field, 0, 1);
  p->join[1] = slc_ex_si(&p->field, 1, 1);
  for (int k = 0; k < 2; k++) {
    int known = !p->end[k];
    for (int i = 0; i < p->joins; i++) known |= slc_ex_equal(&p->field, p->end[k], p->join[i]);
    if (!known && !insert_join(p, p->end[k])) return 0;
  }
  for (int i = 0; i < p->joins; i++) {
    if (p->piece[i].e.node) slc_expr_clear(&p->piece[i].e), p->piece[i].e.node = NULL;
    if (!resolve(p, i, 0, e, f, w)) return 0;
    int uncertain;
    const exact_t c = open_root(p, i, &uncertain);
    if (uncertain) return 0;
    if (!c) continue;
    if (!insert_join(p, c)) return 0;
    i = -1;
  }
  for (int i = 0; i < p->joins; i++) {
    if (!resolve(p, i, 1, e, f, w)) return 0;
    p->at[i].inner = -1;
    slc_piece_signs(p, i);
    find_inner(p, &p->piece[i]);
    for (int k = 0; k < FORMS; k++) p->piece[i].form[k] = -1;
  }
  for (p->one = 0; !slc_ex_equal(&p->field, p->join[p->one], slc_ex_si(&p->field, 1, 1));) p->one++;
  return 1;
}

void slc_pieces_clear(pieces_t *p) {
  for (int i = 0; i < SEGMENTS; i++) {
    if (p->piece[i].e.node) slc_expr_clear(&p->piece[i].e);
    free(p->piece[i].signs);
    if (p->at[i].e.node) slc_expr_clear(&p->at[i].e);
  }
  if (p->course_e.node) slc_expr_clear(&p->course_e);
  slc_field_clear(&p->field);
}

const piece_t *slc_piece_towards(const pieces_t *p, int join, side_t from) {
  if (join == 0 && from == AT && p->limit_at_0) from = RIGHT;
  return from == AT ? &p->at[join] : &p->piece[from == LEFT ? join - 1 : join];
}

exact_t slc_join_value(pieces_t *p, int join, int weight, side_t from) {
  if (join == 0 && from == AT && p->limit_at_0) from = RIGHT;
  const piece_t *s = slc_piece_towards(p, join, from);
  const series_t t = slc_se_expr(&p->field, &s->e, weight ? s->w : s->f, p->join[join], 1);
  if (t.n || from == AT) return t.n ? t.c[0] : NULL;
  const limit_t limit =
      slc_limit(&p->field, &s->e, weight ? s->w : s->f, p->join[join], from == LEFT ? -1 : 1);
  return limit.kind == L_FINITE ? limit.value : NULL;
}

/* Has it a value everywhere, and no jump? A quotient of numbers has. */
static int is_everywhere(const expr_t *e, int ref) {
  char *live = slc_expr_live(e, ref), *has_r = calloc((size_t)ref + 1, 1);
  int ok = has_r != NULL;
  for (int i = 0; ok && i <= ref; i++) {
    const node_t *n = &e->node[i];
    const int child[] = {n->a, n->b, n->c, n->d}, arity = slc_expr_arity(n->op);
    if (!live[i]) continue;
    has_r[i] = n->op == E_R;
    for (int c = 0; c < arity; c++) has_r[i] |= has_r[child[c]];
    if (n->op == E_DIV) ok = !has_r[n->b];
    if (n->op == E_POW)
      ok = !has_r[n->a] || (mpq_sgn(n->q) > 0 && mpz_cmp_ui(mpq_denref(n->q), 1) == 0);
    if (n->op == E_LOG || n->op == E_LOG1P || n->op == E_SQRT || n->op == E_PICK || n->op == E_SIGN)
      ok = !has_r[i];
  }
  free(live), free(has_r);
  return ok;
}

/* w' = 0 by an identity, and nowhere a pole between two values. */
int slc_piece_constant(pieces_t *p, int i) {
  if (!is_everywhere(&p->piece[i].e, p->piece[i].w)) return 0;
  const series_t s = slc_se_expr(&p->field, &p->piece[i].e, p->piece[i].w, NULL, 2);
  return s.n == 2 && slc_ex_zero(s.c[1]);
}
