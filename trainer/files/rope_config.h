/* What config.json says of rotary embedding (spec F1.2). Internal. */
#ifndef SLUICE_ROPE_CONFIG_H
#define SLUICE_ROPE_CONFIG_H

#include "json.h"
#include "trainer/model/model_layout.h"

#define SL_ROPE_TABLES_KEY "sluice_rope_tables" /* "stepwise"; absent: exact */

/* Sets rope_theta and rope of a shape whose max_positions is set. SL_ERR_INPUT with the place. */
sl_status sl_rope_config_read(sl_model_shape *shape, const sl_json *doc, sl_error *err);

#endif
