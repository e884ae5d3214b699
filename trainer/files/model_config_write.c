/* Writing config.json of a model folder (spec F1.2). */
#include "model_config.h"

#include "kernels/support/shortest_decimal.h"
#include "file.h"
#include "rope_config.h"
#include "tokenizer.h"

#include <stdio.h>
#include <string.h>

/* What the architectures' configurations differ in, in the order of sl_architecture. */
static const struct {
  const char *class, *type, *switches;
} architectures[] = {
    {"Qwen2ForCausalLM", "qwen2", "  \"use_sliding_window\": false,\n"},
    {"LlamaForCausalLM", "llama", "  \"attention_bias\": false,\n  \"mlp_bias\": false,\n"},
    {"Qwen3ForCausalLM", "qwen3",
     "  \"use_sliding_window\": false,\n  \"attention_bias\": false,\n"}};

#define ROPE_TEXT 1024

/* Appends `, "name": x`, as transformers wants its floats: with a point. */
static void add_number(char out[ROPE_TEXT], const char *name, double x) {
  char number[SL_DECIMAL_SIZE];
  const size_t n = strlen(out);
  sl_shortest_double(number, x);
  snprintf(out + n, ROPE_TEXT - n, ", \"%s\": %s%s", name, number,
           strpbrk(number, ".e") ? "" : ".0");
}

static void add_optional(char out[ROPE_TEXT], const char *name, double x) {
  if (x != 0.0) add_number(out, name, x);
}

/* The lines of rope_scaling and of the tables' rule; "" where both are as usual. */
static void print_rope(char out[ROPE_TEXT], const sl_rope_scaling *s) {
  static const char *const kinds[] = {"default", "linear", "llama3", "yarn"};
  *out = 0;
  if (s->kind != SL_ROPE_PLAIN) {
    snprintf(out, ROPE_TEXT, "  \"rope_scaling\": {\"rope_type\": \"%s\"", kinds[s->kind]);
    add_number(out, "factor", s->factor);
    if (s->kind != SL_ROPE_LINEAR) {
      const size_t n = strlen(out);
      snprintf(out + n, ROPE_TEXT - n, ", \"original_max_position_embeddings\": %.17g",
               s->original);
      add_number(out, s->kind == SL_ROPE_YARN ? "beta_slow" : "low_freq_factor", s->low);
      add_number(out, s->kind == SL_ROPE_YARN ? "beta_fast" : "high_freq_factor", s->high);
    }
    add_optional(out, "attention_factor", s->attention);
    add_optional(out, "mscale", s->mscale);
    add_optional(out, "mscale_all_dim", s->mscale_all_dim);
    strcat(out, s->untruncated ? ", \"truncate\": false},\n" : "},\n");
  }
  if (s->stepwise) strcat(out, "  \"" SL_ROPE_TABLES_KEY "\": \"stepwise\",\n");
}

/* "1", "[151645, 151643]", or null where there is none. */
#define ENDS_TEXT (SL_ENDS_MAX * 12 + 3)
static void print_ends(char out[static ENDS_TEXT], const sl_end_tokens *ends) {
  size_t n = 0;
  if (ends->n == 0) strcpy(out, "null");
  for (size_t i = 0; i < ends->n; i++)
    n += (size_t)snprintf(out + n, ENDS_TEXT - n, "%s%u",
                          i             ? ", "
                          : ends->n > 1 ? "["
                                        : "",
                          ends->ids[i]);
  if (ends->n > 1) snprintf(out + n, ENDS_TEXT - n, "]");
}

sl_status sl_model_config_write(const sl_model_shape *s, sl_tensor_type type,
                                const sl_end_tokens *ends, const char *file, sl_error *err) {
  static const sl_end_tokens of_characters = {{SL_TOKEN_EOS}, 1};
  char eps[SL_DECIMAL_SIZE], theta[SL_DECIMAL_SIZE], rope[ROPE_TEXT], text[4096];
  char end_text[ENDS_TEXT], pad[12];
  print_ends(end_text, ends ? ends : &of_characters);
  snprintf(pad, sizeof pad, ends ? "null" : "%d", SL_TOKEN_PAD);
  sl_shortest_float(eps, s->rms_eps);
  sl_shortest_double(theta, s->rope_theta);
  print_rope(rope, &s->rope);
  const char *point = strpbrk(theta, ".e") ? "" : ".0"; /* transformers wants a float */
  const int n = snprintf(text, sizeof text,
                         "{\n"
                         "  \"architectures\": [\"%s\"],\n"
                         "  \"model_type\": \"%s\",\n"
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
                         "%s"
                         "  \"tie_word_embeddings\": %s,\n"
                         "%s"
                         "  \"attention_dropout\": 0.0,\n"
                         "  \"pad_token_id\": %s,\n"
                         "  \"bos_token_id\": null,\n"
                         "  \"eos_token_id\": %s,\n"
                         "  \"torch_dtype\": \"%s\"\n"
                         "}\n",
                         architectures[s->architecture].class, architectures[s->architecture].type,
                         s->hidden, s->intermediate, s->layers, s->heads, s->kv_heads, s->head_dim,
                         s->vocab, s->max_positions, eps, theta, point, rope,
                         s->tied ? "true" : "false", architectures[s->architecture].switches, pad,
                         end_text, type == SL_TENSOR_BF16 ? "bfloat16" : "float32");
  const sl_bytes piece = {text, (size_t)n};
  return sl_file_write(file, &piece, 1, err);
}
