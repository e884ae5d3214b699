/* The functions of spec/functions.def by MPFR (spec N2.1, N2.2). */
#include "functions.h"

#include <math.h>
#include <mpfr.h>

#define RN MPFR_RNDN

/* Each puts f(x) into y with a relative error below 2^(3 - precision): at most five roundings and
 * no cancellation. MPFR's own functions are correctly rounded; z^2 is exact from 48 bits on. */
static void ref_exp(mpfr_t y, mpfr_t x) { mpfr_exp(y, x, RN); }
static void ref_log(mpfr_t y, mpfr_t x) { mpfr_log(y, x, RN); }
static void ref_expm1(mpfr_t y, mpfr_t x) { mpfr_expm1(y, x, RN); }
static void ref_tanh(mpfr_t y, mpfr_t x) { mpfr_tanh(y, x, RN); }
static void ref_erf(mpfr_t y, mpfr_t x) { mpfr_erf(y, x, RN); }
static void ref_atan(mpfr_t y, mpfr_t x) { mpfr_atan(y, x, RN); }
static void ref_rsqrt(mpfr_t y, mpfr_t x) { mpfr_rec_sqrt(y, x, RN); }
static void ref_sin(mpfr_t y, mpfr_t x) { mpfr_sin(y, x, RN); }
static void ref_cos(mpfr_t y, mpfr_t x) { mpfr_cos(y, x, RN); }

static void ref_sigmoid(mpfr_t y, mpfr_t x) {
  mpfr_neg(y, x, RN);
  mpfr_exp(y, y, RN);
  mpfr_add_ui(y, y, 1, RN);
  mpfr_ui_div(y, 1, y, RN);
}

static void ref_sech2h(mpfr_t y, mpfr_t z) {
  mpfr_div_2ui(y, z, 1, RN);
  mpfr_sech(y, y, RN);
  mpfr_sqr(y, y, RN);
}

static void ref_gaussh(mpfr_t y, mpfr_t z) {
  mpfr_sqr(y, z, RN);
  mpfr_div_2ui(y, y, 1, RN);
  mpfr_neg(y, y, RN);
  mpfr_exp(y, y, RN);
}

static void ref_lorentz(mpfr_t y, mpfr_t z) {
  mpfr_sqr(y, z, RN);
  mpfr_add_ui(y, y, 1, RN);
  mpfr_ui_div(y, 1, y, RN);
}

/* 1 + z^2, its inverse root, the cube: 3/2 + 3 + 1 of 2^-precision. */
static void ref_rhypot3(mpfr_t y, mpfr_t z) {
  mpfr_sqr(y, z, RN);
  mpfr_add_ui(y, y, 1, RN);
  mpfr_rec_sqrt(y, y, RN);
  mpfr_pow_ui(y, y, 3, RN);
}

typedef struct {
  const char *name;
  void (*evaluate)(mpfr_t y, mpfr_t x);
  float low, high;
} reference;

static const reference references[SL_FUNCTION_COUNT] = {
#define SL_FUNCTION(name, low, high) {#name, ref_##name, low, high},
#include <sluice/functions.def>
#undef SL_FUNCTION
};

const char *sl_ref_function_name(sl_function_id function) { return references[function].name; }

int sl_ref_function_domain(sl_function_id function, float x) {
  return x >= references[function].low && x <= references[function].high;
}

/* y (1 - 2^(3 - p)) and y (1 + 2^(3 - p)), rounded outwards, each rounded to binary32: 1 if they
 * agree. */
static int rounds_safely(float *result, mpfr_t y, mpfr_t edge) {
  const mpfr_prec_t p = mpfr_get_prec(y);
  float ends[2];
  for (int upper = 0; upper < 2; upper++) {
    const mpfr_rnd_t outward = upper == (mpfr_sgn(y) > 0) ? MPFR_RNDU : MPFR_RNDD;
    mpfr_set_si(edge, upper ? 1 : -1, RN);
    mpfr_mul_2si(edge, edge, 3 - p, RN);
    mpfr_add_ui(edge, edge, 1, RN);
    mpfr_mul(edge, edge, y, outward);
    ends[upper] = mpfr_get_flt(edge, RN);
  }
  *result = ends[0];
  return ends[0] == ends[1];
}

/* Ziv's loop. It ends: at a rational x other than where f is 0, f(x) is irrational, or a power of
 * two (1/(1+z^2) and its like, rsqrt), or has an odd factor below the line, so that it never is the
 * middle between two binary32. Underflow and overflow agree on both sides too. */
static float round_to_float(const reference *f, float x) {
  mpfr_t argument, y, edge;
  mpfr_init2(argument, 24);
  mpfr_set_flt(argument, x, RN);
  float result = 0.0f;
  for (mpfr_prec_t p = 96, done = 0; !done; p *= 2) {
    mpfr_inits2(p, y, edge, (mpfr_ptr)0);
    f->evaluate(y, argument);
    done = !mpfr_regular_p(y);
    if (done)
      result = mpfr_get_flt(y, RN);
    else
      done = rounds_safely(&result, y, edge);
    mpfr_clears(y, edge, (mpfr_ptr)0);
  }
  mpfr_clear(argument);
  return result;
}

float sl_ref_function(sl_function_id function, float x) {
  return sl_ref_function_domain(function, x) ? round_to_float(&references[function], x) : NAN;
}
