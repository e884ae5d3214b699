/* The tasks gsm8k, math and mixture, and prompts beyond the limit (spec F3.11, F3.14, F3.15).
 * GSM8K's own files are read where SLUICE_DATA names their folder. */
#include "tests/trainer/scratch.h"

#include "trainer/files/tokenizer.h"
#include "trainer/tasks/answer.h"
#include "trainer/tasks/tasks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(word_problems, .init = scratch_make, .fini = scratch_remove);

#define Q(question, answer) "{\"question\": \"" question "\", \"answer\": \"" answer "\"}\n"
#define PAPER                                                                    \
  .think_open = "<think>", .think_close = "</think>", .answer_open = "<answer>", \
  .answer_close = "</answer>", .reward = SL_REWARD_MATH, .held_out_fraction = 0.5

static sl_task load(const sl_task_options *options) {
  sl_task task;
  sl_error err;
  cr_assert_eq(sl_task_load(&task, options, &err), SL_OK, "%s", err.message);
  return task;
}

Test(word_problems, gsm8k_has_the_answer_behind_its_mark) {
  const sl_task_options o = {
      .kind = SL_TASK_GSM8K,
      .train = scratch_text("train.jsonl", Q("How many?",
                                             "He has <<2+3=5>>5 of 1000 << x.\\n#### "
                                             "1,005")),
      .test = scratch_text("test.jsonl", Q("And now?", "None.\\n#### -0.5")),
      .system = "Think.",
      PAPER};
  sl_task t = load(&o);
  cr_assert(t.train.n == 1 && t.warm.n == 1 && t.held_out.n == 1);
  const sl_problem *p = &t.train.items[0];
  cr_expect_str_eq(p->question, "How many?");
  cr_expect_str_eq(p->prompt, "Think.\n\nHow many?\n");
  cr_expect_str_eq(p->gold, "1,005");
  cr_expect_str_eq(p->answer, "<think> He has 5 of 1000 << x. </think> <answer> 1,005 </answer>");
  cr_expect_eq(t.texts.of, 2);
  cr_expect_eq(t.texts.n, 0);
  sl_task_free(&t);
  sl_task_options bare = o;
  bare.answer_open = NULL, bare.system = "";
  t = load(&bare);
  cr_expect_str_eq(t.train.items[0].prompt, "How many?");
  cr_expect_str_eq(t.train.items[0].answer, "He has 5 of 1000 << x.\n#### 1,005");
  sl_task_free(&t);
}

Test(word_problems, math_has_an_answer_or_a_boxed_one) {
  const sl_task_options o = {
      .kind = SL_TASK_MATH,
      .train =
          scratch_text("train.jsonl",
                       "{\"problem\": \"a\", \"answer\": \"\\\\frac{1}{2}\", \"solution\": \"so "
                       "\\\\boxed{9}\"}\n"
                       "{\"problem\": \"b\", \"solution\": \"\\\\boxed{1}, or rather "
                       "\\\\boxed{\\\\frac{2}{3}}.\", \"answer\": null}\n"
                       "{\"problem\": \"c\", \"answer\": 204}\n"
                       "{\"problem\": \"d\", \"answer\": \"x^2\"}\n"),
      .test = scratch_text("test.jsonl", "{\"problem\": \"e\", \"answer\": \"1\"}\n"),
      PAPER};
  static const char *const golds[] = {"\\frac{1}{2}", "\\frac{2}{3}", "204", "x^2"};
  sl_task t = load(&o);
  cr_assert_eq(t.train.n, 4);
  for (size_t i = 0; i < 4; i++) cr_expect_str_eq(t.train.items[i].gold, golds[i]);
  cr_expect_str_eq(t.train.items[2].answer, "<think>  </think> <answer> 204 </answer>");
  cr_expect(t.texts.n == 1 && t.texts.of == 5 && t.texts.line == 4, "x^2 has no value");
  cr_expect(strstr(t.texts.file, "train.jsonl") != NULL);
  sl_task_free(&t);
}

Test(word_problems, other_keys_are_named) {
  const sl_task_options o = {
      .kind = SL_TASK_MATH,
      .train = scratch_text("train.jsonl",
                            "{\"question\": \"a\", \"final_answer\": \"1\"}\n"
                            "{\"question\": \"b\", \"r1\": \"\\\\boxed{2}\"}\n"),
      .prompt_key = "question",
      .answer_key = "final_answer",
      .solution_key = "r1",
      PAPER};
  sl_task t = load(&o);
  cr_assert(t.train.n == 1 && t.held_out.n == 1);
  sl_task_free(&t);
}

Test(word_problems, bad_lines_are_refused_with_their_place) {
  static const struct {
    sl_task_kind kind;
    const char *train, *part;
  } bad[] = {
      {SL_TASK_GSM8K, Q("a", "5"), "train.jsonl:1:19: answer: expected #### and the answer"},
      {SL_TASK_GSM8K, Q("a", "#### 1") Q("b", "#### "),
       "train.jsonl:2:19: answer: the answer \"\" is empty"},
      {SL_TASK_GSM8K, "{\"answer\": \"#### 5\"}\n", "train.jsonl:1:1: question: missing"},
      {SL_TASK_MATH, "{\"problem\": \"a\"}\n",
       "train.jsonl:1:1: solution: missing; expected a string; the keys are problem "
       "(task.answer_key or task.solution_key names it)"},
      {SL_TASK_MATH, "{\"problem\": \"a\", \"solution\": \"\\\\boxed{1\"}\n",
       "train.jsonl:1:18: solution: expected \\boxed{...} with the answer, since the line has no "
       "answer"},
      {SL_TASK_MATH, "{\"problem\": \"a\", \"answer\": 0.5}\n",
       "train.jsonl:1:18: answer: expected a string or an integer, found a real number"},
      {SL_TASK_MATH, "{\"problem\": \"a\", \"answer\": \"$.\"}\n",
       "train.jsonl:1:18: answer: the answer \"$.\" is empty"},
      {SL_TASK_MIXTURE, "", "train.jsonl: no parts"},
      {SL_TASK_MIXTURE, "{\"task\": \"arithmetic\", \"share\": 1}\n",
       "train.jsonl:1:2: task: expected gsm8k, math or jsonl, found \"arithmetic\""},
      {SL_TASK_MIXTURE, "{\"task\": \"math\", \"share\": 0, \"train\": \"x\"}\n",
       "train.jsonl:1:18: share: expected an integer from 1 to 1000, found 0"},
      {SL_TASK_MIXTURE, "{\"task\": \"math\", \"share\": 1}\n",
       "train.jsonl:1:1: train: missing; the part needs a file"},
      {SL_TASK_MIXTURE, "{\"task\": \"math\", \"share\": 1, \"train\": \"no\"}\n",
       "/no: cannot open"},
      {SL_TASK_MIXTURE, "{\"task\": \"math\", \"shares\": 1}\n", "train.jsonl:1:18: shares: "},
      {SL_TASK_MIXTURE,
       "{\"task\": \"math\", \"share\": 1, \"train\": \"x\", \"held_out_fraction\": 0.91}\n",
       "train.jsonl:1:44: held_out_fraction: expected a number from 0 to 0.9"},
      {SL_TASK_MIXTURE,
       "{\"task\": \"math\", \"share\": 1, \"train\": \"x\", \"held_out_fraction\": -0.01}\n",
       "train.jsonl:1:44: held_out_fraction: expected a number from 0 to 0.9"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const sl_task_options o = {
        .kind = bad[i].kind, .train = scratch_text("train.jsonl", bad[i].train), PAPER};
    sl_task t = {.train = {NULL, 0}};
    sl_error err = {SL_OK, ""};
    expect_error(sl_task_load(&t, &o, &err), SL_ERR_INPUT, &err, bad[i].part);
    cr_assert_eq(t.train.n, 0, "outputs stay untouched on error");
  }
}

static const char mixture[] =
    "{\"task\": \"gsm8k\", \"share\": 1, \"train\": \"a.jsonl\", \"test\": \"b.jsonl\"}\n"
    "{\"task\": \"math\", \"name\": \"deep\", \"share\": 3, \"train\": \"c.jsonl\", "
    "\"held_out_fraction\": 0.5, \"prompt_key\": \"q\"}\n";

static sl_task_options mixed(const char *a, const char *b, const char *c) {
  scratch_text("a.jsonl", a), scratch_text("b.jsonl", b), scratch_text("c.jsonl", c);
  return (sl_task_options){
      .kind = SL_TASK_MIXTURE, .train = scratch_text("mixture.jsonl", mixture), PAPER};
}

#define M(problem, answer) "{\"q\": \"" problem "\", \"answer\": \"" answer "\"}\n"

Test(word_problems, a_mixture_has_parts_with_names) {
  const sl_task_options o = mixed(Q("a", "#### 1") Q("b", "#### 2"), Q("c", "#### 3"),
                                  M("d", "4") M("e", "5") M("f", "x") M("g", "7"));
  sl_task t = load(&o);
  cr_assert(t.n_parts == 2 && t.train.n == 4 && t.warm.n == 4 && t.held_out.n == 3);
  cr_assert(t.part[0].first == 0 && t.part[0].n == 2 && t.part[0].share == 1);
  cr_assert(t.part[1].first == 2 && t.part[1].n == 2 && t.part[1].share == 3);
  cr_assert_str_eq(t.held_out.items[0].category, "gsm8k");
  cr_assert_str_eq(t.held_out.items[1].category, "deep");
  cr_assert(t.texts.n == 1 && t.texts.of == 7 && t.texts.line == 3);
  sl_task_free(&t);
  /* Some of them are in the other part's training list, wherever it is split. */
  const sl_task_options leak =
      mixed(Q("a", "#### 1"), Q("d", "#### 3") Q("e", "#### 3") Q("f", "#### 3") Q("g", "#### 3"),
            M("d", "4") M("e", "5") M("f", "6") M("g", "7"));
  sl_error err = {SL_OK, ""};
  sl_task none = {.n_parts = 0};
  expect_error(sl_task_load(&none, &leak, &err), SL_ERR_INPUT, &err,
               "' is a training problem of deep and held out by gsm8k");
}

Test(word_problems, a_part_of_a_mixture_names_its_keys) {
  scratch_text("a.jsonl",
               "{\"q\": \"a\", \"how\": \"\\\\boxed{1}\"}\n"
               "{\"q\": \"b\", \"how\": \"\\\\boxed{2}\", "
               "\"what\": \"3\"}\n");
  const sl_task_options o = {
      .kind = SL_TASK_MIXTURE,
      .train = scratch_text("mixture.jsonl",
                            "{\"task\": \"math\", \"share\": 1, \"train\": \"a.jsonl\", "
                            "\"test\": \"a.jsonl\", \"prompt_key\": \"q\", "
                            "\"answer_key\": \"what\", \"solution_key\": \"how\"}\n"),
      .held_out_only = 1,
      PAPER};
  sl_task t = load(&o);
  cr_assert_eq(t.held_out.n, 2);
  cr_expect_str_eq(t.held_out.items[0].gold, "1");
  cr_expect_str_eq(t.held_out.items[1].gold, "3");
  sl_task_free(&t);
}

Test(word_problems, a_mixture_has_at_most_so_many_parts) {
  char lines[(SL_MIXTURE_PARTS + 1) * 90] = "", name[16];
  size_t used = 0;
  for (int i = 0; i <= SL_MIXTURE_PARTS; i++) {
    char rows[150];
    snprintf(name, sizeof name, "%d.jsonl", i);
    snprintf(rows, sizeof rows, Q("%d", "#### 1") Q("%d?", "#### 1"), i, i);
    scratch_text(name, rows);
    used += (size_t)snprintf(lines + used, sizeof lines - used,
                             "{\"task\": \"gsm8k\", \"share\": 1, \"train\": \"%s\", "
                             "\"held_out_fraction\": 0.5}\n",
                             name);
  }
  const sl_task_options o = {
      .kind = SL_TASK_MIXTURE, .train = scratch_text("mixture.jsonl", lines), PAPER};
  sl_error err = {SL_OK, ""};
  sl_task t = {.n_parts = 0};
  expect_error(sl_task_load(&t, &o, &err), SL_ERR_INPUT, &err, "mixture.jsonl:");
  cr_expect(strstr(err.message, "more than "), "%s", err.message);
}

/* A line of two answers, the second to this question. */
#define TURNS(question, answer)                                 \
  "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}, " \
  "{\"role\": \"assistant\", \"content\": \"Yes?\"}, "          \
  "{\"role\": \"user\", \"content\": \"" question               \
  "\"}, "                                                       \
  "{\"role\": \"assistant\", \"content\": \"" answer "\"}]}\n"

#define PLAIN(prompt, reply) "{\"prompt\": \"" prompt "\", \"reply\": \"" reply "\"}\n"

static const char with_turns[] =
    "{\"task\": \"gsm8k\", \"share\": 1, \"train\": \"a.jsonl\", "
    "\"held_out_fraction\": 0.5}\n"
    "{\"task\": \"jsonl\", \"name\": \"talk\", \"share\": 2, \"train\": \"b.jsonl\", "
    "\"held_out_fraction\": 0.5, \"answer_key\": \"reply\"}\n";

Test(word_problems, a_part_of_a_mixture_has_conversations) {
  scratch_text("a.jsonl", Q("a", "#### 1") Q("b", "#### 2"));
  scratch_text("b.jsonl", TURNS("c", "3") TURNS("d", "4") PLAIN("e", "5") PLAIN("f", "6"));
  const sl_task_options o = {
      .kind = SL_TASK_MIXTURE, .train = scratch_text("mixture.jsonl", with_turns), PAPER};
  sl_task t = load(&o);
  cr_assert(t.n_parts == 2 && t.train.n == 3 && t.held_out.n == 3);
  size_t found = 0, plain = 0;
  for (size_t i = 0; i < 6; i++) {
    const sl_problem *p = i < 3 ? &t.train.items[i] : &t.held_out.items[i - 3];
    if (strcmp(p->category, "talk") != 0) {
      cr_assert_not(p->has_turns);
      continue;
    }
    plain += !p->has_turns;
    if (!p->has_turns) continue;
    const int is_c = strcmp(p->answer, "3") == 0;
    cr_expect_str_eq(p->answer, is_c ? "3" : "4");
    cr_expect(strstr(p->prompt, is_c ? "\"c\"" : "\"d\"") && strstr(p->prompt, "\"Yes?\""));
    cr_expect_not(strstr(p->prompt, is_c ? "\"3\"" : "\"4\""), "the answer is no part of it");
    found++;
  }
  cr_assert(found == 2 && plain == 2, "%zu conversations, %zu prompts", found, plain);
  sl_task_free(&t);
  scratch_text("b.jsonl", TURNS("c", "3") TURNS("d", ""));
  sl_error err = {SL_OK, ""};
  expect_error(sl_task_load(&t, &o, &err), SL_ERR_INPUT, &err,
               "b.jsonl:2:2: messages: expected two turns or more, the last an assistant's");
}

Test(word_problems, long_prompts_are_refused_dropped_or_cut) {
  const sl_task_options o = mixed(Q("aaaa", "#### 1") Q("0123456789", "#### 2"), Q("c", "#### 3"),
                                  M("d", "4") M("e", "5") M("\xc3\xa9\xc3\xa9\xc3\xa9", "6"));
  sl_error err;
  sl_tokenizer *tokenizer;
  for (sl_prompt_over over = SL_PROMPT_ERROR; over <= SL_PROMPT_CUT; over++) {
    sl_task t = load(&o);
    cr_assert_eq(sl_tokenizer_create(&tokenizer, t.alphabet, &err), SL_OK);
    const sl_status status = sl_task_limit(&t, tokenizer, 4, over, &err);
    if (over == SL_PROMPT_ERROR)
      expect_error(status, SL_ERR_INPUT, &err,
                   "problem ('0123456789') has 10 tokens, more than task.prompt_limit (4)");
    else
      cr_assert(status == SL_OK && t.over == 1, "%s", err.message);
    if (over == SL_PROMPT_DROP) cr_assert(t.part[0].n == 1 && t.part[1].first == 1);
    if (over == SL_PROMPT_CUT) cr_assert_str_eq(t.train.items[1].prompt, "6789");
    sl_task_free(&t);
    sl_tokenizer_destroy(tokenizer);
  }
  sl_task t = load(&o);
  cr_assert_eq(sl_tokenizer_create(&tokenizer, t.alphabet, &err), SL_OK);
  expect_error(sl_task_limit(&t, tokenizer, 3, SL_PROMPT_DROP, &err), SL_ERR_INPUT, &err,
               "no prompt of gsm8k is within task.prompt_limit");
  sl_tokenizer_destroy(tokenizer);
  sl_task_free(&t);
}

Test(word_problems, gsm8k_files_give_their_7473_and_1319_problems) {
  const char *data = getenv("SLUICE_DATA");
  if (!data)
    cr_skip_test("SLUICE_DATA does not name a folder with gsm8k/train.jsonl and gsm8k/test.jsonl");
  char train[500], test[500];
  snprintf(train, sizeof train, "%s/gsm8k/train.jsonl", data);
  snprintf(test, sizeof test, "%s/gsm8k/test.jsonl", data);
  const sl_task_options o = {.kind = SL_TASK_GSM8K, .train = train, .test = test, PAPER};
  sl_task t = load(&o);
  cr_assert(t.train.n == 7473 && t.held_out.n == 1319 && t.texts.n == 0 && t.texts.of == 8792);
  for (size_t i = 0; i < t.train.n; i++) {
    const sl_problem *p = &t.train.items[i];
    cr_assert_not(strstr(p->answer, "<<"), "%s", p->answer);
    cr_assert_eq(sl_reward(SL_REWARD_MATH, p->gold, 1, p->gold), 1, "%s", p->gold);
    cr_assert(sl_answer_equal(p->gold, p->gold, NULL));
  }
  sl_task_free(&t);
}
