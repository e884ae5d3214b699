/* config.json of a model folder (spec F1.2): the Qwen2 keys that transformer.md gives a meaning,
 * and a refusal of those that would change it. */
#include "model_folder.h"

#include "kernels/support/decimal.h"
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

/* A key that may be absent, and must then be this word. */
static sl_status require_text(const sl_json *doc, const char *key, const char *expected,
                              sl_error *err) {
  const char *found;
  if (!present(doc, key)) return SL_OK;
  const sl_status status = sl_json_text(doc, key, &found, err);
  if (status != SL_OK) return status;
  return strcmp(found, expected) == 0
             ? SL_OK
             : sl_json_fail(doc, key, err, "expected \"%s\", found \"%s\"", expected, found);
}

static sl_status check_architecture(const sl_json *doc, sl_error *err) {
  const json_t *list = json_object_get(doc->root, "architectures");
  const json_t *first = json_array_get(list, 0);
  if (!json_is_array(list) || json_array_size(list) != 1 || !json_is_string(first) ||
      strcmp(json_string_value(first), "Qwen2ForCausalLM") != 0)
    return sl_json_fail(doc, "architectures", err, "expected [\"Qwen2ForCausalLM\"]");
  sl_status status = require_text(doc, "model_type", "qwen2", err);
  if (status == SL_OK) status = require_text(doc, "hidden_act", "silu", err);
  return status;
}

/* Variants of the architecture that spec/transformer.md does not have. */
static sl_status check_variants(const sl_json *doc, sl_error *err) {
  int sliding = 0;
  double dropout = 0;
  sl_status status = present(doc, "use_sliding_window")
                         ? sl_json_bool(doc, "use_sliding_window", &sliding, err)
                         : SL_OK;
  if (status == SL_OK && sliding)
    return sl_json_fail(doc, "use_sliding_window", err,
                        "sliding-window attention is not supported");
  if (status == SL_OK && present(doc, "attention_dropout"))
    status = sl_json_real(doc, "attention_dropout", &dropout, err);
  if (status == SL_OK && dropout != 0)
    return sl_json_fail(doc, "attention_dropout", err, "expected 0, found %g", dropout);
  if (status == SL_OK && present(doc, "rope_scaling"))
    return sl_json_fail(doc, "rope_scaling", err, "scaled RoPE is not supported; expected null");
  const json_t *kinds = json_object_get(doc->root, "layer_types");
  size_t i;
  json_t *kind;
  json_array_foreach(kinds, i, kind) {
    if (!json_is_string(kind) || strcmp(json_string_value(kind), "full_attention") != 0)
      return sl_json_fail(doc, "layer_types", err, "entry %zu: expected \"full_attention\"", i);
  }
  return status;
}

/* rope_theta stands at the top, or in rope_parameters (as transformers 5 writes it). */
static sl_status read_rope(const sl_json *doc, double *theta, sl_error *err) {
  if (!present(doc, "rope_parameters")) return sl_json_real(doc, "rope_theta", theta, err);
  const json_t *rope = json_object_get(doc->root, "rope_parameters");
  const json_t *kind = json_object_get(rope, "rope_type"),
               *inner = json_object_get(rope, "rope_theta");
  if (!json_is_object(rope)) return sl_json_fail(doc, "rope_parameters", err, "expected an object");
  if (kind && (!json_is_string(kind) || strcmp(json_string_value(kind), "default") != 0))
    return sl_json_fail(doc, "rope_parameters", err,
                        "rope_type: expected \"default\"; scaled RoPE is not supported");
  if (!json_is_number(inner))
    return sl_json_fail(doc, "rope_parameters", err, "rope_theta: expected a number");
  *theta = json_number_value(inner);
  double outer;
  if (!present(doc, "rope_theta")) return SL_OK;
  const sl_status status = sl_json_real(doc, "rope_theta", &outer, err);
  if (status != SL_OK) return status;
  return outer == *theta ? SL_OK
                         : sl_json_fail(doc, "rope_theta", err, "%g, but rope_parameters has %g",
                                        outer, *theta);
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
  double eps = 0;
  sl_error inner;
  sl_status status = check_architecture(doc, err);
  if (status == SL_OK) status = check_variants(doc, err);
  if (status == SL_OK) status = read_sizes(doc, &shape, err);
  if (status == SL_OK) status = sl_json_real(doc, "rms_norm_eps", &eps, err);
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

sl_status sl_model_config_write(const sl_model_shape *s, const char *file, sl_error *err) {
  char eps[SL_DECIMAL_SIZE], theta[SL_DECIMAL_SIZE], text[2048];
  sl_shortest_float(eps, s->rms_eps);
  sl_shortest_double(theta, s->rope_theta);
  const char *point = strpbrk(theta, ".e") ? "" : ".0"; /* transformers wants a float */
  const int n = snprintf(text, sizeof text,
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
                         "  \"torch_dtype\": \"float32\"\n"
                         "}\n",
                         s->hidden, s->intermediate, s->layers, s->heads, s->kv_heads, s->head_dim,
                         s->vocab, s->max_positions, eps, theta, point, s->tied ? "true" : "false",
                         SL_TOKEN_PAD, SL_TOKEN_EOS);
  const sl_bytes piece = {text, (size_t)n};
  return sl_file_write(file, &piece, 1, err);
}
