/* Writing config.json of a model folder; reading is in model_folder.h. */
#ifndef SLUICE_MODEL_CONFIG_H
#define SLUICE_MODEL_CONFIG_H

#include "tensor.h"
#include "tokenizer.h"
#include "trainer/model/model_layout.h"

/* Writes a valid shape, and the type of the tensors beside it, to that file (spec F1.2), with
 * these end tokens, if any, and no padding; NULL: with those and the padding of characters. */
sl_status sl_model_config_write(const sl_model_shape *shape, sl_tensor_type type,
                                const sl_end_tokens *ends, const char *file, sl_error *err);

#endif
