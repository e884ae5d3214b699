/* The tensor digest (spec F5.3): known values, cpu equals plain for every split, one changed
 * element shows. */
#include "kernels/core/mix64.h"
#include "kernel_test.h"

#include <criterion/criterion.h>
#include <string.h>

typedef struct {
  const float *x;
  size_t n;
} inputs;

static sl_status digest(sl_context *ctx, void *arg, float *out) {
  const inputs *in = arg;
  uint64_t d[2] = {0, 0};
  const sl_status status = sl_tensor_digest(ctx, d, in->x, in->n);
  memcpy(out, d, sizeof d);
  return status;
}

/* Computed from the clause's text by a dozen lines of Python, whose integers have no width. */
Test(digest, known_values) {
  static const struct {
    size_t n;
    uint64_t digest[2];
  } known[] = {{0, {0x0000000000000000u, 0x0000000000000000u}},
               {1, {0xe220a8397b1dcdafu, 0x0000000000000000u}},
               {2, {0xe00f7daca275e745u, 0x0000000000000001u}},
               {5, {0xe93f3d4474c06ddau, 0x0000000000000002u}},
               {1000, {0x831ee8526f3fbe73u, 0x00000000000001f3u}}};
  float x[1000];
  for (uint32_t i = 0; i < 1000; i++) {
    const uint32_t bits = i * 0x9e3779b9u; /* NaN and infinity among them */
    memcpy(&x[i], &bits, sizeof bits);
  }
  for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
    uint64_t got[2] = {7, 7};
    cr_assert_eq(sl_tensor_digest(plain_context(), got, x, known[k].n), SL_OK);
    cr_expect_arr_eq(got, known[k].digest, sizeof got, "n %zu: %016llx %016llx", known[k].n,
                     (unsigned long long)got[1], (unsigned long long)got[0]);
  }
}

Test(digest, every_split) {
  static const size_t sizes[] = {0, 1, 3, 4, 7, 8, 9, 31, 1000, 16383, 16384, 16385, 16391, 100003};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    source s = seeded(100 + i);
    float *x = new_floats(&s, MIXED, sizes[i]);
    inputs in = {x, sizes[i]};
    cr_expect(all_contexts_agree("tensor_digest", digest, &in, NULL, 4), "n %zu", sizes[i]);
    free_floats(x);
  }
}

/* By one bit, and where it lies. */
Test(digest, a_changed_element_shows) {
  enum { N = 257 };
  source s = seeded(3);
  float *x = new_floats(&s, USUAL, N);
  uint64_t before[2], after[2];
  cr_assert_eq(sl_tensor_digest(plain_context(), before, x, N), SL_OK);
  for (size_t i = 0; i < N; i++) {
    uint32_t bits;
    memcpy(&bits, &x[i], sizeof bits);
    const uint32_t changed = bits ^ 1u << i % 32;
    memcpy(&x[i], &changed, sizeof changed);
    cr_assert_eq(sl_tensor_digest(plain_context(), after, x, N), SL_OK);
    cr_expect(after[0] != before[0] || after[1] != before[1], "element %zu", i);
    memcpy(&x[i], &bits, sizeof bits);
  }
  free_floats(x);
}

/* The carry of the low halves, which random tensors of 10^5 elements have once in 10^5: 0x1ffffffff
 * * 2^32 + 0x100000005. */
Test(digest, low_halves_carry) {
  uint64_t digest[2];
  sl_mix64_digest(digest, 5, 0x1ffffffff);
  cr_expect(digest[0] == 5 && digest[1] == 2);
  sl_mix64_digest(digest, 0xffffffff00000005, 0x1ffffffff);
  cr_expect(digest[0] == 0xffffffff00000005 && digest[1] == 1);
}
