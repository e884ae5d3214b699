/* Reading config.json of a model folder (spec F1.2): the keys that transformer.md gives a meaning,
 * and a refusal of those that would change it. */
#include "model_folder.h"

#include "file.h"
#include "json.h"
#include "rope_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)16 << 20)

static int present(const sl_json *doc, const char *key) {
  const json_t *value = json_object_get(doc->root, key);
  return value && !json_is_null(value);
}

/* What transformers' configurations fill in where a key is absent. */
#define RMS_NORM_EPS_DEFAULT 1e-6
#define QWEN3_HEAD_DIM 128

/* A key that may be absent; where it is there, it must be this word. */
static sl_status require_text(const sl_json *doc, const char *key, const char *expected,
                              sl_error *err) {
  const json_t *value = json_object_get(doc->root, key);
  char words[64];
  if (!present(doc, key) || (json_is_string(value) && !strcmp(json_string_value(value), expected)))
    return SL_OK;
  snprintf(words, sizeof words, "\"%s\"", expected);
  return sl_json_expected(doc, key, err, words, value);
}

/* In the order of sl_architecture. */
static const struct {
  const char *class, *type;
} architectures[] = {
    {"Qwen2ForCausalLM", "qwen2"}, {"LlamaForCausalLM", "llama"}, {"Qwen3ForCausalLM", "qwen3"}};
#define N_ARCHITECTURES (sizeof architectures / sizeof *architectures)

static sl_status fail_class(const sl_json *doc, const json_t *found, sl_error *err) {
  return sl_json_expected(
      doc, "architectures", err,
      "[\"Qwen2ForCausalLM\"], [\"LlamaForCausalLM\"] or [\"Qwen3ForCausalLM\"]", found);
}

/* The class is named by architectures, or, where that is absent, by model_type. */
static sl_status read_architecture(const sl_json *doc, sl_architecture *out, sl_error *err) {
  const json_t *list = json_object_get(doc->root, "architectures"),
               *type = json_object_get(doc->root, "model_type");
  const int named = present(doc, "architectures") || !present(doc, "model_type");
  const char *class = json_string_value(json_array_get(list, 0)), *word = json_string_value(type);
  if (named && (json_array_size(list) != 1 || !class)) return fail_class(doc, list, err);
  for (size_t i = 0; i < N_ARCHITECTURES; i++) {
    if (named ? strcmp(class, architectures[i].class) != 0
              : !word || strcmp(word, architectures[i].type) != 0)
      continue;
    *out = (sl_architecture)i;
    return require_text(doc, "model_type", architectures[i].type, err);
  }
  if (named) return fail_class(doc, list, err);
  return sl_json_expected(doc, "model_type", err, "\"qwen2\", \"llama\" or \"qwen3\"", type);
}

/* A list of one kind a layer, all of them full attention. */
static sl_status check_layer_types(const sl_json *doc, size_t layers, sl_error *err) {
  const json_t *kinds = json_object_get(doc->root, "layer_types");
  if (!present(doc, "layer_types")) return SL_OK;
  if (!json_is_array(kinds) || json_array_size(kinds) != layers)
    return sl_json_expected(doc, "layer_types", err,
                            "an array of one \"full_attention\" a layer (num_hidden_layers)",
                            kinds);
  for (size_t i = 0; i < layers; i++) {
    const json_t *kind = json_array_get(kinds, i);
    char found[SL_JSON_DESCRIPTION];
    if (json_is_string(kind) && strcmp(json_string_value(kind), "full_attention") == 0) continue;
    sl_json_describe(found, kind);
    return sl_json_fail(doc, "layer_types", err, "entry %zu: expected \"full_attention\", found %s",
                        i, found);
  }
  return SL_OK;
}

/* A number that may be absent; where it is there, it must be this one. */
static sl_status require_real(const sl_json *doc, const char *key, double expected, sl_error *err) {
  double found = expected;
  const sl_status status = present(doc, key) ? sl_json_real(doc, key, &found, err) : SL_OK;
  if (status != SL_OK || found == expected) return status;
  return sl_json_fail(doc, key, err, "expected %g, found %g", expected, found);
}

/* A switch that may be absent; true is refused, with what it would mean. */
static sl_status require_off(const sl_json *doc, const char *key, const char *meaning,
                             sl_error *err) {
  int on = 0;
  if (present(doc, key)) SL_TRY(sl_json_bool(doc, key, &on, err));
  return on ? sl_json_fail(doc, key, err, "%s not supported", meaning) : SL_OK;
}

/* Variants of the architectures that spec/transformer.md does not have. Qwen2 has its biases
 * whatever attention_bias says. */
static sl_status check_variants(const sl_json *doc, sl_architecture architecture, sl_error *err) {
  sl_status status = require_off(doc, "use_sliding_window", "sliding-window attention is", err);
  if (status == SL_OK && architecture != SL_QWEN2)
    status = require_off(doc, "attention_bias", "biases of the attention's projections are", err);
  if (status == SL_OK && architecture == SL_LLAMA)
    status = require_off(doc, "mlp_bias", "biases of the feed-forward layers are", err);
  if (status == SL_OK) status = require_text(doc, "hidden_act", "silu", err);
  if (status == SL_OK && present(doc, "quantization_config"))
    return sl_json_fail(doc, "quantization_config", err,
                        "quantised weights are not supported; save the model in F32 without it");
  if (status == SL_OK) status = require_real(doc, "attention_dropout", 0, err);
  return status == SL_OK ? require_real(doc, "partial_rotary_factor", 1, err) : status;
}

static sl_status read_sizes(const sl_json *doc, sl_model_shape *s, sl_error *err) {
  const size_t max = ((size_t)1 << 31) - 1;
  sl_status status = sl_json_size(doc, "hidden_size", 1, max, &s->hidden, err);
  if (status == SL_OK)
    status = sl_json_size(doc, "intermediate_size", 1, max, &s->intermediate, err);
  if (status == SL_OK) status = sl_json_size(doc, "num_hidden_layers", 1, 1 << 20, &s->layers, err);
  if (status == SL_OK)
    status = sl_json_size(doc, "num_attention_heads", 1, 1 << 20, &s->heads, err);
  s->kv_heads = s->heads; /* of a Llama before heads were grouped */
  if (status == SL_OK && (s->architecture != SL_LLAMA || present(doc, "num_key_value_heads")))
    status = sl_json_size(doc, "num_key_value_heads", 1, 1 << 20, &s->kv_heads, err);
  if (status == SL_OK) status = sl_json_size(doc, "vocab_size", 1, max, &s->vocab, err);
  if (status == SL_OK)
    status = sl_json_size(doc, "max_position_embeddings", 1, max, &s->max_positions, err);
  if (status != SL_OK) return status;
  s->head_dim = QWEN3_HEAD_DIM;
  if (present(doc, "head_dim")) return sl_json_size(doc, "head_dim", 2, 1 << 20, &s->head_dim, err);
  if (s->architecture == SL_QWEN3) return SL_OK;
  if (s->hidden % s->heads)
    return sl_json_fail(doc, "hidden_size", err,
                        "%zu is no multiple of num_attention_heads (%zu) and there is no head_dim",
                        s->hidden, s->heads);
  s->head_dim = s->hidden / s->heads;
  return SL_OK;
}

static sl_status read_shape(const sl_json *doc, sl_model_shape *out, sl_error *err) {
  sl_model_shape shape = {.tied = 0};
  double eps = RMS_NORM_EPS_DEFAULT;
  sl_error inner;
  sl_status status = read_architecture(doc, &shape.architecture, err);
  if (status == SL_OK) status = check_variants(doc, shape.architecture, err);
  if (status == SL_OK) status = read_sizes(doc, &shape, err);
  if (status == SL_OK) status = check_layer_types(doc, shape.layers, err);
  if (status == SL_OK && present(doc, "rms_norm_eps"))
    status = sl_json_real(doc, "rms_norm_eps", &eps, err);
  if (status == SL_OK) status = sl_rope_config_read(&shape, doc, err);
  if (status == SL_OK && present(doc, "tie_word_embeddings"))
    status = sl_json_bool(doc, "tie_word_embeddings", &shape.tied, err);
  if (status != SL_OK) return status;
  shape.rms_eps = (float)eps;
  status = sl_model_shape_check(&shape, &inner);
  if (status == SL_ERR_INPUT) {
    char key[64]; /* the message starts with the key, which has the place */
    const size_t n = strcspn(inner.message, ":");
    snprintf(key, sizeof key, "%.*s", (int)(n < sizeof key ? n : sizeof key - 1), inner.message);
    return sl_json_fail(doc, key, err, "%s", inner.message + n + 2);
  }
  *out = shape;
  return SL_OK;
}

sl_status sl_model_config_read(sl_model_shape *out, const char *path, sl_error *err) {
  char *file = sl_path_join(path, SL_MODEL_CONFIG_FILE), *text = NULL;
  size_t size;
  sl_json doc;
  sl_status status = file ? sl_file_read(&text, &size, file, FILE_MAX, err)
                          : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", path);
  if (status == SL_OK) status = sl_json_parse(&doc, file, 1, text, size, err);
  if (status == SL_OK) {
    status = read_shape(&doc, out, err);
    sl_json_free(&doc);
  }
  free(text);
  free(file);
  return status;
}
