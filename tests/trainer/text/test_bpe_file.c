/* tokenizer.json that is refused, and how (spec F7.1). */
#include "tests/trainer/scratch.h"

#include "trainer/files/bpe_file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(bpe_file, .init = scratch_make, .fini = scratch_remove);

/* Tokens a, b, ab, a special one; every part of a file once. */
static const char base[] =
    "{\"version\": \"1.0\",\n"
    "\"truncation\": null, \"padding\": null,\n"
    "\"added_tokens\": [{\"id\": 3, \"content\": \"<e>\", \"single_word\": false, "
    "\"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true}],\n"
    "\"normalizer\": {\"type\": \"NFC\"},\n"
    "\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", "
    "\"pattern\": {\"Regex\": \"\\\\s+\"}, \"behavior\": \"Isolated\", \"invert\": false}, "
    "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, "
    "\"use_regex\": false}]},\n"
    "\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": "
    "{\"id\": \"<e>\", \"type_id\": 0}}, {\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}], "
    "\"pair\": [], \"special_tokens\": {\"<e>\": {\"id\": \"<e>\", \"ids\": [3], "
    "\"tokens\": [\"<e>\"]}}},\n"
    "\"decoder\": {\"type\": \"ByteLevel\"},\n"
    "\"model\": {\"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, "
    "\"continuing_subword_prefix\": \"\", \"end_of_word_suffix\": null, \"fuse_unk\": false, "
    "\"byte_fallback\": false, \"ignore_merges\": false, "
    "\"vocab\": {\"a\": 0, \"b\": 1, \"ab\": 2}, \"merges\": [[\"a\", \"b\"]]}}\n";

static sl_status read_text(sl_bpe **out, const char *text, sl_error *err) {
  return sl_bpe_read(out, "t.json", text, strlen(text), err);
}

static void read_edited(const char *from, const char *to, const char *message) {
  char text[4096];
  const char *at = strstr(base, from);
  cr_assert(at, "%s", from);
  snprintf(text, sizeof text, "%.*s%s%s", (int)(at - base), base, to, at + strlen(from));
  sl_bpe *bpe = NULL;
  sl_error err = {SL_OK, ""};
  const sl_status status = read_text(&bpe, text, &err);
  if (!message) {
    cr_assert_eq(status, SL_OK, "%s: %s", to, err.message);
    sl_bpe_destroy(bpe);
    return;
  }
  cr_assert_eq(status, SL_ERR_INPUT, "%s", to);
  cr_assert(strstr(err.message, message), "%s: %s", to, err.message);
  cr_assert(strncmp(err.message, "t.json:", 7) == 0, "%s", err.message);
  cr_assert_null(bpe);
}

Test(bpe_file, components_that_are_not_read_are_named) {
  static const char *const cases[][3] = {
      {"\"1.0\"", "\"2.0\"", "t.json:1:2: version: expected \"1.0\", found \"2.0\""},
      {"\"version\"", "\"x\": 1, \"version\"", "x: unknown key"},
      {"\"NFC\"", "\"NFKC\"", "t.json:4:1: normalizer: \"NFKC\" is not read; NFC is"},
      {"\"NFC\"", "\"NFC\", \"x\": 1", "normalizer: 'x' is not known"},
      {"{\"type\": \"NFC\"}", "3", "normalizer: expected an object with a type"},
      {"\"Split\"", "\"Metaspace\"",
       "t.json:5:1: pre_tokenizer: pretokenizers[0]: \"Metaspace\" is not read; Split, Digits"},
      {"\"Split\"", "\"ByteLevel\"", "pretokenizers[0]: \"ByteLevel\": what is read here ends"},
      {"\"Isolated\"", "\"MergedWithNext\"", "behavior: \"MergedWithNext\" is not read"},
      {"{\"Regex\"", "{\"Glob\"", "pattern: expected {\"Regex\": ...}"},
      {"\"\\\\s+\"", "\"\\\\s+\\\\b\"",
       "pretokenizers[0]: character 4 of the expression: '\\b' is not read"},
      {"\"invert\": false", "\"invert\": 0", "'invert': expected true or false"},
      {"\"use_regex\": false", "\"use_regexp\": false", "'use_regexp' is not known"},
      {"\"TemplateProcessing\"", "\"BertProcessing\"",
       "post_processor: \"BertProcessing\" is not read; ByteLevel and TemplateProcessing are"},
      {"\"ids\": [3]", "\"ids\": []", "the special token '<e>' has no ids"},
      {"\"ids\": [3]", "\"ids\": [9]", "'<e>': there is no token 9"},
      {"{\"id\": \"A\"", "{\"id\": \"B\"", "single[1]: expected a special token"},
      {"\"decoder\": {\"type\": \"ByteLevel\"}", "\"decoder\": null", "decoder: missing"},
      {"\"decoder\": {\"type\": \"ByteLevel\"}", "\"decoder\": {\"type\": \"Metaspace\"}",
       "decoder: \"Metaspace\" is not read"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    read_edited(cases[i][0], cases[i][1], cases[i][2]);
}

Test(bpe_file, a_model_or_a_token_that_is_not_read_is_named) {
  static const char *const cases[][3] = {
      {"\"BPE\"", "\"Unigram\"", "t.json:8:1: model: type: \"Unigram\" is not read; BPE is"},
      {"\"dropout\": null", "\"dropout\": 0.1", "model: dropout"},
      {"\"unk_token\": null", "\"unk_token\": \"a\"", "unk_token: not read where"},
      {"\"byte_fallback\": false", "\"byte_fallback\": true", "byte_fallback: not read where"},
      {"\"end_of_word_suffix\": null", "\"end_of_word_suffix\": \"</w>\"", "end_of_word_suffix"},
      {"\"fuse_unk\"", "\"fuse_unks\"", "'fuse_unks' is not known"},
      {"\"ab\": 2", "\"ab\": 1", "'b' and 'ab' have the same id 1"},
      {"\"ab\": 2", "\"ab\": -2", "vocab: 'ab': expected an id"},
      {"\"ab\": 2", "\"ab\": 4194304", "vocab: 'ab': expected an id, an integer from 0 to 4194303"},
      {"\"ab\": 2", "\"\": 2", "an empty token"},
      {"\"ab\": 2", "\"ba\": 2", "merges[0]: 'a' with 'b': a token is not in the vocabulary"},
      {"[\"a\", \"b\"]", "[\"a\"]", "merges[0]: expected a pair"},
      {"[\"a\", \"b\"]", "\"a b b\"", "merges[0]: expected two tokens with one space"},
      {"[\"a\", \"b\"]", "[\"a\", \"b\"], \"a b\"", "merges[1]: expected a pair"},
      {"\"ab\": 2}", "\"ab\": 2, \"a\": 5}", "duplicate object key"},
      {"\"id\": 3", "\"id\": 4", "added_tokens: [0]: '<e>' has the id 4, but its place"},
      {"\"<e>\"", "\"a\"", "[0]: 'a' has the id 3, but the vocabulary gives it 0"},
      {"\"<e>\"", "\"\"", "content: expected a text of 1 to 1024 bytes"},
      {"\"ab\": 2", "\"ab\": 3", "'<e>' has the id 3, which is that of 'ab' too"},
      {"\"id\": 3, \"content\": \"<e>\"", "\"id\": 1, \"content\": \"b\"",
       "the token of byte 0x62, id 1, is special"},
      {"\"id\": 3, \"content\": \"<e>\"", "\"id\": 2, \"content\": \"ab\"",
       "the id 2 is special, but merge 0 makes it"},
      {"\"special\": true", "\"spezial\": true", "'spezial' is not known"},
      {"\"lstrip\": false, ", "", "'lstrip' is missing"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    read_edited(cases[i][0], cases[i][1], cases[i][2]);
}

Test(bpe_file, what_has_the_same_meaning_is_read) {
  read_edited("{\"version\"", "{\"version\"", NULL);
  read_edited("[\"a\", \"b\"]", "\"#version: 0.2\", \"a b\"", NULL);
  read_edited("\"type\": \"BPE\", ", "", NULL);
  read_edited("{\"type\": \"NFC\"}", "null", NULL);
  read_edited("{\"type\": \"NFC\"}", "{\"type\": \"Sequence\", \"normalizers\": []}", NULL);
  read_edited("\"padding\": null", "\"padding\": {\"length\": 3}", NULL);
}

/* Where words come first, the text of a special token of the vocabulary is still none. */
Test(bpe_file, a_word_is_no_special_token) {
  char text[4096];
  const char *const at = strstr(base, "\"vocab\"");
  snprintf(text, sizeof text, "%.*s\"vocab\": {\"a\": 0, \"b\": 1, \"ab\": 2, \"<e>\": 3}, %s",
           (int)(at - base), base, strstr(base, "\"merges\""));
  memcpy(strstr(text, "\"ignore_merges\": false"), "\"ignore_merges\": true ", 22);
  sl_bpe *bpe = NULL;
  sl_bpe_encoder *e = NULL;
  sl_ids ids = {0};
  sl_error err = {SL_OK, ""};
  cr_assert_eq(read_text(&bpe, text, &err), SL_OK, "%s", err.message);
  cr_assert_eq(sl_bpe_encoder_create(&e, bpe, &err), SL_OK);
  cr_assert_eq(sl_bpe_encode(e, "ab <e> ab", 9, SL_TEXT_PLAIN, &ids, &err), SL_OK);
  cr_assert_eq(ids.used, 2);
  cr_assert(ids.ids[0] == 2 && ids.ids[1] == 2);
  cr_assert_eq(sl_bpe_encode(e, "<e>", 3, SL_TEXT_PARSED, &ids, &err), SL_OK);
  cr_assert_eq(ids.ids[2], 3);
  sl_ids_free(&ids);
  sl_bpe_encoder_destroy(e);
  sl_bpe_destroy(bpe);
}

/* Nesting is bounded by the parser, size by the reader. */
Test(bpe_file, a_file_too_deep_or_too_large_is_refused) {
  sl_bpe *bpe = NULL;
  sl_error err;
  char *deep = malloc(40000);
  cr_assert(deep);
  strcpy(deep, "{\"normalizer\": ");
  memset(deep + 15, '[', 10000);
  deep[10015] = 0;
  expect_error(read_text(&bpe, deep, &err), SL_ERR_INPUT, &err, "maximum parsing depth");
  free(deep);
  const char *path = scratch_text("tokenizer.json", "{}");
  FILE *file = fopen(path, "r+b");
  cr_assert(file && fseek(file, (long)SL_BPE_FILE_BYTES, SEEK_SET) == 0 && fputc('x', file) == 'x');
  fclose(file);
  expect_error(sl_bpe_load(&bpe, path, &err), SL_ERR_INPUT, &err, "tokenizer.json");
  cr_assert_null(bpe);
}
