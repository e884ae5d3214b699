/* Bytes as letters (spec F7.2). */
#include "letters.h"

#include "kernels/support/utf8.h"

#include <string.h>

static int is_itself(uint32_t byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) ||
         (byte >= 0xAE && byte <= 0xFF);
}

uint32_t sl_letter_of_byte(unsigned char byte) {
  uint32_t before = 0; /* bytes below that are not themselves */
  if (is_itself(byte)) return byte;
  for (uint32_t b = 0; b < byte; b++) before += !is_itself(b);
  return 0x100 + before;
}

/* The byte of a letter, or -1. */
static int byte_of_letter(uint32_t letter) {
  if (letter < 0x100) return is_itself(letter) ? (int)letter : -1;
  if (letter > 0x100 + 67) return -1;
  if (letter <= 0x120) return (int)letter - 0x100; /* 0 to 32 */
  if (letter <= 0x142) return (int)letter - 0x121 + 0x7F;
  return 0xAD;
}

static size_t convert(const char *text, size_t size, char *out) {
  size_t n = 0;
  for (size_t at = 0, bytes; at < size; at += bytes) {
    uint32_t letter = 0;
    bytes = sl_utf8_decode(text + at, size - at, &letter);
    const int byte = bytes ? byte_of_letter(letter) : -1;
    if (byte < 0) return 0;
    if (out) out[n] = (char)(unsigned char)byte;
    n++;
  }
  return n;
}

int sl_letters_only(const char *text, size_t size) { return convert(text, size, NULL) > 0; }

size_t sl_letters_to_bytes(const char *text, size_t size, char *out) {
  const size_t n = convert(text, size, out);
  if (n) return n;
  memcpy(out, text, size);
  return size;
}
