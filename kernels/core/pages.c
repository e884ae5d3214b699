#define _DEFAULT_SOURCE /* madvise */

#include "pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define LINE ((size_t)64) /* a cache line, and the widest vector */
#define HUGE_PAGE ((size_t)1 << 21)
#define WORTH_IT (2 * HUGE_PAGE)

void *sl_pages_alloc(size_t bytes) {
  const size_t align = bytes < WORTH_IT ? LINE : HUGE_PAGE,
               rounded = (bytes + LINE - 1) / LINE * LINE;
  void *block; /* aligned_alloc asks that the size be a multiple of the alignment (C11) */
  if (rounded < bytes || posix_memalign(&block, align, rounded) != 0) return NULL;
#ifdef MADV_HUGEPAGE
  /* Whole huge pages only: the tail would be rounded up in memory, and plans count bytes. */
  if (align == HUGE_PAGE) (void)madvise(block, rounded / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#endif
  return block;
}
