/* A part of a certificate as read. */
#ifndef SLUICE_CHECK_PART_H
#define SLUICE_CHECK_PART_H

#include "jet.h"
#include "pieces.h"

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
  char refuted_by[16];
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

#endif
