/* "Did you mean" of the configuration: typing errors, keys of other sections, names and words of
 * TRL and verl, a key that was renamed. */
#include "tests/trainer/scratch.h"
#include "trainer/config/config_schema.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(suggest, .init = scratch_make, .fini = scratch_remove);

Test(suggest, on_the_command_line) {
  static const struct {
    const char *set, *end;
  } cases[] = {
      {"rl.lrr=1", "found lrr; did you mean rl.lr?"},
      {"model.hiden=3", "found hiden; did you mean model.hidden?"},
      {"model.max-positions=3", "; did you mean model.max_positions?"},
      {"modle.hidden=3", "; did you mean model.hidden?"},
      {"optimiser.foo=3", "; did you mean optimizer?"},
      {"model.seed=3", "; did you mean run.seed or task.seed?"},
      {"rl.num_generations=4", "; here it is rl.group (num_generations of TRL)"},
      {"num_iterations=2", "; here it is rl.epochs (num_iterations of TRL)"},
      {"rl.epsilon=0.2", "; here it is gate.neg.low and gate.pos.high, with gate.name=clip"},
      {"actor_rollout_ref.rollout.n=8", "; here it is rl.group (n of verl)"},
      {"data.train_batch_size=8", "; here it is rl.prompts (train_batch_size of verl)"},
      {"actor.optim.lr_warmup_steps_ratio=0.1",
       "; here it is rl.warmup (rollouts: ratio times rl.steps) (lr_warmup_steps_ratio of verl)"},
      {"rl.lr_scheduler_type=cosine", "; here it is rl.decay (lr_scheduler_type of TRL and verl)"},
      {"rl.gamma=0.1", "; it is now rl.entropy_bonus (in RL gamma is the discount)"},
      {"rl.aggregation=dr_grpo", "; did you mean constant?"},
      {"rl.aggregation=token_mean", "; did you mean token-mean?"},
      {"rl.kl=low_var_kl", "; did you mean k3?"},
      {"rl.decay=liner", "; did you mean linear?"},
      {"model.tie=yes", "; did you mean true?"},
      {"gate.name=sigmod", "; did you mean sigmoid?"},
      {"gate.name=sapo", "; did you mean sigmoid?"},
      {"rl.xyzzy=1", "found xyzzy"},
      /* what is far away is not offered, and the named section comes first */
      {"model.pth=x", "found pth"},
      {"sft.path=x", "found path"},
      {"rl.stepp=1", "; did you mean rl.steps?"},
      {"rll.lr=1", "; did you mean rl.lr?"},
      {"rll.stpes=1", "; did you mean rl.steps?"},
      {"eval.probl=1", "; did you mean eval.problems?"},
      {"lr=1", "; did you mean sft.lr or rl.lr?"},
      {"run.batch=3", "; did you mean sft.batch?"},
      /* several components */
      {"model.path=x", "; here it is model.folder (model.path of verl)"},
      {"actor_rollout_ref.model.path=x", "; here it is model.folder (model.path of verl)"},
      {"custom_reward_function.path=f.py", "; here it is reward.command, a program"},
      {"reward_model.model.path=x", "; here it is reward.command, a program"},
      {"critic.optim.lr=1", "; here it is rl.advantage (the mean of a group is the baseline)"},
      {"trainer.n_gpus_per_node=8",
       "; here it is run, rl.steps, eval and checkpoint (trainer of verl)"},
      {"data.seed=1", "; did you mean run.seed or task.seed?"},
      {"foo.xyzzy=1", "found foo"},
      {"rl.decay=xyzzy", "found 'xyzzy'"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    sl_config c;
    sl_error err;
    expect_error(sl_config_load(&c, NULL, &cases[i].set, 1, &err), SL_ERR_USAGE, &err,
                 cases[i].end);
    if (!strchr(cases[i].end, ';')) /* nothing is offered */
      cr_assert_null(strchr(err.message, ';'), "%s", err.message);
  }
}

static void refused(const char *text, const char *part) {
  sl_config c;
  sl_error err;
  expect_error(sl_config_load(&c, scratch_text("run.yaml", text), NULL, 0, &err), SL_ERR_INPUT,
               &err, part);
}

Test(suggest, in_a_file) {
  refused("rl: {num_generations: 4}\n", "; here it is rl.group (num_generations of TRL)");
  refused("custom_reward_function: {path: f.py}\n",
          "; here it is reward.command, a program (custom_reward_function "
          "of verl)");
  refused("model: {path: x}\n", "found path; here it is model.folder (model.path of verl)");
  refused("rll: {group: 4}\n", "; did you mean rl?");
  refused("num_generations: 4\n", "; here it is rl.group (num_generations of TRL)");
  refused("rl: {level: sequense}\n", "; did you mean sequence?");
  refused("model: {tie: True}\n", "; did you mean true?");
  refused("rl: {gamma: 0.1}\n", "; it is now rl.entropy_bonus (in RL gamma is the discount)");
}

/* A run that was begun under the old name resumes. */
Test(suggest, a_recorded_file_may_have_an_old_name) {
  sl_config c;
  sl_error err;
  const char *path = scratch_text("config.yaml", "rl: {gamma: 0.125}\n");
  cr_assert_eq(sl_config_load_recorded(&c, path, NULL, 0, &err), SL_OK, "%s", err.message);
  cr_expect_eq(c.rl.entropy_bonus, 0.125);
  sl_config_free(&c);
  expect_error(
      sl_config_load_recorded(&c, scratch_text("config.yaml", "rl: {gamma: 1, entropy_bonus: 1}\n"),
                              NULL, 0, &err),
      SL_ERR_INPUT, &err, "each key once");
  expect_error(
      sl_config_load_recorded(&c, scratch_text("config.yaml", "rl: {gama: 1}\n"), NULL, 0, &err),
      SL_ERR_INPUT, &err, "unknown key");
}

/* 1 if text begins with a section of the configuration, and with one of its keys if a dot follows.
 */
static int names_ours(const char *text) {
  const size_t section = strcspn(text, ".,; ");
  if (text[section] != '.') return sl_config_has_section(text, section);
  const char *key = text + section + 1;
  return sl_config_find(text, section, key, strcspn(key, ".,; ")) != SL_KEY_COUNT;
}

Test(suggest, what_is_suggested_exists) {
  static const char *const keys[] = {
#define SL_FOREIGN_KEY(name, whose, ours) ours,
#define SL_FOREIGN_PART(name, whose, ours) ours,
#define SL_FOREIGN_WORD(section, key, word, ours)
#include "trainer/config/foreign.def"
  };
  static const char *const words[][4] = {
#define SL_FOREIGN_KEY(name, whose, ours)
#define SL_FOREIGN_PART(name, whose, ours)
#define SL_FOREIGN_WORD(section, key, word, ours) {#section, #key, word, ours},
#include "trainer/config/foreign.def"
  };
  cr_expect_not(names_ours("rl.gamma")); /* the check itself */
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    cr_expect(names_ours(keys[i]), "%s", keys[i]);
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    char set[100];
    const char *sets[] = {set};
    sl_config c;
    sl_error err;
    snprintf(set, sizeof set, "%s.%s=%s", words[i][0], words[i][1], words[i][3]);
    cr_assert_eq(sl_config_load(&c, NULL, sets, 1, &err), SL_OK, "%s", err.message);
    sl_config_free(&c);
  }
}
