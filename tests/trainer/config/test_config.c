/* The run configuration: defaults, YAML, --set, and a place for every error (spec F2.1 to F2.3). */
#include "tests/trainer/scratch.h"

#include "trainer/config/config.h"

#include <sluice/objective.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(config, .init = scratch_make, .fini = scratch_remove);

static sl_config load(const char *text, const char *const *sets, size_t n) {
  sl_config c;
  sl_error err;
  const char *path = text ? scratch_text("run.yaml", text) : NULL;
  cr_assert_eq(sl_config_load(&c, path, sets, n, &err), SL_OK, "%s", err.message);
  return c;
}

Test(config, defaults_are_those_of_the_arithmetic_task) {
  sl_config c = load(NULL, NULL, 0);
  sl_objective o;
  sl_error err;
  cr_assert_eq(c.model.hidden, 96);
  cr_assert_eq(c.sft.lr, 3e-3);
  cr_assert_eq(c.rl.lr, 6e-4);
  cr_assert_eq(c.optimizer.beta2, 0.95f);
  cr_assert_eq(c.task.name, SL_TASK_ARITHMETIC);
  cr_assert_eq(c.rl.decay, SL_DECAY_LINEAR);
  cr_assert_eq(c.rl.advantage, SL_ADV_STD_POPULATION);
  cr_assert_eq(sl_config_objective(&c, &o, &err), SL_OK);
  cr_assert_eq(o.gate.family[1], SL_GATE_SIGMOID);
  cr_assert(o.gate.tau[1] == 1.0f && o.gate.tau[0] == 1.05f);
  cr_assert(o.level == SL_LEVEL_TOKEN && o.aggregation == SL_AGG_SEQUENCE_MEAN &&
            o.kl == SL_KL_K3 && o.beta == 0);
  const sl_model_shape s = sl_config_model_shape(&c, 17);
  sl_model_layout *layout;
  cr_assert_eq(sl_model_layout_create(&layout, &s, &err), SL_OK);
  cr_assert_eq(layout->n_parameters, 199040);
  sl_model_layout_destroy(layout);
  sl_config_free(&c);
}

Test(config, words_are_in_the_order_of_their_enums) {
  static const char *const sets[] = {
      "rl.level=sequence", "rl.aggregation=constant", "rl.advantage=leave-one-out",
      "rl.kl=k2",          "rl.decay=cosine",         "task.name=jsonl",
      "task.train=x",      "task.reward=numeric",     "run.isa=avx512"};
  sl_config c = load(NULL, sets, sizeof sets / sizeof *sets);
  cr_assert(c.rl.level == SL_LEVEL_SEQUENCE && c.rl.aggregation == SL_AGG_CONSTANT &&
            c.rl.advantage == SL_ADV_LEAVE_ONE_OUT);
  cr_assert(c.rl.kl == SL_KL_K2 && c.rl.decay == SL_DECAY_COSINE &&
            c.run.isa == SL_CONFIG_ISA_AVX512);
  const sl_task_options o = sl_config_task_options(&c);
  cr_assert(o.kind == SL_TASK_JSONL && o.reward == SL_REWARD_NUMERIC);
  sl_config_free(&c);
}

Test(config, file_then_arguments_the_last_one_holds) {
  static const char *const sets[] = {"rl.lr=2e-4", "rl.lr=.25", "gate.neg.low=0.3", "run.out="};
  sl_config c = load(
      "# a run\nrl: {lr: 1e-4, group: 4}\ngate:\n  name: clip\n  pos: {high: 0.28}\nrun:\n  out: "
      "\"a b\"\n",
      sets, 4);
  cr_assert_eq(c.rl.lr, 0.25);
  cr_assert_eq(c.rl.group, 4);
  cr_assert_str_eq(c.run.out, "");
  sl_objective o;
  sl_error err;
  cr_assert_eq(sl_config_objective(&c, &o, &err), SL_OK);
  cr_assert(o.gate.family[0] == SL_GATE_CLIP && o.gate.clip_low == 0.3 && o.gate.clip_high == 0.28);
  cr_assert(c.place[SL_KEY_rl_group].from == SL_FROM_FILE && c.place[SL_KEY_rl_group].line == 2 &&
            c.place[SL_KEY_rl_group].column == 23);
  cr_assert(c.place[SL_KEY_rl_lr].from == SL_FROM_ARGUMENT && c.place[SL_KEY_rl_lr].line == 2);
  sl_config_free(&c);
}

/* 1 + 2^-24 + 2^-60: nearest binary64 is the tie 1 + 2^-24, which a second rounding would take down
 * to 1 (spec F2.2). */
Test(config, binary32_values_are_rounded_once) {
  static const char *const sets[] = {"rl.temperature=1.0000000596046447762495544",
                                     "gate.pos.tau=1.0000000596046447762495544"};
  sl_config c = load(NULL, sets, 2);
  cr_assert_eq(c.rl.temperature, 0x1.000002p+0f);
  cr_assert_eq(c.gate.pos.items[0].real32, 0x1.000002p+0f);
  cr_assert_eq(c.gate.pos.items[0].real, 0x1.000001p+0);
  sl_config_free(&c);
}

static void expect_refused(const char *text, const char *part) {
  sl_config c = {.file = NULL};
  sl_error err = {SL_OK, ""};
  expect_error(sl_config_load(&c, scratch_text("run.yaml", text), NULL, 0, &err), SL_ERR_INPUT,
               &err, part);
  cr_assert_eq(c.rl.group, 0, "outputs stay untouched on error");
}

/* Weights of rewards are binary64, which binary32 need not hold. */
Test(config, weights_of_rewards_are_any_finite_number) {
  sl_config c =
      load("reward:\n  weights: {exact: 1e308, numeric: -1e-50, format: 5e-324}\n", NULL, 0);
  const sl_reward_weights w = sl_config_reward_weights(&c);
  cr_assert_eq(w.weight[SL_COMPONENT_EXACT], 1e308);
  cr_assert_eq(w.weight[SL_COMPONENT_NUMERIC], -1e-50);
  cr_assert_eq(w.weight[SL_COMPONENT_FORMAT], 5e-324);
  sl_config_free(&c);
}

Test(config, bad_files_are_refused_with_their_place) {
  static const struct {
    const char *text, *part;
  } cases[] = {
      {"", "run.yaml:1:1: expected a mapping of sections, found the end"},
      {"- a\n", "run.yaml:1:1: expected a mapping of sections, found a sequence"},
      {"rl:\n  lr: 1e-4\n  grup: 4\n",
       "run.yaml:3:3: rl: unknown key: expected one of preset, steps, prompts, group, "},
      {"rl:\n  lr: 1e-4\nsfft:\n  lr: 1\n",
       "run.yaml:3:1: unknown section: expected one of run, model, task, template, reward, sft, "},
      {"rl:\n  group: four\n",
       "run.yaml:2:10: rl.group: expected an integer from 1 to 4096, found four"},
      {"rl:\n  group: \"4\"\n",
       "run.yaml:2:10: rl.group: expected an integer from 1 to 4096, found the text \"4\""},
      {"rl:\n  group: 4.0\n",
       "run.yaml:2:10: rl.group: expected an integer from 1 to 4096, found 4.0"},
      {"rl:\n  group: 0\n", "run.yaml:2:10: rl.group: expected an integer from 1 to 4096, found 0"},
      {"rl:\n  group: 99999999999999999999\n", "found 99999999999999999999"},
      {"rl:\n  group:\n",
       "run.yaml:2:9: rl.group: expected an integer from 1 to 4096, found nothing"},
      {"rl:\n  group: [4]\n",
       "run.yaml:2:10: rl.group: expected an integer from 1 to 4096, found a sequence"},
      {"rl:\n  group: {a: 4}\n",
       "run.yaml:2:10: rl.group: expected an integer from 1 to 4096, found a mapping"},
      {"rl:\n  lr: nan\n", "run.yaml:2:7: rl.lr: expected a number from 0 to 10, found nan"},
      {"rl:\n  lr: .inf\n", "rl.lr: expected a number from 0 to 10, found .inf"},
      {"rl:\n  lr: 0x1p-3\n", "rl.lr: expected a number from 0 to 10, found 0x1p-3"},
      {"rl:\n  lr: 1e999\n", "rl.lr: expected a number from 0 to 10, found 1e999"},
      {"rl:\n  lr: -1\n", "rl.lr: expected a number from 0 to 10, found -1"},
      {"rl:\n  temperature: 0\n", "rl.temperature: expected a number from 0.01 to 100, found 0"},
      {"rl:\n  level: tokens\n",
       "run.yaml:2:10: rl.level: expected one of token|sequence, found tokens"},
      {"model:\n  tie: yes\n", "run.yaml:2:8: model.tie: expected true or false, found yes"},
      {"run:\n  out: ~\n", "run.yaml:2:8: run.out: expected text, found ~"},
      {"rl: 5\n", "run.yaml:1:5: rl: expected a mapping of keys to values, found 5"},
      {"rl:\n  lr: 1\n  group: 2\n  lr: 2\n", "run.yaml:4:3: rl: expected each key once, found lr"},
      {"rl:\n  lr: 1\nsft:\n  lr: 1\nrl:\n  group: 2\n",
       "run.yaml:5:1: expected each section once, found rl"},
      {"gate:\n  pos: 1\n",
       "run.yaml:2:8: gate.pos: expected a mapping of at most 8 names to numbers, found 1"},
      {"gate:\n  pos: {tau: x}\n",
       "run.yaml:2:14: gate.pos.tau: expected a number (at most 8 parameters, names of at most 31 "
       "bytes), found x"},
      {"gate:\n  pos: {tau: 1e39}\n",
       "run.yaml:2:14: gate.pos.tau: expected a number that binary32 holds, neither infinite nor "
       "too small to be told from 0, found 1e39"},
      {"reward:\n  weights: {exact: 1e-400}\n",
       "run.yaml:2:20: reward.weights.exact: expected a number that binary64 holds, neither "
       "infinite nor too small to be told from 0, found 1e-400"},
      {"gate:\n  pos: {tau: 1, tau: 2}\n",
       "run.yaml:2:17: pos: expected each parameter once, found tau"},
      {"rl: &a\n  lr: 1\n", "run.yaml:1:5: anchors and tags are not supported"},
      {"rl:\n  lr: !!float 1\n", "run.yaml:2:7: anchors and tags are not supported"},
      {"rl:\n  lr: *a\n", "run.yaml:2:7: rl.lr: expected a number from 0 to 10, found an alias"},
      {"rl:\n  lr: 1\n---\nrl:\n  lr: 2\n", "run.yaml:3:1: a second document"},
      {"rl:\n  lr: \"1\n",
       "run.yaml:3:1: found unexpected end of stream while scanning a quoted scalar"},
      {"rl: {lr: 1\n",
       "run.yaml:2:1: did not find expected ',' or '}' while parsing a flow mapping"},
      {"rl:\n\tlr: 1\n", "run.yaml:2:1: found character that cannot start any token"},
      {"rl:\n  lr: \xff\n", "run.yaml: byte 10: invalid leading UTF-8 octet"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    expect_refused(cases[i].text, cases[i].part);
}

Test(config, checks_between_keys_name_the_place_of_the_key) {
  static const struct {
    const char *text, *part;
  } cases[] = {
      {"model:\n  kv_heads: 4\n",
       "run.yaml:2:13: model.kv_heads: expected a divisor of model.heads (6), found 4"},
      {"model:\n  heads: 7\n",
       "run.yaml: model.kv_heads (by default): expected a divisor of model.heads (7), found 2"},
      {"model:\n  head_dim: 15\n",
       "run.yaml:2:13: model.head_dim: expected an even size, found 15"},
      {"task:\n  held_out: 501\n",
       "run.yaml:2:13: task.held_out: expected an even number, found 501"},
      {"task:\n  name: jsonl\n", "run.yaml: task.train (by default): the task needs a file"},
      {"task: {name: mixture, train: a, test: b}\n", "task.test: it has no effect: each part"},
      {"task: {name: mixture, train: a, prompt_key: q}\n", "task.prompt_key: it has no effect"},
      {"task:\n  name: gsm8k-calc\n  train: a\n",
       "task.test (by default): the task gsm8k-calc needs a file"},
      {"rl:\n  updates: 3\n",
       "run.yaml:2:12: rl.updates: expected a divisor of rl.prompts (128), found 3"},
      {"rl:\n  reduce_shards: 12\n",
       "run.yaml:2:18: rl.reduce_shards: expected a power of two, found 12"},
      {"run:\n  memory: 12 XB\n",
       "run.yaml:2:11: run.memory: expected a number with GB, GiB, MB, MiB or another unit of "
       "bytes, found 12 XB"},
      {"rl:\n  advantage: leave-one-out\n  group: 1\n",
       "run.yaml:3:10: rl.group: expected at least 2 for advantage leave-one-out, found 1"},
      {"sft:\n  lr: 3\noptimizer:\n  weight_decay: 0.5\n",
       "run.yaml:4:17: optimizer.weight_decay: 0.5 times sft.lr (3, as binary32 3) is 1.5: a step "
       "would turn weights around; expected at most 1"},
      {"sft:\n  lr: 0.1\noptimizer:\n  weight_decay: 10\n",
       "run.yaml:4:17: optimizer.weight_decay: 10 times sft.lr (0.1, as binary32 0.100000001) is "
       "1.00000001: "},
      {"rl:\n  lr: 0.1\noptimizer:\n  weight_decay: 10\n", "10 times rl.lr (0.1, "},
      {"rl:\n  constant_length: 0.5\n",
       "run.yaml:2:20: rl.constant_length: expected a number from 1 to 1e9, found 0.5"},
      {"gate:\n  name: sigmod\n",
       "run.yaml:2:9: gate.name: expected a gate of 'sluice gate list' or a "
       "file"},
      {"gate:\n  pos: {high: 1}\n",
       "run.yaml:2:8: gate.pos: gate sigmoid takes tau here, found high"},
      {"gate:\n  neg: {tau: 0}\n",
       "run.yaml:2:8: gate.neg: tau: expected a number from 2^-20 to 2^10, found 0"},
      {"gate:\n  pos: {tau: 1025}\n",
       "run.yaml:2:8: gate.pos: tau: expected a number from 2^-20 to 2^10, found 1025"},
      {"gate:\n  name: clip\n  pos: {high: 1048577}\n",
       "run.yaml:3:8: gate.pos: high: expected a number from 0 to 2^20, found 1.04858e+06"},
      {"gate:\n  name: clip\n  neg: {low: 1.5}\n",
       "run.yaml:3:8: gate.neg: low: expected a number from 0 to 1, found 1.5"},
      {"gate:\n  name: identity\n  neg: {tau: 1}\n",
       "run.yaml:3:8: gate.neg: gate identity takes no parameters here, found tau"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    expect_refused(cases[i].text, cases[i].part);
}

Test(config, what_is_not_utf8_is_named) {
  static const char with_mark[] = "\xff\xfer\0l\0:\0 \0{\0}\0\n";
  static const char without[] = "r\0l\0:\0 \0{\0}\0\n", nul[] = "rl: {lr: 1e-4}\n\0";
  sl_config c;
  sl_error err;
  expect_error(
      sl_config_load(&c, scratch_write("run.yaml", with_mark, sizeof with_mark), NULL, 0, &err),
      SL_ERR_INPUT, &err, "run.yaml: this looks like UTF-16; save it as UTF-8");
  expect_error(
      sl_config_load(&c, scratch_write("run.yaml", without, sizeof without), NULL, 0, &err),
      SL_ERR_INPUT, &err, "run.yaml: byte 1: a NUL byte");
  expect_error(sl_config_load(&c, scratch_write("run.yaml", nul, sizeof nul), NULL, 0, &err),
               SL_ERR_INPUT, &err, "run.yaml: byte 15: a NUL byte");
}

/* The largest decay that the check lets through leaves a factor of 0, not below (spec N6.3). */
Test(config, a_decay_of_one_step_is_allowed) {
  static const char *const sets[] = {"sft.lr=0.5", "rl.lr=0.25", "optimizer.weight_decay=2"};
  sl_config c = load(NULL, sets, 3);
  cr_assert_eq(sl_adamw_decay((float)c.sft.lr, c.optimizer.weight_decay), 0.0f);
  sl_config_free(&c);
}

Test(config, bad_arguments_are_refused_by_number) {
  static const struct {
    const char *set, *part;
  } cases[] = {
      {"rl.lr", "--set 2: expected rl.lr=VALUE, found 'rl.lr'"},
      {"lr=1", "--set 2: expected section.key=value, found 'lr=1'"},
      {"xx.lr=1",
       "--set 2: unknown section: expected one of run, model, task, template, reward, sft, rl, "
       "gate, optimizer, eval, checkpoint, found xx"},
      {"rl.xx=1", "--set 2: rl: unknown key: expected one of preset, steps, prompts, group, "},
      {"rl.lr=fast", "--set 2: rl.lr: expected a number from 0 to 10, found 'fast'"},
      {"rl.lr.x=1", "--set 2: rl.lr is a number from 0 to 10; found 'rl.lr.x=1'"},
      {"gate.pos=1",
       "--set 2: gate.pos is a mapping of at most 8 names to numbers; found 'gate.pos=1'"},
      {"gate.pos.tau=x", "--set 2: gate.pos.tau: expected a number, found 'x'"},
      {"rl.beta=1e-400",
       "--set 2: rl.beta: expected a number from 0 to 1000 that is not too small to be told from "
       "0"},
      {"gate.pos.tau=1e-60",
       "--set 2: gate.pos.tau: expected a number that binary32 holds, neither infinite nor too "
       "small to be told from 0, found '1e-60'"},
      {"run.out=caf\xe9", "--set 2: run.out: expected UTF-8 text"},
      {"rl.updates=3", "--set 2: rl.updates: expected a divisor of rl.prompts (128), found 3"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *const sets[] = {"rl.group=4", cases[i].set};
    sl_config c;
    sl_error err = {SL_OK, ""};
    expect_error(sl_config_load(&c, NULL, sets, 2, &err), SL_ERR_USAGE, &err, cases[i].part);
  }
}

Test(config, absent_files_are_named) {
  sl_config c;
  sl_error err;
  expect_error(sl_config_load(&c, scratch_path("absent.yaml"), NULL, 0, &err), SL_ERR_INPUT, &err,
               "absent.yaml: cannot open: No such file");
  expect_error(sl_config_load(&c, scratch_path("."), NULL, 0, &err), SL_ERR_INPUT, &err,
               "not a regular file");
}

Test(config, gate_files_are_left_to_the_gate_parser) {
  static const char *const sets[] = {"gate.name=my.gate", "gate.pos.alpha=2"};
  sl_config c = load(NULL, sets, 2);
  sl_objective o;
  sl_error err;
  cr_assert_eq(sl_config_gate_is_builtin(&c), 0);
  cr_assert_eq(sl_config_objective(&c, &o, &err), SL_OK);
  cr_assert(o.gate.family[0] == SL_GATE_EXPRESSION && o.gate.function == NULL);
  sl_config_free(&c);
}

/* Prints a configuration, reads it back and prints that: the texts are the same, and so are the
 * values. */
static void expect_round_trip(const sl_config *c, int with_help) {
  static char first[65536], second[65536];
  sl_error err;
  for (int pass = 0; pass < 2; pass++) {
    sl_config back;
    FILE *out = fmemopen(pass ? second : first, sizeof first, "w");
    if (pass)
      cr_assert_eq(sl_config_load(&back, scratch_text("again.yaml", first), NULL, 0, &err), SL_OK,
                   "%s", err.message);
    cr_assert_eq(sl_config_print(pass ? &back : c, out, with_help, &err), SL_OK, "%s", err.message);
    fclose(out);
    if (pass) sl_config_free(&back);
  }
  cr_assert_str_eq(first, second);
}

Test(config, amounts_of_memory) {
  static const struct {
    const char *text;
    size_t bytes;
  } good[] = {{"", 0},
              {"1000", 1000},
              {"24GiB", (size_t)24 << 30},
              {"1.5 kB", 1500},
              {"141GB", 141000000000u},
              {"2TiB", (size_t)2 << 40},
              {"0.5MiB", 1 << 19}};
  static const char *const bad[] = {"0",    "-1GB", " 1GB", "inf",    "0x10",
                                    "1gb",  "GB",   "1e9",  ".",      "1 ",
                                    "1GB ", "nan",  "1G B", "9e99TB", "99999999999TB"};
  size_t bytes;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    cr_expect(sl_config_bytes(&bytes, good[i].text), "'%s'", good[i].text);
    cr_expect_eq(bytes, good[i].bytes, "'%s': %zu", good[i].text, bytes);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    cr_expect_not(sl_config_bytes(&bytes, bad[i]), "'%s'", bad[i]);
}

Test(config, printed_configurations_read_back) {
  static const char *const sets[] = {
      "rl.lr=0.1234567890123456789", "rl.temperature=0.3333333333", "run.out=a \"b\" \\ # é\t: {x}",
      "gate.pos.tau=1.0000000596046447762495544", "rl.level=sequence", "model.tie=false",
      "run.seed=9223372036854775807", "task.characters=",
      /* what YAML reads as a line's end, or not at all */
      "task.prompt_key=\xc2\x85\u2028\u2029\uFEFF\uFFFF",
      "task.answer_key=\xc2\x92\x7f\xc2\x9f\xc2\xa0\t\x01"};
  sl_config c = load(NULL, sets, sizeof sets / sizeof *sets);
  expect_round_trip(&c, 0);
  expect_round_trip(&c, 1);
  sl_config_free(&c);
}

Test(config, the_documented_defaults_are_a_configuration) {
  static char text[65536];
  FILE *out = fmemopen(text, sizeof text, "w");
  sl_error err;
  cr_assert_eq(sl_config_print_help(out, &err), SL_OK);
  fclose(out);
  sl_config c = load(text, NULL, 0), d = load(NULL, NULL, 0);
  cr_assert(c.rl.lr == d.rl.lr && c.optimizer.eps == d.optimizer.eps && c.rl.steps == d.rl.steps);
  sl_config_free(&c);
  sl_config_free(&d);
}
