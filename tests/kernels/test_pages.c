/* Blocks of host memory: aligned, writable to the end, and refused rather than cut short. */
#include "kernels/core/pages.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1 << 20)

Test(pages, aligned) {
  static const size_t bytes[] = {1, 64, 65, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 9 * MIB + 100};
  for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
    unsigned char *block = sl_pages_alloc(bytes[i]);
    cr_assert_not_null(block);
    const uintptr_t align = bytes[i] < 4 * MIB ? 64 : 2 * MIB;
    cr_expect_eq((uintptr_t)block % align, 0, "%zu bytes", bytes[i]);
    memset(block, 1, bytes[i]);
    free(block);
  }
}

Test(pages, too_large) {
  cr_expect_null(sl_pages_alloc(SIZE_MAX));
  cr_expect_null(sl_pages_alloc(SIZE_MAX / 2));
}
