/* Blocks of memory: planned first, then allocated once and cut into pieces by the same walk, so
 * that exactly the planned memory is taken. */
#ifndef SLUICE_BLOCK_H
#define SLUICE_BLOCK_H

#include <sluice/kernels.h>

#include <stddef.h>

#define SL_BLOCK_ALIGN ((size_t)64) /* a cache line, and the widest vector */

/* Cuts pieces from a block, or only counts while base is NULL. */
typedef struct {
  unsigned char *base;
  size_t bytes; /* of the block at base */
  size_t used;  /* bytes */
  int overflow; /* a size exceeded memory; sticky */
} sl_cutter;

/* The next piece, rows x columns elements of `size` bytes, aligned; NULL while only counting. */
void *sl_cut(sl_cutter *cutter, size_t rows, size_t columns, size_t size);
/* Bytes counted; SIZE_MAX after an overflow. */
size_t sl_cutter_bytes(const sl_cutter *cutter);

/* A zeroed block of the context's memory, where its kernels work; of the host's if ctx is NULL.
 * SL_ERR_MEMORY, which names `what` it is for. */
sl_status sl_block_create(void **out, sl_context *ctx, size_t bytes, const char *what,
                          sl_error *err);
void sl_block_free(sl_context *ctx, void *block);

/* A block that host and kernels share: on a device there are two of it, else they are one. Pieces
 * are cut from the host's, and named by it.
 */
typedef struct {
  sl_context *ctx;
  unsigned char *host, *device;
} sl_mirror;
sl_status sl_mirror_create(sl_mirror *out, sl_context *ctx, size_t bytes, const char *what,
                           sl_error *err);
void sl_mirror_free(sl_mirror *mirror);
/* What it takes: twice the bytes where there are two. */
size_t sl_mirror_bytes(const sl_context *ctx, size_t bytes);

/* Where kernels find a place of the host's block. */
void *sl_mirror_device(const sl_mirror *mirror, const void *host);
/* Copies bytes from the host's block to the device's, and back. A kernel's error, deferred until
 * the read. */
sl_status sl_mirror_push(const sl_mirror *mirror, const void *host, size_t bytes);
sl_status sl_mirror_pull(const sl_mirror *mirror, void *host, size_t bytes);

#endif
