/* Memory of a tensor that a kernel of anybody's is given (spec E10.3): shared with the process that
 * calls it, with a page at each end that nobody may touch, and filled with NaNs. */
#ifndef SLUICE_DUMPS_GUARDED_H
#define SLUICE_DUMPS_GUARDED_H

#include <stddef.h>
#include <stdint.h>

/* The tensor's bytes begin at `data`, a multiple of 64, and end less than 64 bytes before the last
 * page. */
typedef struct {
  unsigned char *map, *data;
  size_t map_bytes, bytes;
  uint64_t fill; /* what lies around the data, repeated every 8 bytes */
} sl_guarded;

/* 0 if there is no memory. */
int sl_guarded_make(sl_guarded *g, size_t bytes, uint64_t fill);
void sl_guarded_end(sl_guarded *g);
/* In the calling process alone, from then on. */
void sl_guarded_protect(const sl_guarded *g);

/* 1 if a byte around the data has changed; *at: where, from the data's beginning. */
int sl_guarded_spoiled(const sl_guarded *g, ptrdiff_t *at);
/* 1 if the address is in the tensor's pages or beside them; *at as above. */
int sl_guarded_holds(const sl_guarded *g, uintptr_t address, ptrdiff_t *at);

#endif
