/* Parsing and differentiating (see expr.h). Shares nothing with the prover's parser. */
#include "expr.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[E_COUNT] = {
    [E_PICK] = "pick", [E_ABS] = "abs",         [E_MIN] = "min",          [E_MAX] = "max",
    [E_EXP] = "exp",   [E_EXPM1] = "expm1",     [E_LOG] = "log",          [E_LOG1P] = "log1p",
    [E_SQRT] = "sqrt", [E_SIGMOID] = "sigmoid", [E_SIN] = "sin",          [E_COS] = "cos",
    [E_SINH] = "sinh", [E_COSH] = "cosh",       [E_TANH] = "tanh",        [E_ERF] = "erf",
    [E_ATAN] = "atan", [E_ASINH] = "asinh",     [E_SOFTSIGN] = "softsign"};

int expr_arity(op_t op) {
  if (op <= E_PARAM) return 0;
  if (op == E_PICK) return 4;
  if (op == E_ADD || op == E_SUB || op == E_MUL || op == E_DIV || op == E_MIN || op == E_MAX)
    return 2;
  return 1; /* POW: its exponent is a number of the node */
}

int expr_is_switch(op_t op) {
  return op == E_PICK || op == E_MIN || op == E_MAX || op == E_ABS || op == E_SIGN ||
         op == E_SOFTSIGN;
}

char *expr_live(const expr_t *e, int ref) {
  char *live = calloc((size_t)ref + 1, 1);
  if (!live) abort();
  live[ref] = 1;
  for (int i = ref; i >= 0; i--) {
    const node_t *n = &e->node[i];
    const int child[] = {n->a, n->b, n->c, n->d};
    for (int c = 0; live[i] && c < expr_arity(n->op); c++) live[child[c]] = 1;
  }
  return live;
}

void expr_init(expr_t *e) {
  memset(e, 0, sizeof *e);
  e->node = calloc(MAX_NODES, sizeof *e->node);
  if (!e->node) abort();
}

void expr_clear(expr_t *e) {
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

int expr_add(expr_t *e, op_t op, int a, int b, int c, int d) {
  mpq_t zero;
  mpq_init(zero);
  const int child[] = {a, b, c, d};
  int ok = 1;
  for (int i = 0; i < expr_arity(op); i++) ok &= child[i] >= 0;
  const int r = ok ? intern(e, op, a, b, c, d, -1, zero) : -1;
  mpq_clear(zero);
  return r;
}
int expr_num(expr_t *e, const mpq_t q) { return intern(e, E_NUM, -1, -1, -1, -1, -1, q); }
int expr_si(expr_t *e, long v) {
  mpq_t q;
  mpq_init(q);
  mpq_set_si(q, v, 1);
  const int r = expr_num(e, q);
  mpq_clear(q);
  return r;
}
static int power(expr_t *e, int a, const mpq_t q) {
  return a < 0 ? -1 : intern(e, E_POW, a, -1, -1, -1, -1, q);
}
static int unary(expr_t *e, op_t op, int a) { return expr_add(e, op, a, -1, -1, -1); }
static int binary(expr_t *e, op_t op, int a, int b) { return expr_add(e, op, a, b, -1, -1); }

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

int parse_decimal(mpq_t q, const char *text, const char **end) {
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

/* The rational value of a node of numbers under + - * /, as exponents are. */
static int rational(const expr_t *e, int ref, mpq_t out) {
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
  int ok = rational(e, n->a, out) && (n->op == E_NEG || rational(e, n->b, b));
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
    for (int i = 0; i < expr_arity((op_t)op); i++)
      if ((child[i] = sum(r)) < 0 || !take(r, i + 1 < expr_arity((op_t)op) ? ',' : ')')) return -1;
    return expr_add(r->e, (op_t)op, child[0], child[1], child[2], child[3]);
  }
  for (int i = 0; i < r->e->params; i++) {
    if (strcmp(r->e->names[i], name) != 0) continue;
    if (r->fixed[i]) return expr_num(r->e, r->value[i]);
    mpq_t zero;
    mpq_init(zero);
    const int ref = intern(r->e, E_PARAM, -1, -1, -1, -1, i, zero);
    mpq_clear(zero);
    return ref;
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
    const int ref = parse_decimal(q, r->s, &end) ? expr_num(r->e, q) : -1;
    r->s = end;
    mpq_clear(q);
    return ref;
  }
  if (isalpha((unsigned char)*r->s) || *r->s == '_') return word(r);
  if (!take(r, '(')) return -1;
  const int ref = sum(r);
  return ref >= 0 && take(r, ')') ? ref : -1;
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
      ref = rational(r->e, signed_factor(r), q) ? power(r->e, ref, q) : -1;
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

int expr_parse(expr_t *e, const char *text, mpq_t *value, const int *fixed, int *at) {
  reader r = {.e = e, .s = text, .start = text, .value = value, .fixed = fixed};
  const int ref = sum(&r);
  blank(&r);
  *at = (int)(r.s - text);
  return *r.s ? -1 : ref;
}

/* Derivatives: each in the form that keeps exponentials as factors. */
static int slope(expr_t *e, int self, int a) {
  const int one = expr_si(e, 1), two = expr_si(e, 2);
  switch (e->node[self].op) {
    case E_EXP:
      return self;
    case E_EXPM1:
      return unary(e, E_EXP, a);
    case E_LOG:
      return binary(e, E_DIV, one, a);
    case E_LOG1P:
      return binary(e, E_DIV, one, binary(e, E_ADD, a, one));
    case E_SQRT:
      return binary(e, E_DIV, one, binary(e, E_MUL, two, self));
    case E_ABS:
      return unary(e, E_SIGN, a);
    case E_SIGMOID:
      return binary(e, E_MUL, self, unary(e, E_SIGMOID, unary(e, E_NEG, a)));
    case E_SIN:
      return unary(e, E_COS, a);
    case E_COS:
      return unary(e, E_NEG, unary(e, E_SIN, a));
    case E_SINH:
      return unary(e, E_COSH, a);
    case E_COSH:
      return unary(e, E_SINH, a);
    case E_TANH: {
      const int s = binary(e, E_MUL, two, a);
      return binary(
          e, E_MUL, expr_si(e, 4),
          binary(e, E_MUL, unary(e, E_SIGMOID, s), unary(e, E_SIGMOID, unary(e, E_NEG, s))));
    }
    case E_ERF:
      return binary(e, E_MUL, binary(e, E_DIV, two, unary(e, E_SQRT, unary(e, E_PI, -1))),
                    unary(e, E_EXP, unary(e, E_NEG, binary(e, E_MUL, a, a))));
    case E_ATAN:
      return binary(e, E_DIV, one, binary(e, E_ADD, one, binary(e, E_MUL, a, a)));
    case E_ASINH:
      return binary(e, E_DIV, one, unary(e, E_SQRT, binary(e, E_ADD, one, binary(e, E_MUL, a, a))));
    case E_SOFTSIGN: {
      const int s = binary(e, E_ADD, one, unary(e, E_ABS, a));
      return binary(e, E_DIV, one, binary(e, E_MUL, s, s));
    }
    default:
      return -1;
  }
}

static int is_si(const expr_t *e, int ref, long v) {
  return ref >= 0 && e->node[ref].op == E_NUM && mpq_cmp_si(e->node[ref].q, v, 1) == 0;
}
static int times(expr_t *e, int a, int b) {
  if (is_si(e, a, 0) || is_si(e, b, 1)) return a;
  return is_si(e, b, 0) || is_si(e, a, 1) ? b : binary(e, E_MUL, a, b);
}
static int plus(expr_t *e, int a, int b, int minus) {
  if (is_si(e, b, 0)) return a;
  if (is_si(e, a, 0)) return minus ? unary(e, E_NEG, b) : b;
  return binary(e, minus ? E_SUB : E_ADD, a, b);
}

static int power_slope(expr_t *e, int self) {
  mpq_t q, one;
  mpq_init(q), mpq_init(one);
  mpq_set_si(one, 1, 1);
  mpq_set(q, e->node[self].q);
  const int a = e->node[self].a, factor = expr_num(e, q);
  mpq_sub(q, q, one);
  const int rest = mpq_sgn(q) == 0 ? expr_si(e, 1) : mpq_equal(q, one) ? a : power(e, a, q);
  mpq_clear(q), mpq_clear(one);
  return times(e, factor, rest);
}

static int derive_node(expr_t *e, int i, const int *d) {
  const op_t op = e->node[i].op;
  const int a = e->node[i].a, b = e->node[i].b, c = e->node[i].c, x = e->node[i].d;
  if (op == E_R) return expr_si(e, 1);
  if (expr_arity(op) == 0 || op == E_SIGN) return expr_si(e, 0);
  switch (op) {
    case E_NEG:
      return plus(e, expr_si(e, 0), d[a], 1);
    case E_ADD:
      return plus(e, d[a], d[b], 0);
    case E_SUB:
      return plus(e, d[a], d[b], 1);
    case E_MUL:
      return plus(e, times(e, d[a], b), times(e, a, d[b]), 0);
    case E_DIV: {
      const int top = plus(e, d[a], times(e, i, d[b]), 1);
      return is_si(e, top, 0) ? top : binary(e, E_DIV, top, b);
    }
    case E_POW:
      return times(e, power_slope(e, i), d[a]);
    case E_PICK:
      return d[c] == d[x] ? d[c] : expr_add(e, E_PICK, a, b, d[c], d[x]);
    case E_MIN:
      return d[a] == d[b] ? d[a] : expr_add(e, E_PICK, a, b, d[a], d[b]);
    case E_MAX:
      return d[a] == d[b] ? d[a] : expr_add(e, E_PICK, b, a, d[a], d[b]);
    default:
      return is_si(e, d[a], 0) ? d[a] : times(e, slope(e, i, a), d[a]);
  }
}

int expr_derive(expr_t *e, int ref) {
  const int n = ref + 1;
  int *d = malloc((size_t)n * sizeof *d), result = -1, ok = 1;
  if (!d) abort();
  for (int i = 0; i < n && ok; i++) ok = (d[i] = derive_node(e, i, d)) >= 0;
  if (ok) result = d[ref];
  free(d);
  return result;
}
