/* The table of words: ids by the bytes that they stand for. */
#include "bpe_inside.h"

#include <string.h>

uint64_t sl_word_hash(const char *word, size_t size) {
  uint64_t hash = 0x243F6A8885A308D3u ^ size, last = 0;
  for (; size >= 8; word += 8, size -= 8) {
    uint64_t eight;
    memcpy(&eight, word, 8);
    hash = (hash ^ eight) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
  }
  memcpy(&last, word, size);
  hash = (hash ^ last) * 0x9E3779B97F4A7C15u;
  return hash ^ hash >> 29;
}

uint32_t *sl_word_place(const sl_bpe *b, const char *word, size_t size) {
  for (size_t at = (size_t)sl_word_hash(word, size);; at++) {
    uint32_t *place = &b->words[at & b->words_mask];
    if (*place == SL_NO_ID) return place;
    const size_t *start = &b->parts.start[*place];
    if (start[1] - start[0] == size && memcmp(b->parts.bytes + start[0], word, size) == 0)
      return place;
  }
}
