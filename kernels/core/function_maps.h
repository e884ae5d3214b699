/* The correctly rounded functions over arrays, as each backend computes them (spec N2.1): what
 * sweeps, tests and benches call. Internal. */
#ifndef SLUICE_FUNCTION_MAPS_H
#define SLUICE_FUNCTION_MAPS_H

#include <sluice/types.h>

/* y[i] = f(x[i]); y and x do not overlap. */
typedef void (*sl_function_map)(float *y, const float *x, size_t n);

/* By sl_function_id. Those of an instruction set that this CPU lacks must not be called. */
extern const sl_function_map sl_plain_function_maps[SL_FUNCTION_COUNT];
extern const sl_function_map sl_avx2_function_maps[SL_FUNCTION_COUNT];
extern const sl_function_map sl_avx512_function_maps[SL_FUNCTION_COUNT];

#endif
