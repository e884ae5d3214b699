/* Expression gates at the ratios of a batch (spec O2.4, G3.1): the file's straight-line program on
 * the device, or the caller's C function on the host. */
#ifndef SLUICE_CUDA_GATE_PROGRAM_CUH
#define SLUICE_CUDA_GATE_PROGRAM_CUH

#include "cuda.h"

#define sl_device_gate_bytes SL_DEVICE_NAME(device_gate_bytes)
#define sl_device_gate SL_DEVICE_NAME(device_gate)

/* Device memory that sl_device_gate needs for n ratios, a multiple of 16. */
size_t sl_device_gate_bytes(const sl_gate *gate, size_t n);

/* f and w (n, device) at ratio (n, device): positive where A > 0, the negative of the ratio where
 * A <= 0, 0 where the token is masked, which gives zeros. memory: sl_device_gate_bytes of it, at
 * a multiple of 16. A gate from a file runs on the device. One whose function is the caller's own
 * runs on the host, between two copies: this call then waits for the stream, and reports what
 * that finds. */
sl_status sl_device_gate(sl_context *ctx, const sl_gate *gate, float *f, float *w,
                         const float *ratio, size_t n, void *memory);

#endif
