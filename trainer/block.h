/* Blocks of memory: planned first, then allocated once and cut into pieces by the same walk, so that a plan is what is taken. */
#ifndef SLUICE_BLOCK_H
#define SLUICE_BLOCK_H

#include <sluice/status.h>

#include <stddef.h>

#define SL_BLOCK_ALIGN ((size_t)64) /* a cache line, and the widest vector */

/* Cuts pieces from a block, or only counts while base is NULL. */
typedef struct {
  unsigned char *base;
  size_t used;  /* bytes */
  int overflow; /* a size exceeded memory; sticky */
} sl_cutter;

/* The next piece, rows x columns elements of `size` bytes, aligned; NULL while only counting. */
void *sl_cut(sl_cutter *cutter, size_t rows, size_t columns, size_t size);
/* Bytes counted; SIZE_MAX after an overflow. */
size_t sl_cutter_bytes(const sl_cutter *cutter);

/* A zeroed block, released by sl_block_free. SL_ERR_MEMORY, which names `what` it is for. */
sl_status sl_block_create(void **out, size_t bytes, const char *what, sl_error *err);
void sl_block_free(void *block);

#endif
