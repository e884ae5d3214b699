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
  G_AT_MOST_0,
  GOALS
} goal_t;
typedef enum {
  T_FORM,
  T_BOXES,
  T_LIMIT,
  T_SLOPE,
  T_LOG,
  T_BOUNDED,
  T_DECAY,
  T_LOG_DECAY
} tail_means_t;
/* P1 to P4 make a gate admissible; P4w stands beside them. */
enum { P4 = 3, P4W, PROPERTIES };
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
  int join, strict;
  int by_other; /* P2 by P3, P4w by P4 */
  int above;    /* of a refuted P4: r w >= r for r >= 2^tail, else <= */
  tail_means_t means;
  long tail; /* exponent of T_FORM, T_SLOPE, T_LOG, T_BOUNDED, T_DECAY, T_LOG_DECAY and of a refuted
                P4 */
  mpfr_t r;  /* the witness; of P4 the bound */
  mpq_t at[MAX_PARAMS]; /* parameters of what refutes */
} claim_t;

typedef struct {
  int up, constant, weak, low_order, low_shift, high_order, high_shift;
} zone_t;

typedef struct {
  int segment;
  form_kind_t kind;
  char *text;
} form_line_t;

typedef struct {
  int joins, regions, forms;
  mpq_t low[MAX_PARAMS], high[MAX_PARAMS]; /* ranges of the part */
  claim_t p[PROPERTIES];
  zone_t zone[SEGMENTS];
  region_t *region;
  form_line_t form[SEGMENTS * FORMS];
  int courses;
  char *course[COURSES];
} part_t;

#endif
