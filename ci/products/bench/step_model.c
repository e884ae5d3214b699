/* Shapes and weights of the models that benches time (step_model.h). */
#include "step_model.h"

#include <stdio.h>
#include <string.h>

/* The large ones in one shard: each further one would take another arena of gradients. The demo's
 * vocabulary is that of its task. */
static const sl_step_kind kinds[] = {{"small",
                                      "hidden 512, 8 layers",
                                      {.hidden = 512,
                                       .intermediate = 1408,
                                       .layers = 8,
                                       .heads = 8,
                                       .kv_heads = 2,
                                       .head_dim = 64,
                                       .vocab = 1024,
                                       .max_positions = 256,
                                       .rope_theta = 1e4,
                                       .rms_eps = 1e-6f,
                                       .tied = 1},
                                      2048,
                                      8},
                                     {"tiny",
                                      "hidden 128, 4 layers",
                                      {.hidden = 128,
                                       .intermediate = 352,
                                       .layers = 4,
                                       .heads = 4,
                                       .kv_heads = 2,
                                       .head_dim = 32,
                                       .vocab = 1024,
                                       .max_positions = 256,
                                       .rope_theta = 1e4,
                                       .rms_eps = 1e-6f,
                                       .tied = 1},
                                      2048,
                                      8},
                                     {"demo",
                                      "the demo",
                                      {.hidden = 96,
                                       .intermediate = 256,
                                       .layers = 2,
                                       .heads = 6,
                                       .kv_heads = 2,
                                       .head_dim = 16,
                                       .vocab = 17,
                                       .max_positions = 64,
                                       .rope_theta = 1e4,
                                       .rms_eps = 1e-6f,
                                       .tied = 1},
                                      2048,
                                      8},
                                     {"smollm2-135m",
                                      "SmolLM2-135M",
                                      {.hidden = 576,
                                       .intermediate = 1536,
                                       .layers = 30,
                                       .heads = 9,
                                       .kv_heads = 3,
                                       .head_dim = 64,
                                       .vocab = 49152,
                                       .max_positions = 128,
                                       .rope_theta = 1e5,
                                       .rms_eps = 1e-5f,
                                       .tied = 1,
                                       .architecture = SL_LLAMA},
                                      1024,
                                      1},
                                     {"qwen2.5-0.5b",
                                      "Qwen2.5-0.5B",
                                      {.hidden = 896,
                                       .intermediate = 4864,
                                       .layers = 24,
                                       .heads = 14,
                                       .kv_heads = 2,
                                       .head_dim = 64,
                                       .vocab = 151936,
                                       .max_positions = 512,
                                       .rope_theta = 1e6,
                                       .rms_eps = 1e-6f,
                                       .tied = 1},
                                      2048,
                                      1}};

size_t sl_step_kinds(const sl_step_kind **list) {
  *list = kinds;
  return sizeof kinds / sizeof *kinds;
}

const sl_step_kind *sl_step_kind_named(const char *name) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(kinds[i].name, name) == 0) return &kinds[i];
  return NULL;
}

void sl_step_kind_print(const sl_step_kind *kind) {
  const sl_model_shape *s = &kind->shape;
  printf(
      "{\"model_type\":\"%s\",\"hidden_size\":%zu,\"intermediate_size\":%zu,"
      "\"num_hidden_layers\":%zu,\"num_attention_heads\":%zu,\"num_key_value_heads\":%zu,"
      "\"head_dim\":%zu,\"vocab_size\":%zu,\"max_position_embeddings\":%zu,\"rope_theta\":%.17g,"
      "\"rms_norm_eps\":%.9g,\"tie_word_embeddings\":%s}",
      s->architecture == SL_QWEN2 ? "qwen2" : "llama", s->hidden, s->intermediate, s->layers,
      s->heads, s->kv_heads, s->head_dim, s->vocab, s->max_positions, s->rope_theta,
      (double)s->rms_eps, s->tied ? "true" : "false");
}

sl_status sl_step_parameters(float **out, sl_context *ctx, const sl_model_layout *layout,
                             sl_error *err) {
  float *made;
  sl_status status = sl_arena_create(&made, NULL, layout, err);
  if (status) return status;
  uint32_t seed = 1;
  for (size_t i = 0; i < layout->n_tensors; i++) {
    const sl_tensor_info *t = &layout->tensors[i];
    const float fixed = strstr(t->name, "norm") ? 1.0f : 0.0f;
    for (size_t k = 0; k < t->count; k++) {
      seed = seed * 1664525u + 1013904223u;
      made[t->offset + k] = t->rank == 1 ? fixed : (float)(int32_t)seed * 0x1p-36f;
    }
  }
  if (!sl_context_on_device(ctx)) {
    *out = made;
    return SL_OK;
  }
  status = sl_arena_create(out, ctx, layout, err);
  if (!status) status = sl_arena_write(*out, ctx, layout, made, err);
  sl_arena_free(NULL, made);
  return status;
}
