/* config.json of a model folder (spec F1.2): the Qwen2 keys that transformer.md gives a meaning,
 * and a refusal of those that would change it. */
#include "model_folder.h"

#include "kernels/support/shortest_decimal.h"
#include "file.h"
#include "json.h"
#include "model_config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)16 << 20)

static int present(const sl_json *doc, const char *key) {
  const json_t *value = json_object_get(doc->root, key);
  return value && !json_is_null(value);
}

/* What transformers' Qwen2Config fills in where a key is absent. */
#define RMS_NORM_EPS_DEFAULT 1e-6
#define ROPE_THETA_DEFAULT 1e4

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

/* The class is named by architectures, or, where that is absent, by model_type. */
static sl_status check_architecture(const sl_json *doc, sl_error *err) {
  const json_t *list = json_object_get(doc->root, "architectures"),
               *first = json_array_get(list, 0);
  if (present(doc, "architectures") || !present(doc, "model_type")) {
    if (!json_is_array(list) || json_array_size(list) != 1 || !json_is_string(first) ||
        strcmp(json_string_value(first), "Qwen2ForCausalLM") != 0)
      return sl_json_expected(doc, "architectures", err, "[\"Qwen2ForCausalLM\"]", list);
  }
  sl_status status = require_text(doc, "model_type", "qwen2", err);
  if (status == SL_OK) status = require_text(doc, "hidden_act", "silu", err);
  return status;
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

/* Variants of the architecture that spec/transformer.md does not have. */
static sl_status check_variants(const sl_json *doc, sl_error *err) {
  int sliding = 0;
  sl_status status = present(doc, "use_sliding_window")
                         ? sl_json_bool(doc, "use_sliding_window", &sliding, err)
                         : SL_OK;
  if (status == SL_OK && sliding)
    return sl_json_fail(doc, "use_sliding_window", err,
                        "sliding-window attention is not supported");
  if (status == SL_OK && present(doc, "quantization_config"))
    return sl_json_fail(doc, "quantization_config", err,
                        "quantised weights are not supported; save the model in F32 without it");
  if (status == SL_OK) status = require_real(doc, "attention_dropout", 0, err);
  return status == SL_OK ? require_real(doc, "partial_rotary_factor", 1, err) : status;
}

/* One entry of rope_parameters or rope_scaling. Only what says plain RoPE is taken: an entry that
 * is not known may change the angles. */
static sl_status check_rope_entry(const sl_json *doc, const char *key, const char *name,
                                  const json_t *value, sl_error *err) {
  const int kind = strcmp(name, "rope_type") == 0 || strcmp(name, "type") == 0,
            factor = strcmp(name, "factor") == 0 || strcmp(name, "partial_rotary_factor") == 0;
  if (json_is_null(value) || (strcmp(name, "rope_theta") == 0 && json_is_number(value)) ||
      (kind && json_is_string(value) && strcmp(json_string_value(value), "default") == 0) ||
      (factor && json_is_number(value) && json_number_value(value) == 1))
    return SL_OK;
  char found[SL_JSON_DESCRIPTION];
  sl_json_describe(found, value);
  return sl_json_fail(doc, key, err, "%s: expected %s, found %s; scaled RoPE is not supported",
                      name,
                      kind     ? "\"default\""
                      : factor ? "1"
                               : "rope_type, type or rope_theta alone",
                      found);
}

/* rope_parameters (as transformers 5 writes it) or rope_scaling: an object that says plain RoPE,
 * and may hold rope_theta. */
static sl_status read_rope_object(const sl_json *doc, const char *key, const json_t **theta,
                                  sl_error *err) {
  json_t *rope = json_object_get(doc->root, key), *value;
  const char *name;
  if (!present(doc, key)) return SL_OK;
  if (!json_is_object(rope)) return sl_json_expected(doc, key, err, "an object", rope);
  json_object_foreach(rope, name, value) {
    const sl_status status = check_rope_entry(doc, key, name, value, err);
    if (status != SL_OK) return status;
  }
  *theta = json_object_get(rope, "rope_theta");
  return SL_OK;
}

/* rope_theta may stand in three places; those that have it must agree. */
static sl_status read_rope(const sl_json *doc, double *theta, sl_error *err) {
  static const char *const objects[] = {"rope_parameters", "rope_scaling"};
  int found = present(doc, "rope_theta");
  *theta = ROPE_THETA_DEFAULT;
  sl_status status = found ? sl_json_real(doc, "rope_theta", theta, err) : SL_OK;
  for (size_t i = 0; i < 2 && status == SL_OK; i++) {
    const json_t *inner = NULL;
    status = read_rope_object(doc, objects[i], &inner, err);
    if (status != SL_OK || !json_is_number(inner)) continue;
    if (found && json_number_value(inner) != *theta)
      return sl_json_fail(doc, objects[i], err, "rope_theta is %g, but another place has %g",
                          json_number_value(inner), *theta);
    *theta = json_number_value(inner);
    found = 1;
  }
  return status;
}

static sl_status read_sizes(const sl_json *doc, sl_model_shape *s, sl_error *err) {
  const size_t max = ((size_t)1 << 31) - 1;
  sl_status status = sl_json_size(doc, "hidden_size", 1, max, &s->hidden, err);
  if (status == SL_OK)
    status = sl_json_size(doc, "intermediate_size", 1, max, &s->intermediate, err);
  if (status == SL_OK) status = sl_json_size(doc, "num_hidden_layers", 1, 1 << 20, &s->layers, err);
  if (status == SL_OK)
    status = sl_json_size(doc, "num_attention_heads", 1, 1 << 20, &s->heads, err);
  if (status == SL_OK)
    status = sl_json_size(doc, "num_key_value_heads", 1, 1 << 20, &s->kv_heads, err);
  if (status == SL_OK) status = sl_json_size(doc, "vocab_size", 1, max, &s->vocab, err);
  if (status == SL_OK)
    status =
        sl_json_size(doc, "max_position_embeddings", 1, SL_POSITIONS_MAX, &s->max_positions, err);
  if (status != SL_OK) return status;
  if (present(doc, "head_dim")) return sl_json_size(doc, "head_dim", 2, 1 << 20, &s->head_dim, err);
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
  sl_status status = check_architecture(doc, err);
  if (status == SL_OK) status = check_variants(doc, err);
  if (status == SL_OK) status = read_sizes(doc, &shape, err);
  if (status == SL_OK) status = check_layer_types(doc, shape.layers, err);
  if (status == SL_OK && present(doc, "rms_norm_eps"))
    status = sl_json_real(doc, "rms_norm_eps", &eps, err);
  if (status == SL_OK) status = read_rope(doc, &shape.rope_theta, err);
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

sl_status sl_model_config_write(const sl_model_shape *s, sl_tensor_type type, const char *file,
                                sl_error *err) {
  char eps[SL_DECIMAL_SIZE], theta[SL_DECIMAL_SIZE], text[2048];
  sl_shortest_float(eps, s->rms_eps);
  sl_shortest_double(theta, s->rope_theta);
  const char *point = strpbrk(theta, ".e") ? "" : ".0"; /* transformers wants a float */
  const int n =
      snprintf(text, sizeof text,
               "{\n"
               "  \"architectures\": [\"Qwen2ForCausalLM\"],\n"
               "  \"model_type\": \"qwen2\",\n"
               "  \"hidden_size\": %zu,\n"
               "  \"intermediate_size\": %zu,\n"
               "  \"num_hidden_layers\": %zu,\n"
               "  \"num_attention_heads\": %zu,\n"
               "  \"num_key_value_heads\": %zu,\n"
               "  \"head_dim\": %zu,\n"
               "  \"vocab_size\": %zu,\n"
               "  \"max_position_embeddings\": %zu,\n"
               "  \"hidden_act\": \"silu\",\n"
               "  \"rms_norm_eps\": %s,\n"
               "  \"rope_theta\": %s%s,\n"
               "  \"tie_word_embeddings\": %s,\n"
               "  \"use_sliding_window\": false,\n"
               "  \"attention_dropout\": 0.0,\n"
               "  \"pad_token_id\": %d,\n"
               "  \"bos_token_id\": null,\n"
               "  \"eos_token_id\": %d,\n"
               "  \"torch_dtype\": \"%s\"\n"
               "}\n",
               s->hidden, s->intermediate, s->layers, s->heads, s->kv_heads, s->head_dim, s->vocab,
               s->max_positions, eps, theta, point, s->tied ? "true" : "false", SL_TOKEN_PAD,
               SL_TOKEN_EOS, type == SL_TENSOR_BF16 ? "bfloat16" : "float32");
  const sl_bytes piece = {text, (size_t)n};
  return sl_file_write(file, &piece, 1, err);
}
