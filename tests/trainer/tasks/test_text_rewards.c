/* The rewards of a text alone: exact and numeric (spec F3.6). */
#include "trainer/tasks/tasks.h"

#include <criterion/criterion.h>
#include <string.h>

Test(text_rewards, exact_reward_wants_the_whole_text_and_its_end) {
  cr_assert_eq(sl_reward(SL_REWARD_EXACT, "24", 1, "24"), 1);
  cr_assert_eq(sl_reward(SL_REWARD_EXACT, "24", 0, "24"), 0, "truncated");
  cr_assert_eq(sl_reward(SL_REWARD_EXACT, "024", 1, "24"), 0);
  cr_assert_eq(sl_reward(SL_REWARD_EXACT, "", 1, "24"), 0);
}

Test(text_rewards, numeric_reward_compares_the_last_numbers) {
  static const struct {
    const char *completion, *answer;
    int right;
  } cases[] = {
      {"so it is 24.", "24", 1},
      {"24", "#### 24", 1},
      {"024.0", "24", 1},
      {"24 or 25", "24", 0},
      {"-24", "24", 0},
      {"= -24", "-24", 1},
      {"30-24", "24", 1},
      {"(5)-24", "24", 1},
      {"x-24", "24", 1},
      {"--24", "-24", 1},
      {"1,234,567", "1234567", 1},
      {"1,23", "1.23", 1}, /* a decimal comma */
      {"1,23", "23", 0},
      {"0,500", "0.5", 1},
      {"1,2345", "1.2345", 1},
      {"1234,567", "1234.567", 1},
      {"1,2,3", "3", 1}, /* a list */
      {"1,2,3", "2.3", 0},
      {"$1,234.50.", "1234.5", 1},
      {"$80,000", "80000", 1},
      {".5", "0.50", 1},
      {"-0", "0", 1},
      {"-0.0", "0", 1},
      {"0", "0.001", 0},
      {"3.140", "3.14", 1},
      {"3.14", "3.141", 0},
      {"none", "1", 0},
      {"", "1", 0},
      {"12345678901234567890123", "12345678901234567890123", 1},
      {"12345678901234567890123", "12345678901234567890124", 0},
      {"10", "1", 0},
      {"1", "10", 0},
      {"+7", "7", 1},
      {"1.2.3", ".3", 1},
      {"-$5", "-5", 1},
      {"-$5", "5", 0},
      {"+\xe2\x82\xac"
       "5",
       "5", 1},
      {"$-5", "-5", 1},
      {"10$5", "5", 1},
      {"\xe2\x88\x92"
       "5",
       "-5", 1}, /* U+2212 */
      {"\xe2\x88\x92"
       "5",
       "5", 0},
      {"8\xe2\x88\x92"
       "5",
       "5", 1},
      {"- 5", "-5", 1},
      {"= - 5", "-5", 1},
      {"10 - 5", "5", 1},
      {"-ab5", "5", 1},
      {"1.5e3", "1500", 1},
      {"1.5E+3", "1500", 1},
      {"0.00001", "1e-05", 1},
      {"5", "1e-05", 0},
      {"1e\xe2\x88\x92"
       "5",
       "1e-5", 1},
      {"1e0 5", "5", 1},
      {"1e-0 7", "7", 1},
      {"1e00000000012", "1000000000000", 1},
      {"1e9999999999", "1e9999999999", 0}, /* out of what an exponent may be */
      {"3em", "3", 1},
      {"2e3x", "3", 1},
      {"3/2", "2", 0}, /* an expression has no value */
      {"10^5", "5", 0},
      {"10^5", "10", 0},
      {"10^-5", "-5", 0},
      {"10^{5}", "5", 0},
      {"(3+4)/2", "2", 0},
      {"x/2", "2", 0},
      {"48/2=24", "24", 1},
      {"12 m^2", "12", 1}, /* a unit's exponent is no number */
      {"12 m^{2}", "12", 1},
      {"12", "12 m^2", 1},
      {"and/or 5", "5", 1},
      {"2", "1/2", 0}, /* answers that are not one number */
      {"0", "1 000", 0},
      {"3", "5-3", 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    cr_assert_eq(sl_reward(SL_REWARD_NUMERIC, cases[i].completion, 1, cases[i].answer),
                 cases[i].right, "'%s' for '%s'", cases[i].completion, cases[i].answer);
  cr_assert_eq(sl_reward(SL_REWARD_NUMERIC, "24", 0, "24"), 0, "truncated");
}

/* An answer far before the end, and a right one behind a long text: both are read (no window at the
 * end). */
Test(text_rewards, numeric_reward_reads_the_whole_completion) {
  char text[5000];
  memset(text, ' ', sizeof text - 1);
  text[sizeof text - 1] = 0;
  memcpy(text, "42", 2);
  cr_assert_eq(sl_reward(SL_REWARD_NUMERIC, text, 1, "42"), 1);
  memcpy(text, "7 ", 2);
  memcpy(text + sizeof text - 3, "42", 2);
  cr_assert_eq(sl_reward(SL_REWARD_NUMERIC, text, 1, "42"), 1);
}
