/* Nodes and parsing (see expr.h). Shares nothing with the prover's parser. */
#include "expr.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[E_COUNT] = {
#define FUNCTION(kind, name) [E_##kind] = #name,
#include "functions.def"
#undef FUNCTION
    [E_PICK] = "pick",
    [E_ABS] = "abs",
    [E_MIN] = "min",
    [E_MAX] = "max",
    [E_SOFTSIGN] = "softsign"};

/* The words of gate files (spec G1.2, G1.3) besides. */
static const char *const words[] = {
    "gate",   "cite", "kernel", "param",   "in",     "default", "let", "f",   "w",
    "weight", "pos",  "neg",    "require", "expect", "old",     "for", "if",  "otherwise",
    "r",      "pi",   "e",      "sup",     "inf",    "clip",    "gd",  "sign"};

int slc_is_name(const char *text) {
  size_t n = 0;
  while (isalnum((unsigned char)text[n]) || text[n] == '_') n++;
  return n > 0 && n < NAME_SIZE && !text[n] && !isdigit((unsigned char)text[0]);
}

int slc_is_reserved(const char *name) {
  for (int op = 0; op < E_COUNT; op++)
    if (names[op] && !strcmp(names[op], name)) return 1;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!strcmp(words[i], name)) return 1;
  return 0;
}

int slc_expr_arity(op_t op) {
  if (op <= E_PARAM) return 0;
  if (op == E_PICK) return 4;
  if (op == E_ADD || op == E_SUB || op == E_MUL || op == E_DIV || op == E_MIN || op == E_MAX)
    return 2;
  return 1; /* POW: its exponent is a number of the node */
}

int slc_expr_is_function(op_t op) { return op >= E_EXP && op <= E_ASINH; }

int slc_expr_is_switch(op_t op) {
  return op == E_PICK || op == E_MIN || op == E_MAX || op == E_ABS || op == E_SIGN ||
         op == E_SOFTSIGN;
}

char *slc_expr_live(const expr_t *e, int ref) {
  char *live = calloc((size_t)ref + 1, 1);
  if (!live) abort();
  live[ref] = 1;
  for (int i = ref; i >= 0; i--) {
    const node_t *n = &e->node[i];
    const int child[] = {n->a, n->b, n->c, n->d};
    for (int c = 0; live[i] && c < slc_expr_arity(n->op); c++) live[child[c]] = 1;
  }
  return live;
}

void slc_expr_init(expr_t *e) {
  memset(e, 0, sizeof *e);
  e->f = e->w = -1;
  e->node = calloc(MAX_NODES, sizeof *e->node);
  if (!e->node) abort();
}

void slc_expr_clear(expr_t *e) {
  for (int i = 0; i < e->count; i++) mpq_clear(e->node[i].q);
  free(e->node);
}

static int intern(expr_t *e, op_t op, int a, int b, int c, int d, int param, const mpq_t q) {
  for (int i = e->count; i-- > 0;) {
    const node_t *n = &e->node[i];
    if (n->op == op && n->a == a && n->b == b && n->c == c && n->d == d && n->param == param &&
        mpq_equal(n->q, q))
      return i;
  }
  if (e->count == MAX_NODES) return -1;
  node_t *n = &e->node[e->count];
  *n = (node_t){.op = op, .a = a, .b = b, .c = c, .d = d, .param = param};
  mpq_init(n->q);
  mpq_set(n->q, q);
  return e->count++;
}

int slc_expr_add(expr_t *e, op_t op, int a, int b, int c, int d) {
  mpq_t zero;
  mpq_init(zero);
  const int child[] = {a, b, c, d};
  int ok = 1;
  for (int i = 0; i < slc_expr_arity(op); i++) ok &= child[i] >= 0;
  const int r = ok ? intern(e, op, a, b, c, d, -1, zero) : -1;
  mpq_clear(zero);
  return r;
}
int slc_expr_num(expr_t *e, const mpq_t q) { return intern(e, E_NUM, -1, -1, -1, -1, -1, q); }
int slc_expr_si(expr_t *e, long v) {
  mpq_t q;
  mpq_init(q);
  mpq_set_si(q, v, 1);
  const int r = slc_expr_num(e, q);
  mpq_clear(q);
  return r;
}
int slc_expr_power(expr_t *e, int a, const mpq_t q) {
  return a < 0 ? -1 : intern(e, E_POW, a, -1, -1, -1, -1, q);
}
static int unary(expr_t *e, op_t op, int a) { return slc_expr_add(e, op, a, -1, -1, -1); }
static int binary(expr_t *e, op_t op, int a, int b) { return slc_expr_add(e, op, a, b, -1, -1); }

typedef struct {
  expr_t *e;
  const char *s, *start;
  mpq_t *value;
  const int *fixed;
  int depth;
} reader;

static void blank(reader *r) {
  while (*r->s == ' ') r->s++;
}
static int take(reader *r, char c) {
  blank(r);
  if (*r->s != c) return 0;
  r->s++;
  return 1;
}

int slc_parse_decimal(mpq_t q, const char *text, const char **end) {
  mpz_t m, ten;
  long e = 0;
  int digits = 0, point = 0;
  const int negative = *text == '-';
  if (negative) text++;
  mpz_init(m), mpz_init(ten);
  for (; isdigit((unsigned char)*text) || (*text == '.' && !point); text++) {
    if (*text == '.') {
      point = 1;
      continue;
    }
    if (++digits > 40) break;
    mpz_mul_ui(m, m, 10);
    mpz_add_ui(m, m, (unsigned long)(*text - '0'));
    e -= point;
  }
  int ok = digits > 0 && digits <= 40;
  if (ok && (*text == 'e' || *text == 'E') &&
      (isdigit((unsigned char)text[1]) ||
       ((text[1] == '-' || text[1] == '+') && isdigit((unsigned char)text[2])))) {
    char *stop;
    const long x = strtol(text + 1, &stop, 10);
    text = stop;
    ok = x > -2000 && x < 2000;
    if (ok) e += x;
  }
  if (ok) {
    mpz_ui_pow_ui(ten, 10, (unsigned long)labs(e));
    if (e >= 0) mpz_mul(m, m, ten);
    mpq_set_z(q, m);
    if (e < 0) mpq_set_den(q, ten);
    mpq_canonicalize(q);
    if (negative) mpq_neg(q, q);
  }
  mpz_clear(m), mpz_clear(ten);
  *end = text;
  return ok;
}

static int sum(reader *r);

int slc_expr_rational(const expr_t *e, int ref, mpq_t out) {
  if (ref < 0) return 0;
  const node_t *n = &e->node[ref];
  if (n->op == E_NUM) {
    mpq_set(out, n->q);
    return 1;
  }
  if (n->op != E_NEG && n->op != E_ADD && n->op != E_SUB && n->op != E_MUL && n->op != E_DIV)
    return 0;
  mpq_t b;
  mpq_init(b);
  int ok = slc_expr_rational(e, n->a, out) && (n->op == E_NEG || slc_expr_rational(e, n->b, b));
  if (ok && n->op == E_NEG) mpq_neg(out, out);
  if (ok && n->op == E_ADD) mpq_add(out, out, b);
  if (ok && n->op == E_SUB) mpq_sub(out, out, b);
  if (ok && n->op == E_MUL) mpq_mul(out, out, b);
  if (ok && n->op == E_DIV) {
    ok = mpq_sgn(b) != 0;
    if (ok) mpq_div(out, out, b);
  }
  mpq_clear(b);
  return ok;
}

static int word(reader *r) {
  char name[NAME_SIZE];
  size_t n = 0;
  while (isalnum((unsigned char)r->s[n]) || r->s[n] == '_') n++;
  if (n == 0 || n >= NAME_SIZE) return -1;
  memcpy(name, r->s, n);
  name[n] = '\0';
  r->s += n;
  for (int op = 0; op < E_COUNT; op++) {
    if (!names[op] || strcmp(names[op], name) != 0) continue;
    int child[4] = {-1, -1, -1, -1};
    if (!take(r, '(')) return -1;
    for (int i = 0; i < slc_expr_arity((op_t)op); i++)
      if ((child[i] = sum(r)) < 0 || !take(r, i + 1 < slc_expr_arity((op_t)op) ? ',' : ')'))
        return -1;
    return slc_expr_add(r->e, (op_t)op, child[0], child[1], child[2], child[3]);
  }
  for (int i = 0; i < r->e->params; i++) {
    if (strcmp(r->e->names[i], name) != 0) continue;
    if (r->fixed[i]) return slc_expr_num(r->e, r->value[i]);
    mpq_t zero;
    mpq_init(zero);
    const int ref = intern(r->e, E_PARAM, -1, -1, -1, -1, i, zero);
    mpq_clear(zero);
    return ref;
  }
  if (strcmp(name, "f") == 0) {
    if (*r->s != '\'') return r->e->f;
    r->s++;
    return r->e->w;
  }
  if (strcmp(name, "r") == 0) return unary(r->e, E_R, -1);
  if (strcmp(name, "pi") == 0) return unary(r->e, E_PI, -1);
  if (strcmp(name, "e") == 0) return unary(r->e, E_E, -1);
  return -1;
}

static int atom(reader *r) {
  blank(r);
  if (isdigit((unsigned char)*r->s)) {
    mpq_t q;
    const char *end;
    mpq_init(q);
    const int ref = slc_parse_decimal(q, r->s, &end) ? slc_expr_num(r->e, q) : -1;
    r->s = end;
    mpq_clear(q);
    return ref;
  }
  if (isalpha((unsigned char)*r->s) || *r->s == '_') return word(r);
  if (!take(r, '(')) return -1;
  const int ref = sum(r);
  return ref >= 0 && take(r, ')') ? ref : -1;
}

static int plain(const mpq_t q) {
  return mpz_cmpabs_ui(mpq_numref(q), 0x7fffffff) <= 0 &&
         mpz_cmp_ui(mpq_denref(q), 0x7fffffff) <= 0;
}

/* With a range, or more than 31 bits, in its exponent a power is exp(exponent log(base)): base > 0
 * has to be shown. */
static int ranged_power(expr_t *e, int base, int exponent) {
  int has_r = 0;
  if (base < 0 || exponent < 0) return -1;
  char *live = slc_expr_live(e, exponent);
  for (int i = 0; i <= exponent; i++) {
    has_r |= live[i] && e->node[i].op == E_R;
  }
  free(live);
  if (has_r) return -1;
  return unary(e, E_EXP, binary(e, E_MUL, exponent, unary(e, E_LOG, base)));
}

static int signed_factor(reader *r) {
  if (++r->depth > 400) return -1;
  int ref;
  if (take(r, '-')) {
    ref = unary(r->e, E_NEG, signed_factor(r));
  } else {
    ref = atom(r);
    if (ref >= 0 && take(r, '^')) {
      mpq_t q;
      mpq_init(q);
      const int exponent = signed_factor(r);
      ref = slc_expr_rational(r->e, exponent, q) && plain(q) ? slc_expr_power(r->e, ref, q)
                                                             : ranged_power(r->e, ref, exponent);
      mpq_clear(q);
    }
  }
  r->depth--;
  return ref;
}

static int product(reader *r) {
  int a = signed_factor(r);
  for (;;) {
    if (a < 0) return -1;
    if (take(r, '*'))
      a = binary(r->e, E_MUL, a, signed_factor(r));
    else if (take(r, '/'))
      a = binary(r->e, E_DIV, a, signed_factor(r));
    else
      return a;
  }
}

static int sum(reader *r) {
  if (++r->depth > 400) return -1;
  int a = product(r);
  while (a >= 0) {
    if (take(r, '+'))
      a = binary(r->e, E_ADD, a, product(r));
    else if (take(r, '-'))
      a = binary(r->e, E_SUB, a, product(r));
    else
      break;
  }
  r->depth--;
  return a;
}

int slc_expr_parse(expr_t *e, const char *text, mpq_t *value, const int *fixed, int *at) {
  reader r = {.e = e, .s = text, .start = text, .value = value, .fixed = fixed};
  const int ref = sum(&r);
  blank(&r);
  *at = (int)(r.s - text);
  return *r.s ? -1 : ref;
}

int slc_expr_copy(expr_t *e, const node_t *n, const int *map) {
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

int slc_expr_copy_root(expr_t *to, const expr_t *from, int ref) {
  int *map = calloc((size_t)ref + 1, sizeof *map), root;
  char *live = slc_expr_live(from, ref);
  if (!map) abort();
  for (int x = 0; x <= ref; x++)
    if (live[x] && (map[x] = slc_expr_copy(to, &from->node[x], map)) < 0) map[ref] = -1, x = ref;
  root = map[ref];
  free(map), free(live);
  return root;
}
