/* The number formats of a contract (spec E1.1): rounding to them, their spacing, their bits. */
#ifndef SLUICE_CONTRACT_FORMAT_H
#define SLUICE_CONTRACT_FORMAT_H

#include <stddef.h>

typedef enum {
  SL_FORMAT_F64,
  SL_FORMAT_F32,
  SL_FORMAT_TF32,
  SL_FORMAT_BF16,
  SL_FORMAT_F16,
  SL_FORMATS
} sl_format;

const char *sl_format_name(sl_format f);
/* 1, and *f, if a format has this name. */
int sl_format_find(sl_format *f, const char *name, size_t length);
int sl_format_digits(sl_format f); /* p */
int sl_format_least(sl_format f);  /* the least exponent of a normal number */
double sl_format_largest(sl_format f);
double sl_format_unit(sl_format f); /* u = 2^-p */

/* x rounded to nearest, ties to even; infinite beyond the largest number. NaN stays NaN. */
double sl_format_round(sl_format f, double x);
/* x rounded towards 0. */
double sl_format_cut(sl_format f, double x);
/* The distance between numbers of the format at |x|; at 0 that of the subnormal numbers. */
double sl_format_ulp(sl_format f, double x);
/* 1 if x is finite and a number of the format. */
int sl_format_holds(sl_format f, double x);

/* Storage: bytes of an element, and the element at `index` of an array that need not be aligned.
 * tf32 is stored as f32. */
size_t sl_format_bytes(sl_format f);
double sl_format_read(sl_format f, const void *array, size_t index);
/* x must be a number of the format, an infinity or a NaN. */
void sl_format_write(sl_format f, void *array, size_t index, double x);

#endif
