/* The registry, initial parameters and model folders (spec F1.1, F1.2, T5.3, T5.4). */
#include "folder.h"

#include "tests/trainer/scratch.h"
#include "trainer/files/file.h"
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

Test(model_folder, registry_is_in_the_order_of_the_spec) {
  sl_parameters p = folder_make(0);
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
  sl_parameters p = folder_make(1);
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
  sl_parameters p = folder_make(1);
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
  sl_model_shape s = folder_shape;
  s.kv_heads = 3;
  expect_error(sl_model_layout_create(&layout, &s, &err), SL_ERR_INPUT, &err,
               "num_key_value_heads: expected a divisor of num_attention_heads (4), found 3");
  s = folder_shape, s.head_dim = 3;
  expect_error(sl_model_layout_create(&layout, &s, &err), SL_ERR_INPUT, &err,
               "head_dim: expected an even size, found 3");
  s = folder_shape, s.max_positions = (size_t)1 << 31;
  expect_error(sl_model_layout_create(&layout, &s, &err), SL_ERR_INPUT, &err,
               "max_position_embeddings: expected 1 to 2147483647, found 2147483648");
  s = folder_shape, s.vocab = s.hidden = s.intermediate = 2147483647, s.layers = 1 << 20;
  expect_error(sl_model_layout_create(&layout, &s, &err), SL_ERR_MEMORY, &err, "overflows");
}

Test(model_folder, written_folder_reads_back_bit_for_bit) {
  for (int tied = 0; tied < 2; tied++) {
    const char *path = folder_write(tied); /* the second replaces the first */
    sl_parameters before = folder_make(tied), after;
    sl_tokenizer *tokenizer;
    sl_error err;
    cr_assert_eq(sl_model_folder_read(&after, &tokenizer, path, &err), SL_OK, "%s", err.message);
    folder_expect_equal(&before, &after);
    cr_assert_eq(sl_tokenizer_vocab(tokenizer), 7);
    sl_tokenizer_destroy(tokenizer);
    sl_parameters_free(&before);
    sl_parameters_free(&after);
  }
}

Test(model_folder, odd_numbers_of_the_configuration_survive) {
  sl_parameters p = folder_make(1), after;
  sl_error err;
  p.layout->shape.rope_theta = 12345.678901234567;
  p.layout->shape.rms_eps = 0x1.234568p-20f;
  cr_assert_eq(sl_model_folder_write(&p, NULL, scratch_path("odd"), &err), SL_OK);
  sl_tokenizer *tokenizer;
  cr_assert_eq(sl_model_folder_read(&after, &tokenizer, scratch_path("odd"), &err), SL_OK, "%s",
               err.message);
  cr_assert_null(tokenizer, "a folder without our tokenizer file");
  folder_expect_equal(&p, &after);
  sl_parameters_free(&p);
  sl_parameters_free(&after);
}

Test(model_folder, names_what_is_absent) {
  sl_parameters p;
  sl_error err;
  expect_error(sl_model_folder_read(&p, NULL, scratch_path("nowhere"), &err), SL_ERR_INPUT, &err,
               "nowhere/config.json: cannot open: No such file");
  const char *path = folder_write(1);
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
    const char *folder = folder_write(1);
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
  const char *path = folder_write(1), *file = scratch_path("model/model.safetensors");
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
  const char *path = folder_write(1);
  sl_parameters p = folder_make(1), after;
  sl_error err;
  write_renamed(&p, "model.embed_tokens.weight", "lm_head.weight", NULL);
  cr_assert_eq(sl_model_folder_read(&after, NULL, path, &err), SL_OK, "%s", err.message);
  folder_expect_equal(&p, &after);
  sl_parameters_free(&after);
  folder_write(0);
  write_renamed(&p, "model.embed_tokens.weight", "lm_head.weight", NULL);
  expect_error(sl_model_folder_read(&after, NULL, path, &err), SL_ERR_INPUT, &err,
               "tensor model.embed_tokens.weight is missing");
  sl_parameters_free(&p);
}

Test(model_folder, buffers_of_angles_are_passed_over) {
  static const char *const names[] = {"model.layers.1.self_attn.rotary_emb.inv_freq",
                                      "model.rotary_emb.inv_freq"};
  sl_parameters p = folder_make(1), after;
  sl_error err;
  for (size_t i = 0; i < 2; i++) {
    const char *path = folder_write(1);
    write_renamed(&p, "", "", names[i]);
    cr_assert_eq(sl_model_folder_read(&after, NULL, path, &err), SL_OK, "%s", err.message);
    folder_expect_equal(&p, &after);
    sl_parameters_free(&after);
  }
  const char *path = folder_write(1);
  write_renamed(&p, "", "", "model.inv_freq");
  expect_error(sl_model_folder_read(&after, NULL, path, &err), SL_ERR_INPUT, &err,
               "tensor model.inv_freq is none of the 26");
  sl_parameters_free(&p);
}

/* A tied model's file with a head: the embedding again is accepted, anything else is not. */
Test(model_folder, a_tied_head_must_be_the_embedding) {
  sl_parameters p = folder_make(0), after;
  sl_error err;
  const char *path = scratch_path("model");
  memcpy(p.data + p.layout->head, p.data + p.layout->embed, 42 * sizeof(float));
  cr_assert_eq(sl_model_folder_write(&p, NULL, path, &err), SL_OK);
  folder_edit("\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true");
  cr_assert_eq(sl_model_folder_read(&after, NULL, path, &err), SL_OK, "%s", err.message);
  sl_parameters_free(&after);
  p.data[p.layout->head + 41] += 1;
  cr_assert_eq(sl_model_folder_write(&p, NULL, path, &err), SL_OK);
  folder_edit("\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true");
  expect_error(sl_model_folder_read(&after, NULL, path, &err), SL_ERR_INPUT, &err,
               "lm_head.weight differs from the embedding");
  sl_parameters_free(&p);
}

/* A refused write (NaN) names the element, leaves the old folder as it was and nothing temporary.
 */
Test(model_folder, a_refused_write_leaves_the_old_folder) {
  const char *path = folder_write(1);
  sl_parameters p = folder_make(1), after, before = folder_make(1);
  sl_error err;
  p.data[p.layout->layers[1].down + 7] = NAN;
  expect_error(sl_model_folder_write(&p, NULL, path, &err), SL_ERR_NONFINITE, &err,
               "tensor model.layers.1.mlp.down_proj.weight[7] is nan");
  expect_error(sl_arena_check(p.layout, p.data, "parameter", &err), SL_ERR_NONFINITE, &err,
               "parameter model.layers.1.mlp.down_proj.weight[7] is NaN");
  cr_assert_eq(sl_model_folder_read(&after, NULL, path, &err), SL_OK, "%s", err.message);
  folder_expect_equal(&before, &after);
  cr_assert_eq(sl_folder_remove(path, &err), SL_OK);
  sl_parameters_free(&p);
  sl_parameters_free(&after);
  sl_parameters_free(&before);
}

/* A writer that is killed at any moment leaves a whole folder: the first model or the second (spec
 * F1.1). The first one has a tokenizer, which the next ones lack: so it is kept, not removed. */
Test(model_folder, a_killed_writer_leaves_a_whole_folder) {
  const char *path = folder_write(1);
  sl_parameters models[2] = {folder_make(1), folder_make(1)};
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
  const char *path = folder_write(1);
  scratch_text("model/tokenizer.sluice.json",
               "{\"format\":\"sluice-characters\",\"version\":1,\"pad\":0,\"eos\":1,\"alphabet\":"
               "\"abcdef\"}");
  sl_parameters p;
  sl_tokenizer *tokenizer;
  sl_error err;
  expect_error(sl_model_folder_read(&p, &tokenizer, path, &err), SL_ERR_INPUT, &err,
               "8 token ids, but config.json has vocab_size 7");
}
