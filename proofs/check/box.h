/* A resolved expression over an interval of r and the parameters' box. */
#ifndef SLUICE_CHECK_BOX_H
#define SLUICE_CHECK_BOX_H

#include "jet.h"

typedef struct {
  mpfi_t v, d, l; /* value, derivative by r, their quotient v'/v */
  int ok;         /* the node has a value on the whole box, and does not jump there */
  int never;      /* it has no value anywhere on the box */
} flow_t;

typedef struct {
  const expr_t *e;
  flow_t *flow;
  jet_t *jet;
  int n;
} box_t;

void slc_box_init(box_t *b, const expr_t *e);
void slc_box_clear(box_t *b);
void slc_box_flow(box_t *b, const mpfi_t r, mpfi_t *params); /* every node */
int slc_box_slope_sign(const box_t *b, int ref);             /* after box_flow */
void slc_box_jet(box_t *b, int ref, const mpfi_t r, mpfi_t *params, int order,
                 mpfi_t out); /* Taylor coefficient `order` of node ref */
int slc_box_centred_slope(box_t *b, int ref, const mpfi_t r, mpfi_t *params);

#endif
