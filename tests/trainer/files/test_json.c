/* JSON whose values the parser cannot all hold: an error where the key is asked for, nothing where
 * it is ignored; and the scanner of the grammar against the parser. */
#include "tests/trainer/scratch.h"
#include "trainer/files/json.h"
#include "trainer/files/json_scan.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "[[[...]]]" of a depth, or objects in each other, in a static text. */
static const char *nested(size_t depth, const char *open, const char *inner, const char *close) {
  static char text[200000];
  char *at = text;
  for (size_t i = 0; i < depth; i++) at += sprintf(at, "%s", open);
  at += sprintf(at, "%s", inner);
  for (size_t i = 0; i < depth; i++) at += sprintf(at, "%s", close);
  return text;
}

static sl_status parse(sl_json *doc, const char *text, sl_error *err) {
  *doc = (sl_json){0};
  return sl_json_parse(doc, "f", 1, text, strlen(text), err);
}

static void ignored(const char *value) {
  static char text[300000];
  const char *prompt;
  sl_json doc;
  sl_error err;
  double real;
  snprintf(text, sizeof text, " { \"prompt\" : \"a\" ,\"x\": %s , \"n\":2.5}\n", value);
  cr_assert_eq(parse(&doc, text, &err), SL_OK, "%.80s: %s", value, err.message);
  cr_expect_eq(sl_json_text(&doc, "prompt", &prompt, &err), SL_OK);
  cr_expect_str_eq(prompt, "a");
  cr_expect_eq(sl_json_real(&doc, "n", &real, &err), SL_OK);
  cr_expect(sl_json_has(&doc, "x") && !sl_json_has(&doc, "y"));
  expect_error(sl_json_real(&doc, "x", &real, &err), SL_ERR_INPUT, &err,
               "f:1:20: x: expected a number");
  expect_error(sl_json_all_held(&doc, &err), SL_ERR_INPUT, &err, "f:1:20: x: ");
  static const char *const allowed[] = {"prompt", "n", "x", NULL};
  expect_error(sl_json_only(&doc, allowed, &err), SL_ERR_INPUT, &err, "f:1:20: x: ");
  sl_json_free(&doc);
}

Test(json, values_that_cannot_be_held_are_ignored_with_their_key) {
  ignored("1e999");
  ignored("-1E+400");
  ignored("1000000000000000019884624838656");
  ignored("[1, {\"y\": 1e999}]");
  ignored("\"a\\u0000b\"");
  ignored("\"\\ud800\"");
  ignored(nested(2049, "[", "", "]"));
  ignored(nested(30000, "[", "1", "]"));
  ignored(nested(20000, "{\"k\":", "null", "}"));
}

static void refused(const char *text) {
  sl_json doc;
  sl_error err = {SL_OK, ""};
  cr_assert_eq(parse(&doc, text, &err), SL_ERR_INPUT, "%.80s", text);
  cr_expect_null(doc.root);
  cr_expect_eq(strncmp(err.message, "f:1:", 4), 0, "%s", err.message);
}

Test(json, what_is_no_json_is_refused_beside_them) {
  static const char *const texts[] = {"{\"x\":1e999",
                                      "{\"x\":1e999,}",
                                      "{\"x\":1e999}}",
                                      "{\"x\":1e999 1}",
                                      "{\"x\":1e999,\"x\":1}",
                                      "{\"x\":1,\"x\":1e999}",
                                      "{\"x\":1e999,\"y\":{\"a\":1,\"a\":2}}",
                                      "{\"x\":1e999,y:1}",
                                      "{\"x\":{}",
                                      "{\"x\":1e999,\"y\":{}",
                                      "[1e999]",
                                      "1e999",
                                      "{\"x\":01e999}",
                                      "{\"x\":1e}",
                                      "{\"x\":1e999,\"y\":\"\xff\"}",
                                      "{\"x\":1e999,\"y\\u0000\":1}",
                                      "{\"x\":\"\\q\",\"y\":1e999}"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) refused(texts[i]);
  refused(nested(3000, "{\"x\":[", "", "}"));
}

/* What the parser takes the scanner takes, and the other way round where the parser could hold it:
 * random texts of JSON's characters, and whole ones with a character changed. */
static int parser_takes(const char *text, size_t size, int *beyond) {
  json_error_t why;
  json_t *value = json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
  *beyond = !value && (json_error_code(&why) == json_error_numeric_overflow ||
                       json_error_code(&why) == json_error_stack_overflow ||
                       json_error_code(&why) == json_error_null_byte_in_key ||
                       strstr(why.text, "invalid Unicode") != NULL);
  json_decref(value);
  return value != NULL;
}

Test(json, the_scanner_agrees_with_the_parser) {
  static const char letters[] = "{}[],:\"\\ u0189.eE+-truefalsn\n\xc3\xa9\x01";
  static const char object[] =
      "{\"a\":[1,-2.5e+3,{}],\"\\u00e9\":\"\\n\xc3\xa9\",\"c\":[true,null,[]]}";
  const char *seed_text = getenv("SLUICE_TEST_SEED");
  const unsigned seed = seed_text ? (unsigned)strtoul(seed_text, NULL, 10) : 1;
  size_t taken = 0, not_taken = 0;
  srand(seed);
  for (int i = 0; i < 400000; i++) {
    char text[100];
    size_t size = 1 + (size_t)rand() % 12;
    if (i % 2) {
      size = sizeof object - 1;
      memcpy(text, object, size);
      for (int k = rand() % 3; k >= 0; k--)
        text[(size_t)rand() % size] = letters[(size_t)rand() % (sizeof letters - 1)];
    } else {
      for (size_t k = 0; k < size; k++) text[k] = letters[(size_t)rand() % (sizeof letters - 1)];
    }
    int beyond;
    const char *end = sl_json_scan_value(text, text + size);
    const int scanned = end && sl_json_scan_blanks(end, text + size) == text + size,
              parsed = parser_takes(text, size, &beyond);
    if (!beyond) cr_assert_eq(scanned, parsed, "seed %u, text %d: %.*s", seed, i, (int)size, text);
    *(parsed ? &taken : &not_taken) += 1;
  }
  cr_expect(taken > 1000 && not_taken > 1000, "%zu taken, %zu refused", taken, not_taken);
}
