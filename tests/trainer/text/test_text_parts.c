/* What byte-level BPE consists of (spec F7.2, F7.3): expressions, NFC, merges. */
#include "trainer/text/expression.h"
#include "trainer/text/merges.h"
#include "trainer/text/normal_form.h"
#include "trainer/text/splitter.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

Test(expression, what_is_read_alike_passes_and_what_is_not_is_rewritten) {
  static const struct {
    const char *theirs, *ours;
  } cases[] = {
      {"ab 1", "ab\\x{20}1"},
      {"\\s+(?!\\S)", "[\\p{White_Space}]+(?![^\\p{White_Space}])"},
      {"[^\\s\\p{L}]", "[^\\p{White_Space}\\p{L}]"},
      {"\\p{Han}|\\P{N}|\\p{^Lu}", "\\p{sc:Han}|\\P{N}|\\P{Lu}"},
      {"\\d\\h", "[\\p{Nd}][0-9A-Fa-f]"},
      {"\\v\\x{1F600}\\u00e9", "\\x{b}\\x{1f600}\\x{e9}"},
      {"(a)(?>b)", "(?:a)(?>b)"},
      {"a{,3}b", "a{0,3}b"},
      {"a.", "a[^\\n]"},
      {"(?i:'s|'t)x", "(?i:\\x{27}s|\\x{27}t)x"},
      {"a*+b+?c?d{2,}", "a*+b+?c?d{2,}"},
      {"[a-z\\-\\]-]", "[a-z\\x{2d}\\x{5d}\\x{2d}]"},
      {"(?<=a)b", "(?<=a)b"},
      {"\\Aa\\z", "\\Aa\\z"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *out;
    sl_error err;
    cr_assert_eq(sl_expression_translate(&out, cases[i].theirs, &err), SL_OK, "%s: %s",
                 cases[i].theirs, err.message);
    cr_assert_str_eq(out, cases[i].ours);
    free(out);
  }
}

/* What another reading in Oniguruma, or none here, would give. */
Test(expression, the_rest_is_refused_with_its_place) {
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"a(*ACCEPT)", "character 2 of the expression: '(*A' begins no group"},
      {"a(?C1)b", "'(?C' begins no group"},
      {"(?R)a", "'(?R' begins no group"},
      {"(?<n>a)", "'(?<' begins no group"},
      {"(?#x)a", "begins no group"},
      {"(?i)a", "begins no group"},
      {"(?m:a)", "begins no group"},
      {"\\Ca", "'\\C' is not read"},
      {"a\\Kb", "'\\K' is not read"},
      {"a\\b", "'\\b' is not read"},
      {"a\\1", "'\\1' is not read"},
      {"\\Qa", "'\\Q' is not read"},
      {"\\Ra", "'\\R' is not read"},
      {"\\xe9", "'\\xe9' is a byte"},
      {"\\p{L&}", "unknown property 'L&'"},
      {"\\p{Any}", "unknown property 'Any'"},
      {"\\pL", "expected '{'"},
      {"^a", "'^' stands for lines"},
      {"a$", "'$' stands for lines"},
      {"[[:alpha:]]", "a class within a class"},
      {"[a&&b]", "'&&'"},
      {"[]a]", "an empty class"},
      {"[z-a]", "a range is of two characters"},
      {"[\\s-a]", "'-' begins no range"},
      {"[\\W]", "'\\W' is not read in a class"},
      {"[a", "']' is missing"},
      {"a{2}+", "'+' after an interval"},
      {"a{2}?", "'?' after an interval"},
      {"a{b", "'{' begins no interval"},
      {"a{3,2}", "ascending"},
      {"a{1001}", "an interval is from 0 to 1000"},
      {"a**", "'*' has nothing to repeat"},
      {"+a", "'+' has nothing to repeat"},
      {"(?=a)+b", "a look around is not repeated"},
      {"(?:a|)+b", "repeats what may match nothing"},
      {"(?:a*)*b", "repeats what may match nothing"},
      {"a*", "it may match nothing"},
      {"a|", "it may match nothing"},
      {"(?!a)", "it may match nothing"},
      {"", "it may match nothing"},
      {"(?i:ss)", "reads 'ss' as one ligature"},
      {"(?i:\xc3\xa9)", "only ASCII"},
      {"(?i:[\xc3\xa9])", "only ASCII"},
      {"(?i:\\p{Lu})", "the property 'Lu' is not read"},
      {"(?<=(?i:a))b", "do not go together"},
      {"(a", "')' is missing"},
      {"a)", "')' closes nothing"},
      {"\xc3\xa9\xff", "character 2 of the expression: malformed UTF-8"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *out = NULL;
    sl_error err = {SL_OK, ""};
    cr_assert_eq(sl_expression_translate(&out, cases[i].text, &err), SL_ERR_INPUT, "%s",
                 cases[i].text);
    cr_assert(strstr(err.message, cases[i].message), "%s: %s", cases[i].text, err.message);
    cr_assert_null(out);
  }
}

/* Between two complements PCRE2 10.42 makes the first quantifier possessive where no option forbids
 * it: then \P{Nl} would take U+00A0 and leave \P{Lo} nothing. */
Test(splitter, a_quantifier_gives_back) {
  static const char *const expressions[] = {"\\P{Nl}{1,3}\\P{Lo}", "\\P{N}+\\P{L}",
                                            "\\P{Lu}+\\P{Ll}"};
  const char *text = "\u4e75\u090f\u00a0"; /* Lo, Lo, Zs: 3, 3 and 2 bytes */
  for (size_t i = 0; i < 3; i++) {
    sl_splitter *splitter;
    sl_error err;
    char *expression;
    size_t begin, end;
    cr_assert_eq(sl_expression_translate(&expression, expressions[i], &err), SL_OK);
    cr_assert_eq(sl_splitter_create(&splitter, expression, &err), SL_OK, "%s", err.message);
    cr_assert_eq(sl_splitter_next(splitter, text, 8, 0, &begin, &end, &err), SL_OK);
    cr_expect(begin == 0 && end == 8, "%s: %zu to %zu", expressions[i], begin, end);
    sl_splitter_destroy(splitter);
    free(expression);
  }
}

Test(expression, a_match_that_takes_too_long_is_given_up) {
  char *expression, text[2001];
  sl_splitter *splitter;
  sl_error err;
  size_t begin, end;
  memset(text, 'a', 2000);
  cr_assert_eq(sl_expression_translate(&expression, "(?:(?:a+)+)+b", &err), SL_OK, "%s",
               err.message);
  cr_assert_eq(sl_splitter_create(&splitter, expression, &err), SL_OK, "%s", err.message);
  text[2000] = 'c';
  cr_assert_eq(sl_splitter_next(splitter, text, 2001, 0, &begin, &end, &err), SL_OK);
  cr_assert_eq(begin, 2001); /* no 'b' in the text: PCRE2 sees that at once */
  text[2000] = 'b';
  cr_assert_eq(sl_splitter_next(splitter, text, 2001, 0, &begin, &end, &err), SL_OK);
  sl_splitter_destroy(splitter);
  free(expression);
  cr_assert_eq(sl_expression_translate(&expression, "(?:(?:a+)+)+[bc]", &err), SL_OK);
  cr_assert_eq(sl_splitter_create(&splitter, expression, &err), SL_OK);
  text[2000] = 'd';
  cr_assert_eq(sl_splitter_next(splitter, text, 2001, 0, &begin, &end, &err), SL_ERR_INPUT);
  cr_assert(strstr(err.message, "byte 0: splitting is given up"), "%s", err.message);
  sl_splitter_destroy(splitter);
  free(expression);
}

static void check_form(sl_forming *room, const char *text) {
  const char *out;
  size_t size;
  sl_error err;
  utf8proc_uint8_t *composed = utf8proc_NFC((const utf8proc_uint8_t *)text);
  cr_assert_eq(sl_normal_form_apply(text, strlen(text), room, &out, &size, &err), SL_OK);
  cr_assert(size == strlen((const char *)composed) && memcmp(out, composed, size) == 0, "%s", text);
  free(composed);
}

/* That a text may be cut before inert code points: each code point beside what composes with it,
 * what is reordered, and what is inert. */
Test(normal_form, cutting_a_text_changes_nothing) {
  static const char *const shapes[] = {"x%sx", "a\u0323%s\u0301e\u0301", "\u1100%s\u11a8",
                                       "\uac00%s\u0338q"};
  sl_forming room = {0};
  for (utf8proc_int32_t c = 1; c < 0x32000; c++) {
    char point[8] = "", text[40];
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    if (c == 0x11A7) continue; /* utf8proc 2.8 takes it for a final consonant, and drops it */
    point[utf8proc_encode_char(c, (utf8proc_uint8_t *)point)] = 0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
      snprintf(text, sizeof text, shapes[i], point);
      check_form(&room, text);
    }
  }
  check_form(&room, "");
  check_form(&room, "\u0301");
  sl_forming_free(&room);
}

/* The definition: the pair of the lowest rank, of equal ones the leftmost, until there is none. */
static size_t merge_by_definition(const sl_merge *list, size_t n_list, uint32_t *ids, size_t n) {
  for (;;) {
    size_t best = n_list, at = 0;
    for (size_t i = 0; i + 1 < n; i++)
      for (size_t k = 0; k < best; k++)
        if (list[k].left == ids[i] && list[k].right == ids[i + 1]) best = k, at = i;
    if (best == n_list) return n;
    ids[at] = list[best].merged;
    memmove(ids + at + 1, ids + at + 2, (n - at - 2) * sizeof *ids);
    n--;
  }
}

/* Merges of a small alphabet, each of pairs made before: token i is the text of 4 + i. */
Test(merges, scan_and_heap_are_the_definition) {
  sl_merge list[60];
  uint32_t seed = 7;
  for (uint32_t i = 0; i < 60; i++) {
    for (uint32_t k = 0; k < 2; k++) {
      seed = seed * 1664525 + 1013904223;
      *(k ? &list[i].right : &list[i].left) = (seed >> 16) % (4 + i);
    }
    list[i].merged = 4 + i;
  }
  sl_merges *merges;
  sl_merging room = {0};
  sl_error err;
  cr_assert_eq(sl_merges_create(&merges, list, 60, &err), SL_OK);
  /* a pair that occurs twice has the later rank: drop the earlier one from the definition */
  for (size_t i = 0; i < 60; i++)
    for (size_t j = i + 1; j < 60; j++)
      if (list[i].left == list[j].left && list[i].right == list[j].right) list[i].left = UINT32_MAX;
  for (size_t n = 0; n < 160; n++) {
    uint32_t ours[160], theirs[160];
    for (size_t i = 0; i < n; i++) {
      seed = seed * 1664525 + 1013904223;
      ours[i] = theirs[i] = (seed >> 16) % (n % 3 ? 4 : 2);
    }
    size_t left = n;
    cr_assert_eq(sl_merges_apply(merges, &room, ours, &left, &err), SL_OK);
    cr_assert_eq(left, merge_by_definition(list, 60, theirs, n), "%zu", n);
    cr_assert_arr_eq(ours, theirs, left * sizeof *ours);
  }
  sl_merging_free(&room);
  sl_merges_destroy(merges);
}
