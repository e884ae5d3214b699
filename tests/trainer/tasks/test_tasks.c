/* Tasks, rewards and data order (spec F3.1 to F3.6, N5.4). GSM8K's own files are read where
 * SLUICE_DATA names their folder. */
#include "tests/trainer/scratch.h"

#include "trainer/tasks/tasks.h"

#include <sluice/random.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(tasks, .init = scratch_make, .fini = scratch_remove);

static sl_task load(const sl_task_options *options) {
  sl_task task;
  sl_error err;
  cr_assert_eq(sl_task_load(&task, options, &err), SL_OK, "%s", err.message);
  return task;
}

static int by_text(const void *left, const void *right) {
  const sl_problem *a = left, *b = right;
  return strcmp(a->prompt, b->prompt);
}

/* Number of held-out prompts that the list holds. The list is sorted. */
static size_t overlap(sl_problems *list, const sl_problems *held) {
  size_t n = 0;
  qsort(list->items, list->n, sizeof *list->items, by_text);
  for (size_t i = 0; i < held->n; i++)
    n += bsearch(&held->items[i], list->items, list->n, sizeof *list->items, by_text) != NULL;
  return n;
}

static int is_right(const sl_problem *p) {
  char *at, *end;
  const long a = strtol(p->prompt, &at, 10);
  const char op = *at;
  if (at == p->prompt || op != p->category[0]) return 0;
  const long b = strtol(at + 1, &end, 10), c = strtol(p->answer, &at, 10);
  if (strcmp(end, "=") != 0 || at == p->answer || *at) return 0;
  return op == '+'   ? a + b == c
         : op == '-' ? a - b == c
         : op == '*' ? a * b == c
                     : a == b * c && b != 0;
}

static const sl_task_options arithmetic = {.kind = SL_TASK_ARITHMETIC, .seed = 0, .held_out = 512};

Test(tasks, arithmetic_is_complete_balanced_and_disjoint) {
  sl_task t = load(&arithmetic);
  cr_assert_eq(t.held_out.n, 512);
  cr_assert_eq(t.train.n, 8100 - 256 + 2 * (4095 - 256));
  cr_assert_eq(t.warm.n, t.train.n);
  for (size_t i = 0; i < t.train.n; i++)
    cr_assert(is_right(&t.train.items[i]), "%s", t.train.items[i].prompt);
  for (size_t i = 0; i < 512; i++)
    cr_assert(is_right(&t.held_out.items[i]) &&
              t.held_out.items[i].category[0] == (i < 256 ? '+' : '-'));
  cr_assert_eq(
      strcmp(t.train.items[8100 - 256].prompt, t.train.items[8100 - 256 + 4095 - 256].prompt), 0,
      "the rest of - stands twice, in one order");
  cr_assert(t.prompt_max == 6 && t.answer_max == 3 && t.reward == SL_REWARD_EXACT);
  cr_assert_str_eq(t.alphabet, "0123456789+-*/=");
  cr_assert_eq(overlap(&t.train, &t.held_out), 0);
  sl_task_free(&t);
}

/* The order by the clause's own words: list, then Fisher-Yates with the draws of N5.4. */
Test(tasks, arithmetic_is_shuffled_as_the_clause_says) {
  for (uint64_t seed = 0; seed < 3; seed++) {
    sl_task_options o = arithmetic;
    o.seed = seed;
    sl_task t = load(&o);
    int order[4095][2], n = 0;
    for (int a = 10; a < 100; a++)
      for (int b = 10; b <= a; b++, n++) order[n][0] = a, order[n][1] = b;
    for (int i = n - 1; i > 0; i--) {
      const int j = (int)sl_multiply_high(sl_random_u64(seed, (uint32_t)i, 1, 0, 4),
                                          (uint64_t)i + 1),
                x = order[i][0], y = order[i][1];
      order[i][0] = order[j][0], order[i][1] = order[j][1], order[j][0] = x, order[j][1] = y;
    }
    for (int i = 0; i < 256; i++) {
      char prompt[16];
      snprintf(prompt, sizeof prompt, "%d-%d=", order[i][0], order[i][1]);
      cr_assert_str_eq(t.held_out.items[256 + i].prompt, prompt);
    }
    sl_task_free(&t);
  }
}

#define ANSWER(text) "{\"question\": \"q\", \"answer\": \"" text "\"}\n"

static sl_task_options calc(const char *train, const char *test) {
  return (sl_task_options){.kind = SL_TASK_GSM8K_CALC,
                           .lookalikes = 2000,
                           .train = scratch_text("train.jsonl", train),
                           .test = scratch_text("test.jsonl", test)};
}

Test(tasks, annotations_of_the_wanted_form_become_problems) {
  const sl_task_options o = calc(
      ANSWER("He has <<48/2=24>>24 and <<48+24=72>>72") ANSWER(
          "again <<48/2=24>>, <<<5 * 3 = 15>>, <<12/60=0.2>>, <<16-3-4=9>>, <<2-3=-1>>, <<2+2=5>>")
          ANSWER("<<7/2=3>> <<12345+1=12346>> <<9999*999=1>> <<007+1=8>> <<1+1=2 and <b> <<0/5=0>> "
                 "<<5/0=0>>"),
      ANSWER("<<48/2=24>> <<60-6=54>>") ANSWER("<<9*9=81>>"));
  sl_task t = load(&o);
  static const char *const expected[] = {"0/5=", "48+24=", "48/2=", "5*3=", "7+1="};
  cr_assert_eq(t.train.n, 5);
  for (size_t i = 0; i < 5; i++) cr_assert_str_eq(t.train.items[i].prompt, expected[i]);
  cr_assert_eq(t.held_out.n, 2);
  sl_problems held = t.held_out;
  qsort(held.items, 2, sizeof *held.items, by_text);
  cr_assert_str_eq(held.items[0].prompt, "60-6=");
  cr_assert_str_eq(held.items[1].prompt, "9*9=");
  sl_task_free(&t);
}

Test(tasks, lookalikes_keep_the_shape_and_avoid_the_test_file) {
  const sl_task_options o = calc(ANSWER("<<48/2=24>> <<100-25=75>> <<5*3=15>> <<20+4=24>>"),
                                 ANSWER("<<6*7=42>> <<48/2=24>>"));
  sl_task t = load(&o);
  cr_assert_gt(t.warm.n, 1500);
  cr_assert_leq(t.warm.n, 2004);
  size_t hundreds = 0;
  for (size_t i = 0; i < t.warm.n; i++) {
    const sl_problem *p = &t.warm.items[i];
    cr_assert(is_right(p), "%s%s", p->prompt, p->answer);
    cr_assert(strlen(p->prompt) <= 9 && strlen(p->answer) <= 5);
    if (i >= 4)
      cr_assert(strcmp(p->prompt, "6*7=") != 0 && strcmp(p->prompt, "48/2=") != 0,
                "%s is in the test file", p->prompt);
    if (p->category[0] == '-') hundreds += p->prompt[1] == '0' && p->prompt[2] == '0';
    if (p->category[0] == '+') cr_assert_eq(p->prompt[1], '0', "%s: a zero stays", p->prompt);
  }
  cr_assert_gt(hundreds, 300);
  sl_task_free(&t);
}

Test(tasks, gsm8k_files_give_the_known_counts) {
  const char *data = getenv("SLUICE_DATA");
  if (!data)
    cr_skip_test("SLUICE_DATA does not name a folder with gsm8k/train.jsonl and gsm8k/test.jsonl");
  char train[500], test[500];
  snprintf(train, sizeof train, "%s/gsm8k/train.jsonl", data);
  snprintf(test, sizeof test, "%s/gsm8k/test.jsonl", data);
  const sl_task_options o = {
      .kind = SL_TASK_GSM8K_CALC, .lookalikes = 60000, .train = train, .test = test};
  sl_task t = load(&o);
  cr_assert_eq(t.train.n, 5892);
  cr_assert_eq(t.held_out.n, 609);
  cr_assert_gt(t.warm.n, 50000);
  cr_assert(t.prompt_max == 9 && t.answer_max == 5);
  cr_assert_eq(overlap(&t.train, &t.held_out), 0);
  cr_assert_eq(overlap(&t.warm, &t.held_out), 0);
  sl_task_free(&t);
}

Test(tasks, gsm8k_refuses_bad_files_with_their_place) {
  static const struct {
    const char *train, *test, *part;
  } cases[] = {
      {"{\"question\": \"q\"}\n", ANSWER("<<1+1=2>>"),
       "train.jsonl:1:1: answer: missing; expected a string"},
      {ANSWER("<<1+1=2>>") "{\"answer\": 5}\n", ANSWER("<<1+1=2>>"),
       "train.jsonl:2:2: answer: expected a string, found an integer"},
      {ANSWER("<<1+1=2>>") "{\"answer\": \"x\n", ANSWER("<<1+1=2>>"),
       "train.jsonl:2:13: premature end of input"},
      {ANSWER("nothing"), ANSWER("<<1+1=2>>"), "train.jsonl: no calculator annotation"},
      {"", ANSWER("<<1+1=2>>"), "train.jsonl: no calculator annotation"},
      {ANSWER("<<1+1=2>>"), ANSWER("<<1+1=2>>"), "every expression also occurs in"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const sl_task_options o = calc(cases[i].train, cases[i].test);
    sl_task t = {.train = {NULL, 0}};
    sl_error err = {SL_OK, ""};
    expect_error(sl_task_load(&t, &o, &err), SL_ERR_INPUT, &err, cases[i].part);
    cr_assert_eq(t.train.n, 0, "outputs stay untouched on error");
  }
  sl_task t;
  sl_error err;
  const sl_task_options absent = {.kind = SL_TASK_GSM8K_CALC,
                                  .train = scratch_path("no.jsonl"),
                                  .test = "x"},
                        none = {.kind = SL_TASK_GSM8K_CALC};
  expect_error(sl_task_load(&t, &absent, &err), SL_ERR_INPUT, &err,
               "no.jsonl: cannot open: No such file");
  expect_error(sl_task_load(&t, &none, &err), SL_ERR_USAGE, &err,
               "needs GSM8K's train.jsonl (task.train)");
}

#define P(prompt, answer) "{\"prompt\": \"" prompt "\", \"answer\": \"" answer "\"}\n"

static sl_task_options own(const char *train, const char *test) {
  return (sl_task_options){.kind = SL_TASK_JSONL,
                           .train = scratch_text("own.jsonl", train),
                           .test = test ? scratch_text("held.jsonl", test) : "",
                           .held_out_fraction = 0.5};
}

Test(tasks, jsonl_with_a_test_file) {
  sl_task_options o = own(P("b?", "\\u00e9") P("a?", "1"), P("c?", "x"));
  o.reward = SL_REWARD_EXACT;
  sl_task t = load(&o);
  cr_assert(t.train.n == 2 && t.held_out.n == 1 && t.warm.n == 2);
  cr_assert_str_eq(t.train.items[0].prompt, "b?");
  cr_assert_str_eq(t.alphabet, "1?abcxé");
  sl_task_free(&t);
}

Test(tasks, jsonl_is_split_by_prompt) {
  const sl_task_options o =
      own(P("a", "1") P("b", "1") P("a", "2") P("c", "3") P("d", "4") P("b", "5"), NULL);
  sl_task t = load(&o);
  static const char *const prompts[] = {"a", "b", "c", "d"}; /* by first occurrence */
  uint32_t order[4] = {0, 1, 2, 3};
  sl_random_shuffle(order, 4, 0, 3, 0, 4);
  cr_assert_eq(t.train.n + t.held_out.n, 6);
  for (size_t i = 0; i < t.held_out.n; i++) {
    const char *prompt = t.held_out.items[i].prompt;
    cr_assert(strcmp(prompt, prompts[order[0]]) == 0 || strcmp(prompt, prompts[order[1]]) == 0,
              "%s is held out", prompt);
  }
  cr_assert(t.held_out.n >= 2 && t.held_out.n <= 4, "two of four prompts");
  cr_assert_eq(overlap(&t.train, &t.held_out), 0);
  sl_task_free(&t);
}

Test(tasks, jsonl_refuses_bad_files_with_their_place) {
  static const struct {
    const char *train, *test, *part;
    sl_reward_kind reward;
    const char *characters;
  } cases[] = {
      {P("a", "1") "{\"prompt\": \"b\"}\n", NULL,
       "own.jsonl:2:1: answer: missing; expected a string; the keys are prompt (task.answer_key "
       "names "
       "it)",
       SL_REWARD_EXACT, NULL},
      {P("a", "1") "{\"prompt\": \"b\", \"answer\": 3}\n", NULL,
       "own.jsonl:2:17: answer: expected a string, found an integer", SL_REWARD_EXACT, NULL},
      {P("a", "1") "{}\n", NULL, "prompt: missing; expected a string; the keys are none",
       SL_REWARD_EXACT, NULL},
      {P("a", "1") "{\"question\": \"b\", \"answer\": \"1\"}\n", NULL,
       "own.jsonl:2:1: prompt: missing; expected a string; the keys are question, answer "
       "(task.prompt_key names it)",
       SL_REWARD_EXACT, NULL},
      {P("a", "1") "{\"prompt\": \"b\", \"prompt\": \"1\"}\n", NULL,
       "own.jsonl:2:24: duplicate object key", SL_REWARD_EXACT, NULL},
      {P("a", "1") "\n" P("b", "2"), NULL, "own.jsonl:2:1: empty line", SL_REWARD_EXACT, NULL},
      {P("a", "1") "{\"prompt\": \"b\", \"ans", NULL, "own.jsonl:2:", SL_REWARD_EXACT, NULL},
      {P("a", "1") "[1]\n", NULL, "own.jsonl:2:1: expected a JSON object, found an array",
       SL_REWARD_EXACT, NULL},
      {P("a", "1") "{\"prompt\": \"\xff\", \"answer\": \"\"}\n", NULL,
       "own.jsonl:2:12: unable to decode byte 0xff", SL_REWARD_EXACT, NULL},
      {"\x1f\x8b\b", NULL, "own.jsonl:1:1: the file is compressed by gzip", SL_REWARD_EXACT, NULL},
      {"\xef\xbb\xbf" P("a", "1"), NULL, "own.jsonl:1:1: the file starts with a byte order mark",
       SL_REWARD_EXACT, NULL},
      {P("a", "1") P("b\\u0000", "1"), NULL, "own.jsonl:2:", SL_REWARD_EXACT, NULL},
      {P("a", "1") P("", "1"), NULL, "own.jsonl:2:2: prompt: expected a text that is not empty",
       SL_REWARD_EXACT, NULL},
      {P("a", "1") P("b", ""), NULL, "own.jsonl:2:17: answer: expected a text that is not empty",
       SL_REWARD_EXACT, NULL},
      {P("a", "1") P("b", "x"), NULL,
       "own.jsonl:2:17: answer: expected one number, for the numeric reward, found \"x\"; 1 of 2 "
       "answers cannot be read",
       SL_REWARD_NUMERIC, NULL},
      {P("a", "1") P("b", "1/2") P("c", "12 or 13") P("d", "3"), NULL,
       "own.jsonl:2:17: answer: expected one number, for the numeric reward, found \"1/2\"; 2 of 4 "
       "answers cannot be read",
       SL_REWARD_NUMERIC, NULL},
      {P("a", "1") P("b", "2"), P("c", "1 000"),
       "held.jsonl:1:17: answer: expected one number, for the numeric reward, found \"1 000\"; "
       "1 of 1 answers cannot be read",
       SL_REWARD_NUMERIC, NULL},
      {P("a", "1") P("b", "2"), P("b", "2"),
       "own.jsonl:2:2: prompt: is held out: it also occurs in", SL_REWARD_EXACT, NULL},
      {P("a", "1") P("bc", "2"), NULL,
       "own.jsonl:2:2: prompt: text:1:2: the character 'c' (U+0063) is not in", SL_REWARD_EXACT,
       "ab12"},
      {"", NULL, "own.jsonl: no problems", SL_REWARD_EXACT, NULL},
      {P("a", "1"), NULL, "own.jsonl: a held-out fraction of 0.5 leaves 0 of 1 prompts",
       SL_REWARD_EXACT, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    sl_task_options o = own(cases[i].train, cases[i].test);
    o.reward = cases[i].reward;
    o.characters = cases[i].characters;
    sl_task t = {.train = {NULL, 0}};
    sl_error err = {SL_OK, ""};
    expect_error(sl_task_load(&t, &o, &err), SL_ERR_INPUT, &err, cases[i].part);
    cr_assert_eq(t.train.n, 0);
  }
  sl_task t;
  sl_error err;
  sl_task_options bad = arithmetic;
  bad.characters = "0123456789+=";
  expect_error(sl_task_load(&t, &bad, &err), SL_ERR_INPUT, &err,
               "prompt:1:3: the character '-' (U+002D)");
  bad = arithmetic, bad.held_out = 511;
  expect_error(sl_task_load(&t, &bad, &err), SL_ERR_USAGE, &err,
               "held_out 511; expected an even number from 2 to 8188");
}

Test(tasks, jsonl_takes_other_keys_and_ignores_the_rest) {
  sl_task_options o =
      own("{\"id\": 7, \"question\": \"a?\", \"gold\": \"1\", \"prompt\": {\"x\": []}}\n"
          "{\"question\": \"b?\", \"gold\": \"2\", \"answer\": null}\n",
          NULL);
  o.prompt_key = "question", o.answer_key = "gold";
  sl_task t = load(&o);
  cr_assert(t.train.n == 1 && t.held_out.n == 1);
  const sl_problem *a =
      t.train.items[0].prompt[0] == 'a' ? &t.train.items[0] : &t.held_out.items[0];
  cr_assert_str_eq(a->prompt, "a?");
  cr_assert_str_eq(a->answer, "1");
  sl_task_free(&t);
  o.answer_key = "answer";
  sl_error err;
  expect_error(
      sl_task_load(&t, &o, &err), SL_ERR_INPUT, &err,
      "own.jsonl:1:1: answer: missing; expected a string; the keys are id, question, gold, "
      "prompt (task.answer_key names it)");
}

/* Answers to one prompt that no completion satisfies together are counted, the first with its
 * lines; under the numeric reward those of one value agree. */
Test(tasks, contradicting_answers_are_counted) {
  static const struct {
    const char *train, *test;
    sl_reward_kind reward;
    size_t prompts, line, other;
  } cases[] = {
      {P("a", "1") P("b", "2") P("c", "3") P("d", "4"), NULL, SL_REWARD_EXACT, 0, 0, 0},
      {P("a", "1") P("b", "2") P("a", "1") P("d", "4"), NULL, SL_REWARD_EXACT, 0, 0, 0},
      {P("c", "1") P("b", "2") P("b", "2") P("b", "3") P("c", "4") P("b", "5"), NULL,
       SL_REWARD_EXACT, 2, 1, 5},
      {P("a", "1") P("b", "2") P("b", "3") P("a", "1"), NULL, SL_REWARD_EXACT, 1, 2, 3},
      {P("a", "1") P("b", "2") P("b", "2.0") P("a", "1"), NULL, SL_REWARD_EXACT, 1, 2, 3},
      {P("a", "1") P("b", "2") P("b", "2.0") P("a", "1"), NULL, SL_REWARD_NUMERIC, 0, 0, 0},
      {P("a", "1") P("b", "2") P("b", "2.5") P("a", "1"), NULL, SL_REWARD_NUMERIC, 1, 2, 3},
      {P("a", "1") P("b", "2") P("b", "2.5"), P("x", "2") P("x", "3"), SL_REWARD_EXACT, 2, 1, 2},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    sl_task_options o = own(cases[i].train, cases[i].test);
    o.reward = cases[i].reward;
    sl_task t = load(&o);
    const sl_contradictions *c = &t.contradictions;
    cr_assert(c->prompts == cases[i].prompts && c->line == cases[i].line &&
                  c->other_line == cases[i].other,
              "case %zu: %zu prompts, lines %zu and %zu", i, c->prompts, c->line, c->other_line);
    sl_task_free(&t);
  }
}

/* A power cut leaves NUL bytes where lines were to be written. */
Test(tasks, jsonl_names_nul_bytes) {
  char text[70] = P("a", "1") P("b", "2"); /* 31 bytes a line */
  sl_task_options o = own("", NULL);
  o.train = scratch_write("cut.jsonl", text, sizeof text);
  sl_task t;
  sl_error err;
  cr_assert_eq(sizeof text - strlen(text), 8);
  expect_error(sl_task_load(&t, &o, &err), SL_ERR_INPUT, &err,
               "cut.jsonl:3:1: NUL bytes (8), as a power cut leaves them, are no JSON");
}
