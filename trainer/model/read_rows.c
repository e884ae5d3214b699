/* The rows of an update that somebody reads (spec T5.6): no sequence's last token, and after the
 * last layer's attention only those that predict a token that is learnt from. */
#include "read_rows.h"

#include <string.h>

void sl_read_rows_fill(const sl_update_batch *s) {
  const sl_read_rows *r = &s->read;
  r->seq[0] = 0;
  for (size_t q = 0; q < s->n_seq; q++) {
    const size_t from = s->seq[q], to = r->seq[q], length = s->seq[q + 1] - from,
                 n = length ? length - 1 : 0;
    r->seq[q + 1] = (uint32_t)(to + n);
    memcpy(r->ids + to, s->ids + from, n * sizeof *r->ids);
    memcpy(r->mask + to, s->mask + from, n * sizeof *r->mask);
    memcpy(r->logp_old + to, s->logp_old + from, n * sizeof *r->logp_old);
    memcpy(r->logp_ref + to, s->logp_ref + from, n * sizeof *r->logp_ref);
    for (size_t i = 0; i < n; i++) {
      r->position[to + i] = (uint32_t)i;
      r->target[to + i] = s->mask[from + i] ? s->ids[from + i + 1] : 0;
    }
  }
}

void sl_read_rows_spread(const sl_update_batch *s, float *to, const float *from) {
  for (size_t q = 0; q < s->n_seq; q++) {
    const size_t n = s->read.seq[q + 1] - s->read.seq[q];
    memcpy(to + s->seq[q], from + s->read.seq[q], n * sizeof *to);
    for (size_t i = s->seq[q] + n; i < s->seq[q + 1]; i++) to[i] = 0.0f;
  }
}

size_t sl_read_rows_last(const sl_update_batch *s, size_t at, size_t t) {
  const uint8_t *mask = s->read.mask + at;
  uint32_t *last = s->read.last + at, *place = s->read.place + at, n = 0;
  for (size_t i = 0; i < t; i++)
    if (mask[i]) last[n] = (uint32_t)i, place[i] = n++;
  for (size_t i = 0; i < t; i++)
    if (!mask[i]) place[i] = n;
  return n;
}

/* Appends to read_seq, which has n entries, the chunks of a sequence of `length` rows, as far as
 * they have read ones; returns the number of entries. */
static size_t add_chunks(uint32_t *seq, size_t n, const uint8_t *mask, size_t length) {
  for (size_t begin = 0; begin < length; begin += SL_DOT_CHUNK) {
    const size_t end = length - begin < SL_DOT_CHUNK ? length : begin + SL_DOT_CHUNK;
    uint32_t rows = 0;
    for (size_t i = begin; i < end; i++) rows += mask[i];
    if (rows) seq[n + 1] = seq[n] + rows, n++;
  }
  return n;
}

/* Each sequence has at most two entries and one for each whole chunk, so that no micro-batch's
 * reach into the next one's. */
void sl_read_rows_cut(const sl_update_batch *s, sl_shard *shards, size_t n_shards, size_t begin,
                      size_t at) {
  uint32_t *seq = s->chunk_seq + 2 * begin + at / SL_DOT_CHUNK;
  for (size_t k = 0, first = 0; k < n_shards; k++) {
    sl_shard *p = &shards[k];
    const uint8_t *mask = s->read.mask + at + p->first;
    size_t n = 0;
    seq[0] = 0;
    for (size_t q = 0; q < p->n_seq; q++)
      n = add_chunks(seq, n, mask + p->seq[q], p->seq[q + 1] - p->seq[q]);
    p->n_read_seq = n, p->first_read = first, p->read_seq = seq;
    first += seq[n];
    seq += n + 1;
  }
}
