/* Writing config.json of a model folder; reading is in model_folder.h. */
#ifndef SLUICE_MODEL_CONFIG_H
#define SLUICE_MODEL_CONFIG_H

#include "trainer/model/model_layout.h"

/* Writes a valid shape to that file (spec F1.2). */
sl_status sl_model_config_write(const sl_model_shape *shape, const char *file, sl_error *err);

#endif
