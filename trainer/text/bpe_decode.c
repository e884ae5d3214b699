/* Ids to text (spec F7.4). */
#include "bpe_decode.h"

#include <stdio.h>
#include <string.h>

static const char mark[] = "\xEF\xBF\xBD"; /* U+FFFD */

/* Bytes of the character that a byte begins; 0: it begins none. */
static size_t length_of(unsigned char lead) {
  return lead < 0x80   ? 1
         : lead < 0xC2 ? 0
         : lead < 0xE0 ? 2
         : lead < 0xF0 ? 3
         : lead < 0xF5 ? 4
                       : 0;
}

/* May the byte be the second of a character that begins with lead? Others must be 80 to BF. */
static int is_second(unsigned char lead, unsigned char byte) {
  const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  return byte >= low && byte <= high;
}

static sl_status give_tail(sl_bpe_tail *tail, const char *bytes, size_t n, sl_growing *out,
                           sl_error *err) {
  SL_TRY(sl_growing_put(out, bytes, n, err));
  tail->n = 0;
  return SL_OK;
}

/* The tail is empty or a proper beginning of a character. */
static sl_status put_byte(sl_bpe_tail *tail, unsigned char byte, sl_growing *out, sl_error *err) {
  if (tail->n) {
    const unsigned char lead = (unsigned char)tail->bytes[0];
    if (tail->n == 1 ? is_second(lead, byte) : (byte & 0xC0) == 0x80) {
      tail->bytes[tail->n++] = (char)byte;
      return tail->n < length_of(lead) ? SL_OK : give_tail(tail, tail->bytes, tail->n, out, err);
    }
    SL_TRY(give_tail(tail, mark, 3, out, err));
  }
  const size_t length = length_of(byte);
  if (length == 0) return sl_growing_put(out, mark, 3, err);
  if (length == 1) return sl_growing_put(out, &byte, 1, err);
  tail->bytes[0] = (char)byte, tail->n = 1;
  return SL_OK;
}

sl_status sl_bpe_decode_id(const sl_bpe *bpe, sl_bpe_tail *tail, uint32_t id, sl_growing *out,
                           sl_error *err) {
  char number[16];
  size_t size;
  const char *bytes = sl_bpe_id_bytes(bpe, id, &size);
  if (!sl_bpe_id_kind(bpe, id)) {
    size = (size_t)snprintf(number, sizeof number, "<%u>", id);
    bytes = number;
  }
  for (size_t i = 0; i < size; i++) SL_TRY(put_byte(tail, (unsigned char)bytes[i], out, err));
  return SL_OK;
}

sl_status sl_bpe_decode_end(sl_bpe_tail *tail, sl_growing *out, sl_error *err) {
  return tail->n ? give_tail(tail, mark, 3, out, err) : SL_OK;
}

sl_status sl_bpe_decode(const sl_bpe *bpe, const uint32_t *ids, size_t n, sl_growing *out,
                        sl_error *err) {
  sl_bpe_tail tail = {.n = 0};
  for (size_t i = 0; i < n; i++) SL_TRY(sl_bpe_decode_id(bpe, &tail, ids[i], out, err));
  return sl_bpe_decode_end(&tail, out, err);
}

/* Goes on with a character by one byte; 0 if it cannot. */
static int goes_on(sl_bpe_tail *tail, unsigned char byte) {
  const unsigned char lead = (unsigned char)tail->bytes[0];
  if (tail->n == 0) {
    const size_t length = length_of(byte);
    tail->bytes[0] = (char)byte, tail->n = length > 1;
    return length > 0 && byte != 0;
  }
  if (tail->n == 1 ? !is_second(lead, byte) : (byte & 0xC0) != 0x80) return 0;
  if (++tail->n == length_of(lead)) tail->n = 0;
  return 1;
}

int sl_bpe_is_text(const sl_bpe *bpe, const uint32_t *ids, size_t n) {
  sl_bpe_tail tail = {.n = 0};
  for (size_t i = 0; i < n; i++) {
    const int kind = sl_bpe_id_kind(bpe, ids[i]);
    if (!kind || kind & SL_ID_SPECIAL) return 0;
    size_t size;
    const char *bytes = sl_bpe_id_bytes(bpe, ids[i], &size);
    for (size_t k = 0; k < size; k++)
      if (!goes_on(&tail, (unsigned char)bytes[k])) return 0;
  }
  return tail.n == 0;
}
