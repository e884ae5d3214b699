/* The bits of the binary64 functions of gates, and of their tables (spec G3.4): digests over seeded
 * arguments. The bounds of functions64.c leave room for another last bit; numerics version 2 does
 * not. A digest that changes is another version. */
#include "kernels/gate/functions64.h"

#include <criterion/criterion.h>

enum { ARGUMENTS = 1 << 16 };

/* One step of a digest: a multiplication by an odd number and a shift, both invertible, so that one
 * changed word changes the result. */
static uint64_t add_word(uint64_t digest, uint64_t word) {
  digest = (digest ^ word) * 0xbf58476d1ce4e5b9u;
  return digest ^ (digest >> 29);
}

/* splitmix64 */
static uint64_t next(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* Every bit pattern; [-8, 8] and [-760, 760], where the functions bend and end; and multiples of
 * pi/2, where sin and cos need every part of the reduction. */
static double argument(uint64_t *state, int i) {
  const uint64_t u = next(state);
  const double unit = (double)(u >> 11) * 0x1p-52 - 1.0;
  switch (i % 4) {
    case 0:
      return sl_double64(u);
    case 1:
      return 8.0 * unit;
    case 2:
      return 760.0 * unit;
    default:
      return (double)(u >> 35) * 0x1.921fb54442d18p+0;
  }
}

/* Where a clause has a case: its boundary and the numbers beside it. */
static const double edges[] = {
    0.0,     1.0,     INFINITY, 0x1p-1022, 0x1p-1074, 0x1p-54, 0x1.a827999fcef32p-2,
    0.5,     6.0,     710.0,    746.0,     700.0,     40.0,    0x1p28,
    0x1p30,  709.0,   1000.0,   0x1p53,    0x1p1000,  2.5,     0x1.62e42fefa39efp+9,
    0.34658, 0.70711, 2.0,      1023.5,    745.2};

static uint64_t add_value(uint64_t digest, double y) {
  return add_word(digest, isnan(y) ? 0 : sl_bits64(y)); /* a NaN's bits are the machine's */
}

static uint64_t digest_of(double (*fn)(double)) {
  uint64_t digest = 0, state = 1;
  for (int i = 0; i < ARGUMENTS; i++) digest = add_value(digest, fn(argument(&state, i)));
  for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
    for (int side = -1; side <= 1; side++) {
      const double x = side ? nextafter(edges[i], side > 0 ? INFINITY : -INFINITY) : edges[i];
      digest = add_value(add_value(digest, fn(x)), fn(-x));
    }
  return add_value(digest, fn(NAN));
}

#define FUNCTION(name, recorded)                                       \
  Test(functions64_bits, name) {                                       \
    const uint64_t digest = digest_of(sl_fn64_##name);                 \
    cr_assert_eq(digest, (recorded),                                   \
                 "%s has digest 0x%016llx: these are not the bits of " \
                 "numerics version 2",                                 \
                 #name, (unsigned long long)digest);                   \
  }
FUNCTION(exp, 0x8e43a85753168fa8)
FUNCTION(expm1, 0x9060d39799f7a251)
FUNCTION(log, 0x3691a1ec2ccdd98c)
FUNCTION(log1p, 0xa181628f40dab39c)
FUNCTION(sigmoid, 0x915ffa872b49501d)
FUNCTION(tanh, 0xfcb282860ee53f3d)
FUNCTION(sinh, 0xd8a180e3254e2256)
FUNCTION(cosh, 0x17a6c7f7804d02d0)
FUNCTION(softsign, 0x68af009337378428)
FUNCTION(sign, 0x68db70a6239b19d9)
FUNCTION(asinh, 0xf0b8d79efa27cc6d)
FUNCTION(atan, 0x7cc6322b94b348dc)
FUNCTION(erf, 0x909e0a4ed662fcb6)
FUNCTION(sin, 0xcba22b32683f6438)
FUNCTION(cos, 0xc5290ab66d449712)

/* The last bit of a high coefficient moves one result in 10^7: so the tables themselves. */
#define TABLE(name, recorded)                                                                    \
  Test(functions64_bits, name) {                                                                 \
    uint64_t digest = 0;                                                                         \
    for (size_t i = 0; i < sizeof sl_##name / sizeof *sl_##name; i++)                            \
      digest = add_value(digest, sl_##name[i]);                                                  \
    cr_assert_eq(digest, (recorded), "%s has digest 0x%016llx: not what spec G3.4 lists", #name, \
                 (unsigned long long)digest);                                                    \
  }
TABLE(exp_q, 0x606fe81e428bef16)
TABLE(log_r, 0x4f5f3dbd7281b958)
TABLE(sin_p, 0x26b37a9a633e325a)
TABLE(cos_p, 0x198fd0aa4bb336b5)
TABLE(atan_p, 0x50e5f0c779ac72b7)
TABLE(erf_p, 0xdb72847e48ddbc3e)
TABLE(erfcx_p, 0x71acb89ea6a5f44c)

static double other_last_bit(double x) {
  const double y = sl_fn64_exp(x);
  return x == 0x1p-54 ? sl_double64(sl_bits64(y) ^ 1) : y;
}

Test(functions64_bits, catches_one_last_bit) {
  cr_assert(digest_of(other_last_bit) != digest_of(sl_fn64_exp));
}
