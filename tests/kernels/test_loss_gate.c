/* Gates in vectors against the functions alone (spec O2.1, O2.3): equal bits for every binary32 z
 * with SLUICE_ALL=1, else for every 4099th and those around 0, 1, the clamps and the infinities. */
#include "kernel_test.h"
#include "loss_gate_maps.h"

#include "kernels/core/function_maps.h"
#include "kernels/core/processor.h"
#include "kernels/plain/gate.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 4096 };

typedef struct {
  const char *name;
  const loss_gate_maps *maps;
  const sl_function_map *alone;
} isa;

static float of_bits(uint32_t u) {
  float x;
  memcpy(&x, &u, sizeof x);
  return x;
}

static size_t differ; /* how many results did */

static void expect_same(const isa *i, const char *what, const void *got, const void *want,
                        const float *z, size_t each) {
  if (memcmp(got, want, N * each) == 0) return;
  for (size_t k = 0; k < N; k++)
    if (memcmp((const char *)got + k * each, (const char *)want + k * each, each) && differ++ < 20)
      printf("%s, %s of z = %a differs\n", i->name, what, (double)z[k]);
}

static void check_sigmoid(const isa *i, const float *z) {
  static float w[N], s[N], h[N], half[N], want[N];
  i->maps->sigmoid(w, s, h, z, N);
  for (size_t k = 0; k < N; k++) half[k] = 0.5f * z[k];
  i->alone[SL_FUNCTION_sech2h](want, z, N), expect_same(i, "sech2h", w, want, z, sizeof *w);
  i->alone[SL_FUNCTION_sigmoid](want, z, N), expect_same(i, "sigmoid", s, want, z, sizeof *s);
  i->alone[SL_FUNCTION_tanh](want, half, N), expect_same(i, "tanh(z/2)", h, want, z, sizeof *h);
}

static void check_softsign(const isa *i, const float *z) {
  static float w[N], c[N], y[N], want[N];
  for (size_t k = 0; k < N; k++) y[k] = z[k] * 0.75f; /* of the tau 4/3, about */
  i->maps->softsign(w, c, y, z, N);
  i->alone[SL_FUNCTION_rhypot3](want, z, N), expect_same(i, "rhypot3", w, want, z, sizeof *w);
  for (size_t k = 0; k < N; k++) want[k] = (float)sl_gate_softsign(y[k], z[k]);
  expect_same(i, "the value", c, want, z, sizeof *c);
}

static void check_erf(const isa *i, const float *z) {
  static double x[N], got[N], want[N];
  for (size_t k = 0; k < N; k++) x[k] = (double)z[k] * SL_SQRT_HALF;
  i->maps->erf64(got, x, N);
  for (size_t k = 0; k < N; k++) want[k] = sl_fn64_erf(x[k]);
  expect_same(i, "erf64", got, want, z, sizeof *got);
}

static void check_all(const isa *i, const float *z) {
  check_sigmoid(i, z);
  check_softsign(i, z);
  check_erf(i, z);
}

/* Numbers by their bits, from `bits` on. */
static void check_isa(const isa *i, uint64_t stride) {
  static float z[N];
  size_t n = 0;
  for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += stride) {
    if ((bits & 0x7f800000u) == 0x7f800000u) continue;
    z[n++] = of_bits((uint32_t)bits);
    if (n == N) check_all(i, z), n = 0;
  }
  check_all(i, z); /* the last ones, and some again */
}

/* 2048 numbers on either side of x. */
static void check_around(const isa *i, float x) {
  static float z[N];
  uint32_t middle;
  memcpy(&middle, &x, sizeof middle);
  for (uint32_t k = 0; k < N; k++) {
    const uint32_t bits = middle + k - N / 2;
    z[k] = (bits & 0x7f800000u) == 0x7f800000u ? 1.0f : of_bits(bits);
  }
  check_all(i, z);
}

Test(loss_gate, has_the_bits_of_the_functions) {
  const char *all = getenv("SLUICE_ALL");
  const uint64_t stride = all && *all == '1' ? 1 : 4099;
  static const float places[] = {0.0f,   0x1p-149f, 0x1p-126f, 0x1p-24f, 0x1p-12f, 0x1.250c02p-10f,
                                 1.0f,   2.0f,      6.0f,      8.5f,     10.0f,    20.0f,
                                 104.0f, 106.0f,    0x1p23f,   0x1p127f};
  const isa list[] = {{"avx2", &sl_avx2_loss_gate_maps, sl_avx2_function_maps},
                      {"avx512", &sl_avx512_loss_gate_maps, sl_avx512_function_maps}};
  for (size_t k = 0; k < sizeof list / sizeof *list; k++) {
    if (k == 1 && !sl_processor_has_avx512()) continue;
    for (size_t p = 0; p < sizeof places / sizeof *places; p++)
      check_around(&list[k], places[p]), check_around(&list[k], -places[p]);
    check_isa(&list[k], stride);
    cr_expect_eq(differ, 0, "%s: %zu differ", list[k].name, differ);
    printf("%s: every z by %llu\n", list[k].name, (unsigned long long)stride);
  }
}

/* Planted: a sigmoid whose last bit is off at one z. */
static void one_bit_off(float *w, float *s, float *h, const float *z, size_t n) {
  sl_avx2_loss_gate_maps.sigmoid(w, s, h, z, n);
  for (size_t k = 0; k < n; k++)
    if (z[k] == 0x1p-12f) s[k] = nextafterf(s[k], 2.0f);
}

Test(loss_gate, one_bit_is_seen) {
  const loss_gate_maps wrong = {one_bit_off, sl_avx2_loss_gate_maps.softsign,
                                sl_avx2_loss_gate_maps.erf64};
  const isa planted = {"planted", &wrong, sl_avx2_function_maps};
  check_around(&planted, 0x1p-12f);
  cr_expect_eq(differ, 1);
}
