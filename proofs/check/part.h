/* A part of a certificate as read. */
#ifndef SLUICE_CHECK_PART_H
#define SLUICE_CHECK_PART_H

#include "side.h"

typedef enum { G_DEFINED, G_UP, G_DOWN, G_BELOW, G_CURVE_UP, G_CURVE_DOWN, GOALS } goal_t;
typedef enum { V_PROVED, V_REFUTED, V_UNDECIDED } verdict_t;

typedef struct {
  mpfr_t low, high;
  mpfi_t box[MAX_PARAMS];
} cell_t;

typedef struct {
  int segment, order, cells;
  goal_t goal;
  mpfr_t low, high;
  cell_t *cell;
} region_t;

typedef struct {
  verdict_t verdict;
  char how[16];
  int join, strict, by_p3;
  long tail;
  mpfr_t r;
  mpfi_t at[MAX_PARAMS];
} claim_t;

typedef struct {
  int up, constant, low_order, low_shift, high_order, high_shift;
} zone_t;

typedef struct {
  int joins, regions;
  mpfi_t box[MAX_PARAMS];
  claim_t p[4];
  zone_t zone[SEGMENTS];
  region_t *region;
} part_t;

/* Checks every claim. "" or what is wrong. ranged[i]: parameter i is a range. */
const char *part_check(const part_t *part, const expr_t *e, int f, int w, const int *ranged);
/* Do the boxes of `cells` cover [low, high] (NULL: no r side) times box? */
int covers(const cell_t *const *cells, int n, const mpfr_t low, const mpfr_t high,
           const mpfi_t *box, const int *ranged);

#endif
