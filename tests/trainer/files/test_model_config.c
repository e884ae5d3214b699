/* config.json of model folders (spec F1.2). */
#include "folder.h"

#include "tests/trainer/scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(model_config, .init = scratch_make, .fini = scratch_remove);

/* A case of refuses_bad_configurations: an object with these entries, beside rope_theta 10000. */
#define ROPE(key, entries, part) \
  { "\"rope_theta\": 1", "\"" key "\": {" entries "}, \"rope_theta\": 1", part }

Test(model_config, refuses_bad_configurations_with_their_place) {
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
    const char *path = folder_write(1);
    sl_parameters p = {NULL, NULL, NULL};
    sl_error err = {SL_OK, ""};
    folder_edit(cases[i].from, cases[i].to);
    expect_error(sl_model_folder_read(&p, NULL, path, &err), SL_ERR_INPUT, &err, cases[i].part);
    cr_assert_null(p.data, "outputs stay untouched on error");
  }
}

/* The ways in which transformers has written plain RoPE, and the bases that they mean. */
Test(model_config, reads_every_way_to_write_plain_rope) {
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
    const char *path = folder_write(1);
    folder_edit("\"rope_theta\": 10000.0", cases[i].text);
    sl_model_shape shape;
    sl_error err;
    cr_assert_eq(sl_model_config_read(&shape, path, &err), SL_OK, "%s", err.message);
    cr_assert_eq(shape.rope_theta, cases[i].theta, "%s", cases[i].text);
  }
}

/* Llamas of before heads were grouped have no such key. */
Test(model_config, a_llama_without_groups_has_as_many_heads_for_keys) {
  const char *path = folder_write(1);
  folder_edit("\"architectures\": [\"Qwen2ForCausalLM\"],\n  \"model_type\": \"qwen2\"",
              "\"model_type\": \"llama\"");
  folder_edit("\"num_key_value_heads\": 2,", "\"num_key_value_heads\": null,");
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
Test(model_config, reads_every_way_to_write_scaled_rope) {
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
    const char *path = folder_write(1);
    folder_edit("\"rope_theta\": 10000.0", cases[i].text);
    sl_model_shape shape;
    sl_error err;
    cr_assert_eq(sl_model_config_read(&shape, path, &err), SL_OK, "%s", err.message);
    cr_assert_eq(shape.rope_theta, 300, "%s", cases[i].text);
    expect_rope(&shape.rope, &cases[i].want);
    sl_parameters p = folder_make(1), again;
    p.layout->shape.rope = shape.rope; /* as it is written, it reads back */
    remove(scratch_path("model/tokenizer.sluice.json"));
    cr_assert_eq(sl_model_folder_write(&p, NULL, path, &err), SL_OK, "%s", err.message);
    cr_assert_eq(sl_model_folder_read(&again, NULL, path, &err), SL_OK, "%s", err.message);
    expect_rope(&again.layout->shape.rope, &cases[i].want);
    sl_parameters_free(&p);
    sl_parameters_free(&again);
  }
}

Test(model_config, each_architecture_reads_back) {
  static const char *const classes[] = {"Qwen2ForCausalLM", "LlamaForCausalLM", "Qwen3ForCausalLM"};
  static const size_t tensors[] = {26, 20, 24};
  for (int i = 0; i < 3; i++) {
    sl_model_shape shape = folder_shape;
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
    folder_expect_equal(&p, &after);
    cr_assert_eq(after.layout->shape.architecture, shape.architecture);
    cr_assert_eq(after.layout->shape.max_positions, 262144);
    cr_assert_eq(sl_model_positions(&after.layout->shape), SL_POSITIONS_MAX);
    sl_parameters_free(&p);
    sl_parameters_free(&after);
  }
}

/* Qwen3's head is 128 wide where nothing says otherwise; of the others it is a share. */
Test(model_config, the_default_of_head_dim_is_the_architectures) {
  sl_model_shape shape;
  sl_error err;
  folder_write(1);
  folder_edit("\"head_dim\": 2,", "");
  folder_edit("\"hidden_size\": 6", "\"hidden_size\": 8");
  cr_assert_eq(sl_model_config_read(&shape, scratch_path("model"), &err), SL_OK, "%s", err.message);
  cr_assert_eq(shape.head_dim, 2);
  folder_edit("Qwen2ForCausalLM", "Qwen3ForCausalLM");
  folder_edit("qwen2", "qwen3");
  cr_assert_eq(sl_model_config_read(&shape, scratch_path("model"), &err), SL_OK, "%s", err.message);
  cr_assert_eq(shape.head_dim, 128);
}

/* Keys that transformers leaves out where they have its defaults. */
Test(model_config, absent_keys_take_the_defaults_of_transformers) {
  const char *path = folder_write(1);
  folder_edit("  \"rope_theta\": 10000.0,\n", "");
  folder_edit("  \"rms_norm_eps\": 1e-06,\n", "");
  folder_edit("  \"architectures\": [\"Qwen2ForCausalLM\"],\n", "");
  sl_model_shape shape;
  sl_error err;
  cr_assert_eq(sl_model_config_read(&shape, path, &err), SL_OK, "%s", err.message);
  cr_assert_eq(shape.rope_theta, 10000);
  cr_assert_eq(shape.rms_eps, 1e-6f);
}
