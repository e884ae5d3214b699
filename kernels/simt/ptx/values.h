/* The arithmetic that forms.def names and C++ has no operator for. IEEE 754 to nearest even comes
 * from the host's own operations (no contraction, no fast-math; FMA in hardware). */
#ifndef SLUICE_SIMT_PTX_VALUES_H
#define SLUICE_SIMT_PTX_VALUES_H

#include "program.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace simt::ptx {

typedef bool pred;
typedef uint8_t u8;
typedef int8_t s8;
typedef uint16_t u16;
typedef int16_t s16;
typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t u64;
typedef int64_t s64;
typedef float f32;
typedef double f64;

constexpr u32 sign32 = 1u << 31;
constexpr u64 sign64 = u64(1) << 63;

template <typename To, typename From>
inline To bits_as(From v) {
  static_assert(sizeof(To) == sizeof(From), "bits of one size");
  To to;
  memcpy(&to, &v, sizeof to);
  return to;
}

/* A binary32 result: one NaN, 0x7fffffff. */
inline f32 number(f32 v) { return v == v ? v : bits_as<f32>(u32(0x7fffffff)); }

/* A binary64 result: a NaN is the first NaN operand made quiet, or 0xfff8000000000000. */
template <typename... T>
inline f64 number(f64 v, T... operands) {
  if (v == v) return v;
  u64 nan = 0;
  ((nan = nan == 0 && operands != operands ? bits_as<u64>(f64(operands)) : nan), ...);
  return bits_as<f64>(nan ? nan | u64(1) << 51 : u64(0xfff8000000000000));
}

inline f64 widened(f32 v) {
  if (v == v) return v;
  const u64 b = bits_as<u32>(v);
  return bits_as<f64>((b >> 31) << 63 | u64(0x7ff8000000000000) | (b & 0x7fffff) << 29);
}

inline f32 least(f32 a, f32 b) {
  if (a != a || b != b) return number(a != a ? b : a);
  if (a == b) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}
inline f32 greatest(f32 a, f32 b) {
  if (a != a || b != b) return number(a != a ? b : a);
  if (a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

template <typename T>
inline T quotient(T a, T b) {
  if (b == 0) return static_cast<T>(-1);
  if (std::is_signed<T>::value && b == static_cast<T>(-1)) return static_cast<T>(0 - u64(a));
  return static_cast<T>(a / b);
}
template <typename T>
inline T remainder_of(T a, T b) {
  if (b == 0) return a;
  if (std::is_signed<T>::value && b == static_cast<T>(-1)) return 0;
  return static_cast<T>(a % b);
}

inline u64 high_product(u64 a, u64 b) {
  return static_cast<u64>((static_cast<unsigned __int128>(a) * b) >> 64);
}
inline u32 count_ones(u32 a) { return static_cast<u32>(__builtin_popcount(a)); }
/* How far left the highest one can go; all ones if there is none. */
inline u32 shift_to_top(u32 a) { return a ? static_cast<u32>(__builtin_clz(a)) : ~0u; }

inline u32 reversed(u32 a) {
  u32 d = 0;
  for (int i = 0; i < 32; i++) d |= (a >> i & 1) << (31 - i);
  return d;
}

/* The low bits of a, `length` of them, take the place of b's from `from` on; both are taken mod 256
 * and cut at the width. */
template <typename T>
inline T inserted(T a, T b, u32 from, u32 length) {
  constexpr u32 width = 8 * sizeof(T);
  from &= 0xff, length &= 0xff;
  T d = b;
  for (u32 i = 0; i < length && from + i < width; i++) {
    const T bit = static_cast<T>(1) << (from + i);
    d = a >> i & 1 ? d | bit : d & ~bit;
  }
  return d;
}

/* Toward zero; a NaN gives 2^63. */
inline u64 truncated(f32 a) {
  if (a != a) return sign64;
  if (a <= 0.0f) return 0;
  if (a >= 18446744073709551616.0f) return ~u64(0);
  return static_cast<u64>(a);
}

/* The lane that a shuffle reads (ISA, shfl.sync), and whether it lies in the segment of
 * `lane`. */
inline u32 source_lane(form op, u32 lane, u32 b, u32 c, bool &within) {
  const u32 clamp = c & 31, mask = c >> 8 & 31, low = lane & mask, high = low | (clamp & ~mask);
  b &= 31;
  int j = 0;
  switch (op) {
    case form::shfl_sync_up_b32:
      j = static_cast<int>(lane) - static_cast<int>(b);
      within = j >= static_cast<int>(high);
      break;
    case form::shfl_sync_down_b32:
      j = static_cast<int>(lane + b);
      within = j <= static_cast<int>(high);
      break;
    case form::shfl_sync_bfly_b32:
      j = static_cast<int>(lane ^ b);
      within = j <= static_cast<int>(high);
      break;
    default:
      j = static_cast<int>(low | (b & ~mask));
      within = j <= static_cast<int>(high);
  }
  return within ? static_cast<u32>(j) : lane;
}

}  // namespace simt::ptx

#endif
