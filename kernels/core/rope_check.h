/* What rope.c and rope_scaling.c both refuse. Internal. */
#ifndef SLUICE_ROPE_CHECK_H
#define SLUICE_ROPE_CHECK_H

#include <sluice/status.h>

#include <stddef.h>

/* SL_ERR_USAGE for a head size or a theta that sl_rope_frequencies does not take. */
sl_status sl_rope_check(size_t d, double theta, sl_error *err);

#endif
