/* Components of a reward (spec F3.8, F3.9): the template, the text between the answer tags, the
 * penalty of the length. */
#include "trainer/tasks/components.h"

#include <criterion/criterion.h>
#include <string.h>

static const sl_tags paper = {"<think>", "</think>", "<answer>", "</answer>"};
static const sl_tags single = {"(", ")", "[", "]"};

Test(components, template_is_worth_what_it_meets) {
  static const struct {
    const char *text;
    double reward;
  } cases[] = {
      {"<think>a</think><answer>b</answer>", 1},
      {"<think></think><answer></answer>", 1},
      {" \n<think> a\n</think> \t\r\n <answer> b </answer>\n", 1},
      {"<think>a</think>, <answer>b</answer>", 0.5},
      {"<think>a</think><answer>b</answer></answer>", 0.5},
      {"<think><think>a</think><answer>b</answer>", 0.5},
      {"<think>a<answer></think>b</answer>", 0.5},
      {"<think>a</think>b</answer>", 0.5},
      {"<think></answer>", 0.5},
      {"<think>a</think><answer>b", 0.25},
      {"<think>", 0.25},
      {"a</think><answer>b</answer>", 0.25},
      {"<think>a</think><answer>b</answer>c", 0.25},
      {"x<think>a</think><answer>b</answer> y", 0},
      {"</answer><think>", 0},
      {"", 0},
      {"42", 0},
      {"<thin", 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    cr_expect_eq(sl_template_reward(&paper, cases[i].text), cases[i].reward, "'%s': %g",
                 cases[i].text, sl_template_reward(&paper, cases[i].text));
  cr_expect_eq(sl_template_reward(&single, "(1+2)[3]"), 1);
  cr_expect_eq(sl_template_reward(&single, "(1+2)3]"), 0.5);
}

/* A tag that overlaps itself stands twice; tags that begin alike do too. */
Test(components, tags_may_be_anything) {
  const sl_tags doubled = {"aa", "b", "c", "d"}, alike = {"a", "ab", "abc", "d"};
  cr_expect_eq(sl_template_reward(&doubled, "aabcd"), 1);
  cr_expect_eq(sl_template_reward(&doubled, "aaabcd"), 0.5);
  cr_expect_eq(sl_template_reward(&alike, "a1ab abc2d"), 0.5); /* a stands three times */
}

Test(components, answer_stands_between_its_tags) {
  static const struct {
    const char *text, *answer; /* NULL: none */
  } cases[] = {{"<think>a</think><answer> 42\n</answer>", "42"},
               {"<answer>1</answer><answer>2</answer>", "1"},
               {"</answer><answer>1</answer>", "1"},
               {"<answer></answer>", ""},
               {"<answer>1", NULL},
               {"1</answer>", NULL},
               {"", NULL}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *begin = NULL;
    size_t n = 0;
    const int found = sl_template_answer(&paper, cases[i].text, &begin, &n);
    cr_expect_eq(found, cases[i].answer != NULL, "'%s'", cases[i].text);
    if (found && cases[i].answer)
      cr_expect(n == strlen(cases[i].answer) && memcmp(begin, cases[i].answer, n) == 0, "'%s'",
                cases[i].text);
  }
}

/* DAPO's numbers: L = 20480, c = 4096. */
Test(components, length_costs_what_dapo_says) {
  cr_expect_eq(sl_length_reward(1, 20480, 4096), 0);
  cr_expect_eq(sl_length_reward(16384, 20480, 4096), 0);
  cr_expect_eq(sl_length_reward(16385, 20480, 4096), -1.0 / 4096);
  cr_expect_eq(sl_length_reward(18432, 20480, 4096), -0.5);
  cr_expect_eq(sl_length_reward(20480, 20480, 4096), -1);
  cr_expect_eq(sl_length_reward(30000, 20480, 4096), -1);
  cr_expect_eq(sl_length_reward(4, 4, 1), -1);
  cr_expect_eq(sl_length_reward(3, 4, 1), 0);
  cr_expect_eq(sl_length_reward(1, 3, 3), -1.0 / 3);
}
