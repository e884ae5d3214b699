/* Cutting an expression at the roots of its affine switches (see pieces.h). */
#include "pieces.h"

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

/* -1 below or at the low end, 0 inside or not certain, 1 at or above the high end */
static int place(pieces_t *p, exact_t c, int i) {
  field_t *k = &p->field;
  if (slc_ex_equal(k, c, p->join[i]) || slc_ex_sign(k, slc_ex_sub(k, c, p->join[i])) < 0) return -1;
  if (i + 1 < p->joins &&
      (slc_ex_equal(k, c, p->join[i + 1]) || slc_ex_sign(k, slc_ex_sub(k, c, p->join[i + 1])) > 0))
    return 1;
  return 0;
}

static int insert_join(pieces_t *p, exact_t c) {
  for (int i = 0; i < p->joins; i++) {
    const int s = slc_ex_sign(&p->field, slc_ex_sub(&p->field, c, p->join[i]));
    if (s == 0) return 0;
    if (s < 0) {
      if (i == 0 || p->joins == SEGMENTS) return 0;
      memmove(&p->join[i + 1], &p->join[i], (size_t)(p->joins - i) * sizeof *p->join);
      p->join[i] = c;
      p->joins++;
      return 1;
    }
  }
  if (p->joins == SEGMENTS) return 0;
  p->join[p->joins++] = c;
  return 1;
}

/* A decision: -1, 1, ZERO; 0 is not known. */
enum { ZERO = 2 };

static int replaced(expr_t *e, const node_t *n, const int *map, int sign) {
  switch (n->op) {
    case E_ABS:
      return sign < 0 ? slc_expr_add(e, E_NEG, map[n->a], -1, -1, -1) : map[n->a];
    case E_SIGN:
      return slc_expr_si(e, sign == ZERO ? 0 : sign);
    case E_SOFTSIGN:
      return slc_expr_add(
          e, E_DIV, map[n->a],
          slc_expr_add(e, sign < 0 ? E_SUB : E_ADD, slc_expr_si(e, 1), map[n->a], -1, -1), -1, -1);
    case E_MIN:
      return sign == 1 ? map[n->b] : map[n->a];
    case E_MAX:
      return sign < 0 ? map[n->b] : map[n->a];
    default: /* PICK: a <= b */
      return sign == 1 ? map[n->d] : map[n->c];
  }
}

static int sign_or_zero(field_t *k, exact_t x) { return slc_ex_zero(x) ? ZERO : slc_ex_sign(k, x); }

/* The decision on the open piece i, or at join i itself. */
static int decide(pieces_t *p, line_t g, int i, int at) {
  field_t *k = &p->field;
  if (!g.slope || !g.offset) return 0;
  if (at) return sign_or_zero(k, slc_ex_add(k, slc_ex_mul(k, g.slope, p->join[i]), g.offset));
  if (slc_ex_zero(g.slope)) return sign_or_zero(k, g.offset);
  const exact_t c = root(k, g);
  const int side = c ? place(p, c, i) : 0;
  return side == 0 ? 0 : side < 0 ? slc_ex_sign(k, g.slope) : -slc_ex_sign(k, g.slope);
}

static int copy(expr_t *e, const node_t *n, const int *map) {
  if (n->op == E_NUM) return slc_expr_num(e, n->q);
  if (n->op == E_PARAM || n->op == E_POW) { /* carry a number or an index: made by hand */
    for (int i = 0; i < e->count; i++)
      if (e->node[i].op == n->op && e->node[i].param == n->param &&
          e->node[i].a == (n->a >= 0 ? map[n->a] : -1) && mpq_equal(e->node[i].q, n->q))
        return i;
    if (e->count == MAX_NODES) return -1;
    node_t *m = &e->node[e->count];
    *m = (node_t){
        .op = n->op, .a = n->a >= 0 ? map[n->a] : -1, .b = -1, .c = -1, .d = -1, .param = n->param};
    mpq_init(m->q);
    mpq_set(m->q, n->q);
    return e->count++;
  }
  return slc_expr_add(e, n->op, n->a >= 0 ? map[n->a] : -1, n->b >= 0 ? map[n->b] : -1,
                      n->c >= 0 ? map[n->c] : -1, n->d >= 0 ? map[n->d] : -1);
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
    const int sign = slc_expr_is_switch(n->op) ? decide(p, decision(&p->field, n, v), i, at) : 0;
    changed |= sign != 0;
    map[x] = sign ? replaced(to, n, map, sign) : copy(to, n, map);
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

/* The first root inside the piece of a switch that is left; NULL: none. */
static exact_t open_root(pieces_t *p, int i) {
  const expr_t *e = &p->piece[i].e;
  line_t *v = lines(&p->field, e);
  exact_t found = NULL;
  for (int x = 0; x < e->count && !found; x++)
    if (slc_expr_is_switch(e->node[x].op))
      found = root(&p->field, decision(&p->field, &e->node[x], v));
  free(v);
  return found;
}

int slc_pieces_make(pieces_t *p, const expr_t *e, int f, int w) {
  p->joins = 2;
  p->join[0] = slc_ex_si(&p->field, 0, 1);
  p->join[1] = slc_ex_si(&p->field, 1, 1);
  for (int i = 0; i < p->joins; i++) {
    if (p->piece[i].e.node) slc_expr_clear(&p->piece[i].e), p->piece[i].e.node = NULL;
    if (!resolve(p, i, 0, e, f, w)) return 0;
    const exact_t c = open_root(p, i);
    if (!c) continue;
    if (!insert_join(p, c)) return 0;
    i = -1;
  }
  for (int i = 0; i < p->joins; i++)
    if (!resolve(p, i, 1, e, f, w)) return 0;
  for (p->one = 0; !slc_ex_equal(&p->field, p->join[p->one], slc_ex_si(&p->field, 1, 1));) p->one++;
  return 1;
}

void slc_pieces_clear(pieces_t *p) {
  for (int i = 0; i < SEGMENTS; i++) {
    if (p->piece[i].e.node) slc_expr_clear(&p->piece[i].e);
    if (p->at[i].e.node) slc_expr_clear(&p->at[i].e);
  }
  slc_field_clear(&p->field);
}

static piece_t *approached(pieces_t *p, int join, side_t from) {
  return from == AT ? &p->at[join] : &p->piece[from == LEFT ? join - 1 : join];
}

exact_t slc_join_value(pieces_t *p, int join, int weight, side_t from) {
  const piece_t *s = approached(p, join, from);
  const series_t t = slc_se_expr(&p->field, &s->e, weight ? s->w : s->f, p->join[join], 1);
  return t.n ? t.c[0] : NULL;
}

/* Copies a root's nodes; equal expressions end in the same node. */
static int copy_root(expr_t *to, const expr_t *from, int ref) {
  int *map = calloc((size_t)ref + 1, sizeof *map), root;
  char *live = slc_expr_live(from, ref);
  if (!map) abort();
  for (int x = 0; x <= ref; x++)
    if (live[x] && (map[x] = copy(to, &from->node[x], map)) < 0) map[ref] = -1, x = ref;
  root = map[ref];
  free(map), free(live);
  return root;
}

int slc_join_same(pieces_t *p, int join, int weight, side_t a, side_t b) {
  const piece_t *x = approached(p, join, a), *y = approached(p, join, b);
  expr_t both;
  slc_expr_init(&both);
  const int left = copy_root(&both, &x->e, weight ? x->w : x->f),
            right = copy_root(&both, &y->e, weight ? y->w : y->f);
  slc_expr_clear(&both);
  return (left >= 0 && left == right) || slc_ex_equal(&p->field, slc_join_value(p, join, weight, a),
                                                      slc_join_value(p, join, weight, b));
}

int slc_join_alone(pieces_t *p, int join) {
  if (p->piece[0].f >= 0 && (join == 0 || slc_join_same(p, join, 1, LEFT, RIGHT))) return 0;
  return !slc_join_same(p, join, 1, AT, RIGHT) && !(join && slc_join_same(p, join, 1, AT, LEFT));
}

int slc_join_smooth(pieces_t *p, int join) {
  return p->piece[0].f >= 0 && (join == 0 || slc_join_same(p, join, 1, LEFT, RIGHT));
}

void slc_piece_ends(mpfr_t low, mpfr_t high, pieces_t *p, int i) {
  mpfi_t x;
  mpfi_init2(x, PREC);
  slc_ex_interval(x, &p->field, p->join[i]);
  mpfi_get_left(low, x);
  if (i + 1 < p->joins) {
    slc_ex_interval(x, &p->field, p->join[i + 1]);
    mpfi_get_right(high, x);
  } else {
    mpfr_set_inf(high, 1);
  }
  mpfi_clear(x);
}

int slc_piece_constant(pieces_t *p, int i) {
  const series_t s = slc_se_expr(&p->field, &p->piece[i].e, p->piece[i].w, NULL, 2);
  return s.n == 2 && slc_ex_zero(s.c[1]);
}
