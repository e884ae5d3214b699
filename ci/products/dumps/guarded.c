/* Guarded memory (spec E10.3). */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "guarded.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LINE = 64 };

static size_t page_bytes(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static size_t rounded_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

static unsigned char *inner(const sl_guarded *g) { return g->map + page_bytes(); }

static size_t inner_bytes(const sl_guarded *g) { return g->map_bytes - 2 * page_bytes(); }

int sl_guarded_make(sl_guarded *g, size_t bytes, uint64_t fill) {
  const size_t page = page_bytes();
  *g = (sl_guarded){.bytes = bytes, .fill = fill};
  if (bytes > SIZE_MAX / 2) return 0;
  const size_t lines = bytes ? rounded_up(bytes, LINE) : LINE;
  const size_t map_bytes = rounded_up(lines, page) + 2 * page;
  unsigned char *map =
      mmap(NULL, map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return 0;
  g->map = map, g->map_bytes = map_bytes, g->data = map + map_bytes - page - lines;
  for (unsigned char *at = inner(g); at < inner(g) + inner_bytes(g); at += sizeof fill)
    memcpy(at, &fill, sizeof fill);
  if (mprotect(map, page, PROT_NONE) == 0 && mprotect(map + map_bytes - page, page, PROT_NONE) == 0)
    return 1;
  sl_guarded_end(g);
  return 0;
}

void sl_guarded_end(sl_guarded *g) {
  if (g->map) munmap(g->map, g->map_bytes);
  *g = (sl_guarded){0};
}

void sl_guarded_protect(const sl_guarded *g) { mprotect(inner(g), inner_bytes(g), PROT_READ); }

int sl_guarded_spoiled(const sl_guarded *g, ptrdiff_t *at) {
  unsigned char fill[sizeof g->fill];
  memcpy(fill, &g->fill, sizeof fill);
  const unsigned char *begin = inner(g), *end = begin + inner_bytes(g);
  for (const unsigned char *p = begin; p < end; p++) {
    if (p == g->data) p += g->bytes;
    if (p == end) break;
    if (*p != fill[(size_t)(p - begin) % sizeof fill]) return *at = p - g->data, 1;
  }
  return 0;
}

int sl_guarded_holds(const sl_guarded *g, uintptr_t address, ptrdiff_t *at) {
  const uintptr_t map = (uintptr_t)g->map;
  if (address < map || address >= map + g->map_bytes) return 0;
  *at = (ptrdiff_t)(address - map) - (g->data - g->map);
  return 1;
}
