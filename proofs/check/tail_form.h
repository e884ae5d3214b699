/* Arithmetic of tail forms exp(h) u^v c(u) (see tail.h): products, powers, sums in which the
 * smaller exponential is flattened, exact cancellation. */
#ifndef SLUICE_CHECK_TAIL_FORM_H
#define SLUICE_CHECK_TAIL_FORM_H

#include "exact.h"
#include "jet.h"

enum { M = 6, ATOMS = 8 };

typedef struct {
  int ok, zero, m;
  int atoms, atom[ATOMS];
  mpq_t f[ATOMS]; /* h is the sum of f[i] times node atom[i] */
  mpq_t v;
  jet_t c;
  series_t s;
} form_t;

typedef struct {
  field_t *k;
  const expr_t *e;
  long exponent;
  mpfi_t u;
  form_t *form;
} tail_ctx;

void slc_tf_init(form_t *y);
void slc_tf_clear(form_t *y);
void slc_tf_set(form_t *y, const form_t *a);
/* Of an exact number; not ok for NULL. */
void slc_tf_exact(tail_ctx *t, form_t *y, exact_t x);
/* 1, -1 where c keeps that sign on all of [0, u0], else 0. */
int slc_tf_sign(const form_t *a);
/* Grows without bound, apart from exp(h). */
int slc_tf_pole(const form_t *a);
void slc_tf_scale(tail_ctx *t, form_t *y, const form_t *a, const mpq_t f);
void slc_tf_scale_si(tail_ctx *t, form_t *y, const form_t *a, long p, unsigned long q);
void slc_tf_mul(tail_ctx *t, form_t *y, const form_t *a, const form_t *b);
void slc_tf_power(tail_ctx *t, form_t *y, const form_t *a, const mpq_t q);
void slc_tf_reciprocal(tail_ctx *t, form_t *y, const form_t *a);
/* u^v c with v a non-negative integer, as v = 0; where there is an h, it has to go to -inf. */
void slc_tf_plain(tail_ctx *t, form_t *y, const form_t *a);
/* Leading terms that are exactly zero become powers of u. */
void slc_tf_drop_zeros(form_t *y);
void slc_tf_add(tail_ctx *t, form_t *y, const form_t *a, const form_t *b);
/* The form of h. */
void slc_tf_exponent(tail_ctx *t, form_t *y, const form_t *g);
/* g with exp(h) as a part of c, where h stays bounded; else g. */
void slc_tf_fold(tail_ctx *t, form_t *y, const form_t *g);
/* Jets over [0, u0] of exp(d) u^w c for a pole d < 0; 0 where they are not bounded. */
int slc_tf_flat(tail_ctx *t, jet_t *y, const form_t *d, const mpq_t w, const jet_t *c, int m);
/* [0, u0^x] for x > 0; 1 for x = 0 */
void slc_tf_small(mpfi_t y, const tail_ctx *t, const mpq_t x);
/* Adds b's atoms, times a factor, to y's. */
void slc_tf_add_atoms(form_t *y, const form_t *b, const mpq_t times);

#endif
