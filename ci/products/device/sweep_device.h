/* Digests of the correctly rounded functions as a device computes them (spec N2.3). */
#ifndef SLUICE_SWEEP_DEVICE_H
#define SLUICE_SWEEP_DEVICE_H

#include <sluice/status.h>
#include <sluice/types.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The digest over all 2^32 inputs, low and high word. SL_ERR_IO with what the device said. */
sl_status sl_sweep_on_device(sl_function_id function, uint64_t digest[2], sl_error *err);

#ifdef __cplusplus
}
#endif
#endif
