# The .cu files: compiled by nvcc for the backend "cuda", and as C++ under the simulator for the
# backend "simt".
set(SLUICE_CUDA_SOURCES cuda.cu graph.cu stream.cu backend.cu elementwise.cu embedding.cu
  rotary.cu cache.cu norm.cu optimizer.cu digest.cu gemm.cu linear.cu head.cu
  head_backward.cu attention.cu attention_backward.cu attention_decode.cu sample.cu
  gate_program.cu loss.cu)
list(TRANSFORM SLUICE_CUDA_SOURCES PREPEND ${CMAKE_SOURCE_DIR}/kernels/cuda/)
