/* A resolved expression over an interval of r and the parameters' box. */
#ifndef SLUICE_CHECK_BOX_H
#define SLUICE_CHECK_BOX_H

#include "jet.h"
#include "pieces.h"

typedef struct {
  span_t v, d, l; /* value, derivative, their quotient v'/v */
  int ok;         /* the node has a value on all of the box, and does not jump there */
  int never;      /* it has no value anywhere on the box */
} flow_t;

typedef struct {
  field_t *k;
  const expr_t *e;
  const piece_t *piece;
  int in_piece; /* r lies in the open piece, not at an end: its signs hold */
  int by_inner; /* derivatives are by the piece's inner node, times the sign of its slope */
  char *has_r;
  exact_t *constant; /* of nodes without r */
  flow_t *flow;
  jet_t *jet;
  int n;
} box_t;

void slc_box_init(box_t *b, field_t *k, const piece_t *piece);
void slc_box_clear(box_t *b);
/* Number, constant or r itself: n has no operand. */
void slc_box_leaf(flow_t *y, const node_t *n, const span_t *r);
/* Every node. box: s of the ranged parameters (exact.h). */
void slc_box_flow(box_t *b, const span_t *r, const mpfi_t *box);
/* The signs that the slope of node ref may have; after slc_box_flow. */
unsigned slc_box_slope_signs(const box_t *b, int ref);
/* Taylor coefficient `order` of node ref. */
void slc_box_jet(box_t *b, int ref, const mpfi_t r, const mpfi_t *box, int order, mpfi_t out);
/* The same by its expansion by r about the middle of r to the next two orders. */
void slc_box_centred(box_t *b, int ref, const mpfi_t r, const mpfi_t *box, int order, mpfi_t out);

#endif
