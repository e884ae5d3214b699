/* libmvec's vector functions over arrays, as peers of the correctly rounded ones: what `sluice
 * bench functions` divides by. */
#ifndef SLUICE_LIBMVEC_H
#define SLUICE_LIBMVEC_H

#include "kernels/core/function_maps.h"

/* By sl_function_id; NULL where the peer needs libmvec and this build has none. Vectors are as wide
 * as ours. Those of an instruction set that this CPU lacks must not be called. */
extern const sl_function_map sl_avx2_libmvec_maps[SL_FUNCTION_COUNT];
extern const sl_function_map sl_avx512_libmvec_maps[SL_FUNCTION_COUNT];

#endif
