/* The launchers of kernels.cu, for the tests of the simulator. */
#ifndef SLUICE_TESTS_SIMT_KERNELS_H
#define SLUICE_TESTS_SIMT_KERNELS_H

#include "kernels/simt/runtime.h"

enum planted {
  NO_BUG,
  DROPPED_BARRIER,
  DIVERGENT_BARRIER,
  UNINITIALISED_ACCUMULATOR,
  OFF_BY_ONE_TAIL,
  FLOAT_ATOMIC,
  WRONG_MASK,
  MISSING_WAIT,
  DROPPED_SYNCWARP,
  VOTE_FOR_SYNCWARP,
  HALF_SYNCWARP,
  MISALIGNED_COPY,
  ODD_COPY,
  COPY_FROM_SHARED,
  RECORDED_POSITION
};

void launch_row_sum(int rows, const float *x, float *y, int n, planted bug);
void launch_warp_sum(int rows, const float *x, float *y, int n, planted bug);
void launch_arrival_sum(int rows, const float *x, float *y, unsigned *turn, int n);
void launch_tile_scale(const float *x, float *y, int tiles, planted bug);
void launch_two_streams(int rows, const float *x, float *y, float *z, int n, bool wait);
void launch_grid_sum(const float *x, float *partial, int n, int blocks);
void launch_warp_exchange(const float *x, float *y, int rounds, planted bug);
void launch_vector_copy(const float *x, float *y, planted bug);
/* y[position] = 2 x[position]; the host's `known` position in place of the device's, if planted. */
void launch_append(float *y, const float *x, const unsigned *position, unsigned known,
                   cudaStream_t stream, planted bug);
float first_of(const float *host);

/* Launches a kernel that does nothing, having asked for `asked` bytes of dynamic shared memory
 * unless that is 0: the launch's error. */
cudaError_t try_launch(dim3 grid, dim3 block, size_t shared_bytes, size_t asked);
void launch_large_static(float *y, size_t dynamic_bytes);

#endif
