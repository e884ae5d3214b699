/* Host memory for operands and workspaces. Internal. */
#ifndef SLUICE_CORE_PAGES_H
#define SLUICE_CORE_PAGES_H

#include <stddef.h>

/* A block of `bytes` > 0 bytes, aligned to 64, for free(); NULL if there is none. From 4 MiB on it
 * begins on a 2 MiB boundary, and the kernel is asked for huge pages: a product's panels lie on
 * more pages of 4 KiB than the first-level TLB has entries. Where the kernel refuses, the block has
 * small pages. It never takes more memory than was asked for. */
void *sl_pages_alloc(size_t bytes);

#endif
