/* One side of a certificate: the gate's expression, cut at its switches; what the parts claim is
 * checked against it. */
#ifndef SLUICE_CHECK_PIECES_H
#define SLUICE_CHECK_PIECES_H

#include "exact.h"

enum { SEGMENTS = 24, COURSES = 16 };
typedef enum { FORM_WEIGHT, FORM_OVER, FORM_SLOPE, FORMS } form_kind_t;

/* The expression between two joins, without switches that are affine in r. A weight gate has
 * f = -1. */
typedef struct {
  expr_t e;
  int f, w;
  /* A node that is affine in r, through which alone w depends on r, and the sign of its slope; -1:
   * none. The sign of dw/dr is that of dw/dz times this one. */
  int inner, inner_sign;
  int form[FORMS]; /* nodes that equal w, w - 1 and w' wherever w has a value; -1: none given */
  /* Of every node, the signs that it may have on the open piece; NULL: nothing known. */
  unsigned char *signs;
} piece_t;

typedef struct {
  field_t field;  /* its ranges are the part's */
  int weak_order; /* joins may coincide for some values of the parameters */
  int limit_at_0; /* what counts at r = 0 itself is what w tends to (spec G2.3) */
  exact_t end[2]; /* joins besides those of the expression; NULL: none */
  /* Expressions of which some are the slopes of what switches decide on that is not affine in r. */
  expr_t course_e;
  int courses, course[COURSES];
  unsigned slopes; /* bit k: course k is one */
  int joins, one;
  exact_t join[SEGMENTS];
  piece_t piece[SEGMENTS];
  piece_t at[SEGMENTS]; /* at the joins themselves */
} pieces_t;

typedef enum { LEFT, AT, RIGHT } side_t;

/* 0 where the joins cannot be ordered on the box. */
int slc_pieces_make(pieces_t *p, const expr_t *e, int f, int w);
void slc_pieces_clear(pieces_t *p);
/* The piece on a side of a join, or the join's own. */
const piece_t *slc_piece_towards(const pieces_t *p, int join, side_t from);
/* f or w at a join: from a side (join 0 has no left), or at it. NULL: not known. */
exact_t slc_join_value(pieces_t *p, int join, int weight, side_t from);
/* The join as a dyadic number, if it is one. Boxes leave such an end out: there the gate is what
 * the join's own expression says. */
int slc_join_dyadic(mpfr_t out, pieces_t *p, int join);
/* Rounded outward; the last piece's high end is +inf. */
void slc_piece_ends(mpfr_t low, mpfr_t high, pieces_t *p, int i);
int slc_piece_constant(pieces_t *p, int i);
/* The signs of its nodes, anew after some were added. */
void slc_piece_signs(pieces_t *p, int i);

#endif
