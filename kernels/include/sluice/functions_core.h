/* The algorithms of the correctly rounded functions (spec N2.1, N2.2), written once for scalars,
 * SIMD vectors and CUDA: binary64 inside, one rounding, no branch, no table; long polynomials in
 * interleaved chains, so that one waits less for itself. functions.h (scalars) and
 * kernels/cpu/functions.h (vectors) include it and say what these stand for:
 *
 *   SLC_FN, SLC_D(name), SLC_S(name)   qualifiers of a function; its name on binary64, on binary32
 *   SLC_F64, SLC_F32, SLC_U64          values; the bits of an SLC_F64
 *   SLC_K(c), SLC_K32(c)               constants
 *   SLC_FMA, SLC_SQRT                  on binary64
 *   SLC_BITS, SLC_FROM                 the bits of a binary64, and back
 *   SLC_LT, SLC_ODD                    comparison, parity of bits: a mask m; NaN compares false
 *   SLC_SEL(m, a, b)                   a where m holds, else b
 *   SLC_LT32, SLC_EQ32, SLC_SEL32      the same on binary32
 *   SLC_MIN32, SLC_MAX32               a < b ? a : b, a > b ? a : b: the second where the first is
 *                                      NaN
 *   SLC_ABS32, SLC_COPYSIGN            on binary32
 *   SLC_MAP(name, x)                   SLC_D(name) of the widened x, rounded to binary32
 *   SLC_OWN_EXP_PARTS                  defined by who has an SLC_D(exp_parts) of his own
 *
 * Coefficients come from kernels/functions. That a function is correctly rounded rests on `sluice
 * sweep` alone. */

/* ---- binary64: arguments hold a binary32 value; results round to the answer ---- */

#define SLC_SHIFTER 0x1.8p52 /* x + SHIFTER is rint(x) in the low bits, for |x| < 2^51 */

/* e^w = scale (1 + q), scale = 2^k, for |w| < 700. q is within 2 u; ln2 high has 42 bits, so that k
 * ln2 high is exact. */
#ifndef SLC_OWN_EXP_PARTS
SLC_FN SLC_F64 SLC_D(exp_parts)(SLC_F64 w, SLC_F64 *scale) {
  const SLC_F64 shifted = SLC_FMA(w, SLC_K(0x1.71547652b82fep0), SLC_K(SLC_SHIFTER));
  const SLC_F64 k = shifted - SLC_K(SLC_SHIFTER);
  SLC_F64 r = SLC_FMA(k, SLC_K(-0x1.62e42fefa38p-1), w);
  r = SLC_FMA(k, SLC_K(-0x1.ef35793c7673p-45), r);
  const SLC_F64 t = r * r;
  SLC_F64 even = SLC_FMA(t, SLC_K(0x1.288d0e83a61bep-22), SLC_K(0x1.a019bdceac345p-16));
  even = SLC_FMA(t, even, SLC_K(0x1.6c16c176de6fdp-10));
  even = SLC_FMA(t, even, SLC_K(0x1.555555555444cp-5));
  even = SLC_FMA(t, even, SLC_K(0x1p-1));
  SLC_F64 odd = SLC_FMA(t, SLC_K(0x1.aea5672795936p-26), SLC_K(0x1.71de5b89118d9p-19));
  odd = SLC_FMA(t, odd, SLC_K(0x1.a01a018caee9cp-13));
  odd = SLC_FMA(t, odd, SLC_K(0x1.1111111113fep-7));
  odd = SLC_FMA(t, odd, SLC_K(0x1.555555555554fp-3));
  *scale = SLC_FROM((SLC_BITS(shifted) + 1023) << 52);
  return SLC_FMA(t, SLC_FMA(r, odd, even), r);
}
#endif

SLC_FN SLC_F64 SLC_D(exp)(SLC_F64 x) {
  SLC_F64 scale;
  const SLC_F64 q = SLC_D(exp_parts)(x, &scale);
  return SLC_FMA(q, scale, scale);
}

SLC_FN SLC_F64 SLC_D(expm1)(SLC_F64 x) {
  SLC_F64 scale;
  const SLC_F64 q = SLC_D(exp_parts)(x, &scale);
  return SLC_FMA(q, scale, scale - SLC_K(1.0));
}

/* 1 / (1 + e^-x). Near 0 it is 1/2 + x/4 - x^3/48, whose last term binary64 cannot hold where 1/2 +
 * x/4 is the middle between two binary32; x/4 (1 - 2^-27) lies on the right side of that middle,
 * and moves nothing else: for |x| < 2^-12 both corrections are below 2^-27, and a sum that is not
 * itself a middle is at least 2^-24 x/4 away from one. */
SLC_FN SLC_F64 SLC_D(sigmoid)(SLC_F64 x) {
  SLC_F64 scale;
  const SLC_F64 q = SLC_D(exp_parts)(-x, &scale);
  const SLC_F64 y = SLC_K(1.0) / SLC_FMA(q, scale, scale + SLC_K(1.0));
  return SLC_SEL(SLC_LT(x * x, SLC_K(0x1p-24)), SLC_FMA(x, SLC_K(0x1.ffffffcp-3), SLC_K(0.5)), y);
}

/* (e^2x - 1) / (e^2x + 1) for x >= 0. */
SLC_FN SLC_F64 SLC_D(tanh)(SLC_F64 x) {
  SLC_F64 scale;
  const SLC_F64 q = SLC_D(exp_parts)(x + x, &scale);
  return SLC_FMA(q, scale, scale - SLC_K(1.0)) / SLC_FMA(q, scale, scale + SLC_K(1.0));
}

/* sech^2(z/2) = 4 t / (1 + t)^2, t = e^-z, for z >= 0. */
SLC_FN SLC_F64 SLC_D(sech2h)(SLC_F64 z) {
  SLC_F64 scale;
  const SLC_F64 q = SLC_D(exp_parts)(-z, &scale);
  const SLC_F64 t = SLC_FMA(q, scale, scale), d = SLC_FMA(q, scale, scale + SLC_K(1.0));
  return SLC_K(4.0) * t / (d * d);
}

/* e^(-z^2/2); half the square of a binary32 is exact. */
SLC_FN SLC_F64 SLC_D(gaussh)(SLC_F64 z) {
  SLC_F64 scale;
  const SLC_F64 q = SLC_D(exp_parts)(z * z * SLC_K(-0.5), &scale);
  return SLC_FMA(q, scale, scale);
}

SLC_FN SLC_F64 SLC_D(lorentz)(SLC_F64 z) { return SLC_K(1.0) / SLC_FMA(z, z, SLC_K(1.0)); }

/* (1 + z^2)^(-3/2), for all binary32 z at least 2^-384. */
SLC_FN SLC_F64 SLC_D(rhypot3)(SLC_F64 z) {
  const SLC_F64 s = SLC_FMA(z, z, SLC_K(1.0));
  return SLC_K(1.0) / (s * SLC_SQRT(s));
}

SLC_FN SLC_F64 SLC_D(rsqrt)(SLC_F64 x) { return SLC_K(1.0) / SLC_SQRT(x); }

/* x = 2^e m, m in [sqrt(1/2), sqrt(2)); f = m - 1 is exact; log(1 + f) = s + s z R(z), s = 2 f / (2
 * + f), z = s^2. A binary32 subnormal is a normal binary64. One binary64 for ln 2 will do: it is
 * off by 2^-54.9 relative. */
SLC_FN SLC_F64 SLC_D(log)(SLC_F64 x) {
  const SLC_U64 offset = SLC_BITS(x) + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
  const SLC_F64 e = SLC_FROM((offset >> 52) + 0x4338000000000000u) - SLC_K(SLC_SHIFTER + 1023.0);
  const SLC_F64 f = SLC_FROM((offset & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu) - SLC_K(1.0);
  const SLC_F64 s = f / SLC_FMA(f, SLC_K(0.5), SLC_K(1.0)), z = s * s;
  SLC_F64 p = SLC_FMA(z, SLC_K(0x1.546c8d4b29818p-16), SLC_K(0x1.7382afc47dbc2p-14));
  p = SLC_FMA(z, p, SLC_K(0x1.c71fcdfaad7d3p-12));
  p = SLC_FMA(z, p, SLC_K(0x1.24924629774abp-9));
  p = SLC_FMA(z, p, SLC_K(0x1.9999999b8713cp-7));
  p = SLC_FMA(z, p, SLC_K(0x1.55555555552c2p-4));
  return SLC_FMA(e, SLC_K(0x1.62e42fefa39efp-1), SLC_FMA(s * z, p, s));
}

/* erf x = 1 - e^(-x G(x)) for 0 <= x <= 4: one polynomial, in chains by the degree modulo 4; expm1
 * keeps the small results accurate. */
SLC_FN SLC_F64 SLC_D(erf)(SLC_F64 x) {
  const SLC_F64 x2 = x * x, x4 = x2 * x2;
  SLC_F64 g0 = SLC_FMA(x4, SLC_K(0x1.589de35020595p-36), SLC_K(0x1.8fb888b15cd68p-26));
  g0 = SLC_FMA(x4, g0, SLC_K(-0x1.1fae211ba4dfdp-19));
  g0 = SLC_FMA(x4, g0, SLC_K(0x1.0e193c887ea2p-14));
  g0 = SLC_FMA(x4, g0, SLC_K(-0x1.b6b6a95aa9081p-13));
  g0 = SLC_FMA(x4, g0, SLC_K(0x1.20dd750429b6dp0));
  SLC_F64 g1 = SLC_FMA(x4, SLC_K(-0x1.3d7b52565f0e7p-40), SLC_K(-0x1.ebb3b3498169dp-28));
  g1 = SLC_FMA(x4, g1, SLC_K(0x1.601f56ff60fe4p-21));
  g1 = SLC_FMA(x4, g1, SLC_K(-0x1.ef594a955e1aep-16));
  g1 = SLC_FMA(x4, g1, SLC_K(0x1.bca69941522c6p-10));
  g1 = SLC_FMA(x4, g1, SLC_K(0x1.45f306dc9c9p-1));
  SLC_F64 g2 = SLC_FMA(x4, SLC_K(0x1.0d6927f2b3dbbp-45), SLC_K(0x1.91e4ddaa92df5p-30));
  g2 = SLC_FMA(x4, g2, SLC_K(-0x1.1cc91ae0997bp-24));
  g2 = SLC_FMA(x4, g2, SLC_K(0x1.9e5bd91edb1fap-19));
  g2 = SLC_FMA(x4, g2, SLC_K(-0x1.35668a1560ea4p-11));
  g2 = SLC_FMA(x4, g2, SLC_K(0x1.a4f4e2a1a6208p-4));
  SLC_F64 g3 = SLC_FMA(x4, SLC_K(-0x1.c659061e3e3c2p-33), SLC_K(-0x1.451159c913ee3p-25));
  g3 = SLC_FMA(x4, g3, SLC_K(0x1.b29fe95452858p-19));
  g3 = SLC_FMA(x4, g3, SLC_K(0x1.b2bfe1fb8d02cp-16));
  g3 = SLC_FMA(x4, g3, SLC_K(-0x1.3966858f53fd5p-6));
  const SLC_F64 g = SLC_FMA(x, SLC_FMA(x2, g3, g1), SLC_FMA(x2, g2, g0));
  SLC_F64 scale;
  const SLC_F64 q = SLC_D(exp_parts)(-(x * g), &scale);
  return -SLC_FMA(q, scale, scale - SLC_K(1.0));
}

/* x >= 0. Below tan(pi/8) directly, above cot(pi/8) as pi/2 - atan(1/x), between as pi/4 +
 * atan((x-1)/(x+1)); one division serves all three. */
SLC_FN SLC_F64 SLC_D(atan)(SLC_F64 x) {
  const SLC_F64 one = SLC_K(1.0), zero = SLC_K(0.0);
  const SLC_F64 n1 = SLC_SEL(SLC_LT(x, SLC_K(0x1.a8279ap-2)), x, x - one),
                d1 = SLC_SEL(SLC_LT(x, SLC_K(0x1.a8279ap-2)), one, x + one);
  const SLC_F64 b1 = SLC_SEL(SLC_LT(x, SLC_K(0x1.a8279ap-2)), zero, SLC_K(0x1.921fb54442d18p-1));
  const SLC_F64 n = SLC_SEL(SLC_LT(x, SLC_K(0x1.3504f4p1)), n1, -one),
                d = SLC_SEL(SLC_LT(x, SLC_K(0x1.3504f4p1)), d1, x);
  const SLC_F64 base = SLC_SEL(SLC_LT(x, SLC_K(0x1.3504f4p1)), b1, SLC_K(0x1.921fb54442d18p0));
  const SLC_F64 z = n / d, t = z * z, t2 = t * t;
  SLC_F64 even = SLC_FMA(t2, SLC_K(-0x1.3aebea57b1c2fp-6), SLC_K(-0x1.a0b8db304ca59p-5));
  even = SLC_FMA(t2, even, SLC_K(-0x1.10fae4e8f95bfp-4));
  even = SLC_FMA(t2, even, SLC_K(-0x1.745d0b9b9317dp-4));
  even = SLC_FMA(t2, even, SLC_K(-0x1.249249243d6d3p-3));
  even = SLC_FMA(t2, even, SLC_K(-0x1.5555555555555p-2));
  SLC_F64 odd = SLC_FMA(t2, SLC_K(0x1.41b53c6566dd2p-5), SLC_K(0x1.dfece4892d455p-5));
  odd = SLC_FMA(t2, odd, SLC_K(0x1.3b126be4cc793p-4));
  odd = SLC_FMA(t2, odd, SLC_K(0x1.c71c7188b5fb2p-4));
  odd = SLC_FMA(t2, odd, SLC_K(0x1.999999999942ap-3));
  return base + SLC_FMA(z * t, SLC_FMA(t, odd, even), z);
}

/* sin(x + turn pi/2) for 0 <= x <= 2^17. r = x - k pi/2 with pi/2 in parts of 35, 36 and 53 bits: k
 * has 17 bits, so the first step is exact and the second too where it cancels; no binary32 in the
 * domain comes closer to a multiple of pi/2 than about 2^-30, where the third part still leaves
 * 2^-70 relative. */
SLC_FN SLC_F64 SLC_D(sine)(SLC_F64 x, unsigned turn) {
  const SLC_F64 shifted = SLC_FMA(x, SLC_K(0x1.45f306dc9c883p-1), SLC_K(SLC_SHIFTER));
  const SLC_F64 k = shifted - SLC_K(SLC_SHIFTER);
  SLC_F64 r = SLC_FMA(k, SLC_K(-0x1.921fb5444p0), x);
  r = SLC_FMA(k, SLC_K(-0x1.68c234c4cp-39), r);
  r = SLC_FMA(k, SLC_K(-0x1.98a2e03707345p-77), r);
  const SLC_U64 quadrant = SLC_BITS(shifted) + turn;
  const SLC_F64 t = r * r;
  SLC_F64 s = SLC_FMA(t, SLC_K(-0x1.8db7d1bd7e296p-41), SLC_K(0x1.60e688071a4d4p-33));
  s = SLC_FMA(t, s, SLC_K(-0x1.ae63f901681abp-26));
  s = SLC_FMA(t, s, SLC_K(0x1.71de3a10d87f7p-19));
  s = SLC_FMA(t, s, SLC_K(-0x1.a01a019fe8debp-13));
  s = SLC_FMA(t, s, SLC_K(0x1.111111111101fp-7));
  s = SLC_FMA(t, s, SLC_K(-0x1.5555555555555p-3));
  SLC_F64 c = SLC_FMA(t, SLC_K(-0x1.9001750eb75f4p-37), SLC_K(0x1.1eea8ed106b4cp-29));
  c = SLC_FMA(t, c, SLC_K(-0x1.27e4f8fd82362p-22));
  c = SLC_FMA(t, c, SLC_K(0x1.a01a019e07557p-16));
  c = SLC_FMA(t, c, SLC_K(-0x1.6c16c16c15f44p-10));
  c = SLC_FMA(t, c, SLC_K(0x1.5555555555552p-5));
  c = SLC_FMA(t, c, SLC_K(-0x1p-1));
  const SLC_F64 y = SLC_SEL(SLC_ODD(quadrant), SLC_FMA(t, c, SLC_K(1.0)), SLC_FMA(r * t, s, r));
  return SLC_FROM(SLC_BITS(y) ^ ((quadrant & 2u) << 62));
}
SLC_FN SLC_F64 SLC_D(sin)(SLC_F64 x) { return SLC_D(sine)(x, 0); }
SLC_FN SLC_F64 SLC_D(cos)(SLC_F64 x) { return SLC_D(sine)(x, 1); }

/* ---- binary32: arguments moved to where the rounded result no longer changes, special values
 * (spec N2.2) ---- */

SLC_FN SLC_F32 SLC_S(or_nan)(SLC_F32 x, SLC_F32 y) {
  return SLC_SEL32(SLC_EQ32(x, x), y, SLC_K32(NAN));
}

/* y, but value where x is at: for the few inputs whose binary64 result, right to half a unit, is
 * the middle between two binary32. */
SLC_FN SLC_F32 SLC_S(except)(SLC_F32 x, SLC_F32 y, float at, float value) {
  return SLC_SEL32(SLC_EQ32(x, SLC_K32(at)), SLC_K32(value), y);
}
SLC_FN SLC_F32 SLC_S(clamp)(SLC_F32 x, float low, float high) {
  return SLC_MAX32(SLC_MIN32(x, SLC_K32(high)), SLC_K32(low));
}
SLC_FN SLC_F32 SLC_S(cap_abs)(SLC_F32 x, float high) {
  return SLC_MIN32(SLC_ABS32(x), SLC_K32(high));
}

SLC_FN SLC_F32 SLC_S(exp)(SLC_F32 x) {
  return SLC_S(or_nan)(x, SLC_MAP(exp, SLC_S(clamp)(x, -104.0f, 89.0f)));
}
SLC_FN SLC_F32 SLC_S(sigmoid)(SLC_F32 x) {
  const SLC_F32 y = SLC_MAP(sigmoid, SLC_S(clamp)(x, -104.0f, 20.0f));
  return SLC_S(or_nan)(x, SLC_S(except)(x, y, -0x1.250c02p-10f, 0x1.ffb6bep-2f));
}
SLC_FN SLC_F32 SLC_S(sech2h)(SLC_F32 z) {
  return SLC_S(or_nan)(z, SLC_MAP(sech2h, SLC_S(cap_abs)(z, 106.0f)));
}
SLC_FN SLC_F32 SLC_S(gaussh)(SLC_F32 z) {
  return SLC_S(or_nan)(z, SLC_MAP(gaussh, SLC_S(cap_abs)(z, 14.5f)));
}
SLC_FN SLC_F32 SLC_S(lorentz)(SLC_F32 z) { return SLC_S(or_nan)(z, SLC_MAP(lorentz, z)); }
SLC_FN SLC_F32 SLC_S(rhypot3)(SLC_F32 z) {
  const SLC_F32 a = SLC_ABS32(z);
  return SLC_S(or_nan)(z, SLC_S(except)(a, SLC_MAP(rhypot3, a), 0x1.fffffep22f, 0x1.000002p-69f));
}

/* The result has the sign of the argument, that of a zero included. */
SLC_FN SLC_F32 SLC_S(signed)(SLC_F32 x, SLC_F32 y) { return SLC_S(or_nan)(x, SLC_COPYSIGN(y, x)); }
SLC_FN SLC_F32 SLC_S(expm1)(SLC_F32 x) {
  SLC_F32 y = SLC_MAP(expm1, SLC_S(clamp)(x, -20.0f, 89.0f));
  y = SLC_S(except)(x, y, 0x1.84a5bap-4f, 0x1.97aed6p-4f);
  return SLC_S(signed)(x, SLC_S(except)(x, y, -0x1.a8ebap-6f, -0x1.a37524p-6f));
}
SLC_FN SLC_F32 SLC_S(tanh)(SLC_F32 x) {
  const SLC_F32 a = SLC_S(cap_abs)(x, 10.0f);
  return SLC_S(signed)(x, SLC_S(except)(a, SLC_MAP(tanh, a), 0x1.a83722p-6f, 0x1.a81eep-6f));
}
SLC_FN SLC_F32 SLC_S(erf)(SLC_F32 x) {
  return SLC_S(signed)(x, SLC_MAP(erf, SLC_S(cap_abs)(x, 4.0f)));
}
SLC_FN SLC_F32 SLC_S(atan)(SLC_F32 x) {
  const SLC_F32 a = SLC_ABS32(x);
  return SLC_S(signed)(x, SLC_S(except)(a, SLC_MAP(atan, a), 0x1.1ad646p-4f, 0x1.1a6386p-4f));
}

/* y for 0 < x < inf, the values given at 0 and inf, NaN elsewhere. */
SLC_FN SLC_F32 SLC_S(half_line)(SLC_F32 x, SLC_F32 y, float at_zero, float at_infinity) {
  const SLC_F32 outside = SLC_SEL32(SLC_EQ32(x, SLC_K32(0.0f)), SLC_K32(at_zero), SLC_K32(NAN));
  const SLC_F32 inside = SLC_SEL32(SLC_EQ32(x, SLC_K32(INFINITY)), SLC_K32(at_infinity), y);
  return SLC_SEL32(SLC_LT32(SLC_K32(0.0f), x), inside, outside);
}
SLC_FN SLC_F32 SLC_S(log)(SLC_F32 x) {
  SLC_F32 y = SLC_MAP(log, x);
  y = SLC_S(except)(x, y, 0x1.2f1fd6p3f, 0x1.1fcbcep1f);
  y = SLC_S(except)(x, y, 0x1.bacb4ap25f, 0x1.1e0696p4f);
  y = SLC_S(except)(x, y, 0x1.b121a6p76f, 0x1.a9a3f2p5f);
  y = SLC_S(except)(x, y, 0x1.6351d8p95f, 0x1.08b512p6f);
  return SLC_S(half_line)(x, y, -INFINITY, INFINITY);
}
SLC_FN SLC_F32 SLC_S(rsqrt)(SLC_F32 x) {
  return SLC_S(half_line)(x, SLC_MAP(rsqrt, x), INFINITY, 0.0f);
}

/* y for 0 <= x <= 2^17, NaN elsewhere. */
SLC_FN SLC_F32 SLC_S(turns)(SLC_F32 x, SLC_F32 y) {
  const SLC_F32 inside = SLC_SEL32(SLC_LT32(SLC_K32(0x1p17f), x), SLC_K32(NAN), y);
  return SLC_SEL32(SLC_LT32(x, SLC_K32(0.0f)), SLC_K32(NAN), SLC_S(or_nan)(x, inside));
}
SLC_FN SLC_F32 SLC_S(sin)(SLC_F32 x) {
  const SLC_F32 y = SLC_MAP(sin, SLC_S(clamp)(x, 0.0f, 0x1p17f));
  return SLC_S(turns)(x, SLC_S(except)(x, SLC_SEL32(SLC_EQ32(x, SLC_K32(0.0f)), x, y),
                                       0x1.33333p13f, -0x1.63f4bap-2f));
}
SLC_FN SLC_F32 SLC_S(cos)(SLC_F32 x) {
  return SLC_S(turns)(x, SLC_MAP(cos, SLC_S(clamp)(x, 0.0f, 0x1p17f)));
}

#undef SLC_SHIFTER
#undef SLC_FN
#undef SLC_D
#undef SLC_S
#undef SLC_F64
#undef SLC_F32
#undef SLC_U64
#undef SLC_K
#undef SLC_K32
#undef SLC_FMA
#undef SLC_SQRT
#undef SLC_LT
#undef SLC_SEL
#undef SLC_ODD
#undef SLC_BITS
#undef SLC_FROM
#undef SLC_LT32
#undef SLC_EQ32
#undef SLC_SEL32
#undef SLC_MIN32
#undef SLC_MAX32
#undef SLC_ABS32
#undef SLC_COPYSIGN
#undef SLC_MAP
