/* Normal forms (see normal.h). A sum to a power that is no natural number, and what no rule below
 * opens, is an atom of its own; a form beyond the limits is none, and nothing is the same as it. */
#include "normal.h"

#include <stdlib.h>
#include <string.h>

enum { TERMS = 48, FACTORS = 6, ATOMS = 64, ARGUMENTS = 4, DEGREE = 16 };

typedef struct {
  int atom, power;
} factor;

/* n/d times its factors, which are in ascending order of atom. */
typedef struct {
  int64_t n, d;
  int factors;
  factor f[FACTORS];
} term;

typedef struct {
  int ok, count; /* terms in ascending order, none of them 0 */
  term t[TERMS];
} form;

typedef struct {
  sl_gate_op op;
  char name[SL_GATE_NAME_SIZE]; /* of PARAM */
  int root;                     /* of POW: the argument to the power 1/root */
  int arguments;
  form *argument[ARGUMENTS];
} atom;

typedef struct {
  atom atom[ATOMS];
  int atoms, no_memory;
} table;

static int64_t common(int64_t a, int64_t b) {
  if (a < 0) a = -a;
  while (b) {
    const int64_t r = a % b;
    a = b, b = r;
  }
  return a;
}

/* n/d in lowest terms within 2^31, where products of two cannot overflow. */
static int reduce(int64_t *n, int64_t *d) {
  const int64_t g = common(*n, *d < 0 ? -*d : *d), sign = *d < 0 ? -1 : 1;
  if (*d == 0) return 0;
  *n = *n / g * sign, *d = *d / g * sign;
  return *n<INT32_MAX && * n> - INT32_MAX && *d < INT32_MAX;
}

static form nothing(void) { return (form){.ok = 0}; }
static form number(int64_t n, int64_t d) {
  form y = {.ok = 1, .count = n != 0, .t = {{.n = n, .d = d}}};
  if (n && !reduce(&y.t[0].n, &y.t[0].d)) y.ok = 0;
  return y;
}

static int compare_factors(const term *a, const term *b) {
  for (int i = 0; i < a->factors && i < b->factors; i++) {
    if (a->f[i].atom != b->f[i].atom) return a->f[i].atom - b->f[i].atom;
    if (a->f[i].power != b->f[i].power) return a->f[i].power - b->f[i].power;
  }
  return a->factors - b->factors;
}

static int same(const form *a, const form *b) {
  if (!a->ok || !b->ok || a->count != b->count) return 0;
  for (int i = 0; i < a->count; i++)
    if (a->t[i].n != b->t[i].n || a->t[i].d != b->t[i].d ||
        compare_factors(&a->t[i], &b->t[i]) != 0)
      return 0;
  return 1;
}

/* Adds a term in its place. */
static void add_term(form *y, const term *t) {
  int i = 0;
  if (!y->ok || t->n == 0) return;
  while (i < y->count && compare_factors(&y->t[i], t) < 0) i++;
  if (i < y->count && compare_factors(&y->t[i], t) == 0) {
    int64_t n = y->t[i].n * t->d + t->n * y->t[i].d, d = y->t[i].d * t->d;
    if (n == 0) {
      memmove(&y->t[i], &y->t[i + 1], (size_t)(--y->count - i) * sizeof *y->t);
      return;
    }
    y->ok = reduce(&n, &d);
    y->t[i].n = n, y->t[i].d = d;
    return;
  }
  if (y->count == TERMS) {
    y->ok = 0;
    return;
  }
  memmove(&y->t[i + 1], &y->t[i], (size_t)(y->count++ - i) * sizeof *y->t);
  y->t[i] = *t;
}

static form sum(const form *a, const form *b) {
  form y = *a;
  y.ok = a->ok && b->ok;
  for (int i = 0; i < b->count && y.ok; i++) add_term(&y, &b->t[i]);
  return y;
}

static int add_factor(term *t, factor f) {
  int i = 0;
  while (i < t->factors && t->f[i].atom < f.atom) i++;
  if (i < t->factors && t->f[i].atom == f.atom) {
    t->f[i].power += f.power;
    if (t->f[i].power == 0)
      memmove(&t->f[i], &t->f[i + 1], (size_t)(--t->factors - i) * sizeof *t->f);
    return 1;
  }
  if (t->factors == FACTORS) return 0;
  memmove(&t->f[i + 1], &t->f[i], (size_t)(t->factors++ - i) * sizeof *t->f);
  t->f[i] = f;
  return 1;
}

static form product(const form *a, const form *b) {
  form y = number(0, 1);
  y.ok = a->ok && b->ok;
  for (int i = 0; i < a->count && y.ok; i++)
    for (int j = 0; j < b->count && y.ok; j++) {
      term t = a->t[i];
      t.n *= b->t[j].n, t.d *= b->t[j].d;
      y.ok = reduce(&t.n, &t.d);
      for (int k = 0; k < b->t[j].factors && y.ok; k++) y.ok = add_factor(&t, b->t[j].f[k]);
      add_term(&y, &t);
    }
  return y;
}

static form scaled(const form *a, int64_t n) {
  const form k = number(n, 1);
  return product(a, &k);
}

/* The atom to a power, as a form. */
static form intern(table *x, const atom *want, const form *argument, int power) {
  int i = 0;
  for (; i < x->atoms; i++) {
    const atom *a = &x->atom[i];
    int equal = a->op == want->op && a->root == want->root && a->arguments == want->arguments &&
                strcmp(a->name, want->name) == 0;
    for (int k = 0; k < want->arguments && equal; k++) equal = same(a->argument[k], &argument[k]);
    if (equal) break;
  }
  if (i == ATOMS || x->no_memory) return nothing();
  if (i == x->atoms) {
    x->atom[i] = *want;
    for (int k = 0; k < want->arguments; k++) {
      if (!(x->atom[i].argument[k] = malloc(sizeof(form)))) {
        x->atom[i].arguments = k, x->atoms++, x->no_memory = 1;
        return nothing();
      }
      *x->atom[i].argument[k] = argument[k];
    }
    x->atoms++;
  }
  return (form){.ok = 1, .count = 1, .t = {{.n = 1, .d = 1, .factors = 1, .f = {{i, power}}}}};
}

static form natural_power(const form *a, int p) {
  form y = number(1, 1);
  for (int i = 0; i < p; i++) y = product(&y, a);
  return y;
}

/* A monomial to a power of either sign; a sum is an atom, made to have 1 before its first term. */
static form whole_power(table *x, const form *a, int p) {
  if (!a->ok || p > DEGREE || p < -DEGREE) return nothing();
  if (p >= 0) return natural_power(a, p);
  if (a->count == 0) return nothing();
  const form lead = number(a->t[0].d, a->t[0].n);
  if (a->count > 1) {
    const form one = product(a, &lead), scale = natural_power(&lead, -p),
               y = intern(x, &(atom){.op = SL_OP_POW, .root = 1, .arguments = 1}, &one, p);
    return product(&y, &scale);
  }
  form y = natural_power(&lead, -p);
  for (int i = 0; i < a->t[0].factors && y.ok; i++) {
    const form f = {
        .ok = 1,
        .count = 1,
        .t = {{.n = 1, .d = 1, .factors = 1, .f = {{a->t[0].f[i].atom, p * a->t[0].f[i].power}}}}};
    y = product(&y, &f);
  }
  return y;
}

static form power(table *x, const form *a, int64_t p, int64_t q) {
  if (!a->ok || p > DEGREE || p < -DEGREE || q > DEGREE) return nothing();
  if (q == 1) return whole_power(x, a, (int)p);
  return intern(x, &(atom){.op = SL_OP_POW, .root = (int)q, .arguments = 1}, a, (int)p);
}

static form decimal(sl_decimal x) {
  int64_t n = x.m, d = 1;
  for (int32_t e = x.e; e > 0 && n < INT32_MAX && n > -INT32_MAX; e--) n *= 10;
  for (int32_t e = x.e; e < 0 && d < INT32_MAX; e++) d *= 10;
  return number(n, d);
}

/* pick, and min and max as picks; other functions of their arguments. */
static form called(table *x, sl_gate_op op, const form *a, int arity) {
  form argument[ARGUMENTS];
  for (int i = 0; i < arity; i++) {
    if (!a[i].ok) return nothing();
    argument[i] = a[i];
  }
  if (op == SL_OP_MIN || op == SL_OP_MAX) {
    const int swap = op == SL_OP_MAX;
    argument[0] = a[swap], argument[1] = a[!swap];
    argument[2] = a[0], argument[3] = a[1];
    op = SL_OP_PICK, arity = 4;
  }
  return intern(x, &(atom){.op = op, .arguments = arity}, argument, 1);
}

static form of_node(table *x, const sl_tree *t, const sl_gate_node *n, const form *v,
                    const char names[][32]) {
  atom leaf = {.op = n->op};
  form a[ARGUMENTS] = {{.ok = 0}}, b;
  const int arity = sl_op_arity(n->op);
  int64_t p, q;
  for (int i = 0; i < arity; i++) a[i] = v[n->child[i]];
  switch (n->op) {
    case SL_OP_NUM:
      return decimal(n->num);
    case SL_OP_PARAM:
      memcpy(leaf.name, names[n->param], sizeof leaf.name);
      return intern(x, &leaf, NULL, 1);
    case SL_OP_NEG:
      return scaled(&a[0], -1);
    case SL_OP_ADD:
      return sum(&a[0], &a[1]);
    case SL_OP_SUB:
      b = scaled(&a[1], -1);
      return sum(&a[0], &b);
    case SL_OP_MUL:
      return product(&a[0], &a[1]);
    case SL_OP_DIV:
      b = whole_power(x, &a[1], -1);
      return product(&a[0], &b);
    case SL_OP_SQRT:
      return power(x, &a[0], 1, 2);
    case SL_OP_POW:
      if (sl_tree_rational(t, n->child[1], &p, &q)) return power(x, &a[0], p, q);
      if (q < 0) x->no_memory = 1;
      return called(x, n->op, a, arity);
    default:
      return arity ? called(x, n->op, a, arity) : intern(x, &leaf, NULL, 1);
  }
}

static form form_of(table *x, const sl_gate_definition *def, int positive, int weight) {
  sl_tree tree;
  sl_ref f, w;
  form y = nothing();
  sl_tree_init(&tree);
  sl_gate_definition_roots(def, positive, NULL, &tree, &f, &w);
  const sl_ref root = weight ? w : f;
  const int has_root = !tree.failed && root != SL_NO_REF;
  form *v = has_root ? calloc((size_t)root + 1, sizeof *v) : NULL;
  unsigned char *live = v ? calloc((size_t)root + 1, 1) : NULL;
  if (has_root ? !live : tree.failed && tree.count < SL_TREE_LIMIT) x->no_memory = 1;
  if (live) {
    sl_tree_mark(&tree, root, live);
    for (uint32_t i = 0; i <= root; i++)
      if (live[i]) v[i] = of_node(x, &tree, &tree.node[i], v, def->param_name);
    y = v[root];
  }
  free(v), free(live);
  sl_tree_clear(&tree);
  return y;
}

int sl_gate_same(const sl_gate_definition *a, const sl_gate_definition *b, int positive,
                 int weight) {
  table *x = calloc(1, sizeof *x);
  if (!x) return -1;
  const form left = form_of(x, a, positive, weight), right = form_of(x, b, positive, weight);
  const int result = x->no_memory ? -1 : same(&left, &right);
  for (int i = 0; i < x->atoms; i++)
    for (int k = 0; k < x->atom[i].arguments; k++) free(x->atom[i].argument[k]);
  free(x);
  return result;
}
