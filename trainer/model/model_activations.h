/* What a model holds of a micro-batch, and where (spec T5). Internal. */
#ifndef SLUICE_MODEL_ACTIVATIONS_H
#define SLUICE_MODEL_ACTIVATIONS_H

#include "model.h"

/* Of one layer; T tokens each. */
typedef struct {
  float *input;               /* (T, D) what the layer adds to */
  float *h1, *rstd1;          /* (T, D), (T) */
  float *q, *k, *v;           /* (T, H d), (T, KV d), (T, KV d), rotated */
  float *raw_q, *raw_k;       /* q and k before their norms by head; q and k where there are none */
  float *rstd_q, *rstd_k;     /* (T, H), (T, KV) of these norms */
  float *o;                   /* (T, H d) */
  float *row_max, *row_scale; /* (T, H) */
  float *middle;              /* (T, D) after attention */
  float *h2, *rstd2;          /* (T, D), (T) */
  float *gate, *up, *act;     /* (T, F) */
} sl_layer_activations;

/* Backend packs of one layer's weights (spec T2.4); [0] forward, [1] input gradient. NULL where the
 * backend packs nothing. */
typedef struct {
  void *q[2], *k[2], *v[2], *o[2], *gate[2], *up[2], *down[2];
} sl_layer_packs;

struct sl_model {
  sl_context *ctx;
  const sl_model_layout *layout;
  const float *parameters;
  size_t max_tokens, positions; /* positions: of the rotary tables */
  sl_model_kind kind;
  void *tables;                 /* the block that holds the next two */
  float *cos_table, *sin_table; /* (P, d / 2) */
  void *block; /* everything below but `layers` and `packs`; NULL: in the caller's memory */
  sl_layer_activations *layers; /* of a training model one each; else the same but for the input,
                                   which a recomputing one has of each */
  sl_layer_packs *packs;
  float *token_q, *token_k, *token_v; /* (V, H d), (V, KV d), (V, KV d): raw_q, raw_k and v of the
                                         first layer, by token; the caller's memory, or NULL */
  void *head_pack;                    /* forward; the head's backward pass takes it too */
  float *output;                      /* (T, D) of the last layer */
  float *hidden, *rstd;               /* (T, D), (T) final norm */
  float *branch;                      /* (T, D) */
  float *row_max, *row_sum, *entropy; /* (T) of the softmax; entropy as the forward gave it */
  float *dx, *dh;                     /* (T, D) */
  float *dq, *dk, *dv, *d_o;          /* as q, k, v, o */
  float *draw_q, *draw_k;             /* as raw_q, raw_k; dq and dk where there are no norms */
  uint32_t *head_seq;                 /* on the host: a shard's offsets in rows of heads */
  sl_shard_total *head_totals;        /* on the host: of the shards of a batch */
  float *dact, *dgate, *dup;          /* (T, F) */
  const sl_model_watch *watch;        /* NULL: nobody watches */
  const sl_lanes *lanes;              /* NULL: a kernel has all threads */
  sl_model *lane; /* (lanes->n) the same model, each over a lane's context and its activations */
};

/* Returns the first error of a chain of kernel calls. */
#define SL_TRY(call)               \
  do {                             \
    const sl_status try_ = (call); \
    if (try_) return try_;         \
  } while (0)

/* The table of sl_model_set_token_rows, from packed weights. */
sl_status sl_model_fill_token_rows(sl_model *m);

/* Rows of d floats: the read ones of all (spec T5.6), and back, +0 where a row is not read; `from`
 * has room for one row more than is read, unless all are. */
sl_status sl_rows_gather(sl_model *m, const sl_batch *batch, float *to, const float *from,
                         size_t d);
sl_status sl_rows_spread(sl_model *m, const sl_batch *batch, float *to, float *from, size_t d);

/* All activations of a layer of the last forward pass, once more from its input. */
sl_status sl_layer_again(sl_model *m, size_t layer, const sl_batch *batch);

#endif
