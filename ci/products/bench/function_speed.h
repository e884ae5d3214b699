/* Speed of the vector functions (spec N2.1) against libmvec's, side by side: what `sluice bench
 * functions` and `sluice sweep --table` print. */
#ifndef SLUICE_FUNCTION_SPEED_H
#define SLUICE_FUNCTION_SPEED_H

#include "function_name.h"

#include "kernels/core/function_maps.h"

#include <sluice/kernels.h>

/* What a function is compared to, and on which inputs. */
typedef struct {
  const char *peer;   /* libmvec's function, or an expression of one */
  float low, high;    /* inputs are spread evenly over [low, high], which is where training uses the
                         function: */
  const char *inputs; /* described for a reader */
  double goal;        /* largest ratio of our time to the peer's */
  uint32_t ulps;      /* how far the peer may be off */
} sl_function_peer;
extern const sl_function_peer sl_function_peers[SL_FUNCTION_COUNT];

/* Nanoseconds an element, the ratio ours / peer's, each the median of interleaved pairs; the
 * largest distance of the peer's results. */
typedef struct {
  double ns, peer_ns, ratio;
  uint32_t ulps;
} sl_function_speed;

/* Our maps and the peers' (NULL entries where this build has no libmvec) of an instruction set,
 * SL_ISA_AVX2 or SL_ISA_AVX512; SL_ERR_UNAVAILABLE where this CPU lacks it. peers may be NULL. */
sl_status sl_function_maps_of(const sl_function_map **maps, const sl_function_map **peers,
                              sl_isa isa, sl_error *err);

/* SL_ERR_UNAVAILABLE if peer is NULL, SL_ERR_MISMATCH if its results are too far off: a fast wrong
 * one is no reference. */
sl_status sl_function_speed_measure(sl_function_speed *out, sl_function_id f, sl_function_map map,
                                    sl_function_map peer, sl_error *err);

/* The largest distance between a[i] and b[i], counted in binary32 numbers; UINT32_MAX if a NaN is
 * among them. */
uint32_t sl_ulps_apart(const float *a, const float *b, size_t n);

/* "libmvec of glibc 2.36", or a text that says that it is missing. */
const char *sl_libmvec_version(void);

#endif
