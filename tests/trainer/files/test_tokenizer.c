/* The character tokenizer and its file (spec F1.5). */
#include "tests/trainer/scratch.h"

#include "trainer/files/tokenizer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(tokenizer, .init = scratch_make, .fini = scratch_remove);

static sl_tokenizer *make(const char *alphabet) {
  sl_tokenizer *t;
  sl_error err;
  cr_assert_eq(sl_tokenizer_create(&t, alphabet, &err), SL_OK, "%s", err.message);
  return t;
}

Test(tokenizer, round_trip_in_the_order_of_the_alphabet) {
  sl_tokenizer *t = make("0123456789+-é=€\n");
  const char *text = "1+€é\n9=";
  uint32_t ids[8];
  size_t n;
  sl_error err;
  cr_assert_eq(sl_tokenizer_vocab(t), 18);
  cr_assert_eq(sl_tokenizer_encode(t, "text", text, strlen(text), ids, 8, &n, &err), SL_OK, "%s",
               err.message);
  const uint32_t expected[] = {3, 12, 16, 14, 17, 11, 15};
  cr_assert_eq(n, 7);
  cr_assert_arr_eq(ids, expected, sizeof expected);
  char *back;
  cr_assert_eq(sl_tokenizer_decode(t, ids, n, &back, &err), SL_OK);
  cr_assert_str_eq(back, text);
  free(back);
  sl_tokenizer_destroy(t);
}

/* Ids that are no characters show, and are no text that can be graded. */
Test(tokenizer, decoding_stops_at_the_end_token_and_shows_what_is_no_character) {
  sl_tokenizer *t = make("aé");
  static const struct {
    uint32_t ids[5];
    const char *text;
    int is_text;
  } cases[] = {
      {{2, 3, SL_TOKEN_EOS, SL_TOKEN_PAD, 9}, "aé", 1},
      {{SL_TOKEN_EOS}, "", 1},
      {{2, SL_TOKEN_PAD, 3, SL_TOKEN_EOS, 2}, "a<0>é", 0},
      {{2, 3, SL_TOKEN_PAD, SL_TOKEN_EOS}, "aé<0>", 0},
      {{SL_TOKEN_PAD, 2, 2, 2, 2}, "<0>aaaa", 0},
      {{4, 4294967295, 4294967295, 4294967295, 4294967295},
       "<4><4294967295><4294967295><4294967295><4294967295>",
       0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *text = NULL;
    sl_error err;
    cr_assert_eq(sl_tokenizer_decode(t, cases[i].ids, 5, &text, &err), SL_OK);
    cr_assert_str_eq(text, cases[i].text);
    cr_assert_eq(sl_tokenizer_is_text(t, cases[i].ids, 5), cases[i].is_text, "%s", text);
    free(text);
  }
  sl_tokenizer_destroy(t);
}

Test(tokenizer, unknown_characters_are_named_with_line_and_column) {
  sl_tokenizer *t = make("01é\n");
  uint32_t ids[8] = {99, 99};
  size_t n = 77;
  sl_error err;
  expect_error(sl_tokenizer_encode(t, "prompt", "01\néx", 6, ids, 8, &n, &err), SL_ERR_INPUT, &err,
               "prompt:2:2: the character 'x' (U+0078) is not in");
  cr_assert_eq(n, 77);
  expect_error(sl_tokenizer_encode(t, "prompt", "0€", 4, ids, 8, &n, &err), SL_ERR_INPUT, &err,
               "prompt:1:2: the character '€' (U+20AC)");
  expect_error(sl_tokenizer_encode(t, "prompt", "010", 3, ids, 2, &n, &err), SL_ERR_USAGE, &err,
               "prompt:1:3: more than 2 tokens");
  cr_assert_eq(sl_tokenizer_encode(t, "prompt", "010", 3, NULL, 0, &n, &err), SL_OK);
  cr_assert_eq(n, 3);
  sl_tokenizer_destroy(t);
}

Test(tokenizer, malformed_utf8_is_refused) {
  /* continuation alone, truncated, overlong, surrogate, above U+10FFFF, NUL */
  static const char *const bad[] = {"0\x80",         "0\xe2\x82",         "0\xc0\xb0",
                                    "0\xed\xa0\x80", "0\xf4\x90\x80\x80", "0\xff"};
  sl_tokenizer *t = make("0");
  uint32_t ids[8];
  size_t n;
  sl_error err;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    expect_error(sl_tokenizer_encode(t, "text", bad[i], strlen(bad[i]), ids, 8, &n, &err),
                 SL_ERR_INPUT, &err, "text:1:2: malformed UTF-8");
    sl_tokenizer *other;
    expect_error(sl_tokenizer_create(&other, bad[i], &err), SL_ERR_INPUT, &err,
                 "alphabet: malformed UTF-8 at byte 1");
  }
  expect_error(sl_tokenizer_encode(t, "text", "0\0", 2, ids, 8, &n, &err), SL_ERR_INPUT, &err,
               "text:1:2: malformed UTF-8");
  sl_tokenizer_destroy(t);
}

Test(tokenizer, alphabets_are_distinct_and_not_empty) {
  sl_tokenizer *t;
  sl_error err;
  expect_error(sl_tokenizer_create(&t, "", &err), SL_ERR_INPUT, &err,
               "expected at least one character");
  expect_error(sl_tokenizer_create(&t, "abéaé", &err), SL_ERR_INPUT, &err,
               "the character 'a' (U+0061) occurs twice");
}

Test(tokenizer, file_round_trip) {
  sl_tokenizer *t = make("\"\\é\n\t0"), *back;
  sl_error err;
  const char *path = scratch_path("tokenizer.sluice.json");
  cr_assert_eq(sl_tokenizer_save(t, scratch_path("."), &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_tokenizer_load(&back, path, &err), SL_OK, "%s", err.message);
  uint32_t ids[8], again[8];
  size_t n, m;
  cr_assert_eq(sl_tokenizer_encode(t, "x", "0\t\"é", 5, ids, 8, &n, &err), SL_OK);
  cr_assert_eq(sl_tokenizer_encode(back, "x", "0\t\"é", 5, again, 8, &m, &err), SL_OK);
  cr_assert_eq(n, m);
  cr_assert_arr_eq(ids, again, n * sizeof *ids);
  sl_tokenizer_destroy(t);
  sl_tokenizer_destroy(back);
}

/* Every ASCII character but NUL, some out of their order. */
static void ascii(char out[128]) {
  for (int c = 1; c < 128; c++) out[c - 1] = (char)(c == '0' ? 'a' : c == 'a' ? '0' : c);
  out[127] = '\0';
}

/* spec F1.9: what transformers reads gives the ids of the characters; here by the reader of F7. */
Test(tokenizer, published_as_bpe_without_merges) {
  char alphabet[128];
  ascii(alphabet);
  sl_tokenizer *t = make(alphabet), *bpe;
  sl_error err;
  cr_assert_eq(sl_tokenizer_settle(t, scratch_path("."), &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_tokenizer_of_folder(&bpe, scratch_path("."), &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_tokenizer_vocab(bpe), sl_tokenizer_vocab(t));
  cr_assert_eq(sl_tokenizer_ends(bpe)->ids[0], SL_TOKEN_EOS);
  uint32_t ids[256], again[256];
  size_t n, m;
  for (size_t at = 0; at < 127; at++) { /* each character at the front once */
    char text[255];
    snprintf(text, sizeof text, "%s%.*s", alphabet + at, (int)at, alphabet);
    cr_assert_eq(sl_tokenizer_encode(t, "x", text, 127, ids, 256, &n, &err), SL_OK);
    cr_assert_eq(sl_tokenizer_encode(bpe, "x", text, 127, again, 256, &m, &err), SL_OK);
    cr_assert(n == 127 && m == n);
    cr_assert_arr_eq(ids, again, n * sizeof *ids);
    char *back;
    cr_assert_eq(sl_tokenizer_decode(bpe, again, m, &back, &err), SL_OK);
    cr_assert_str_eq(back, text);
    free(back);
  }
  sl_tokenizer_destroy(t);
  sl_tokenizer_destroy(bpe);
}

/* The reader of F7 wants letters of bytes: a folder has F1.5 for what it cannot read. */
Test(tokenizer, published_with_characters_of_several_bytes) {
  sl_tokenizer *t = make("aé 中"), *bpe;
  sl_error err;
  cr_assert_eq(sl_tokenizer_settle(t, scratch_path("."), &err), SL_OK, "%s", err.message);
  expect_error(sl_tokenizer_of_folder(&bpe, scratch_path("."), &err), SL_ERR_INPUT, &err,
               "tokenizer.json");
  cr_assert_eq(sl_tokenizer_save(t, scratch_path("."), &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_tokenizer_of_folder(&bpe, scratch_path("."), &err), SL_OK, "%s", err.message);
  cr_assert(sl_tokenizer_same(t, bpe));
  sl_tokenizer_destroy(t);
  sl_tokenizer_destroy(bpe);
}

#define HEAD "{\"format\": \"sluice-characters\",\n"

Test(tokenizer, bad_files_are_refused_with_their_place) {
  static const struct {
    const char *text, *part;
  } cases[] = {
      {"", "t.json:1:"},
      {"[]", "t.json:1:1: expected a JSON object"},
      {"{\"format\": \"other\"}",
       "t.json:1:2: format: expected \"sluice-characters\", found \"other\""},
      {HEAD "\"version\": 2}", "t.json:2:1: version: expected an integer from 1 to 1, found 2"},
      {HEAD "\"version\": \"1\"}", "t.json:2:1: version: expected an integer, found a string"},
      {HEAD "\"version\": 1, \"pad\": 0, \"eos\": 1}",
       "t.json:1:1: alphabet: missing; expected a string"},
      {HEAD "\"version\": 1, \"pad\": 0, \"eos\": 1,\n \"alphabet\": 5}",
       "t.json:3:2: alphabet: expected a string, found an integer"},
      {HEAD "\"version\": 1, \"pad\": 0, \"eos\": 1,\n \"alphabet\": \"aa\"}",
       "t.json:3:2: alphabet: alphabet: the character 'a'"},
      {HEAD "\"version\": 1, \"pad\": 0, \"eos\": 2, \"alphabet\": \"a\"}",
       "t.json:2:25: eos: expected an integer from 1 to 1, found 2"},
      {HEAD "\"nick\": 1}", "t.json:2:1: nick: unknown key"},
      {HEAD "\"format\": 1}", "t.json:2:8: duplicate object key"},
      {HEAD "\"version\": 1,", "t.json:2:13: string or '}' expected near end of file"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    sl_tokenizer *t = NULL;
    sl_error err = {SL_OK, ""};
    expect_error(sl_tokenizer_load(&t, scratch_text("t.json", cases[i].text), &err), SL_ERR_INPUT,
                 &err, cases[i].part);
    cr_assert_null(t);
  }
  sl_tokenizer *t;
  sl_error err;
  expect_error(sl_tokenizer_load(&t, scratch_path("absent"), &err), SL_ERR_INPUT, &err,
               "absent: cannot open: No such file");
}
