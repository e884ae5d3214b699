/* Pairs of timings of one vector function and its peer (spec N2.1). */
#include "function_speed.h"

#include "bench_machine.h"
#include "libmvec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#ifdef SLUICE_HAS_LIBMVEC
#include <gnu/libc-version.h>
#endif

enum {
  ELEMENTS = 2048, /* arguments and results, 16 KiB, stay in a first-level cache */
  PAIRS = 201,
  REPEATS = 40 /* a timing lasts some 0.1 ms, the ticks of the clock are 1e-3 of that */
};

/* How far peers may be off, u = 2^-24 the unit roundoff; a relative error of k u is at most k ulps.
 * libmvec's functions: 4 ulps (the GNU C library's manual), 8 u. The others, first order: 1 /
 * sqrt(x) and 1 / (1 + z^2): 2 u. r^2 with r = 1 / (1 + |z|): 2 (2 u) + u. 1 / (1 + e): 8 u + u +
 * u. exp(-z^2), z^2 <= 9: 9 u + 8 u. exp(-z^2/2): 4.5 u + 8 u. 1 / (s sqrt(s)) with s = 1 +
 * z^2: 1.5 u + u + u + u. 4 t / (1 + t)^2: 8 u + 2 (8 u + u) + u + u. */
#define GATE -1.0f, 3.0f, "z of a gate, ratios up to 4"
#define ANGLE 0.0f, 4096.0f, "angles of RoPE, positions up to 4096"
const sl_function_peer sl_function_peers[SL_FUNCTION_COUNT] = {
    [SL_FUNCTION_exp] = {"expf", -16.0f, 0.0f, "scores less their maximum", 3, 4},
    [SL_FUNCTION_log] = {"logf", 1.0f, 131072.0f, "sums of a softmax", 3, 4},
    [SL_FUNCTION_expm1] = {"expm1f", -1.0f, 1.0f, "log-ratios", 6, 4},
    [SL_FUNCTION_sigmoid] = {"1 / (1 + expf(-x))", -8.0f, 8.0f, "arguments of SwiGLU", 6, 10},
    [SL_FUNCTION_tanh] = {"tanhf", -4.0f, 4.0f, "where it is not yet 1", 6, 4},
    [SL_FUNCTION_erf] = {"erff", GATE, 6, 4},
    [SL_FUNCTION_atan] = {"atanf", GATE, 6, 4},
    [SL_FUNCTION_rsqrt] = {"1 / sqrt(x)", 0x1p-10f, 16.0f, "mean squares of a norm", 6, 2},
    [SL_FUNCTION_sin] = {"sinf", ANGLE, 6, 4},
    [SL_FUNCTION_cos] = {"cosf", ANGLE, 6, 4},
    [SL_FUNCTION_sech2h] = {"4 t / (1 + t)^2, t = expf(-|z|)", GATE, 6, 28},
    [SL_FUNCTION_gaussh] = {"expf(-z z / 2)", GATE, 6, 13},
    [SL_FUNCTION_lorentz] = {"1 / fma(z, z, 1)", GATE, 6, 2},
    [SL_FUNCTION_rhypot3] = {"1 / (s sqrt(s)), s = fma(z, z, 1)", GATE, 6, 5},
};

const char *sl_libmvec_version(void) {
#ifdef SLUICE_HAS_LIBMVEC
  static char text[64];
  snprintf(text, sizeof text, "libmvec of glibc %s", gnu_get_libc_version());
  return text;
#else
  return "no libmvec";
#endif
}

sl_status sl_function_maps_of(const sl_function_map **maps, const sl_function_map **peers,
                              sl_isa isa, sl_error *err) {
  const sl_context_options one_thread = {.backend = "cpu", .isa = isa, .threads = 1};
  sl_context *ctx = NULL;
  const sl_status status = sl_context_create(&ctx, &one_thread, err);
  if (status) return status;
  sl_context_destroy(ctx);
  *maps = isa == SL_ISA_AVX512 ? sl_avx512_function_maps : sl_avx2_function_maps;
  if (peers) *peers = isa == SL_ISA_AVX512 ? sl_avx512_libmvec_maps : sl_avx2_libmvec_maps;
  return SL_OK;
}

/* Binary32 numbers in their order: -0 and +0 are one. */
static int64_t position(float x) {
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits >= 0 ? bits : INT32_MIN - (int64_t)bits;
}

uint32_t sl_ulps_apart(const float *a, const float *b, size_t n) {
  int64_t most = 0;
  for (size_t i = 0; i < n; i++) {
    if (isnan(a[i]) || isnan(b[i])) return UINT32_MAX;
    const int64_t apart = position(a[i]) - position(b[i]);
    if (apart > most) most = apart;
    if (-apart > most) most = -apart;
  }
  return (uint32_t)most;
}

typedef struct {
  _Alignas(64) float x[ELEMENTS];
  _Alignas(64) float y[ELEMENTS];
  _Alignas(64) float peer[ELEMENTS];
} arrays;

static void spread(float *x, float low, float high) {
  uint32_t seed = 1;
  for (size_t i = 0; i < ELEMENTS; i++) {
    seed = seed * 1664525u + 1013904223u;
    x[i] = (float)((double)low + (double)seed * 0x1p-32 * ((double)high - (double)low));
  }
}

static double nanoseconds(sl_function_map map, float *y, const float *x) {
  const double begin = sl_bench_now();
  for (int i = 0; i < REPEATS; i++) map(y, x, ELEMENTS);
  return (sl_bench_now() - begin) * 1e9 / (REPEATS * ELEMENTS);
}

/* The same from another place of the stack. From some places libmvec's functions take up to five
 * times as long (seen: a dozen of 64, in one process of ten, by the luck of address randomisation).
 * A median over all places does not see them. */
static double nanoseconds_from(size_t place, sl_function_map map, float *y, const float *x) {
  volatile char shift[64 * (place % 64 + 1)];
  shift[0] = 0;
  return nanoseconds(map, y, x) + shift[0];
}

static sl_function_speed time_pairs(arrays *a, sl_function_map map, sl_function_map peer) {
  double ours[PAIRS], theirs[PAIRS], ratio[PAIRS];
  for (size_t i = 0; i < PAIRS; i++) {
    ours[i] = nanoseconds_from(i, map, a->y, a->x);
    theirs[i] = nanoseconds_from(i, peer, a->peer, a->x);
    ratio[i] = ours[i] / theirs[i];
  }
  return (sl_function_speed){.ns = sl_bench_median(ours, PAIRS),
                             sl_bench_median(theirs, PAIRS),
                             sl_bench_median(ratio, PAIRS)};
}

sl_status sl_function_speed_measure(sl_function_speed *out, sl_function_id f, sl_function_map map,
                                    sl_function_map peer, sl_error *err) {
  static arrays a;
  const sl_function_peer *with = &sl_function_peers[f];
  if (!peer)
    return sl_fail(err, SL_ERR_UNAVAILABLE, "%s is not in this build: it has no libmvec",
                   with->peer);
  spread(a.x, with->low, with->high);
  map(a.y, a.x, ELEMENTS);
  peer(a.peer, a.x, ELEMENTS);
  const uint32_t ulps = sl_ulps_apart(a.y, a.peer, ELEMENTS);
  if (ulps > with->ulps)
    return sl_fail(err, SL_ERR_MISMATCH, "%s is up to %u ulps off %s; %u are allowed", with->peer,
                   (unsigned)ulps, sl_function_name(f), (unsigned)with->ulps);
  *out = time_pairs(&a, map, peer);
  out->ulps = ulps;
  return SL_OK;
}
