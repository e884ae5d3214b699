/* The optional backends of this build, for programs that are linked with all of them. */
#ifndef SLUICE_BUILT_BACKENDS_H
#define SLUICE_BUILT_BACKENDS_H

#include "vendor.h"

/* Registers them. */
static inline void sl_add_built_backends(void) {
#if SLUICE_HAS_SIMT
  sl_backend_add(sl_simt_backend());
  sl_backend_add(sl_ptx_backend());
#endif
#if SLUICE_HAS_CUDA
  sl_backend_add(sl_cuda_backend());
#endif
#if SLUICE_HAS_OPENBLAS
  sl_backend_add(sl_openblas_backend());
#endif
#if SLUICE_HAS_CUBLAS
  sl_backend_add(sl_cuda_cublas_backend());
#endif
}

#endif
