/* What makes a run the run that was started (spec F4.8). */
#include "run_identity.h"

#include "kernels/support/cli.h"
#include "kernels/support/shortest_decimal.h"
#include "trainer/files/file.h"

#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 8192
#define GATE_BYTES_MAX ((size_t)1 << 20)

void sl_identity_free(sl_run_identity *identity) {
  for (unsigned i = 0; i < SL_KEY_COUNT; i++) free(identity->value[i]);
  *identity = (sl_run_identity){.tokenizer = ""};
}

sl_status sl_identity_set(sl_run_identity *identity, sl_config_key key, const char *text,
                          sl_error *err) {
  char *copy = strdup(text);
  if (!copy) return sl_fail(err, SL_ERR_MEMORY, "no memory for a run's identity");
  free(identity->value[key]);
  identity->value[key] = copy;
  return SL_OK; /* NOLINT(clang-analyzer-unix.Malloc): it loses a place in an array */
}

/* The shape of a fresh model, which a run that starts from a folder does not have. */
static int is_shape(sl_config_key key) {
  return key > SL_KEY_model_folder && key <= SL_KEY_model_init_std;
}

/* Only a vendor's backend changes the result. */
static const char *vendor_of(const char *backend) {
  return strcmp(backend, "openblas") == 0 || strcmp(backend, "cublas") == 0 ? backend : "";
}

/* "exact 1, format 0.5" in the order of the sum, so that neither the order nor the decimals of the
 * configuration count. */
static void weights_text(char *out, size_t size, const sl_config *config) {
  const sl_reward_weights w = sl_config_reward_weights(config);
  char number[SL_DECIMAL_SIZE];
  *out = 0;
  for (int k = 0; k < SL_COMPONENT_COUNT; k++) {
    const size_t used = strlen(out);
    if (!w.listed[k]) continue;
    sl_shortest_double(number, w.weight[k]);
    snprintf(out + used, size - used, "%s%s %s", used ? ", " : "", sl_component_names[k], number);
  }
}

sl_status sl_identity_keys(sl_run_identity *out, const sl_config *config, sl_error *err) {
  sl_run_identity made = {.tokenizer = ""};
  sl_status status = SL_OK;
  for (unsigned i = 0; !status && i < SL_KEY_COUNT; i++) {
    const sl_config_key key = (sl_config_key)i;
    const sl_config_bits bits = sl_config_key_bits(key);
    char text[VALUE_MAX];
    if (bits == SL_BITS_NO || bits == SL_BITS_CONTENT || bits == SL_BITS_PRESET ||
        bits == SL_BITS_PROOF)
      continue;
    if (key == SL_KEY_gate_pos || key == SL_KEY_gate_neg) continue; /* the gate's, once loaded */
    if (*config->model.folder && is_shape(key)) continue;
    if (key == SL_KEY_reward_weights)
      weights_text(text, sizeof text, config);
    else if (!sl_config_text(config, key, text, sizeof text))
      status = sl_config_fail(config, key, err, "too long");
    if (!status)
      status = sl_identity_set(&made, key, bits == SL_BITS_VENDOR ? vendor_of(text) : text, err);
  }
  if (status)
    sl_identity_free(&made);
  else
    *out = made;
  return status;
}

/* Texts with the NULs that end them. */
static void add_problems(sl_digest_stream *all, const sl_problems *list) {
  sl_digest_add(all, &list->n, sizeof list->n);
  for (size_t i = 0; i < list->n; i++) {
    const sl_problem *p = &list->items[i];
    sl_digest_add(all, p->prompt, strlen(p->prompt) + 1);
    sl_digest_add(all, p->answer, strlen(p->answer) + 1);
  }
}

sl_status sl_task_digest(char out[SL_DIGEST_TEXT], const sl_task *task, sl_error *err) {
  sl_digest_stream *all = sl_digest_open();
  if (!all) return sl_fail(err, SL_ERR_MEMORY, "no memory for a digest");
  add_problems(all, &task->warm);
  add_problems(all, &task->train);
  add_problems(all, &task->held_out);
  sl_digest_close(out, all);
  return SL_OK;
}

/* The bytes of tokenizer.json (spec F7.1); or the text of each id but 0 and 1, which mean the same
 * in every character tokenizer (spec F1.5). */
static sl_status digest_tokenizer(char out[SL_DIGEST_TEXT], const sl_tokenizer *tokenizer,
                                  sl_error *err) {
  sl_digest_stream *all = sl_digest_open();
  if (!all) return sl_fail(err, SL_ERR_MEMORY, "no memory for a digest");
  sl_status status = SL_OK;
  size_t size;
  const char *json = sl_tokenizer_json(tokenizer, &size);
  if (json) sl_digest_add(all, json, size);
  for (uint32_t id = 2; !json && !status && id < sl_tokenizer_vocab(tokenizer); id++) {
    char *text = NULL;
    status = sl_tokenizer_decode(tokenizer, &id, 1, &text, err);
    if (!status) sl_digest_add(all, text, strlen(text) + 1);
    free(text);
  }
  sl_digest_close(out, all);
  return status;
}

static sl_status digest_file(char out[SL_DIGEST_TEXT], const char *path, sl_error *err) {
  char *text;
  size_t size;
  const sl_status status = sl_file_read(&text, &size, path, GATE_BYTES_MAX, err);
  if (status) return status;
  sl_digest_bytes(out, text, size);
  free(text);
  return SL_OK;
}

/* "name value, ..." of the parameters that hold for one sign of the advantage. */
static void gate_values(char *out, size_t size, const sl_gate *gate,
                        const sl_gate_definition *definition, int positive) {
  char number[SL_DECIMAL_SIZE];
  *out = 0;
  if (definition) {
    for (size_t i = 0; i < sl_gate_definition_parameters(definition); i++) {
      const sl_gate_parameter_info info = sl_gate_definition_parameter(definition, i);
      const size_t used = strlen(out);
      sl_shortest_double(number, info.value[positive]);
      snprintf(out + used, size - used, "%s%s %s", i ? ", " : "", info.name, number);
    }
  } else if (gate->family[positive] == SL_GATE_CLIP) {
    sl_shortest_double(number, positive ? gate->clip_high : gate->clip_low);
    snprintf(out, size, "%s %s", positive ? "high" : "low", number);
  } else if (gate->family[positive] != SL_GATE_IDENTITY) {
    sl_shortest_float(number, gate->tau[positive]);
    snprintf(out, size, "tau %s", number);
  }
}

static sl_status add_gate(sl_run_identity *identity, const sl_config *config, const sl_gate *gate,
                          const sl_gate_definition *definition, sl_error *err) {
  char digest[SL_DIGEST_TEXT], values[VALUE_MAX];
  const char *name = config->gate.name;
  sl_status status = SL_OK;
  if (sl_config_names_path(config, SL_KEY_gate_name)) {
    status = digest_file(digest, sl_config_path(config, SL_KEY_gate_name), err);
    name = digest;
  }
  if (!status) status = sl_identity_set(identity, SL_KEY_gate_name, name, err);
  gate_values(values, sizeof values, gate, definition, 1);
  if (!status) status = sl_identity_set(identity, SL_KEY_gate_pos, values, err);
  gate_values(values, sizeof values, gate, definition, 0);
  return status ? status : sl_identity_set(identity, SL_KEY_gate_neg, values, err);
}

sl_status sl_identity_content(sl_run_identity *identity, const sl_config *config,
                              const sl_task *task, const sl_tokenizer *tokenizer,
                              const sl_gate *gate, const sl_gate_definition *definition,
                              const char *certificate, const char *first_model, sl_error *err) {
  char digest[SL_DIGEST_TEXT];
  sl_status status = sl_task_digest(digest, task, err);
  if (!status) status = sl_identity_set(identity, SL_KEY_task_train, digest, err);
  if (!status && first_model)
    status = sl_identity_set(identity, SL_KEY_model_folder, first_model, err);
  if (!status) status = add_gate(identity, config, gate, definition, err);
  if (!status) status = sl_identity_set(identity, SL_KEY_gate_certificate, certificate, err);
  return status ? status : digest_tokenizer(identity->tokenizer, tokenizer, err);
}

void sl_identity_print(FILE *out, const sl_run_identity *identity) {
  int n = 0;
  fputs(",\"identity\":{", out);
  for (unsigned i = 0; i < SL_KEY_COUNT; i++) {
    char name[64];
    if (!identity->value[i]) continue;
    sl_config_name((sl_config_key)i, name, sizeof name);
    fprintf(out, "%s\"%s\":", n++ ? "," : "", name);
    sl_cli_json_text(out, identity->value[i]);
  }
  fprintf(out, "},\"tokenizer\":\"%s\"", identity->tokenizer);
}

static sl_status parse_keys(sl_run_identity *out, const sl_json *doc, sl_error *err) {
  json_t *keys = json_object_get(doc->root, "identity"), *value;
  const char *name;
  if (!json_is_object(keys))
    return sl_json_fail(doc, "identity", err, "expected an object of keys and values");
  json_object_foreach(keys, name, value) {
    const sl_config_key key = sl_config_key_of(name);
    if (key == SL_KEY_COUNT || !json_is_string(value))
      return sl_json_fail(doc, "identity", err, "expected keys with texts, found '%s'", name);
    const sl_status status = sl_identity_set(out, key, json_string_value(value), err);
    if (status) return status;
  }
  return SL_OK;
}

/* Keys that came after version 5 of a state, with what they were before there was one. */
static const struct {
  sl_config_key key;
  const char *before;
} later_keys[] = {{SL_KEY_rl_dynamic_sampling, "0"},     {SL_KEY_task_system, ""},
                  {SL_KEY_task_prompt_limit, "0"},       {SL_KEY_task_prompt_over, "error"},
                  {SL_KEY_template_name, "plain"},       {SL_KEY_template_system, ""},
                  {SL_KEY_template_date, "26 Jul 2024"}, {SL_KEY_template_thinking, "true"},
                  {SL_KEY_template_begin, ""},           {SL_KEY_template_system_open, ""},
                  {SL_KEY_template_system_close, ""},    {SL_KEY_template_user_open, ""},
                  {SL_KEY_template_user_close, ""},      {SL_KEY_template_assistant_open, ""},
                  {SL_KEY_template_assistant_close, ""}};

static sl_status add_later_keys(sl_run_identity *identity, sl_error *err) {
  sl_status status = SL_OK;
  for (size_t i = 0; !status && i < sizeof later_keys / sizeof *later_keys; i++)
    if (!identity->value[later_keys[i].key])
      status = sl_identity_set(identity, later_keys[i].key, later_keys[i].before, err);
  return status;
}

sl_status sl_identity_parse(sl_run_identity *out, const sl_json *doc, sl_error *err) {
  sl_run_identity made = {.tokenizer = ""};
  const char *tokenizer;
  sl_status status = parse_keys(&made, doc, err);
  if (!status) status = add_later_keys(&made, err);
  if (!status) status = sl_json_text(doc, "tokenizer", &tokenizer, err);
  if (!status && strlen(tokenizer) >= sizeof made.tokenizer)
    status = sl_json_fail(doc, "tokenizer", err, "expected 32 hexadecimal digits");
  if (status) {
    sl_identity_free(&made);
    return status;
  }
  snprintf(made.tokenizer, sizeof made.tokenizer, "%s", tokenizer);
  *out = made;
  return SL_OK;
}

/* What sl_identity_keys and sl_identity_content record of every run, from a folder or not. The
 * first two came later: a checkpoint without them is of a time when there was one value. */
static int is_always_there(sl_config_key key, int from_folder) {
  if (key == SL_KEY_model_architecture || key == SL_KEY_model_rope_tables) return 0;
  const sl_config_bits bits = sl_config_key_bits(key);
  if (bits == SL_BITS_NO || bits == SL_BITS_PRESET) return 0;
  if (bits == SL_BITS_CONTENT)
    return key == SL_KEY_task_train || key == SL_KEY_gate_name || key == SL_KEY_model_folder;
  return !(from_folder && is_shape(key));
}

sl_status sl_identity_check_complete(const sl_run_identity *identity, const sl_json *doc,
                                     sl_error *err) {
  const char *folder = identity->value[SL_KEY_model_folder];
  for (unsigned i = 0; i < SL_KEY_COUNT; i++) {
    char name[64];
    if (identity->value[i] || !is_always_there((sl_config_key)i, folder && *folder)) continue;
    sl_config_name((sl_config_key)i, name, sizeof name);
    return sl_json_fail(doc, "identity", err, "%s is missing: the checkpoint is damaged", name);
  }
  if (strlen(identity->tokenizer) == SL_DIGEST_TEXT - 1) return SL_OK;
  return sl_json_fail(doc, "tokenizer", err, "expected 32 hexadecimal digits");
}

/* Nothing is spread over the number of rollouts. */
static int is_constant(const sl_run_identity *identity) {
  const char *decay = identity->value[SL_KEY_rl_decay],
             *schedule = identity->value[SL_KEY_gate_schedule];
  const int spread =
      schedule && (strcmp(schedule, "linear") == 0 || strcmp(schedule, "cosine") == 0);
  return decay && strcmp(decay, "constant") == 0 && !spread;
}

int sl_identity_differs(const sl_run_identity *recorded, const sl_run_identity *now,
                        sl_config_key key, int warm_start) {
  const char *a = recorded->value[key], *b = now->value[key];
  const sl_config_bits bits = sl_config_key_bits(key);
  if (!a || !b || strcmp(a, b) == 0) return 0;
  if (bits == SL_BITS_WARM) return warm_start;
  if (bits == SL_BITS_DECAY) return !(is_constant(recorded) && is_constant(now));
  return 1;
}
