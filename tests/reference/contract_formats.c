/* Formats of contracts against MPFR and against every bit pattern (spec E1.1); contracts as texts
 * (spec E1.2); depths (spec E1.3, E1.4). */
#include "inputs.h"

#include "reference/contract/contract.h"

#include <criterion/criterion.h>
#include <math.h>
#include <mpfr.h>
#include <string.h>

/* x rounded by MPFR, which rounds once where mpfr_subnormalize knows the first rounding's
 * direction. */
static double by_mpfr(sl_format f, double x) {
  const int p = sl_format_digits(f), least = sl_format_least(f);
  mpfr_t y;
  mpfr_init2(y, p);
  mpfr_set_emin(least - p + 2), mpfr_set_emax(f == SL_FORMAT_F64   ? 1024
                                              : f == SL_FORMAT_F16 ? 16
                                                                   : 128);
  const int ternary = mpfr_set_d(y, x, MPFR_RNDN);
  mpfr_subnormalize(y, mpfr_check_range(y, ternary, MPFR_RNDN), MPFR_RNDN);
  const double rounded = mpfr_get_d(y, MPFR_RNDN);
  mpfr_clear(y);
  mpfr_set_emin(mpfr_get_emin_min()), mpfr_set_emax(mpfr_get_emax_max());
  return rounded;
}

/* Numbers of every size, and ties: few digits beyond those of the format. */
static double some_number(sl_format f) {
  const int p = sl_format_digits(f), least = sl_format_least(f);
  const double digits = floor(next_uniform() * ldexp(1.0, p + (int)(next_u64() % 3)));
  return copysign(ldexp(digits, (int)(next_u64() % 300) - 150 + (next_u64() % 2 ? 0 : least / 2)),
                  next_uniform() - 0.5);
}

Test(contract_formats, rounding_is_that_of_mpfr) {
  inputs_begin("rounding");
  for (int f = 0; f < SL_FORMATS; f++)
    for (int i = 0; i < 20000; i++) {
      const double x = some_number((sl_format)f), got = sl_format_round((sl_format)f, x),
                   want = by_mpfr((sl_format)f, x);
      cr_assert(got == want, "%s: %a becomes %a, not %a", sl_format_name((sl_format)f), x, got,
                want);
    }
}

Test(contract_formats, patterns_read_back) {
  for (int f = SL_FORMAT_BF16; f <= SL_FORMAT_F16; f++)
    for (uint32_t bits = 0; bits < 65536; bits++) {
      const uint16_t given = (uint16_t)bits;
      uint16_t back = 0;
      const double x = sl_format_read((sl_format)f, &given, 0);
      sl_format_write((sl_format)f, &back, 0, x);
      if (isnan(x)) continue;
      cr_assert_eq(back, given, "%s: 0x%04x reads as %a", sl_format_name((sl_format)f), bits, x);
      cr_assert(isinf(x) || sl_format_holds((sl_format)f, x));
    }
}

Test(contract_formats, ulps_are_distances) {
  cr_expect_eq(sl_format_ulp(SL_FORMAT_F32, 1.0), 0x1p-23);
  cr_expect_eq(sl_format_ulp(SL_FORMAT_BF16, 17.0), 0.125);
  cr_expect_eq(sl_format_ulp(SL_FORMAT_F16, 0.0), 0x1p-24);
  cr_expect_eq(sl_format_ulp(SL_FORMAT_F32, 0x1p-140), 0x1p-149);
  cr_expect_eq(sl_format_round(SL_FORMAT_F16, 65520.0), (double)INFINITY);
  cr_expect_eq(sl_format_round(SL_FORMAT_F16, 65519.9), 65504.0);
}

static const char *const intermediates[] = {"s", "p", NULL};

Test(contract_formats, a_contract_reads_back) {
  static const char *const texts[] = {
      "in=tf32,acc=f32,out=bf16,order=blocks:16,exp=1.5,log=3,rsqrt=1,div=2,exponent=plain,"
      "softmax=two-pass,subnormals=flushed,stored=s+p",
      "acc=f32,out=f32,order=any,exp=2,log=2,rsqrt=2,div=0.5,exponent=scaled,softmax=online:16,"
      "subnormals=kept,stored=none"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    sl_contract c = sl_contract_default();
    sl_error err = {0};
    char text[SL_CONTRACT_TEXT];
    cr_assert_eq(sl_contract_parse(&c, texts[i], intermediates, &err), SL_OK, "%s", err.message);
    sl_contract_print(text, &c, intermediates);
    cr_expect_str_eq(text, texts[i]);
  }
}

Test(contract_formats, what_is_no_contract_is_refused) {
  static const char *const texts[] = {"acc",
                                      "acc=",
                                      "acc=f31",
                                      "order=blocks",
                                      "order=blocks:0",
                                      "order=any:2",
                                      "exp=0.4",
                                      "exp=nan",
                                      "softmax=online",
                                      "stored=q",
                                      "stored=",
                                      "speed=fast",
                                      "out=f64",
                                      "acc=f64,order=blocks:4",
                                      "acc=tf32",
                                      "subnormals=may",
                                      "exponent=scaled2",
                                      "order=blocks:99999999999999999999",
                                      "acc=f32,acc=bf16",
                                      "order=any,in=bf16,order=any"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    sl_contract c = sl_contract_default();
    const sl_contract before = c;
    sl_error err = {0};
    cr_expect_eq(sl_contract_parse(&c, texts[i], intermediates, &err), SL_ERR_USAGE, "%s",
                 texts[i]);
    cr_expect(memcmp(&c, &before, sizeof c) == 0, "%s: the contract was changed", texts[i]);
    cr_expect(strncmp(err.message, "contract: ", 10) == 0, "%s: '%s'", texts[i], err.message);
  }
}

Test(contract_formats, depths) {
  sl_contract c = sl_contract_default();
  cr_expect_eq(sl_contract_depth(&c, 1000, 1), 1000.0);
  cr_expect_eq(sl_contract_depth(&c, 1000, 0), 999.0);
  cr_expect_eq(sl_contract_depth(&c, 0, 0), 0.0);
  c.order = SL_ORDER_OURS;
  cr_expect_eq(sl_contract_depth(&c, 1000, 1), 259.0);
  c.order = SL_ORDER_PAIRWISE;
  cr_expect_eq(sl_contract_depth(&c, 1000, 1), 11.0);
  c.order = SL_ORDER_BLOCKS, c.block = 16;
  cr_expect_eq(sl_contract_depth(&c, 1000, 1), 2.0 * 63.0 * 18.0);
}
