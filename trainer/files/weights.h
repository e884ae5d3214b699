/* The tensors of a model folder (spec F1.2, F1.7): those of model.safetensors, or of the shards
 * that model.safetensors.index.json lists. */
#ifndef SLUICE_WEIGHTS_H
#define SLUICE_WEIGHTS_H

#include "safetensors.h"

#define SL_MODEL_WEIGHTS_FILE "model.safetensors"
#define SL_MODEL_INDEX_FILE "model.safetensors.index.json"
#define SL_SHARDS_MAX ((size_t)10000)

typedef struct {
  const sl_tensor_view *view;
  const sl_safetensors *file;
} sl_weight;

typedef struct sl_weights sl_weights;

/* Opens model.safetensors or, where there is none but an index, the index and its shards.
 * SL_ERR_INPUT with the place if the index is malformed, names a file that is none of the folder,
 * or disagrees with what the shards hold. Errors of sl_safetensors_open. */
sl_status sl_weights_open(sl_weights **out, const char *folder, sl_error *err);
void sl_weights_close(sl_weights *weights);

/* The file that lists the tensors: model.safetensors or the index. */
const char *sl_weights_path(const sl_weights *weights);

size_t sl_weights_count(const sl_weights *weights);
/* In the order of the names. */
const sl_weight *sl_weights_at(const sl_weights *weights, size_t index);
/* NULL if there is none of that name. */
const sl_weight *sl_weights_find(const sl_weights *weights, const char *name);

#endif
