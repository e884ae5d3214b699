/* What model_folder.c and model_weights.c share. Internal. */
#ifndef SLUICE_MODEL_WEIGHTS_H
#define SLUICE_MODEL_WEIGHTS_H

#include "trainer/model/model_layout.h"

/* The registry of a shape, if the weights of the folder are those that it needs. */
sl_status sl_model_weights_layout(sl_model_layout **out, const sl_model_shape *shape,
                                  const char *folder, sl_error *err);

#endif
