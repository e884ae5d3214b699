/* Merges (spec F7.2): a table of pairs with open addressing; short words by a scan of their ranks,
 * long ones by a heap. */
#include "merges.h"

#include <stdlib.h>
#include <string.h>

#define SHORT_MAX 48 /* symbols of a word; beyond, the scan's n^2 costs more than a heap */
#define NO_RANK UINT32_MAX

typedef struct {
  uint64_t pair; /* left * 2^32 + right */
  uint32_t rank, merged;
} slot;

struct sl_merges {
  slot *slots;
  size_t mask; /* a power of two, less 1; at most half of the slots are taken */
};

static size_t hash(uint64_t pair) {
  pair = (pair ^ pair >> 32) * 0x9E3779B97F4A7C15u;
  return (size_t)(pair ^ pair >> 29);
}

static slot *find_slot(const sl_merges *m, uint64_t pair) {
  size_t at = hash(pair) & m->mask;
  while (m->slots[at].rank != NO_RANK && m->slots[at].pair != pair) at = (at + 1) & m->mask;
  return &m->slots[at];
}

static const slot *find(const sl_merges *m, uint32_t left, uint32_t right) {
  return find_slot(m, (uint64_t)left << 32 | right);
}

sl_status sl_merges_create(sl_merges **out, const sl_merge *list, size_t n, sl_error *err) {
  size_t size = 16;
  while (size < 2 * n) size *= 2;
  sl_merges *m = calloc(1, sizeof *m);
  if (m) m->slots = malloc(size * sizeof *m->slots);
  if (!m || !m->slots || n >= NO_RANK) {
    sl_merges_destroy(m);
    return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu merges", n);
  }
  m->mask = size - 1;
  memset(m->slots, 0xFF, size * sizeof *m->slots); /* every rank is NO_RANK */
  for (size_t i = 0; i < n; i++) {
    const uint64_t pair = (uint64_t)list[i].left << 32 | list[i].right;
    *find_slot(m, pair) = (slot){pair, (uint32_t)i, list[i].merged};
  }
  *out = m;
  return SL_OK;
}

void sl_merges_destroy(sl_merges *m) {
  if (!m) return;
  free(m->slots);
  free(m);
}

/* ranks[i]: of the pair of ids i and i + 1. */
static void merge_short(const sl_merges *m, uint32_t *ids, size_t *n) {
  uint32_t ranks[SHORT_MAX], merged[SHORT_MAX];
  size_t left = *n;
  for (size_t i = 0; i + 1 < left; i++) {
    const slot *s = find(m, ids[i], ids[i + 1]);
    ranks[i] = s->rank, merged[i] = s->merged;
  }
  for (;;) {
    size_t best = 0;
    uint32_t rank = NO_RANK;
    for (size_t i = 0; i + 1 < left; i++)
      if (ranks[i] < rank) rank = ranks[i], best = i;
    if (rank == NO_RANK) break;
    ids[best] = merged[best];
    left--;
    for (size_t i = best + 1; i < left; i++) ids[i] = ids[i + 1];
    for (size_t i = best + 1; i + 1 < left; i++) ranks[i] = ranks[i + 1], merged[i] = merged[i + 1];
    for (size_t i = best ? best - 1 : 0; i <= best && i + 1 < left; i++) {
      const slot *s = find(m, ids[i], ids[i + 1]);
      ranks[i] = s->rank, merged[i] = s->merged;
    }
  }
  *n = left;
}

/* A symbol of a long word, in a list; rank and merged: of the pair that it is with its right
 * neighbour, NO_RANK where there is no merge, or where it went into its left neighbour. */
typedef struct {
  uint32_t id, previous, next, rank, merged;
} symbol;
#define NOBODY UINT32_MAX

/* Merges that were possible when they were pushed, the smallest on top: rank * 2^32 + the symbol's
 * number. Four children a node: a level fewer for each two, and one cache line for each level. */
typedef struct {
  uint64_t *items;
  size_t n;
} heap;

static void push(heap *h, uint64_t item) {
  size_t at = h->n++;
  while (at) {
    const size_t parent = (at - 1) / 4;
    if (h->items[parent] <= item) break;
    h->items[at] = h->items[parent];
    at = parent;
  }
  h->items[at] = item;
}

static uint64_t pop(heap *h) {
  const uint64_t top = h->items[0], last = h->items[--h->n];
  size_t at = 0;
  for (size_t first; (first = 4 * at + 1) < h->n;) {
    const size_t end = first + 4 < h->n ? first + 4 : h->n;
    size_t least = first;
    for (size_t child = first + 1; child < end; child++)
      if (h->items[child] < h->items[least]) least = child;
    if (h->items[least] >= last) break;
    h->items[at] = h->items[least];
    at = least;
  }
  h->items[at] = last;
  return top;
}

static void propose(const sl_merges *m, symbol *symbols, heap *h, uint32_t at) {
  if (at == NOBODY) return;
  symbols[at].rank = NO_RANK;
  if (symbols[at].next == NOBODY) return;
  const slot *s = find(m, symbols[at].id, symbols[symbols[at].next].id);
  symbols[at].rank = s->rank, symbols[at].merged = s->merged;
  if (s->rank != NO_RANK) push(h, (uint64_t)s->rank << 32 | at);
}

/* What was pushed for symbols that have changed since is passed over: a rank is that of one pair,
 * so the symbol has another one now. */
static void merge_long(const sl_merges *m, symbol *symbols, heap *h) {
  while (h->n) {
    const uint64_t top = pop(h);
    const uint32_t at = (uint32_t)top;
    symbol *left = &symbols[at];
    if (left->rank != top >> 32) continue;
    symbol *right = &symbols[left->next];
    left->id = left->merged;
    left->next = right->next;
    right->rank = NO_RANK;
    if (left->next != NOBODY) symbols[left->next].previous = at;
    propose(m, symbols, h, left->previous);
    propose(m, symbols, h, at);
  }
}

/* n symbols, and 3 n places in the heap: n - 1 at first, and two more for each of at most n - 1
 * merges. */
static sl_status reserve(sl_merging *room, size_t n, sl_error *err) {
  if (n <= room->n_symbols) return SL_OK;
  if (n >= NOBODY / 4) return sl_fail(err, SL_ERR_INPUT, "a word of %zu bytes is too long", n);
  sl_merging_free(room);
  room->symbols = malloc(n * sizeof(symbol));
  room->heap = malloc(3 * n * sizeof(uint64_t));
  if (!room->symbols || !room->heap) {
    sl_merging_free(room);
    return sl_fail(err, SL_ERR_MEMORY, "no memory for a word of %zu bytes", n);
  }
  room->n_symbols = n;
  return SL_OK;
}

void sl_merging_free(sl_merging *room) {
  free(room->symbols);
  free(room->heap);
  *room = (sl_merging){0};
}

sl_status sl_merges_apply(const sl_merges *m, sl_merging *room, uint32_t *ids, size_t *n,
                          sl_error *err) {
  if (*n <= SHORT_MAX) {
    merge_short(m, ids, n);
    return SL_OK;
  }
  SL_TRY(reserve(room, *n, err));
  symbol *symbols = room->symbols;
  heap h = {room->heap, 0};
  const uint32_t count = (uint32_t)*n;
  for (uint32_t i = 0; i < count; i++)
    symbols[i] = (symbol){ids[i], i ? i - 1 : NOBODY, i + 1 < count ? i + 1 : NOBODY, NO_RANK, 0};
  for (uint32_t i = 0; i < count; i++) propose(m, symbols, &h, i);
  merge_long(m, symbols, &h);
  size_t left = 0;
  for (uint32_t i = 0; i != NOBODY; i = symbols[i].next) ids[left++] = symbols[i].id;
  *n = left;
  return SL_OK;
}
