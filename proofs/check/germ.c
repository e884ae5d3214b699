/* Arithmetic of expansions (see germ.h): terms are collected and the largest taken in turn;
 * quotients by long division. */
#include "germ.h"

enum { HEAP = GERM * GERM + 3 };

static const germ_t unknown = {.ok = 0};

/* Terms and bounds in no order. */
typedef struct {
  int terms, bounds;
  mono_t term[HEAP], bound[HEAP];
} heap_t;

int slc_mono_size(field_t *k, const mono_t *t) {
  if (!t->p || !t->q) return OPEN_SIZE;
  if (!slc_ex_zero(t->p)) { /* a power of x outdoes any of the logarithm */
    const int s = slc_ex_sign(k, t->p);
    return s ? -s : OPEN_SIZE;
  }
  if (slc_ex_zero(t->q)) return STAYS;
  const int s = slc_ex_sign(k, t->q);
  return s ? s : OPEN_SIZE;
}

/* The size of a over that of b. */
static int against(field_t *k, const mono_t *a, const mono_t *b) {
  const mono_t t = {NULL, slc_ex_sub(k, a->p, b->p), slc_ex_sub(k, a->q, b->q)};
  return slc_mono_size(k, &t);
}

static mono_t mul(field_t *k, const mono_t *a, const mono_t *b) {
  return (mono_t){slc_ex_mul(k, a->c, b->c), slc_ex_add(k, a->p, b->p), slc_ex_add(k, a->q, b->q)};
}

/* The largest of m[0 .. n - 1]; -1 where that is not certain. */
static int largest(field_t *k, const mono_t *m, int n) {
  int best = 0;
  for (int i = 1; i < n; i++) {
    const int s = against(k, &m[i], &m[best]);
    if (s == OPEN_SIZE) return -1;
    if (s == GROWS) best = i;
  }
  return best;
}

/* Takes the largest term out of the heap, with all that have its size; c of it may be 0. */
static int take(field_t *k, heap_t *h, mono_t *y) {
  const int best = largest(k, h->term, h->terms);
  if (best < 0) return 0;
  *y = h->term[best];
  h->term[best] = h->term[--h->terms];
  for (int i = h->terms; i-- > 0;) {
    if (against(k, &h->term[i], y) != STAYS) continue;
    y->c = slc_ex_add(k, y->c, h->term[i].c);
    h->term[i] = h->term[--h->terms];
  }
  return y->c != NULL;
}

static germ_t collect(field_t *k, heap_t *h) {
  germ_t y = {.ok = 1};
  mono_t bound = {NULL, NULL, NULL}, next;
  for (int i = 0; i < h->terms; i++)
    if (!h->term[i].c || !h->term[i].p || !h->term[i].q) return unknown;
  if (h->bounds) {
    const int most = largest(k, h->bound, h->bounds);
    if (most < 0 || !h->bound[most].p || !h->bound[most].q) return unknown;
    bound = h->bound[most];
  }
  while (h->terms) {
    if (!take(k, h, &next)) return unknown;
    if (slc_ex_zero(next.c)) continue;
    const int s = h->bounds ? against(k, &next, &bound) : GROWS;
    if (s == OPEN_SIZE) return unknown;
    if (s != GROWS) break;
    if (y.n == GERM) { /* all that follow are smaller */
      y.open = 1, y.t[y.n] = next;
      return y;
    }
    y.t[y.n++] = next;
  }
  if (h->bounds) y.open = 1, y.t[y.n] = bound;
  return y;
}

germ_t slc_germ_mono(field_t *k, exact_t c, long p, long q) {
  heap_t h = {.terms = 1, .term = {{c, slc_ex_si(k, p, 1), slc_ex_si(k, q, 1)}}};
  return collect(k, &h);
}

germ_t slc_germ_bound(field_t *k, long p, long q) {
  return (germ_t){.ok = 1, .open = 1, .t = {{NULL, slc_ex_si(k, p, 1), slc_ex_si(k, q, 1)}}};
}

germ_t slc_germ_add(field_t *k, const germ_t *a, const germ_t *b, int minus) {
  heap_t h = {.terms = 0};
  if (!a->ok || !b->ok) return unknown;
  for (int i = 0; i < a->n; i++) h.term[h.terms++] = a->t[i];
  for (int i = 0; i < b->n; i++) {
    h.term[h.terms] = b->t[i];
    if (minus) h.term[h.terms].c = slc_ex_sub(k, slc_ex_si(k, 0, 1), b->t[i].c);
    h.terms++;
  }
  if (a->open) h.bound[h.bounds++] = a->t[a->n];
  if (b->open) h.bound[h.bounds++] = b->t[b->n];
  return collect(k, &h);
}

/* A bound times an expansion is that bound times its largest term, or its own bound. */
static void bound_by(field_t *k, heap_t *h, const germ_t *a, const germ_t *b) {
  if (a->open && (b->n || b->open)) h->bound[h->bounds++] = mul(k, &a->t[a->n], &b->t[0]);
}

germ_t slc_germ_mul(field_t *k, const germ_t *a, const germ_t *b) {
  heap_t h = {.terms = 0};
  if (!a->ok || !b->ok) return unknown;
  for (int i = 0; i < a->n; i++)
    for (int j = 0; j < b->n; j++) h.term[h.terms++] = mul(k, &a->t[i], &b->t[j]);
  bound_by(k, &h, a, b), bound_by(k, &h, b, a);
  return collect(k, &h);
}

int slc_germ_sign(field_t *k, const germ_t *a) {
  return a->ok && a->n ? slc_ex_sign(k, a->t[0].c) : 0;
}

/* One term, t over s. */
static germ_t quotient(field_t *k, const mono_t *t, const mono_t *s) {
  heap_t h = {
      .terms = 1,
      .term = {{slc_ex_div(k, t->c, s->c), slc_ex_sub(k, t->p, s->p), slc_ex_sub(k, t->q, s->q)}}};
  return collect(k, &h);
}

/* a = b y + rest, term by term; then y lacks rest/b, which is as large as the first of rest over
 * the first of b. */
germ_t slc_germ_div(field_t *k, const germ_t *a, const germ_t *b) {
  if (!a->ok || !slc_germ_sign(k, b)) return unknown;
  germ_t y = {.ok = 1}, rest = *a;
  for (int i = 0; i < GERM && rest.ok && rest.n && y.ok; i++) {
    const germ_t t = quotient(k, &rest.t[0], &b->t[0]), back = slc_germ_mul(k, &t, b);
    y = slc_germ_add(k, &y, &t, 0);
    rest = slc_germ_add(k, &rest, &back, 1);
  }
  if (!y.ok || !rest.ok) return unknown;
  if (!rest.n && !rest.open) return y;
  const germ_t left = {
      .ok = 1,
      .open = 1,
      .t = {{NULL, slc_ex_sub(k, rest.t[0].p, b->t[0].p), slc_ex_sub(k, rest.t[0].q, b->t[0].q)}}};
  return slc_germ_add(k, &y, &left, 0);
}

germ_t slc_germ_taylor(field_t *k, const exact_t *c, int n, const germ_t *a) {
  if (!a->ok || n < 1) return unknown;
  germ_t y = slc_germ_mono(k, c[0], 0, 0), power = slc_germ_mono(k, slc_ex_si(k, 1, 1), 0, 0);
  if (!a->n && !a->open) return y;
  if (slc_mono_size(k, &a->t[0]) != SHRINKS) return unknown;
  for (int i = 1; i <= n; i++) {
    power = slc_germ_mul(k, &power, a);
    if (!power.ok) return unknown;
    if (!power.n && !power.open) return y;
    germ_t t = {.ok = 1, .open = 1, .t = {power.t[0]}}; /* O(a^n) */
    if (i < n) {
      const germ_t factor = slc_germ_mono(k, c[i], 0, 0);
      t = slc_germ_mul(k, &factor, &power);
    }
    y = slc_germ_add(k, &y, &t, 0);
  }
  return y;
}

/* t^s (1 + e)^s with t the first term of a. */
germ_t slc_germ_pow(field_t *k, const germ_t *a, const mpq_t s) {
  const int natural = mpz_cmp_ui(mpq_denref(s), 1) == 0 && mpq_sgn(s) >= 0;
  if (!a->ok) return unknown;
  if (natural && mpz_cmp_ui(mpq_numref(s), GERM) <= 0) {
    germ_t y = slc_germ_mono(k, slc_ex_si(k, 1, 1), 0, 0);
    for (unsigned long i = mpz_get_ui(mpq_numref(s)); i-- > 0;) y = slc_germ_mul(k, &y, a);
    return y;
  }
  if (!a->n && !a->open) return mpq_sgn(s) > 0 ? *a : unknown;
  const int sign = slc_germ_sign(k, a), root = mpz_cmp_ui(mpq_denref(s), 1) != 0;
  if (!sign || (root && sign < 0)) return unknown;
  const germ_t first = {.ok = 1, .n = 1, .t = {a->t[0]}}, tail = slc_germ_add(k, a, &first, 1),
               e = slc_germ_div(k, &tail, &first);
  const exact_t by = slc_ex_q(k, s);
  exact_t c[GERM] = {slc_ex_si(k, 1, 1)};
  for (long i = 1; i < GERM; i++) /* binomials */
    c[i] = slc_ex_mul(k, slc_ex_mul(k, c[i - 1], slc_ex_si(k, 1, (unsigned long)i)),
                      slc_ex_sub(k, by, slc_ex_si(k, i - 1, 1)));
  const germ_t y = slc_germ_taylor(k, c, GERM, &e);
  heap_t h = {.terms = 1,
              .term = {{slc_ex_pow(k, a->t[0].c, s), slc_ex_mul(k, by, a->t[0].p),
                        slc_ex_mul(k, by, a->t[0].q)}}};
  const germ_t lead = collect(k, &h);
  return slc_germ_mul(k, &lead, &y);
}
