/* A part of a certificate as read. */
#ifndef SLUICE_CHECK_PART_H
#define SLUICE_CHECK_PART_H

#include "jet.h"
#include "pieces.h"

typedef enum {
  G_DEFINED,
  G_UP,
  G_DOWN,
  G_BELOW,
  G_CURVE_UP,
  G_CURVE_DOWN,
  G_RISES,
  G_FALLS,
  GOALS
} goal_t;
typedef enum { T_FORM, T_BOXES, T_LIMIT } tail_means_t;
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
  tail_means_t means;
  long tail; /* exponent of T_FORM */
  mpfr_t r;
  mpq_t at[MAX_PARAMS]; /* parameters of what refutes */
} claim_t;

typedef struct {
  int up, constant, weak, low_order, low_shift, high_order, high_shift;
} zone_t;

typedef struct {
  int joins, regions;
  mpq_t low[MAX_PARAMS], high[MAX_PARAMS]; /* ranges of the part */
  claim_t p[4];
  zone_t zone[SEGMENTS];
  region_t *region;
} part_t;

#endif
