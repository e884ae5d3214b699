/* A trial of a form of PTX on a device. */
#ifndef SLUICE_FORMS_DEVICE_H
#define SLUICE_FORMS_DEVICE_H

#include "kernels/simt/ptx/ptx.h"

#include <sluice/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Runs it and copies the four words of each thread back. SL_ERR_UNAVAILABLE without a device,
 * SL_ERR_IO with the device's message. */
sl_status sl_ptx_on_device(const sl_ptx_trial *trial, uint64_t *out, sl_error *err);

#ifdef __cplusplus
}
#endif
#endif
