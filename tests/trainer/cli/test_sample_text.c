/* The text of a completion as it grows (trainer/cli/sample_text.h). */
#include "trainer/cli/sample_text.h"

#include "kernels/support/utf8.h"
#include "../scratch.h"
#include "trainer/files/file.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* qwen.json of spec/vectors/tokenizers: its characters beyond ASCII are mostly bytes. */
static sl_tokenizer *load(void) {
  char *bytes, name[600];
  size_t size;
  sl_error err;
  sl_tokenizer *t = NULL;
  scratch_make();
  cr_assert_eq(sl_file_read(&bytes, &size, SLUICE_TOKENIZERS "/qwen.json", 1 << 24, &err), SL_OK);
  scratch_write("tokenizer.json", bytes, size);
  scratch_text("generation_config.json", "{\"eos_token_id\": 602}");
  snprintf(name, sizeof name, "%s", scratch_path("."));
  cr_assert_eq(sl_tokenizer_of_folder(&t, name, &err), SL_OK, "%s", err.message);
  free(bytes);
  return t;
}

static int is_whole(const char *text) {
  uint32_t point;
  for (size_t n = strlen(text), bytes; n; text += bytes, n -= bytes)
    if (!(bytes = sl_utf8_decode(text, n, &point))) return 0;
  return 1;
}

/* Prints the ids of `text` one by one; what is printed after each begins what is expected. */
static void grow(const sl_tokenizer *t, const char *text, const sl_stops *stops,
                 const char *expected, const char *found) {
  uint32_t ids[200];
  size_t n, size = 0, cut = 0;
  char *printed = NULL;
  sl_error err;
  sl_sample_text s = {.tokenizer = t, .stops = stops, .out = open_memstream(&printed, &size)};
  cr_assert_eq(sl_tokenizer_encode(t, "text", text, strlen(text), ids, 200, &n, &err), SL_OK);
  sl_sample_text_begin(&s);
  for (size_t i = 0; i < n && !sl_sample_text_put(&s, ids[i], &err); i++) {
    char *naive;
    cr_assert_eq(sl_tokenizer_decode(t, ids, i + 1, &naive, &err), SL_OK);
    cut += strstr(naive, "\xEF\xBF\xBD") != NULL;
    free(naive);
    fflush(s.out); /* so that there is a text where nothing is printed yet */
    cr_assert(is_whole(printed), "%s: token %zu", text, i);
    cr_assert_eq(strncmp(expected, printed, strlen(printed)), 0, "%s: '%s'", text, printed);
  }
  cr_assert_eq(sl_sample_text_end(&s, &err), SL_OK);
  fflush(s.out);
  cr_assert_str_eq(printed, expected);
  cr_assert_str_eq(s.text.bytes, expected);
  cr_assert_eq(s.found != NULL, found != NULL);
  if (found) cr_assert_str_eq(s.found, found);
  cr_assert(stops->n || cut > 0, "no character was cut between tokens: nothing is tested");
  fclose(s.out);
  free(printed);
  free(s.text.bytes);
}

Test(sample_text, whole_characters_are_printed) {
  sl_tokenizer *t = load();
  const sl_stops none = {.n = 0};
  grow(t, "caf\xC3\xA9 \xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7 \xE4\xB8\x96 x", &none,
       "caf\xC3\xA9 \xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7 \xE4\xB8\x96 x", NULL);
  sl_tokenizer_destroy(t);
  scratch_remove();
}

Test(sample_text, it_ends_before_the_first_stop) {
  sl_tokenizer *t = load();
  const sl_stops stops = {.texts = {"END", "N!", "\xF0\x9F\x91\xA9"}, .n = 3};
  grow(t, "EEN ENE, EEND!", &stops, "EEN ENE, E", "END");
  grow(t, "EN!D", &stops, "E", "N!");
  grow(t, "a END", &stops, "a ", "END");
  grow(t, "a EN", &stops, "a EN", NULL); /* held back until nothing comes any more */
  grow(t, "\xF0\x9F\x91\xA7\xF0\x9F\x91\xA9", &stops, "\xF0\x9F\x91\xA7", "\xF0\x9F\x91\xA9");
  grow(t, "ENDEND", &stops, "", "END");
  sl_tokenizer_destroy(t);
  scratch_remove();
}
