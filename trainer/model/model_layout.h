/* The shape of a model, the registry of its tensors (spec T5.3) and arenas of floats that
 * hold them. */
#ifndef SLUICE_MODEL_LAYOUT_H
#define SLUICE_MODEL_LAYOUT_H

#include <sluice/kernels.h>
#include <sluice/rope.h>

#include <stddef.h>
#include <stdint.h>

#define SL_POSITIONS_MAX ((size_t)1 << 17) /* spec T1.9 */

/* Qwen2 has biases on q, k and v, Llama and Qwen3 have none; Qwen3 norms q and k head by head (spec
 * T5.5). */
typedef enum { SL_QWEN2, SL_LLAMA, SL_QWEN3 } sl_architecture;

typedef struct {
  size_t hidden, intermediate, layers, heads, kv_heads, head_dim, vocab, max_positions;
  double rope_theta;
  float rms_eps;
  int tied; /* the head is the embedding */
  sl_architecture architecture;
  sl_rope_scaling rope;
} sl_model_shape;

int sl_model_has_bias(const sl_model_shape *shape);
int sl_model_norms_heads(const sl_model_shape *shape);
/* The longest sequence that can be computed: max_positions, at most SL_POSITIONS_MAX. */
size_t sl_model_positions(const sl_model_shape *shape);

/* SL_ERR_INPUT, naming the field by its config.json key, unless: all sizes are positive and below
 * 2^31, head_dim is even, kv_heads divides heads, rope_theta and rms_eps are positive and finite.
 */
sl_status sl_model_shape_check(const sl_model_shape *shape, sl_error *err);

/* One tensor of the registry; rank 1 or 2, offset and count in floats. */
typedef struct {
  char name[96];
  size_t rank, shape[2];
  size_t offset, count;
  int decays; /* takes weight decay */
} sl_tensor_info;

/* Offsets of one layer. q_weight starts q|k|v, one matrix (heads + 2 kv_heads) * head_dim x hidden;
 * q_bias its bias, and q_norm and k_norm, where the architecture has them; gate starts gate|up, 2 F
 * x hidden. */
typedef struct {
  size_t input_norm, q_weight, q_bias, q_norm, k_norm, o, post_norm, gate, down;
} sl_layer_offsets;

/* Every arena (parameters, gradients, moments) has this layout. Groups start at multiples of 16
 * floats; what lies between them stays +0. */
typedef struct {
  sl_model_shape shape;
  size_t n_tensors;
  sl_tensor_info *tensors; /* in the order of spec T5.3 */
  sl_layer_offsets *layers;
  size_t embed, norm, head; /* head == embed when tied */
  size_t n_floats;          /* of an arena */
  size_t n_parameters;      /* without padding */
} sl_model_layout;

/* Checks the shape and builds the registry. SL_ERR_INPUT, SL_ERR_MEMORY (a size overflows or memory
 * is short). */
sl_status sl_model_layout_create(sl_model_layout **out, const sl_model_shape *shape, sl_error *err);
void sl_model_layout_destroy(sl_model_layout *layout);

/* Registry index of the tensor of that name, or n_tensors. */
size_t sl_model_layout_find(const sl_model_layout *layout, const char *name);

/* n_floats zeroed floats, aligned to 64 bytes, in the memory of a context (the host's if ctx is
 * NULL); released by sl_arena_free. */
size_t sl_arena_bytes(const sl_model_layout *layout);
sl_status sl_arena_create(float **out, sl_context *ctx, const sl_model_layout *layout,
                          sl_error *err);
void sl_arena_free(sl_context *ctx, float *arena);

/* Fills an arena of a context with numbers of the host. */
sl_status sl_arena_write(float *arena, sl_context *ctx, const sl_model_layout *layout,
                         const float *from_host, sl_error *err);
/* An arena where the host can read it: itself, or a copy until sl_arena_unview. */
sl_status sl_arena_view(float **out, sl_context *ctx, const sl_model_layout *layout, float *arena,
                        sl_error *err);
void sl_arena_unview(float *view, sl_context *ctx);

/* A model's parameters: owns layout and data. */
typedef struct {
  sl_model_layout *layout;
  float *data;
  sl_context *ctx; /* whose memory the data is; NULL: the host's */
} sl_parameters;

/* A zeroed arena of the host with its layout. */
sl_status sl_parameters_create(sl_parameters *out, const sl_model_shape *shape, sl_error *err);
void sl_parameters_free(sl_parameters *parameters);
/* Puts them where the kernels of a context can use them. */
sl_status sl_parameters_move(sl_parameters *parameters, sl_context *ctx, sl_error *err);

/* Initial parameters (spec T5.4, N5.3), on the host. init_std 0: 1/sqrt(fan_in), embedding and head
 * 1/sqrt(hidden); else that deviation for all of them.
 */
void sl_parameters_init(const sl_parameters *parameters, uint64_t seed, double init_std);

/* SL_ERR_NONFINITE, naming tensor[index], if an arena of the host holds NaN or infinity (spec
 * N1.5). what: "parameter", "gradient", ...
 */
sl_status sl_arena_check(const sl_model_layout *layout, const float *arena, const char *what,
                         sl_error *err);

#endif
