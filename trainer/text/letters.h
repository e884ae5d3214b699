/* Byte-level BPE writes every byte as a letter of its own (spec F7.2): those of printable Latin-1
 * as themselves, the other 68 as U+0100 and on. */
#ifndef SLUICE_LETTERS_H
#define SLUICE_LETTERS_H

#include <stddef.h>
#include <stdint.h>

/* The letter of a byte. */
uint32_t sl_letter_of_byte(unsigned char byte);

/* The bytes that the letters of a token stand for, written to out, of size bytes: how many. A token
 * with any other character stands for its own UTF-8. text: valid UTF-8. */
size_t sl_letters_to_bytes(const char *text, size_t size, char *out);

/* 1 if a token consists of such letters alone. */
int sl_letters_only(const char *text, size_t size);

#endif
