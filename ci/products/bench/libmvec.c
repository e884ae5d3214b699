/* Peers of the functions (spec N2.1): libmvec's, of the same vector width, or the expression a fast
 * kernel would write with its exp. Compiled once for each instruction set, as the kernels are. */
#include "libmvec.h"

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/lanes.h"

#include <assert.h>

/* The names of the x86-64 vector function ABI: d with 8 lanes is AVX2, e with 16 is AVX-512. */
#ifdef __AVX512F__
#define VECTOR_NAME(name) _ZGVeN16v_##name
#else
#define VECTOR_NAME(name) _ZGVdN8v_##name
#endif

/* n is a multiple of the vector's length. */
#define PEER(name, expression)                                     \
  static void peer_##name(float *out, const float *in, size_t n) { \
    assert(n % SL_VW == 0);                                        \
    for (size_t i = 0; i < n; i += SL_VW) {                        \
      const vf x = v_load(in + i);                                 \
      v_store(out + i, expression);                                \
    }                                                              \
  }

PEER(rsqrt, v_set(1.0f) / v_sqrt(x))
PEER(lorentz, v_set(1.0f) / v_fma(x, x, v_set(1.0f)))

static inline vf rhypot3(vf x) {
  const vf s = v_fma(x, x, v_set(1.0f));
  return v_set(1.0f) / (s * v_sqrt(s));
}
PEER(rhypot3, rhypot3(x))

#ifdef SLUICE_HAS_LIBMVEC
vf VECTOR_NAME(expf)(vf x);
vf VECTOR_NAME(logf)(vf x);
vf VECTOR_NAME(expm1f)(vf x);
vf VECTOR_NAME(tanhf)(vf x);
vf VECTOR_NAME(erff)(vf x);
vf VECTOR_NAME(atanf)(vf x);
vf VECTOR_NAME(sinf)(vf x);
vf VECTOR_NAME(cosf)(vf x);

PEER(exp, VECTOR_NAME(expf)(x))
PEER(log, VECTOR_NAME(logf)(x))
PEER(expm1, VECTOR_NAME(expm1f)(x))
PEER(tanh, VECTOR_NAME(tanhf)(x))
PEER(erf, VECTOR_NAME(erff)(x))
PEER(atan, VECTOR_NAME(atanf)(x))
PEER(sin, VECTOR_NAME(sinf)(x))
PEER(cos, VECTOR_NAME(cosf)(x))

PEER(sigmoid, v_set(1.0f) / (v_set(1.0f) + VECTOR_NAME(expf)(-x)))
PEER(gaussh, VECTOR_NAME(expf)(v_set(-0.5f) * x * x))
static inline vf sech2h(vf x) {
  const vf t = VECTOR_NAME(expf)(-v_abs(x)), d = t + v_set(1.0f);
  return v_set(4.0f) * t / (d * d);
}
PEER(sech2h, sech2h(x))
#else
#define peer_exp NULL
#define peer_log NULL
#define peer_expm1 NULL
#define peer_tanh NULL
#define peer_erf NULL
#define peer_atan NULL
#define peer_sin NULL
#define peer_cos NULL
#define peer_sigmoid NULL
#define peer_gaussh NULL
#define peer_sech2h NULL
#endif

const sl_function_map SL_ISA_NAME(libmvec_maps)[SL_FUNCTION_COUNT] = {
#define SL_FUNCTION(name, low, high) peer_##name,
#include <sluice/functions.def>
#undef SL_FUNCTION
};
