/* libFuzzer harness of tokenizer.json and its expressions (spec F7.1 to F7.4): a byte that chooses,
 * then the file, or an expression alone, and behind a section end a text that it is to split. */
#include "input.h"

#include "trainer/files/bpe_file.h"
#include "trainer/text/bpe_decode.h"
#include "trainer/text/expression.h"
#include "trainer/text/splitter.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 200 /* what a hostile expression may cost for each character */

/* Ids are tokens; a second time, from the cache of words, they are the same; they decode. */
static void check_encoding(const sl_bpe *bpe, sl_bpe_encoder *e, section text, sl_text_mode mode) {
  sl_ids first = {0}, second = {0};
  sl_growing out = {0};
  sl_error err = {SL_OK, ""};
  const char *bytes = (const char *)text.data;
  if (sl_bpe_encode_framed(e, bytes, text.size, mode, &first, &err)) {
    if (!err.message[0] || first.used) abort();
  } else {
    if (sl_bpe_encode_framed(e, bytes, text.size, mode, &second, &err)) abort();
    if (first.used != second.used) abort();
    for (size_t i = 0; i < first.used; i++)
      if (first.ids[i] != second.ids[i] || !sl_bpe_id_kind(bpe, first.ids[i])) abort();
    if (sl_bpe_decode(bpe, first.ids, first.used, &out, &err)) abort();
  }
  sl_ids_free(&first);
  sl_ids_free(&second);
  free(out.bytes);
}

static void check_file(section file, section text) {
  sl_bpe *bpe;
  sl_bpe_encoder *e;
  sl_error err = {SL_OK, ""};
  if (sl_bpe_read(&bpe, "tokenizer.json", (const char *)file.data, file.size, &err)) {
    if (!err.message[0]) abort();
    return;
  }
  if (sl_bpe_encoder_create(&e, bpe, &err)) abort();
  check_encoding(bpe, e, text, SL_TEXT_PLAIN);
  check_encoding(bpe, e, text, SL_TEXT_PARSED);
  sl_bpe_encoder_destroy(e);
  sl_bpe_destroy(bpe);
}

/* Matches go forward. */
static void check_matches(sl_splitter *splitter, const char *text, size_t size) {
  sl_error err = {SL_OK, ""};
  for (size_t at = 0, begin, end; at < size; at = end) {
    if (sl_splitter_next(splitter, text, size, at, &begin, &end, &err)) break;
    if (begin < at || end > size || (begin == end && end != size)) abort();
  }
}

static void check_expression(section expression, section text) {
  char source[8200], *translated, *copy = malloc(text.size + 1);
  sl_splitter *splitter;
  sl_error err = {SL_OK, ""};
  if (!copy || expression.size >= sizeof source) abort();
  memcpy(source, expression.data, expression.size);
  source[expression.size] = 0;
  memcpy(copy, text.data, text.size);
  for (size_t i = 0; i < text.size; i++) copy[i] &= 0x7F; /* matches want valid UTF-8 */
  if (sl_expression_translate(&translated, source, &err)) {
    if (!err.message[0]) abort();
  } else {
#ifdef SLUICE_CANARY /* a planted defect that the fuzzer must find */
    if (strcmp(translated, "q{7,7}") == 0) abort();
#endif
    if (!sl_splitter_create(&splitter, translated, &err)) {
      check_matches(splitter, copy, text.size);
      sl_splitter_destroy(splitter);
    }
    free(translated);
  }
  free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  const uint8_t choice = *data++;
  size--;
  const section first = next_section(&data, &size, 0);
  const section text = {data, size < TEXT_MAX ? size : TEXT_MAX};
  if (choice & 1)
    check_expression(first, text);
  else
    check_file(first, text);
  return 0;
}
