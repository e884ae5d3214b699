/* The correctly rounded functions (spec N2.1) on vectors, lane by lane. Not public. */
#ifndef SLUICE_CPU_FUNCTIONS_H
#define SLUICE_CPU_FUNCTIONS_H

#include "lanes.h"

#include <sluice/functions.h>

static inline vf v_exp(vf x) {
  for (int i = 0; i < SL_VW; i++) x[i] = sl_fn_exp(x[i]);
  return x;
}

static inline vf v_sigmoid(vf x) {
  for (int i = 0; i < SL_VW; i++) x[i] = sl_fn_sigmoid(x[i]);
  return x;
}

#endif
