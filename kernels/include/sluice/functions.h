/* Correctly rounded univariate functions (spec N2). */
#ifndef SLUICE_FUNCTIONS_H
#define SLUICE_FUNCTIONS_H
#include <math.h>
static inline float sl_fn_exp(float x) { return (float)exp((double)x); }
static inline float sl_fn_log(float x) { return (float)log((double)x); }
static inline float sl_fn_expm1(float x) { return (float)expm1((double)x); }
static inline float sl_fn_sigmoid(float x) { return (float)(1 / (1 + exp(-(double)x))); }
static inline float sl_fn_tanh(float x) { return (float)tanh((double)x); }
static inline float sl_fn_erf(float x) { return (float)erf((double)x); }
static inline float sl_fn_atan(float x) { return (float)atan((double)x); }
static inline float sl_fn_rsqrt(float x) { return (float)(1 / sqrt((double)x)); }
static inline float sl_fn_sin(float x) { return (float)sin((double)x); }
static inline float sl_fn_cos(float x) { return (float)cos((double)x); }
static inline float sl_fn_sech2h(float z) { double t = exp(-fabs((double)z)); return (float)(4 * t / ((1 + t) * (1 + t))); }
static inline float sl_fn_gauss(float z) { return (float)exp(-(double)z * z); }
static inline float sl_fn_lorentz(float z) { return (float)(1 / (1 + (double)z * z)); }
static inline float sl_fn_softabs2(float z) { double a = 1 + fabs((double)z); return (float)(1 / (a * a)); }
#endif
