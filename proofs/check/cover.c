/* Coverage of a box by boxes (spec G4.3): the box is cut at an end of one of them until each piece
 * lies within one. Boxes may overlap, as those of neighbours do by a rounding. */
#include "cover.h"

#include <stdlib.h>

enum { DEPTH = 400, SAMPLES = 16 };

typedef struct {
  mpfr_srcptr low[MAX_PARAMS + 1], high[MAX_PARAMS + 1]; /* side 0 is r */
} range_t;

typedef struct {
  const int *use;
  long steps; /* left: a certificate of overlapping boxes could cost more than it is worth */
} work_t;

static mpfr_srcptr low_end(const cell_t *c, int side) {
  return side ? &c->box[side - 1]->left : c->low;
}
static mpfr_srcptr high_end(const cell_t *c, int side) {
  return side ? &c->box[side - 1]->right : c->high;
}

static int holds(const cell_t *c, const range_t *g, const int *use) {
  for (int s = 0; s <= MAX_PARAMS; s++)
    if (use[s] &&
        (mpfr_greater_p(low_end(c, s), g->low[s]) || mpfr_less_p(high_end(c, s), g->high[s])))
      return 0;
  return 1;
}

/* How many boxes the fuller side has, if the range is cut at x. */
static int fuller(const cell_t **cells, int n, int side, mpfr_srcptr x) {
  int left = 0, right = 0;
  for (int i = 0; i < n; i++)
    left += mpfr_less_p(low_end(cells[i], side), x),
        right += mpfr_greater_p(high_end(cells[i], side), x);
  return left > right ? left : right;
}

/* The end, of some of the boxes, that parts them best. */
static mpfr_srcptr best_cut(const cell_t **cells, int n, const range_t *g, work_t *w, int *side) {
  mpfr_srcptr best = NULL;
  int least = n + 1;
  for (int s = 0; s <= MAX_PARAMS; s++)
    for (int k = 0; w->use[s] && k < (n < SAMPLES ? n : SAMPLES); k++)
      for (int high = 0; high < 2; high++) {
        const cell_t *c = cells[n < SAMPLES ? k : (int)((long)n * k / SAMPLES)];
        const mpfr_srcptr x = high ? high_end(c, s) : low_end(c, s);
        if (!mpfr_greater_p(x, g->low[s]) || !mpfr_less_p(x, g->high[s])) continue;
        const int most = fuller(cells, n, s, x);
        w->steps -= n;
        if (most < least) least = most, best = x, *side = s;
      }
  return best;
}

static int descend(const cell_t **cells, int n, const range_t *g, work_t *w, int depth) {
  for (int i = 0; i < n; i++)
    if (holds(cells[i], g, w->use)) return 1;
  int side = 0;
  const mpfr_srcptr x =
      depth < DEPTH && n > 1 && w->steps > 0 ? best_cut(cells, n, g, w, &side) : NULL;
  if (!x) return 0;
  const cell_t **half = malloc((size_t)n * sizeof *half);
  if (!half) abort();
  int ok = 1;
  for (int right = 0; right < 2 && ok; right++) {
    range_t part = *g;
    int m = 0;
    if (right)
      part.low[side] = x;
    else
      part.high[side] = x;
    for (int i = 0; i < n; i++)
      if (right ? mpfr_greater_p(high_end(cells[i], side), x)
                : mpfr_less_p(low_end(cells[i], side), x))
        half[m++] = cells[i];
    ok = descend(half, m, &part, w, depth + 1);
  }
  free(half);
  return ok;
}

static int covers_range(const cell_t *const *cells, int n, const range_t *g, const int *use) {
  work_t w = {use, 20000L + 4000L * n};
  const cell_t **list = malloc((size_t)(n ? n : 1) * sizeof *list);
  if (!list) abort();
  for (int i = 0; i < n; i++) list[i] = cells[i];
  const int ok = descend(list, n, g, &w, 0);
  free(list);
  return ok;
}

int slc_covers(const cell_t *const *cells, int n, const mpfr_t low, const mpfr_t high,
               const int *ranged) {
  mpfr_t zero, one;
  mpfr_inits2(53, zero, one, (mpfr_ptr)0);
  mpfr_set_zero(zero, 1), mpfr_set_ui(one, 1, MPFR_RNDN);
  range_t g = {{low}, {high}};
  int use[MAX_PARAMS + 1] = {1};
  for (int s = 1; s <= MAX_PARAMS; s++) use[s] = ranged[s - 1], g.low[s] = zero, g.high[s] = one;
  const int ok = covers_range(cells, n, &g, use);
  mpfr_clears(zero, one, (mpfr_ptr)0);
  return ok;
}
