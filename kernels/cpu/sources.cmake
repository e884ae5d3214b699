# SIMD kernels.
