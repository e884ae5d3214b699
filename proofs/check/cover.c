/* Coverage of a box by boxes that were made by halving: find a cut that no box straddles, and look at both sides. */
#include "part.h"

#include <stdlib.h>

typedef struct {
  mpfr_t low[MAX_PARAMS + 1], high[MAX_PARAMS + 1]; /* side 0 is r */
} range_t;

static void ends(const cell_t *c, int side, mpfr_srcptr *low, mpfr_srcptr *high) {
  *low = side ? &c->box[side - 1]->left : c->low;
  *high = side ? &c->box[side - 1]->right : c->high;
}

static int whole(const cell_t *c, range_t *g, const int *use) {
  for (int s = 0; s <= MAX_PARAMS; s++) {
    mpfr_srcptr low, high;
    if (!use[s]) continue;
    ends(c, s, &low, &high);
    if (mpfr_greater_p(low, g->low[s]) || mpfr_less_p(high, g->high[s])) return 0;
  }
  return 1;
}

static int descend(const cell_t **cells, int n, range_t *g, const int *use, int depth);

/* Neighbours overlap by a rounding: a box lies on the side that holds all but a sixteenth of it; 0 where it straddles x. */
static int side_of(const cell_t *c, int side, mpfr_srcptr x) {
  mpfr_srcptr low, high;
  mpfr_t left, right, width;
  ends(c, side, &low, &high);
  mpfr_inits2(64, left, right, width, (mpfr_ptr)0);
  mpfr_sub(left, x, low, MPFR_RNDN);
  mpfr_sub(right, high, x, MPFR_RNDN);
  mpfr_sub(width, high, low, MPFR_RNDN);
  mpfr_mul_2si(width, width, -4, MPFR_RNDN);
  const int result = mpfr_lessequal_p(right, width) ? -1 : mpfr_lessequal_p(left, width) ? 1 : 0;
  mpfr_clears(left, right, width, (mpfr_ptr)0);
  return result;
}

/* Whatever is put on which side: a range counts as covered only where one box holds all of it. */
static int try_cut(const cell_t **cells, int n, range_t *g, const int *use, int side, mpfr_srcptr near, int depth) {
  mpfr_t x, step;
  mpfr_init2(x, 512), mpfr_init2(step, 64);
  mpfr_set(x, near, MPFR_RNDN);
  for (int i = 0; i < n; i++) { /* the true cut lies in every overlap: take the largest low end of those that start there */
    mpfr_srcptr low, high;
    ends(cells[i], side, &low, &high);
    mpfr_sub(step, high, low, MPFR_RNDN);
    mpfr_mul_2si(step, step, -4, MPFR_RNDN);
    mpfr_add(step, step, near, MPFR_RNDN);
    if (side_of(cells[i], side, near) > 0 && mpfr_less_p(low, step) && mpfr_greater_p(low, x)) mpfr_set(x, low, MPFR_RNDN);
  }
  mpfr_clear(step);
  const cell_t **left = malloc((size_t)n * 2 * sizeof *left), **right = left + n;
  int nl = 0, nr = 0;
  if (!left) abort();
  for (int i = 0; i < n; i++) {
    if (side_of(cells[i], side, near) < 0)
      left[nl++] = cells[i];
    else
      right[nr++] = cells[i];
  }
  int ok = nl < n && nr < n;
  if (ok) {
    mpfr_t keep;
    mpfr_init2(keep, 512);
    mpfr_set(keep, g->high[side], MPFR_RNDN);
    mpfr_set(g->high[side], x, MPFR_RNDN);
    ok = descend(left, nl, g, use, depth + 1);
    mpfr_set(g->high[side], keep, MPFR_RNDN);
    mpfr_set(keep, g->low[side], MPFR_RNDN);
    mpfr_set(g->low[side], x, MPFR_RNDN);
    ok = ok && descend(right, nr, g, use, depth + 1);
    mpfr_set(g->low[side], keep, MPFR_RNDN);
    mpfr_clear(keep);
  }
  mpfr_clear(x);
  free(left);
  return ok;
}

static int clean_cut(const cell_t **cells, int n, const range_t *g, int side, mpfr_srcptr x) {
  if (mpfr_lessequal_p(x, g->low[side]) || mpfr_greaterequal_p(x, g->high[side])) return 0;
  int left = 0, right = 0;
  for (int i = 0; i < n; i++) {
    const int s = side_of(cells[i], side, x);
    if (s == 0) return 0;
    left |= s<0, right |= s> 0;
  }
  return left && right;
}

static int descend(const cell_t **cells, int n, range_t *g, const int *use, int depth) {
  for (int i = 0; i < n; i++)
    if (whole(cells[i], g, use)) return 1;
  if (depth > 300 || n < 2) return 0;
  for (int round = 0; round < 2; round++) /* the box in the middle of the list first: lists are in the order of halving */
    for (int s = 0; s <= MAX_PARAMS; s++)
      for (int k = round ? 0 : n / 2; use[s] && k < (round ? n : n / 2 + 1); k++) {
        mpfr_srcptr x, high;
        ends(cells[k], s, &x, &high);
        if (clean_cut(cells, n, g, s, x)) return try_cut(cells, n, g, use, s, x, depth);
      }
  return 0;
}

int covers(const cell_t *const *cells, int n, const mpfr_t low, const mpfr_t high, const mpfi_t *box, const int *ranged) {
  range_t g;
  int use[MAX_PARAMS + 1] = {low != NULL};
  for (int s = 0; s <= MAX_PARAMS; s++) {
    mpfr_init2(g.low[s], 512), mpfr_init2(g.high[s], 512);
    if (s) use[s] = ranged[s - 1];
    if (s == 0 && low) mpfr_set(g.low[0], low, MPFR_RNDN), mpfr_set(g.high[0], high, MPFR_RNDN);
    if (s && use[s]) mpfr_set(g.low[s], &box[s - 1]->left, MPFR_RNDN), mpfr_set(g.high[s], &box[s - 1]->right, MPFR_RNDN);
  }
  const cell_t **list = malloc((size_t)(n ? n : 1) * sizeof *list);
  if (!list) abort();
  for (int i = 0; i < n; i++) list[i] = cells[i];
  const int ok = descend(list, n, &g, use, 0);
  free(list);
  for (int s = 0; s <= MAX_PARAMS; s++) mpfr_clear(g.low[s]), mpfr_clear(g.high[s]);
  return ok;
}
