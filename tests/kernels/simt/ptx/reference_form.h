/* What the two halves of the reference share: the parts of a form's name, and integers of its
 * types. */
#ifndef SLUICE_TESTS_PTX_REFERENCE_FORM_H
#define SLUICE_TESTS_PTX_REFERENCE_FORM_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 wide;
typedef __int128 signed_wide;

/* A form's parts: cvt, rn, f32, f64. */
typedef struct {
  char text[64], *part[8];
  int n;
} name;

static inline name split(const char *form) {
  name f = {.n = 0};
  strncpy(f.text, form, sizeof f.text - 1);
  f.text[strcspn(f.text, ":")] = 0;
  return f;
}
static inline void cut(name *f) {
  for (char *p = f->text; f->n < 8; p = strchr(p, 0) + 1) {
    f->part[f->n++] = p;
    char *dot = strchr(p, '.');
    if (!dot) return;
    *dot = 0;
  }
}
static inline const char *last(const name *f) { return f->part[f->n - 1]; }
static inline int is(const name *f, const char *op) { return strcmp(f->part[0], op) == 0; }
static inline int has(const name *f, const char *part) {
  for (int i = 0; i < f->n; i++)
    if (strcmp(f->part[i], part) == 0) return 1;
  return 0;
}

static inline unsigned width_of(const char *type) {
  return strcmp(type, "pred") == 0 ? 1 : (unsigned)atoi(type + 1);
}
static inline uint64_t low(uint64_t v, unsigned width) {
  return width == 64 ? v : v & ((UINT64_C(1) << width) - 1);
}
static inline signed_wide as_signed(uint64_t v, unsigned width) {
  const uint64_t top = UINT64_C(1) << (width - 1);
  v = low(v, width);
  return v & top ? (signed_wide)v - ((signed_wide)1 << width) : (signed_wide)v;
}
static inline signed_wide valued(uint64_t v, const char *type) {
  return type[0] == 's' ? as_signed(v, width_of(type)) : (signed_wide)low(v, width_of(type));
}

/* Forms on real numbers (reference_real.c), from the operands of one thread; 0 for any other. */
int real_arithmetic(const name *f, const uint64_t *a, uint64_t *out);
int real_sign_and_order(const name *f, const uint64_t *a, uint64_t *out);
int real_compare(const name *f, const uint64_t *a, uint64_t *out);
int real_convert(const name *f, const uint64_t *a, uint64_t *out);

#endif
