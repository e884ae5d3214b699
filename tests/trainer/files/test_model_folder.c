/* The registry, initial parameters and model folders (spec F1.1, F1.2, T5.3, T5.4). */
#include "tests/trainer/scratch.h"

#include "trainer/files/file.h"
#include "trainer/files/model_folder.h"
#include "trainer/files/safetensors.h"

#include <sluice/random.h>

#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

TestSuite(model_folder, .init = scratch_make, .fini = scratch_remove);

static const sl_model_shape tiny = {.hidden = 6,
                                    .intermediate = 5,
                                    .layers = 2,
                                    .heads = 4,
                                    .kv_heads = 2,
                                    .head_dim = 2,
                                    .vocab = 7,
                                    .max_positions = 32,
                                    .rope_theta = 1e4,
                                    .rms_eps = 1e-6f,
                                    .tied = 1};

static sl_parameters make(int tied) {
  sl_model_shape shape = tiny;
  shape.tied = tied;
  sl_parameters p;
  sl_error err;
  cr_assert_eq(sl_parameters_create(&p, &shape, &err), SL_OK, "%s", err.message);
  sl_parameters_init(&p, 42, 0);
  return p;
}

Test(model_folder, registry_is_in_the_order_of_the_spec) {
  sl_parameters p = make(0);
  static const char *const names[] = {"model.embed_tokens.weight",
                                      "model.layers.0.input_layernorm.weight",
                                      "model.layers.0.self_attn.q_proj.weight",
                                      "model.layers.0.self_attn.q_proj.bias",
                                      "model.layers.0.self_attn.k_proj.weight",
                                      "model.layers.0.self_attn.k_proj.bias",
                                      "model.layers.0.self_attn.v_proj.weight",
                                      "model.layers.0.self_attn.v_proj.bias",
                                      "model.layers.0.self_attn.o_proj.weight",
                                      "model.layers.0.post_attention_layernorm.weight",
                                      "model.layers.0.mlp.gate_proj.weight",
                                      "model.layers.0.mlp.up_proj.weight",
                                      "model.layers.0.mlp.down_proj.weight",
                                      "model.layers.1.input_layernorm.weight"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    cr_assert_str_eq(p.layout->tensors[i].name, names[i]);
  cr_assert_eq(p.layout->n_tensors, 27);
  cr_assert_str_eq(p.layout->tensors[25].name, "model.norm.weight");
  cr_assert_str_eq(p.layout->tensors[26].name, "lm_head.weight");
  cr_assert_eq(p.layout->tensors[26].decays, 1);
  cr_assert_eq(p.layout->tensors[0].decays, 0, "the embedding does not decay");
  cr_assert_eq(p.layout->n_parameters,
               2 * 7 * 6 + 6 + 2 * (6 + 16 * 6 + 16 + 6 * 8 + 6 + 3 * 5 * 6));
  sl_parameters_free(&p);
}

/* q|k|v and gate|up are one matrix each; no two tensors overlap. */
Test(model_folder, concatenated_tensors_are_adjacent) {
  sl_parameters p = make(1);
  const sl_tensor_info *t = p.layout->tensors;
  const sl_layer_offsets *l = &p.layout->layers[1];
  const size_t first = 13; /* of layer 1 */
  cr_assert_eq(t[first + 1].offset, l->q_weight);
  cr_assert_eq(t[first + 3].offset, l->q_weight + 8 * 6);
  cr_assert_eq(t[first + 5].offset, l->q_weight + 12 * 6);
  cr_assert_eq(t[first + 4].offset, l->q_bias + 8);
  cr_assert_eq(t[first + 6].offset, l->q_bias + 12);
  cr_assert_eq(t[first + 10].offset, l->gate + 5 * 6);
  unsigned char *used = calloc(p.layout->n_floats, 1);
  for (size_t i = 0; i < p.layout->n_tensors; i++)
    for (size_t j = 0; j < t[i].count; j++)
      cr_assert_eq(used[t[i].offset + j]++, 0, "%s[%zu]", t[i].name, j);
  for (size_t i = 0; i < p.layout->n_floats; i++)
    if (!used[i]) cr_assert_eq(p.data[i], 0);
  free(used);
  cr_assert_eq(p.layout->head, p.layout->embed);
  sl_parameters_free(&p);
}

Test(model_folder, initial_parameters_follow_the_registry) {
  sl_parameters p = make(1);
  const sl_tensor_info *t = p.layout->tensors;
  float expected[48];
  sl_random_normals(expected, 48, (float)(1 / sqrt(8.0)), 42,
                    8); /* o_proj of layer 0: fan-in heads * head_dim */
  cr_assert_arr_eq(p.data + t[8].offset, expected, sizeof expected);
  for (size_t j = 0; j < 6; j++) cr_assert_eq(p.data[t[1].offset + j], 1);
  for (size_t j = 0; j < 8; j++) cr_assert_eq(p.data[t[3].offset + j], 0);
  sl_parameters_init(&p, 42, 0.02);
  sl_random_normals(expected, 42, 0.02f, 42, 0);
  cr_assert_arr_eq(p.data + t[0].offset, expected, 42 * sizeof *expected);
  sl_parameters_free(&p);
}

Test(model_folder, refuses_impossible_shapes) {
  sl_model_layout *layout;
  sl_error err;
  sl_model_shape s = tiny;
  s.kv_heads = 3;
  expect_error(sl_model_layout_create(&layout, &s, &err), SL_ERR_INPUT, &err,
               "num_key_value_heads: expected a divisor of num_attention_heads (4), found 3");
  s = tiny, s.head_dim = 3;
  expect_error(sl_model_layout_create(&layout, &s, &err), SL_ERR_INPUT, &err,
               "head_dim: expected an even size, found 3");
  s = tiny, s.max_positions = (size_t)1 << 31;
  expect_error(sl_model_layout_create(&layout, &s, &err), SL_ERR_INPUT, &err,
               "max_position_embeddings: expected 1 to 2147483647, found 2147483648");
  s = tiny, s.vocab = s.hidden = s.intermediate = 2147483647, s.layers = 1 << 20;
  expect_error(sl_model_layout_create(&layout, &s, &err), SL_ERR_MEMORY, &err, "overflows");
}

static void expect_equal(const sl_parameters *a, const sl_parameters *b) {
  cr_assert_eq(memcmp(&a->layout->shape.rope_theta, &b->layout->shape.rope_theta, sizeof(double)),
               0);
  cr_assert_eq(a->layout->shape.rms_eps, b->layout->shape.rms_eps);
  cr_assert_eq(a->layout->shape.tied, b->layout->shape.tied);
  cr_assert_eq(a->layout->n_floats, b->layout->n_floats);
  cr_assert_arr_eq(a->data, b->data, a->layout->n_floats * sizeof(float));
}

static const char *write_model(int tied) {
  sl_parameters p = make(tied);
  sl_tokenizer *tokenizer;
  sl_error err;
  const char *path = scratch_path("model");
  cr_assert_eq(sl_tokenizer_create(&tokenizer, "01+-=", &err), SL_OK);
  cr_assert_eq(sl_model_folder_write(&p, tokenizer, path, &err), SL_OK, "%s", err.message);
  sl_tokenizer_destroy(tokenizer);
  sl_parameters_free(&p);
  return path;
}

Test(model_folder, written_folder_reads_back_bit_for_bit) {
  for (int tied = 0; tied < 2; tied++) {
    const char *path = write_model(tied); /* the second replaces the first */
    sl_parameters before = make(tied), after;
    sl_tokenizer *tokenizer;
    sl_error err;
    cr_assert_eq(sl_model_folder_read(&after, &tokenizer, path, &err), SL_OK, "%s", err.message);
    expect_equal(&before, &after);
    cr_assert_eq(sl_tokenizer_vocab(tokenizer), 7);
    sl_tokenizer_destroy(tokenizer);
    sl_parameters_free(&before);
    sl_parameters_free(&after);
  }
}

Test(model_folder, odd_numbers_of_the_configuration_survive) {
  sl_parameters p = make(1), after;
  sl_error err;
  p.layout->shape.rope_theta = 12345.678901234567;
  p.layout->shape.rms_eps = 0x1.234568p-20f;
  cr_assert_eq(sl_model_folder_write(&p, NULL, scratch_path("odd"), &err), SL_OK);
  sl_tokenizer *tokenizer;
  cr_assert_eq(sl_model_folder_read(&after, &tokenizer, scratch_path("odd"), &err), SL_OK, "%s",
               err.message);
  cr_assert_null(tokenizer, "a folder without our tokenizer file");
  expect_equal(&p, &after);
  sl_parameters_free(&p);
  sl_parameters_free(&after);
}

/* config.json of the tiny model with one text replaced. */
static void edit_config(const char *from, const char *to) {
  char text[4096], out[4096];
  const size_t n = scratch_read(scratch_path("model/config.json"), text, sizeof text - 1);
  text[n] = 0;
  const char *at = strstr(text, from);
  cr_assert_not_null(at, "%s", from);
  snprintf(out, sizeof out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
  scratch_text("model/config.json", out);
}

/* A case of refuses_bad_configurations: an object with these entries, beside rope_theta 10000. */
#define ROPE(key, entries, part) \
  { "\"rope_theta\": 1", "\"" key "\": {" entries "}, \"rope_theta\": 1", part }

Test(model_folder, refuses_bad_configurations_with_their_place) {
  static const struct {
    const char *from, *to, *part;
  } cases[] = {
      {"\"hidden_size\": 6,", "\"hidden_size\": 6,,",
       "model/config.json:4:20: string or '}' expected"},
      {"\"hidden_size\": 6", "\"hidden_size\": \"6\"",
       "model/config.json:4:3: hidden_size: expected an integer, found a string (\"6\")"},
      {"\"hidden_size\": 6",
       "\"x\": {\"hidden_size\": 1}, \"y\": \"\\\"hidden_size\", \"hidden_size\": []",
       "model/config.json:4:50: hidden_size: expected an integer, found an array"},
      {"\"hidden_size\": 6", "\"hidden_size\": 0",
       "model/config.json:4:3: hidden_size: expected an integer from 1 to 2147483647, found 0"},
      {"\"hidden_size\": 6,", "",
       "model/config.json:1:1: hidden_size: missing; expected an integer"},
      {"\"hidden_size\": 6", "\"hidden_size\": 6, \"hidden_size\": 6",
       "model/config.json:4:33: duplicate object key"},
      {"Qwen2ForCausalLM", "MistralForCausalLM",
       "model/config.json:2:3: architectures: expected [\"Qwen2ForCausalLM\"], "
       "[\"LlamaForCausalLM\"] or [\"Qwen3ForCausalLM\"], found an array "
       "([\"MistralForCausalLM\"])"},
      {"Qwen2ForCausalLM", "LlamaForCausalLM",
       "model/config.json:3:3: model_type: expected \"llama\", found a string (\"qwen2\")"},
      {"\"silu\"", "\"gelu\"", "hidden_act: expected \"silu\", found a string (\"gelu\")"},
      {"\"use_sliding_window\": false", "\"use_sliding_window\": true",
       "model/config.json:16:3: use_sliding_window: sliding-window attention is not supported"},
      {"\"attention_dropout\": 0.0", "\"attention_dropout\": 0.5",
       "attention_dropout: expected 0, found 0.5"},
      ROPE("rope_scaling", "\"type\": \"dynamic\", \"factor\": 2",
           "rope_scaling: type: expected \"default\", \"linear\", \"llama3\" or \"yarn\", found a "
           "string (\"dynamic\")"),
      ROPE("rope_scaling", "\"rope_type\": \"longrope\"",
           "rope_type: expected \"default\", \"linear\", \"llama3\" or \"yarn\", found a string "
           "(\"longrope\")"),
      ROPE("rope_parameters", "\"rope_type\": \"yarn\", \"type\": \"linear\"",
           "rope_parameters: rope_type and type differ"),
      ROPE("rope_parameters", "\"type\": \"linear\"", "rope_parameters: factor: missing"),
      ROPE("rope_parameters", "\"type\": \"linear\", \"factor\": 0.5",
           "rope_parameters: factor must lie in [1, 2^20], not 0.5"),
      ROPE("rope_parameters", "\"type\": \"linear\", \"factor\": 0",
           "rope_parameters: factor: expected a positive number, found an integer (0)"),
      ROPE("rope_parameters", "\"type\": \"linear\", \"factor\": \"8\"",
           "rope_parameters: factor: expected a positive number, found a string (\"8\")"),
      ROPE("rope_parameters", "\"type\": \"linear\", \"factor\": 8, \"beta_fast\": 32",
           "rope_parameters: beta_fast: no entry of the rope_type \"linear\""),
      ROPE("rope_scaling", "\"type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1",
           "rope_scaling: high_freq_factor: missing"),
      ROPE("rope_scaling",
           "\"type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4, "
           "\"high_freq_factor\": 4",
           "rope_scaling: low_freq_factor, 4, must be above 0 and below high_freq_factor, 4"),
      ROPE("rope_scaling", "\"type\": \"yarn\", \"factor\": 4, \"truncate\": 1",
           "rope_scaling: truncate: expected true or false, found an integer (1)"),
      ROPE("rope_scaling", "\"type\": \"yarn\", \"factor\": 4, \"beta_slow\": 33",
           "rope_scaling: beta_slow, 33, must be above 0 and at most beta_fast, 32"),
      {"\"rope_theta\": 1",
       "\"rope_scaling\": {\"type\": \"yarn\", \"original_max_position_embeddings\": 8}, "
       "\"original_max_position_embeddings\": 9, \"rope_theta\": 1",
       "rope_scaling: original_max_position_embeddings is 8, but another place has 9"},
      {"\"rope_theta\": 1",
       "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}, "
       "\"rope_parameters\": {\"type\": \"linear\", \"factor\": 2}, \"rope_theta\": 1",
       "rope_scaling: rope_parameters stands beside it; one of them must go"},
      ROPE("rope_parameters", "\"rope_type\": \"default\", \"factor\": 8.0",
           "rope_parameters: factor: expected 1 with the rope_type \"default\", found 8"),
      ROPE("rope_parameters", "\"rope_type\": \"default\", \"partial_rotary_factor\": 0.5",
           "rope_parameters: partial_rotary_factor: expected 1, found 0.5"),
      ROPE("rope_parameters", "\"full_attention\": {\"rope_type\": \"default\"}",
           "rope_parameters: full_attention: no entry of the rope_type \"default\""),
      {"\"rope_theta\": 1", "\"sluice_rope_tables\": \"other\", \"rope_theta\": 1",
       "sluice_rope_tables: expected \"exact\" or \"stepwise\", found a string (\"other\")"},
      ROPE("rope_parameters", "\"rope_theta\": 5",
           "rope_parameters: rope_theta is 5, but another place has 10000"),
      {"\"rope_theta\": 1", "\"rope_parameters\": 3, \"rope_theta\": 1",
       "rope_parameters: expected an object, found an integer (3)"},
      {"\"rope_theta\": 1", "\"partial_rotary_factor\": 0.5, \"rope_theta\": 1",
       "partial_rotary_factor: expected 1, found 0.5"},
      {"\"rope_theta\": 1", "\"quantization_config\": {\"bits\": 4}, \"rope_theta\": 1",
       "quantization_config: quantised weights are not supported"},
      {"\"rope_theta\": 1", "\"layer_types\": \"full_attention\", \"rope_theta\": 1",
       "layer_types: expected an array of one \"full_attention\" a layer (num_hidden_layers), "
       "found "
       "a string (\"full_attention\")"},
      {"\"rope_theta\": 1", "\"layer_types\": [\"full_attention\"], \"rope_theta\": 1",
       "layer_types: expected an array of one \"full_attention\" a layer"},
      {"\"rope_theta\": 1",
       "\"layer_types\": [\"full_attention\", \"sliding_attention\"], \"rope_theta\": 1",
       "layer_types: entry 1: expected \"full_attention\", found a string (\"sliding_attention\")"},
      {"\"architectures\": [\"Qwen2ForCausalLM\"],\n  \"model_type\": \"qwen2\"", "\"x\": 1",
       "architectures: expected [\"Qwen2ForCausalLM\"], "},
      {"\"architectures\": [\"Qwen2ForCausalLM\"],\n  \"model_type\": \"qwen2\"",
       "\"model_type\": \"mistral\"",
       "model_type: expected \"qwen2\", \"llama\" or \"qwen3\", found a string (\"mistral\")"},
      {"\"architectures\": [\"Qwen2ForCausalLM\"],\n  \"model_type\": \"qwen2\"",
       "\"model_type\": \"llama\"",
       "tensor model.layers.0.self_attn.k_proj.bias is none of the 20"},
      {"\"architectures\": [\"Qwen2ForCausalLM\"],\n  \"model_type\": \"qwen2\"",
       "\"model_type\": \"llama\", \"attention_bias\": true",
       "attention_bias: biases of the attention's projections are not supported"},
      {"\"architectures\": [\"Qwen2ForCausalLM\"],\n  \"model_type\": \"qwen2\"",
       "\"model_type\": \"llama\", \"mlp_bias\": true",
       "mlp_bias: biases of the feed-forward layers are not supported"},
      {"\"architectures\": [\"Qwen2ForCausalLM\"],\n  \"model_type\": \"qwen2\"",
       "\"model_type\": \"qwen3\", \"attention_bias\": true",
       "attention_bias: biases of the attention's projections are not supported"},
      {"\"architectures\": [\"Qwen2ForCausalLM\"],\n  \"model_type\": \"qwen2\"",
       "\"model_type\": \"qwen3\"", "tensor model.layers.0.self_attn.q_norm.weight is missing"},
      {"\"rope_theta\": 1", "\"rope_theta\": -1",
       "model/config.json:14:3: rope_theta: expected a positive number, found -10000"},
      {"\"rope_theta\": 1", "\"rope_theta\": 0, \"x\": 1",
       "model/config.json:14:3: rope_theta: expected a positive number, found 0"},
      {"\"rope_theta\": 1", "\"rope_theta\": 0.5, \"x\": 1",
       "model/config.json:14:3: rope_theta: expected a number from 1 to 2^100, found 0.5"},
      {"\"head_dim\": 2", "\"head_dim\": 65538",
       "head_dim: rope: head size 65538 is not an even number up to 65536"},
      {"\"num_key_value_heads\": 2,", "", "num_key_value_heads: missing; expected an integer"},
      {"\"rms_norm_eps\": 1e-06", "\"rms_norm_eps\": 1e-60",
       "rms_norm_eps: expected a positive number, found 0"},
      {"\"rms_norm_eps\": 1e-06", "\"rms_norm_eps\": NaN", "model/config.json:13:"},
      {"\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3",
       "num_key_value_heads: expected a divisor of num_attention_heads (4), found 3"},
      {"\"max_position_embeddings\": 32", "\"max_position_embeddings\": 2147483648",
       "max_position_embeddings: expected an integer from 1 to 2147483647, found 2147483648"},
      {"\"head_dim\": 2,", "", "hidden_size: 6 is no multiple of num_attention_heads (4)"},
      {"\"intermediate_size\": 5", "\"intermediate_size\": 6",
       "tensor model.layers.0.mlp.gate_proj.weight: config.json needs the shape [6, 6], found "
       "[5, 6]"},
      {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3",
       "tensor model.layers.2.input_layernorm.weight is missing"},
      {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1048576",
       "model.safetensors: 26 tensors in all, but config.json has 1048576 layers"},
      {"\"vocab_size\": 7", "\"vocab_size\": 2147483647",
       "tensor model.embed_tokens.weight: config.json needs the shape [2147483647, 6]"},
      {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1", "tensor model.layers.1."},
      {"\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false",
       "tensor lm_head.weight is missing"},
      {"}\n", "", "model/config.json:"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *path = write_model(1);
    sl_parameters p = {NULL, NULL, NULL};
    sl_error err = {SL_OK, ""};
    edit_config(cases[i].from, cases[i].to);
    expect_error(sl_model_folder_read(&p, NULL, path, &err), SL_ERR_INPUT, &err, cases[i].part);
    cr_assert_null(p.data, "outputs stay untouched on error");
  }
}

/* The ways in which transformers has written plain RoPE, and the bases that they mean. */
Test(model_folder, reads_every_way_to_write_plain_rope) {
  static const struct {
    const char *text;
    double theta;
  } cases[] = {
      {"\"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 500000.0}, "
       "\"rope_scaling\": null",
       500000},
      {"\"rope_parameters\": {\"type\": \"default\", \"rope_theta\": 500000}", 500000},
      {"\"rope_parameters\": {\"rope_type\": \"default\"}, \"rope_theta\": 300.0", 300},
      {"\"rope_parameters\": {\"rope_type\": \"default\", \"factor\": 1.0}", 10000},
      {"\"rope_scaling\": {\"type\": \"default\", \"factor\": null}, \"rope_theta\": 300.0", 300},
      {"\"rope_theta\": null", 10000},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *path = write_model(1);
    edit_config("\"rope_theta\": 10000.0", cases[i].text);
    sl_model_shape shape;
    sl_error err;
    cr_assert_eq(sl_model_config_read(&shape, path, &err), SL_OK, "%s", err.message);
    cr_assert_eq(shape.rope_theta, cases[i].theta, "%s", cases[i].text);
  }
}

/* Llamas of before heads were grouped have no such key. */
Test(model_folder, a_llama_without_groups_has_as_many_heads_for_keys) {
  const char *path = write_model(1);
  edit_config("\"architectures\": [\"Qwen2ForCausalLM\"],\n  \"model_type\": \"qwen2\"",
              "\"model_type\": \"llama\"");
  edit_config("\"num_key_value_heads\": 2,", "\"num_key_value_heads\": null,");
  sl_model_shape shape;
  sl_error err;
  cr_assert_eq(sl_model_config_read(&shape, path, &err), SL_OK, "%s", err.message);
  cr_assert_eq(shape.kv_heads, 4);
}

static void expect_rope(const sl_rope_scaling *got, const sl_rope_scaling *want) {
  cr_assert_eq(got->kind, want->kind);
  cr_assert_eq(got->stepwise, want->stepwise);
  cr_assert_eq(got->factor, want->factor);
  cr_assert_eq(got->original, want->original);
  cr_assert(got->low == want->low && got->high == want->high);
  cr_assert_eq(got->untruncated, want->untruncated);
  cr_assert_eq(got->attention, want->attention);
  cr_assert(got->mscale == want->mscale && got->mscale_all_dim == want->mscale_all_dim);
}

/* The scaled ones, in both dialects, with what is absent filled in. */
Test(model_folder, reads_every_way_to_write_scaled_rope) {
  static const struct {
    const char *text;
    sl_rope_scaling want;
  } cases[] = {
      {"\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}, \"rope_theta\": 300.0",
       {.kind = SL_ROPE_LINEAR, .factor = 2}},
      {"\"rope_parameters\": {\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": "
       "1.0, "
       "\"high_freq_factor\": 4.0, \"original_max_position_embeddings\": 16, \"rope_theta\": 300}",
       {.kind = SL_ROPE_LLAMA3, .factor = 8, .original = 16, .low = 1, .high = 4}},
      {"\"rope_scaling\": {\"rope_type\": \"yarn\", \"type\": \"yarn\", \"factor\": 4.0, "
       "\"original_max_position_embeddings\": 8}, \"rope_theta\": 300",
       {.kind = SL_ROPE_YARN, .factor = 4, .original = 8, .low = 1, .high = 32}},
      {"\"rope_scaling\": {\"type\": \"yarn\", \"factor\": null}, \"rope_theta\": 300, "
       "\"original_max_position_embeddings\": 8",
       {.kind = SL_ROPE_YARN, .factor = 4, .original = 8, .low = 1, .high = 32}},
      {"\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4.5}, \"rope_theta\": 300",
       {.kind = SL_ROPE_YARN, .factor = 4.5, .original = 32, .low = 1, .high = 32}},
      {"\"rope_parameters\": {\"rope_type\": \"yarn\", \"factor\": 4, \"beta_fast\": 20, "
       "\"beta_slow\": 2, \"truncate\": false, \"attention_factor\": 1.5, \"mscale\": 0.7, "
       "\"mscale_all_dim\": 1, \"rope_theta\": 300, \"partial_rotary_factor\": 1}, "
       "\"sluice_rope_tables\": \"stepwise\"",
       {.kind = SL_ROPE_YARN,
        .stepwise = 1,
        .factor = 4,
        .original = 32,
        .low = 2,
        .high = 20,
        .untruncated = 1,
        .attention = 1.5,
        .mscale = 0.7,
        .mscale_all_dim = 1}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *path = write_model(1);
    edit_config("\"rope_theta\": 10000.0", cases[i].text);
    sl_model_shape shape;
    sl_error err;
    cr_assert_eq(sl_model_config_read(&shape, path, &err), SL_OK, "%s", err.message);
    cr_assert_eq(shape.rope_theta, 300, "%s", cases[i].text);
    expect_rope(&shape.rope, &cases[i].want);
    sl_parameters p = make(1), again;
    p.layout->shape.rope = shape.rope; /* as it is written, it reads back */
    remove(scratch_path("model/tokenizer.sluice.json"));
    cr_assert_eq(sl_model_folder_write(&p, NULL, path, &err), SL_OK, "%s", err.message);
    cr_assert_eq(sl_model_folder_read(&again, NULL, path, &err), SL_OK, "%s", err.message);
    expect_rope(&again.layout->shape.rope, &cases[i].want);
    sl_parameters_free(&p);
    sl_parameters_free(&again);
  }
}

Test(model_folder, each_architecture_reads_back) {
  static const char *const classes[] = {"Qwen2ForCausalLM", "LlamaForCausalLM", "Qwen3ForCausalLM"};
  static const size_t tensors[] = {26, 20, 24};
  for (int i = 0; i < 3; i++) {
    sl_model_shape shape = tiny;
    sl_parameters p, after;
    sl_error err;
    static char text[4096];
    shape.architecture = (sl_architecture)i, shape.max_positions = 262144;
    cr_assert_eq(sl_parameters_create(&p, &shape, &err), SL_OK, "%s", err.message);
    sl_parameters_init(&p, 42, 0);
    cr_assert_eq(p.layout->n_tensors, tensors[i]);
    cr_assert_eq(sl_model_folder_write(&p, NULL, scratch_path("model"), &err), SL_OK);
    text[scratch_read(scratch_path("model/config.json"), text, sizeof text - 1)] = 0;
    cr_assert_not_null(strstr(text, classes[i]));
    cr_assert_eq(sl_model_folder_read(&after, NULL, scratch_path("model"), &err), SL_OK, "%s",
                 err.message);
    expect_equal(&p, &after);
    cr_assert_eq(after.layout->shape.architecture, shape.architecture);
    cr_assert_eq(after.layout->shape.max_positions, 262144);
    cr_assert_eq(sl_model_positions(&after.layout->shape), SL_POSITIONS_MAX);
    sl_parameters_free(&p);
    sl_parameters_free(&after);
  }
}

/* Qwen3's head is 128 wide where nothing says otherwise; of the others it is a share. */
Test(model_folder, the_default_of_head_dim_is_the_architectures) {
  sl_model_shape shape;
  sl_error err;
  write_model(1);
  edit_config("\"head_dim\": 2,", "");
  edit_config("\"hidden_size\": 6", "\"hidden_size\": 8");
  cr_assert_eq(sl_model_config_read(&shape, scratch_path("model"), &err), SL_OK, "%s", err.message);
  cr_assert_eq(shape.head_dim, 2);
  edit_config("Qwen2ForCausalLM", "Qwen3ForCausalLM");
  edit_config("qwen2", "qwen3");
  cr_assert_eq(sl_model_config_read(&shape, scratch_path("model"), &err), SL_OK, "%s", err.message);
  cr_assert_eq(shape.head_dim, 128);
}

/* Keys that transformers leaves out where they have its defaults. */
Test(model_folder, absent_keys_take_the_defaults_of_transformers) {
  const char *path = write_model(1);
  edit_config("  \"rope_theta\": 10000.0,\n", "");
  edit_config("  \"rms_norm_eps\": 1e-06,\n", "");
  edit_config("  \"architectures\": [\"Qwen2ForCausalLM\"],\n", "");
  sl_model_shape shape;
  sl_error err;
  cr_assert_eq(sl_model_config_read(&shape, path, &err), SL_OK, "%s", err.message);
  cr_assert_eq(shape.rope_theta, 10000);
  cr_assert_eq(shape.rms_eps, 1e-6f);
}

Test(model_folder, names_what_is_absent) {
  sl_parameters p;
  sl_error err;
  expect_error(sl_model_folder_read(&p, NULL, scratch_path("nowhere"), &err), SL_ERR_INPUT, &err,
               "nowhere/config.json: cannot open: No such file");
  const char *path = write_model(1);
  remove(scratch_path("model/model.safetensors"));
  expect_error(sl_model_folder_read(&p, NULL, path, &err), SL_ERR_INPUT, &err,
               "model/model.safetensors: cannot open: No such file");
}

/* A folder with something else in the place of weights or of a configuration says so. */
Test(model_folder, says_what_stands_in_the_place_of_a_model) {
  static const struct {
    const char *name, *removed, *part;
  } cases[] = {
      {"pytorch_model.bin", "model.safetensors", "no model.safetensors, but PyTorch's own format"},
      {"adapter_model.safetensors", "model.safetensors",
       "no model.safetensors, but an adapter alone; merge it into its base model"},
      {"adapter_config.json", "config.json", "model: no config.json, but an adapter alone"},
      {"q4_0.gguf", "config.json", "model: no config.json, but q4_0.gguf in the format GGUF"},
      {"model.onnx", "model.safetensors",
       "no model.safetensors, but model.onnx in the format ONNX; save the model as transformers "
       "does: config.json and model.safetensors"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char path[200];
    sl_parameters p;
    sl_error err;
    const char *folder = write_model(1);
    snprintf(path, sizeof path, "%s/%s", folder, cases[i].removed);
    remove(path);
    snprintf(path, sizeof path, "model/%s", cases[i].name);
    scratch_text(path, "{}");
    expect_error(sl_model_folder_read(&p, NULL, folder, &err), SL_ERR_INPUT, &err, cases[i].part);
    remove(scratch_path(path));
  }
}

/* A file of one model, some of its tensors under other names, and one more. */
static const char *write_renamed(sl_parameters *p, const char *from, const char *to,
                                 const char *extra) {
  const size_t n = p->layout->n_tensors;
  sl_tensor_view views[40];
  const float angles[3] = {1, 0.1f, 0.01f};
  sl_error err;
  for (size_t i = 0; i < n; i++) {
    const sl_tensor_info *t = &p->layout->tensors[i];
    views[i] = (sl_tensor_view){.name = strcmp(t->name, from) == 0 ? to : t->name,
                                .rank = t->rank,
                                .shape = {t->shape[0], t->shape[1]},
                                .count = t->count,
                                .data = p->data + t->offset};
  }
  views[n] = (sl_tensor_view){.name = extra, .rank = 1, .shape = {3}, .count = 3, .data = angles};
  const char *path = scratch_path("model/model.safetensors");
  cr_assert_eq(sl_safetensors_write(path, views, extra ? n + 1 : n, &err), SL_OK, "%s",
               err.message);
  return path;
}

/* Every type that safetensors may have but F32, BF16 and F16, in a tensor that a model needs or
 * not. */
Test(model_folder, a_tensor_of_another_type_is_refused) {
  const char *path = write_model(1), *file = scratch_path("model/model.safetensors");
  const uint16_t half[4] = {0};
  for (int type = SL_TENSOR_F32 + 1; type < SL_TENSOR_TYPES; type++) {
    const sl_tensor_view view = {.name = "odd",
                                 .rank = 1,
                                 .shape = {1},
                                 .count = 1,
                                 .data = half,
                                 .type = (sl_tensor_type)type};
    sl_parameters p = {NULL, NULL, NULL};
    sl_error err;
    char part[128];
    if (sl_tensor_type_is_weight(view.type)) continue;
    cr_assert_eq(sl_safetensors_write_dump(file, NULL, 0, &view, 1, &err), SL_OK);
    snprintf(part, sizeof part,
             "model.safetensors: tensor odd: dtype %s is not supported; a model's tensors are F32, "
             "BF16 or F16",
             sl_tensor_type_name(view.type));
    expect_error(sl_model_folder_read(&p, NULL, path, &err), SL_ERR_INPUT, &err, part);
  }
}

/* safetensors' own save_model keeps one of the two names of a tied tensor. */
Test(model_folder, a_tied_model_may_keep_its_embedding_under_the_heads_name) {
  const char *path = write_model(1);
  sl_parameters p = make(1), after;
  sl_error err;
  write_renamed(&p, "model.embed_tokens.weight", "lm_head.weight", NULL);
  cr_assert_eq(sl_model_folder_read(&after, NULL, path, &err), SL_OK, "%s", err.message);
  expect_equal(&p, &after);
  sl_parameters_free(&after);
  write_model(0);
  write_renamed(&p, "model.embed_tokens.weight", "lm_head.weight", NULL);
  expect_error(sl_model_folder_read(&after, NULL, path, &err), SL_ERR_INPUT, &err,
               "tensor model.embed_tokens.weight is missing");
  sl_parameters_free(&p);
}

Test(model_folder, buffers_of_angles_are_passed_over) {
  static const char *const names[] = {"model.layers.1.self_attn.rotary_emb.inv_freq",
                                      "model.rotary_emb.inv_freq"};
  sl_parameters p = make(1), after;
  sl_error err;
  for (size_t i = 0; i < 2; i++) {
    const char *path = write_model(1);
    write_renamed(&p, "", "", names[i]);
    cr_assert_eq(sl_model_folder_read(&after, NULL, path, &err), SL_OK, "%s", err.message);
    expect_equal(&p, &after);
    sl_parameters_free(&after);
  }
  const char *path = write_model(1);
  write_renamed(&p, "", "", "model.inv_freq");
  expect_error(sl_model_folder_read(&after, NULL, path, &err), SL_ERR_INPUT, &err,
               "tensor model.inv_freq is none of the 26");
  sl_parameters_free(&p);
}

/* A tied model's file with a head: the embedding again is accepted, anything else is not. */
Test(model_folder, a_tied_head_must_be_the_embedding) {
  sl_parameters p = make(0), after;
  sl_error err;
  const char *path = scratch_path("model");
  memcpy(p.data + p.layout->head, p.data + p.layout->embed, 42 * sizeof(float));
  cr_assert_eq(sl_model_folder_write(&p, NULL, path, &err), SL_OK);
  edit_config("\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true");
  cr_assert_eq(sl_model_folder_read(&after, NULL, path, &err), SL_OK, "%s", err.message);
  sl_parameters_free(&after);
  p.data[p.layout->head + 41] += 1;
  cr_assert_eq(sl_model_folder_write(&p, NULL, path, &err), SL_OK);
  edit_config("\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true");
  expect_error(sl_model_folder_read(&after, NULL, path, &err), SL_ERR_INPUT, &err,
               "lm_head.weight differs from the embedding");
  sl_parameters_free(&p);
}

/* A refused write (NaN) names the element, leaves the old folder as it was and nothing temporary.
 */
Test(model_folder, a_refused_write_leaves_the_old_folder) {
  const char *path = write_model(1);
  sl_parameters p = make(1), after, before = make(1);
  sl_error err;
  p.data[p.layout->layers[1].down + 7] = NAN;
  expect_error(sl_model_folder_write(&p, NULL, path, &err), SL_ERR_NONFINITE, &err,
               "tensor model.layers.1.mlp.down_proj.weight[7] is nan");
  expect_error(sl_arena_check(p.layout, p.data, "parameter", &err), SL_ERR_NONFINITE, &err,
               "parameter model.layers.1.mlp.down_proj.weight[7] is NaN");
  cr_assert_eq(sl_model_folder_read(&after, NULL, path, &err), SL_OK, "%s", err.message);
  expect_equal(&before, &after);
  cr_assert_eq(sl_folder_remove(path, &err), SL_OK);
  sl_parameters_free(&p);
  sl_parameters_free(&after);
  sl_parameters_free(&before);
}

/* A writer that is killed at any moment leaves a whole folder: the first model or the second (spec
 * F1.1). The first one has a tokenizer, which the next ones lack: so it is kept, not removed. */
Test(model_folder, a_killed_writer_leaves_a_whole_folder) {
  const char *path = write_model(1);
  sl_parameters models[2] = {make(1), make(1)};
  sl_error err;
  sl_parameters_init(&models[1], 43, 0);
  for (int round = 0; round < 20; round++) {
    const pid_t child = fork();
    for (int i = 0; child == 0; i++)
      if (sl_model_folder_write(&models[i % 2], NULL, path, NULL) != SL_OK) _exit(1);
    nanosleep(&(struct timespec){.tv_nsec = 1000000 + 370000 * round}, NULL);
    cr_assert(child > 0 && kill(child, SIGKILL) == 0);
    int exit_status;
    waitpid(child, &exit_status, 0);
    cr_assert(WIFSIGNALED(exit_status), "the writer failed by itself");
    sl_parameters after;
    cr_assert_eq(sl_model_folder_read(&after, NULL, path, &err), SL_OK, "%s", err.message);
    const size_t size = after.layout->n_floats * sizeof(float);
    cr_assert(memcmp(after.data, models[0].data, size) == 0 ||
              memcmp(after.data, models[1].data, size) == 0);
    sl_parameters_free(&after);
  }
  sl_parameters_free(&models[0]);
  sl_parameters_free(&models[1]);
}

Test(model_folder, refuses_a_tokenizer_larger_than_the_vocabulary) {
  const char *path = write_model(1);
  scratch_text("model/tokenizer.sluice.json",
               "{\"format\":\"sluice-characters\",\"version\":1,\"pad\":0,\"eos\":1,\"alphabet\":"
               "\"abcdef\"}");
  sl_parameters p;
  sl_tokenizer *tokenizer;
  sl_error err;
  expect_error(sl_model_folder_read(&p, &tokenizer, path, &err), SL_ERR_INPUT, &err,
               "8 token ids, but config.json has vocab_size 7");
}
