/* The registry of a model's tensors (spec T5.3) and the arenas laid out by it. */
#include "model_layout.h"

#include "block.h"
#include "kernels/core/rope_check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_FLOATS 16 /* 64 bytes: a cache line, and the widest vector */

int sl_model_has_bias(const sl_model_shape *shape) { return shape->architecture == SL_QWEN2; }

int sl_model_norms_heads(const sl_model_shape *shape) { return shape->architecture == SL_QWEN3; }

size_t sl_model_positions(const sl_model_shape *shape) {
  return shape->max_positions < SL_POSITIONS_MAX ? shape->max_positions : SL_POSITIONS_MAX;
}

static size_t tensors_a_layer(const sl_model_shape *shape) {
  return 9u + (sl_model_has_bias(shape) ? 3u : 0u) + (sl_model_norms_heads(shape) ? 2u : 0u);
}

static sl_status check_size(const char *key, size_t value, size_t max, sl_error *err) {
  if (value == 0 || value > max)
    return sl_fail(err, SL_ERR_INPUT, "%s: expected 1 to %zu, found %zu", key, max, value);
  return SL_OK;
}

sl_status sl_model_shape_check(const sl_model_shape *s, sl_error *err) {
  const size_t max = ((size_t)1 << 31) - 1;
  const struct {
    const char *key;
    size_t value, max;
  } sizes[] = {{"hidden_size", s->hidden, max},
               {"intermediate_size", s->intermediate, max},
               {"num_hidden_layers", s->layers, 1 << 20},
               {"num_attention_heads", s->heads, 1 << 20},
               {"num_key_value_heads", s->kv_heads, 1 << 20},
               {"head_dim", s->head_dim, 1 << 20},
               {"vocab_size", s->vocab, max},
               {"max_position_embeddings", s->max_positions, max}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const sl_status status = check_size(sizes[i].key, sizes[i].value, sizes[i].max, err);
    if (status != SL_OK) return status;
  }
  if (s->head_dim % 2)
    return sl_fail(err, SL_ERR_INPUT, "head_dim: expected an even size, found %zu", s->head_dim);
  if (s->heads % s->kv_heads)
    return sl_fail(
        err, SL_ERR_INPUT,
        "num_key_value_heads: expected a divisor of num_attention_heads (%zu), found %zu", s->heads,
        s->kv_heads);
  if (!(s->rope_theta > 0) || !isfinite(s->rope_theta))
    return sl_fail(err, SL_ERR_INPUT, "rope_theta: expected a positive number, found %g",
                   s->rope_theta);
  sl_error why;
  if (sl_rope_check(2, s->rope_theta, &why))
    return sl_fail(err, SL_ERR_INPUT, "rope_theta: expected a number from 1 to 2^100, found %g",
                   s->rope_theta);
  if (sl_rope_check(s->head_dim, 1.0, &why))
    return sl_fail(err, SL_ERR_INPUT, "head_dim: %s", why.message);
  if (!(s->rms_eps > 0) || !isfinite(s->rms_eps))
    return sl_fail(err, SL_ERR_INPUT, "rms_norm_eps: expected a positive number, found %g",
                   (double)s->rms_eps);
  return SL_OK;
}

/* What the walk over the tensors fills in; overflow is sticky. */
typedef struct {
  sl_model_layout *layout;
  size_t next; /* registry index */
  int overflow;
} builder;

static size_t product(builder *b, size_t x, size_t y) {
  if (y != 0 && x > SIZE_MAX / sizeof(float) / 4 / y) {
    b->overflow = 1;
    return 0;
  }
  return x * y;
}

/* Reserves floats at the next group boundary. */
static size_t reserve(builder *b, size_t floats) {
  const size_t at = b->layout->n_floats;
  const size_t padded = floats + (GROUP_FLOATS - floats % GROUP_FLOATS) % GROUP_FLOATS;
  if (at > SIZE_MAX / sizeof(float) / 2 - padded)
    b->overflow = 1;
  else
    b->layout->n_floats = at + padded;
  return at;
}

/* A registry row; layer < 0: a tensor of the model. columns 0: a vector. */
static void add(builder *b, long layer, const char *name, size_t offset, size_t rows,
                size_t columns, int decays) {
  sl_tensor_info *t = &b->layout->tensors[b->next++];
  *t = (sl_tensor_info){.rank = columns ? 2 : 1,
                        .shape = {rows, columns ? columns : 1},
                        .offset = offset,
                        .count = product(b, rows, columns ? columns : 1),
                        .decays = decays};
  if (layer < 0)
    snprintf(t->name, sizeof t->name, "%s", name);
  else
    snprintf(t->name, sizeof t->name, "model.layers.%ld.%s", layer, name);
  b->layout->n_parameters += t->count;
}

static void add_layer(builder *b, size_t index) {
  const sl_model_shape *s = &b->layout->shape;
  const size_t d = s->hidden, f = s->intermediate, nq = product(b, s->heads, s->head_dim),
               nkv = product(b, s->kv_heads, s->head_dim);
  const size_t rows = nq + 2 * nkv;
  sl_layer_offsets *o = &b->layout->layers[index];
  o->input_norm = reserve(b, d);
  o->q_weight = reserve(b, product(b, rows, d));
  if (sl_model_has_bias(s)) o->q_bias = reserve(b, rows);
  if (sl_model_norms_heads(s))
    o->q_norm = reserve(b, s->head_dim), o->k_norm = reserve(b, s->head_dim);
  o->o = reserve(b, product(b, d, nq));
  o->post_norm = reserve(b, d);
  o->gate = reserve(b, product(b, 2 * f, d));
  o->down = reserve(b, product(b, d, f));
  if (b->overflow) return;
  const size_t k_weight = o->q_weight + nq * d, v_weight = k_weight + nkv * d;
  const long l = (long)index;
  const int bias = sl_model_has_bias(s);
  add(b, l, "input_layernorm.weight", o->input_norm, d, 0, 0);
  add(b, l, "self_attn.q_proj.weight", o->q_weight, nq, d, 1);
  if (bias) add(b, l, "self_attn.q_proj.bias", o->q_bias, nq, 0, 0);
  add(b, l, "self_attn.k_proj.weight", k_weight, nkv, d, 1);
  if (bias) add(b, l, "self_attn.k_proj.bias", o->q_bias + nq, nkv, 0, 0);
  add(b, l, "self_attn.v_proj.weight", v_weight, nkv, d, 1);
  if (bias) add(b, l, "self_attn.v_proj.bias", o->q_bias + nq + nkv, nkv, 0, 0);
  if (sl_model_norms_heads(s)) {
    add(b, l, "self_attn.q_norm.weight", o->q_norm, s->head_dim, 0, 0);
    add(b, l, "self_attn.k_norm.weight", o->k_norm, s->head_dim, 0, 0);
  }
  add(b, l, "self_attn.o_proj.weight", o->o, d, nq, 1);
  add(b, l, "post_attention_layernorm.weight", o->post_norm, d, 0, 0);
  add(b, l, "mlp.gate_proj.weight", o->gate, f, d, 1);
  add(b, l, "mlp.up_proj.weight", o->gate + f * d, f, d, 1);
  add(b, l, "mlp.down_proj.weight", o->down, d, f, 1);
}

static void add_all(builder *b) {
  sl_model_layout *l = b->layout;
  const sl_model_shape *s = &l->shape;
  const size_t table = product(b, s->vocab, s->hidden);
  l->embed = reserve(b, table);
  add(b, -1, "model.embed_tokens.weight", l->embed, s->vocab, s->hidden, 0);
  for (size_t i = 0; i < s->layers && !b->overflow; i++) add_layer(b, i);
  l->norm = reserve(b, s->hidden);
  l->head = s->tied ? l->embed : reserve(b, table);
  if (b->overflow) return;
  add(b, -1, "model.norm.weight", l->norm, s->hidden, 0, 0);
  if (!s->tied) add(b, -1, "lm_head.weight", l->head, s->vocab, s->hidden, 1);
}

sl_status sl_model_layout_create(sl_model_layout **out, const sl_model_shape *shape,
                                 sl_error *err) {
  const sl_status status = sl_model_shape_check(shape, err);
  if (status != SL_OK) return status;
  sl_model_layout *layout = calloc(1, sizeof *layout);
  if (layout) {
    layout->shape = *shape;
    layout->shape.tied = shape->tied != 0;
    layout->n_tensors = 2 + tensors_a_layer(shape) * shape->layers + (shape->tied ? 0 : 1);
    layout->tensors = calloc(layout->n_tensors, sizeof *layout->tensors);
    layout->layers = calloc(shape->layers, sizeof *layout->layers);
  }
  if (!layout || !layout->tensors || !layout->layers) {
    sl_model_layout_destroy(layout);
    return sl_fail(err, SL_ERR_MEMORY, "no memory for the registry of a model of %zu layers",
                   shape->layers);
  }
  builder b = {.layout = layout};
  add_all(&b);
  if (b.overflow) {
    sl_model_layout_destroy(layout);
    return sl_fail(err, SL_ERR_MEMORY, "the size of the model overflows");
  }
  *out = layout;
  return SL_OK;
}

void sl_model_layout_destroy(sl_model_layout *layout) {
  if (!layout) return;
  free(layout->tensors);
  free(layout->layers);
  free(layout);
}

size_t sl_model_layout_find(const sl_model_layout *layout, const char *name) {
  size_t i = 0;
  while (i < layout->n_tensors && strcmp(layout->tensors[i].name, name) != 0) i++;
  return i;
}

size_t sl_arena_bytes(const sl_model_layout *layout) { return layout->n_floats * sizeof(float); }

sl_status sl_arena_create(float **out, sl_context *ctx, const sl_model_layout *layout,
                          sl_error *err) {
  void *block;
  const sl_status status =
      sl_block_create(&block, ctx, sl_arena_bytes(layout), "a model's numbers", err);
  if (status == SL_OK) *out = block;
  return status;
}

void sl_arena_free(sl_context *ctx, float *arena) { sl_block_free(ctx, arena); }

static int on_device(const sl_context *ctx) { return ctx && sl_context_on_device(ctx); }

sl_status sl_arena_write(float *arena, sl_context *ctx, const sl_model_layout *layout,
                         const float *from, sl_error *err) {
  if (!on_device(ctx)) {
    memcpy(arena, from, sl_arena_bytes(layout));
    return SL_OK;
  }
  const sl_status status = sl_memory_write(ctx, arena, from, sl_arena_bytes(layout));
  return status ? sl_fail(err, status, "%s", sl_context_error(ctx)->message) : SL_OK;
}

sl_status sl_arena_view(float **out, sl_context *ctx, const sl_model_layout *layout, float *arena,
                        sl_error *err) {
  if (!on_device(ctx)) {
    *out = arena;
    return SL_OK;
  }
  float *copy;
  sl_status status = sl_arena_create(&copy, NULL, layout, err);
  if (status != SL_OK) return status;
  status = sl_memory_read(ctx, copy, arena, sl_arena_bytes(layout));
  if (status != SL_OK) {
    sl_arena_free(NULL, copy);
    return sl_fail(err, status, "%s", sl_context_error(ctx)->message);
  }
  *out = copy;
  return SL_OK;
}

void sl_arena_unview(float *view, sl_context *ctx) {
  if (on_device(ctx)) sl_arena_free(NULL, view);
}

sl_status sl_arena_check(const sl_model_layout *layout, const float *arena, const char *what,
                         sl_error *err) {
  for (size_t i = 0; i < layout->n_tensors; i++) {
    const sl_tensor_info *t = &layout->tensors[i];
    for (size_t j = 0; j < t->count; j++)
      if (!isfinite(arena[t->offset + j]))
        return sl_fail(err, SL_ERR_NONFINITE, "%s %s[%zu] is %s", what, t->name, j,
                       isnan(arena[t->offset + j])     ? "NaN"
                       : signbit(arena[t->offset + j]) ? "-infinity"
                                                       : "infinity");
  }
  return SL_OK;
}
