/* Types of tensors: values as binary64, exact or refused, and the search for what is not finite
 * (spec F6.1, F6.2). */
#include "tests/trainer/scratch.h"

#include "trainer/files/tensor.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

static sl_tensor_view vector_of(sl_tensor_type type, const void *data, size_t n) {
  return (sl_tensor_view){
      .name = "t", .rank = 1, .shape = {n}, .count = n, .data = data, .type = type};
}

static double half_value(uint32_t bits) {
  const uint16_t word = (uint16_t)bits;
  const sl_tensor_view t = vector_of(SL_TENSOR_F16, &word, 1);
  double out = -7;
  sl_error err;
  cr_assert_eq(sl_tensor_values(&t, 0, 1, &out, "f", &err), SL_OK);
  return out;
}

/* All 65,536: each is the one below plus the spacing of its binade, up to infinity; then NaNs. */
Test(tensor, binary16_values_follow_from_their_spacing) {
  double want = 0;
  for (uint32_t i = 0; i < 0x7c00; i++) {
    cr_assert_eq(half_value(i), want, "%04x", i);
    cr_assert_eq(half_value(i | 0x8000), -want, "%04x", i | 0x8000);
    want += ldexp(1, (i >> 10 ? (int)(i >> 10) : 1) - 25);
  }
  cr_assert_eq(want, 65536);
  cr_assert(signbit(half_value(0x8000)) && !signbit(half_value(0)));
  cr_assert_eq(half_value(0x7c00), INFINITY);
  cr_assert_eq(half_value(0xfc00), -INFINITY);
  for (uint32_t i = 0x7c01; i < 0x8000; i++)
    cr_assert(isnan(half_value(i)) && isnan(half_value(i | 0x8000)), "%04x", i);
}

/* Of each type the least, the largest and another value. */
Test(tensor, values_are_exact) {
  static const struct {
    sl_tensor_type type;
    uint64_t words[3];
    double values[3];
  } cases[] = {
      {SL_TENSOR_F32, {0xff7fffff, 0x00000001, 0x3e800000}, {-(double)FLT_MAX, 0x1p-149, 0.25}},
      {SL_TENSOR_F64, {0xffefffffffffffff, 1, 0x3ff8000000000000}, {-DBL_MAX, 0x1p-1074, 1.5}},
      {SL_TENSOR_BF16, {0xff7f, 0x0001, 0xc049}, {-0x1.fep127, 0x1p-133, -3.140625}},
      {SL_TENSOR_F16, {0xfbff, 0x0001, 0x3555}, {-65504, 0x1p-24, 0x1.554p-2}},
      {SL_TENSOR_I64,
       {0xffe0000000000000, 0x0020000000000000, (uint64_t)-3},
       {-0x1p53, 0x1p53, -3}},
      {SL_TENSOR_I32, {0x80000000, 0x7fffffff, 0xffffffff}, {-0x1p31, 0x1p31 - 1, -1}},
      {SL_TENSOR_I16, {0x8000, 0x7fff, 0xffff}, {-32768, 32767, -1}},
      {SL_TENSOR_I8, {0x80, 0x7f, 0xff}, {-128, 127, -1}},
      {SL_TENSOR_U64, {0, 0x0020000000000000, 7}, {0, 0x1p53, 7}},
      {SL_TENSOR_U32, {0, 0xffffffff, 7}, {0, 0x1p32 - 1, 7}},
      {SL_TENSOR_U16, {0, 0xffff, 7}, {0, 65535, 7}},
      {SL_TENSOR_U8, {0, 0xff, 7}, {0, 255, 7}},
      {SL_TENSOR_BOOL, {0, 1, 0}, {0, 1, 0}},
  };
  cr_assert_eq(sizeof cases / sizeof *cases, SL_TENSOR_TYPES, "a row for each type");
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    unsigned char data[1 + 24];
    const size_t bytes = sl_tensor_type_bytes(cases[c].type);
    for (size_t i = 0; i < 3; i++) memcpy(data + 1 + i * bytes, &cases[c].words[i], bytes);
    const sl_tensor_view t = vector_of(cases[c].type, data + 1, 3); /* not aligned */
    double got[3];
    sl_error err;
    cr_assert_eq(sl_tensor_values(&t, 0, 3, got, "f", &err), SL_OK, "%s", err.message);
    cr_assert_arr_eq(got, cases[c].values, sizeof got, "%s", sl_tensor_type_name(cases[c].type));
    cr_assert_eq(sl_tensor_values(&t, 1, 1, got, "f", &err), SL_OK);
    cr_assert_eq(got[0], cases[c].values[1]);
  }
}

Test(tensor, integers_that_binary64_may_lack_are_refused) {
  const int64_t below[] = {0, 1, -((int64_t)1 << 53) - 1}, least[] = {INT64_MIN};
  const uint64_t above[] = {5, ((uint64_t)1 << 53) + 1}, largest[] = {UINT64_MAX};
  const unsigned char truth[] = {1, 0, 1, 2};
  const struct {
    sl_tensor_view tensor;
    const char *part;
  } cases[] = {
      {vector_of(SL_TENSOR_I64, below, 3), "f: tensor t[2] is -9007199254740993: beyond 2^53"},
      {vector_of(SL_TENSOR_I64, least, 1), "f: tensor t[0] is -9223372036854775808: beyond 2^53"},
      {vector_of(SL_TENSOR_U64, above, 2), "f: tensor t[1] is 9007199254740993: beyond 2^53"},
      {vector_of(SL_TENSOR_U64, largest, 1), "f: tensor t[0] is 18446744073709551615: beyond"},
      {vector_of(SL_TENSOR_BOOL, truth, 4), "f: tensor t[3] is 2, but BOOL is 0 or 1"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    double out[4] = {-7};
    sl_error err = {SL_OK, ""};
    expect_error(sl_tensor_values(&cases[i].tensor, 0, cases[i].tensor.count, out, "f", &err),
                 SL_ERR_INPUT, &err, cases[i].part);
    cr_assert_eq(out[0], -7, "outputs stay untouched on error");
  }
}

/* Not a number and infinities of each type, of either sign, behind the largest number. */
Test(tensor, the_scan_counts_and_places_what_is_not_finite) {
  static const struct {
    sl_tensor_type type;
    uint64_t largest, infinity, nan;
  } cases[] = {
      {SL_TENSOR_F32, 0x7f7fffff, 0xff800000, 0xff800001},
      {SL_TENSOR_F64, 0x7fefffffffffffff, 0xfff0000000000000, 0x7ff0000000000001},
      {SL_TENSOR_BF16, 0x7f7f, 0x7f80, 0xff81},
      {SL_TENSOR_F16, 0xfbff, 0x7c00, 0x7c01},
  };
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    const size_t bytes = sl_tensor_type_bytes(cases[c].type), n = 37;
    unsigned char data[37 * 8];
    for (size_t i = 0; i < n; i++) memcpy(data + i * bytes, &cases[c].largest, bytes);
    const sl_tensor_view t = vector_of(cases[c].type, data, n);
    sl_nonfinite found = sl_tensor_scan(&t);
    cr_assert(found.nans == 0 && found.infinities == 0);
    memcpy(data + 36 * bytes, &cases[c].nan, bytes);
    memcpy(data + 5 * bytes, &cases[c].infinity, bytes);
    memcpy(data + 7 * bytes, &cases[c].infinity, bytes);
    found = sl_tensor_scan(&t);
    cr_assert(found.nans == 1 && found.first_nan == 36);
    cr_assert(found.infinities == 2 && found.first_infinity == 5);
  }
  const uint32_t all_set = 0xffffffff;
  const sl_tensor_view integer = vector_of(SL_TENSOR_I32, &all_set, 1);
  cr_assert_eq(sl_tensor_scan(&integer).nans, 0);
}

Test(tensor, types_have_names_and_numpy_codes) {
  for (int i = 0; i < SL_TENSOR_TYPES; i++)
    cr_assert_eq(sl_tensor_type_find(sl_tensor_type_name((sl_tensor_type)i)), i);
  cr_assert_eq(sl_tensor_type_find("F8_E4M3"), SL_TENSOR_TYPES);
  cr_assert_eq(sl_tensor_type_of_numpy("f2"), SL_TENSOR_F16);
  cr_assert_eq(sl_tensor_type_of_numpy(""), SL_TENSOR_TYPES, "BF16 has no code");
}

/* Every word of the two types of 16 bits: as binary32 it is the number that it is as binary64. */
Test(tensor, weights_are_widened_exactly) {
  static const sl_tensor_type kinds[] = {SL_TENSOR_F16, SL_TENSOR_BF16};
  static uint16_t words[65536];
  static float floats[65536];
  static double values[65536];
  sl_error err;
  for (uint32_t i = 0; i < 65536; i++) words[i] = (uint16_t)i;
  for (size_t k = 0; k < 2; k++) {
    const sl_tensor_view t = vector_of(kinds[k], words, 65536);
    cr_assert_eq(sl_tensor_values(&t, 0, 65536, values, "f", &err), SL_OK);
    sl_tensor_floats(&t, 1, 65535, floats + 1);
    for (uint32_t i = 1; i < 65536; i++) {
      const double got = (double)floats[i];
      cr_assert(isnan(values[i]) ? isnan(got) : memcmp(&got, &values[i], sizeof got) == 0,
                "type %d, %04x: %g, not %g", (int)kinds[k], i, got, values[i]);
    }
  }
}

/* The two words of BF16 around each float, and the middle between them: the nearer one, or in the
 * middle the even one. A cut instead of a rounding fails at the first number beyond a middle. */
Test(tensor, rounding_to_bf16_takes_the_nearest) {
  for (uint32_t word = 0; word < 0x7f80; word++)
    for (uint32_t sign = 0; sign < 2; sign++) {
      const uint32_t low = word << 16 | sign << 31, even = word + word % 2;
      const uint32_t bits[] = {low,          low + 1,      low + 0x7fff,
                               low + 0x8000, low + 0x8001, low + 0xffff};
      const uint32_t want[] = {word, word, word, even, word + 1, word + 1};
      for (size_t i = 0; i < 6; i++) {
        float x;
        uint16_t got;
        memcpy(&x, &bits[i], sizeof x);
        sl_tensor_round_bf16(&got, &x, 1);
        cr_assert_eq(got, want[i] | sign << 15, "%a: %04x", (double)x, got);
      }
    }
}
