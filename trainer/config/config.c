/* The configuration of a run: defaults, file, --set, checks (spec F2.3). */
#include "config.h"

#include "config_schema.h"
#include "kernels/support/utf8.h"

#include <stdlib.h>
#include <string.h>

void sl_config_free(sl_config *config) {
  for (unsigned i = 0; i < SL_KEY_COUNT; i++)
    if (sl_config_rows[i].type == SL_CONFIG_TEXT) {
      char **text = sl_config_value(config, (sl_config_key)i);
      free(*text);
      *text = NULL;
    }
  for (unsigned i = 0; i < SL_KEY_COUNT; i++) {
    free(config->path[i]);
    config->path[i] = NULL;
  }
  free(config->file);
  config->file = NULL;
}

static sl_status set_defaults(sl_config *config, sl_error *err) {
  memset(config, 0, sizeof *config);
  for (unsigned i = 0; i < SL_KEY_COUNT; i++) {
    const sl_config_row *row = &sl_config_rows[i];
    const int plain = row->type != SL_CONFIG_TEXT;
    if (row->type != SL_CONFIG_VALUES)
      SL_TRY(sl_config_assign(config, (sl_config_key)i, NULL, row->standard, plain, err));
  }
  return SL_OK;
}

/* text is "section.key...", its parts ending at dot and key_end. */
static sl_status fail_unknown(size_t number, const char *text, const char *dot, const char *key_end,
                              sl_error *err) {
  const size_t section = (size_t)(dot - text);
  char known[700], meant[SL_SUGGESTION];
  sl_config_suggest(meant, sizeof meant, text, (size_t)(key_end - text));
  if (sl_config_has_section(text, section)) {
    sl_config_list_keys(text, section, known, sizeof known);
    return sl_fail(err, SL_ERR_USAGE, "--set %zu: %.*s: unknown key: expected %s, found %.*s%s",
                   number, (int)section, text, known, (int)(key_end - dot - 1), dot + 1, meant);
  }
  sl_config_list_sections(known, sizeof known);
  if (!*meant) sl_config_suggest_section(meant, sizeof meant, text, section);
  return sl_fail(err, SL_ERR_USAGE, "--set %zu: unknown section: expected %s, found %.*s%s", number,
                 known, (int)section, text, meant);
}

/* One "section.key=value" or "section.key.parameter=value". */
static sl_status set_argument(sl_config *config, size_t number, const char *text, sl_error *err) {
  const char *equals = strchr(text, '='), *dot = strchr(text, '.');
  if (!equals && sl_config_key_of(text) != SL_KEY_COUNT)
    return sl_fail(err, SL_ERR_USAGE, "--set %zu: expected %s=VALUE, found '%s'", number, text,
                   text);
  if (!equals || !dot || dot > equals) {
    char meant[SL_SUGGESTION];
    sl_config_suggest(meant, sizeof meant, text, equals ? (size_t)(equals - text) : strlen(text));
    return sl_fail(err, SL_ERR_USAGE, "--set %zu: expected section.key=value, found '%s'%s", number,
                   text, meant);
  }
  const char *dot2 = memchr(dot + 1, '.', (size_t)(equals - dot - 1)),
             *key_end = dot2 ? dot2 : equals;
  const sl_config_key key =
      sl_config_find(text, (size_t)(dot - text), dot + 1, (size_t)(key_end - dot - 1));
  if (key == SL_KEY_COUNT) return fail_unknown(number, text, dot, equals, err);
  const sl_config_row *row = &sl_config_rows[key];
  char name[64] = "", expected[256];
  sl_config_expected(row, equals + 1, expected, sizeof expected);
  if ((dot2 != NULL) != (row->type == SL_CONFIG_VALUES))
    return sl_fail(err, SL_ERR_USAGE, "--set %zu: %s.%s is %s; found '%s'", number, row->section,
                   row->key, expected, text);
  if (dot2) snprintf(name, sizeof name, "%.*s", (int)(equals - dot2 - 1), dot2 + 1);
  if (!sl_config_is_utf8(equals + 1)) /* config.yaml could not be read back */
    return sl_fail(err, SL_ERR_USAGE, "--set %zu: %.*s: expected UTF-8 text", number,
                   (int)(equals - text), text);
  const int plain = row->type != SL_CONFIG_TEXT; /* on the command line an empty text is a text */
  const sl_status status = sl_config_assign(config, key, name, equals + 1, plain, err);
  if (status == SL_ERR_MEMORY) return status;
  if (status) {
    char meant[SL_SUGGESTION];
    if (dot2) sl_config_expected_parameter(key, equals + 1, "a number", expected, sizeof expected);
    sl_config_suggest_value(meant, sizeof meant, key, equals + 1);
    return sl_fail(err, SL_ERR_USAGE, "--set %zu: %.*s: expected %s, found '%s'%s", number,
                   (int)(equals - text), text, expected, equals + 1, meant);
  }
  config->place[key] = (sl_config_place){SL_FROM_ARGUMENT, number, 0};
  return SL_OK;
}

static sl_status load(sl_config *out, const char *file, int recorded, const char *const *sets,
                      size_t n_sets, sl_error *err) {
  sl_config made;
  sl_status status = set_defaults(&made, err);
  if (status == SL_OK && file && !(made.file = strdup(file)))
    status = sl_fail(err, SL_ERR_MEMORY, "%s: no memory", file);
  if (status == SL_OK && file) status = sl_config_read_yaml(&made, file, recorded, err);
  for (size_t i = 0; i < n_sets && status == SL_OK; i++)
    status = set_argument(&made, i + 1, sets[i], err);
  if (status == SL_OK) status = sl_config_apply_preset(&made, err);
  if (status == SL_OK) status = sl_config_apply_task(&made, err);
  if (status == SL_OK && *made.model.folder && made.place[SL_KEY_sft_steps].from == SL_FROM_DEFAULT)
    made.sft.steps = 0; /* a model from model.folder is trained already */
  if (status == SL_OK) status = sl_config_resolve(&made, err);
  if (status == SL_OK) status = sl_config_check(&made, err);
  if (status != SL_OK) {
    sl_config_free(&made);
    return status;
  }
  *out = made;
  return SL_OK;
}

sl_status sl_config_load(sl_config *out, const char *file, const char *const *sets, size_t n_sets,
                         sl_error *err) {
  return load(out, file, 0, sets, n_sets, err);
}

sl_status sl_config_load_recorded(sl_config *out, const char *file, const char *const *sets,
                                  size_t n_sets, sl_error *err) {
  return load(out, file, 1, sets, n_sets, err);
}

sl_model_shape sl_config_model_shape(const sl_config *config, size_t vocab) {
  return (sl_model_shape){
      .hidden = (size_t)config->model.hidden,
      .intermediate = (size_t)config->model.ff,
      .layers = (size_t)config->model.layers,
      .heads = (size_t)config->model.heads,
      .kv_heads = (size_t)config->model.kv_heads,
      .head_dim = (size_t)config->model.head_dim,
      .vocab = vocab,
      .max_positions = (size_t)config->model.max_positions,
      .rope_theta = config->model.rope_theta,
      .rms_eps = config->model.rms_eps,
      .tied = config->model.tie,
      .architecture = (sl_architecture)config->model.architecture,
      .rope.stepwise = config->model.rope_tables == SL_CONFIG_ROPE_TABLES_STEPWISE};
}

sl_task_options sl_config_task_options(const sl_config *config) {
  const int tagged = config->reward.answer_in == SL_CONFIG_ANSWER_IN_TAGS,
            own = config->task.name != SL_TASK_MIXTURE; /* the parts have keys of their own */
  return (sl_task_options){.kind = (sl_task_kind)config->task.name,
                           .seed = (uint64_t)config->task.seed,
                           .held_out = (size_t)config->task.held_out,
                           .lookalikes = (size_t)config->task.lookalikes,
                           .train = sl_config_path(config, SL_KEY_task_train),
                           .test = sl_config_path(config, SL_KEY_task_test),
                           .held_out_fraction = config->task.held_out_fraction,
                           .reward = (sl_reward_kind)config->task.reward,
                           .numbers = sl_config_reward_weights(config).listed[SL_COMPONENT_NUMERIC],
                           .answer_open = tagged ? config->reward.answer_open : NULL,
                           .answer_close = config->reward.answer_close,
                           .think_open = config->reward.think_open,
                           .think_close = config->reward.think_close,
                           .prompt_key = own ? config->task.prompt_key : NULL,
                           .answer_key = own ? config->task.answer_key : NULL,
                           .solution_key = own ? config->task.solution_key : NULL,
                           .system = config->task.system,
                           .held_out_only = !*config->task.train,
                           .characters = config->task.characters};
}

sl_template sl_config_template(const sl_config *c) {
  const int first = SL_CONFIG_TEMPLATE_FIRST; /* names stand in the order of sl_template_kind */
  const sl_template_kind kind =
      (sl_template_kind)(c->template.name < first ? 0 : c->template.name - first);
  const int is_turn = kind != SL_TEMPLATE_PLAIN && *c->task.system; /* template.system is empty */
  return (sl_template){
      .kind = kind,
      .system = is_turn ? c->task.system : c->template.system,
      .date = c->template.date,
      .thinking = c->template.thinking,
      .begin = c->template.begin,
      .open = {c->template.system_open, c->template.user_open, c->template.assistant_open},
      .close = {c->template.system_close, c->template.user_close, c->template.assistant_close}};
}
