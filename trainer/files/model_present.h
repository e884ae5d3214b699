/* A word on folders that are no model's, or not yet. Internal. */
#ifndef SLUICE_MODEL_PRESENT_H
#define SLUICE_MODEL_PRESENT_H

#include <sluice/status.h>

#define SL_MODEL_CONFIG_FILE "config.json"

/* SL_ERR_INPUT if the file is not in the folder, but something that is often in its place. */
sl_status sl_model_check_present(const char *folder, const char *name, sl_error *err);

#endif
