/* The launchers of kernels.cu, for simt-test.cpp. */
#ifndef SLUICE_TESTS_SIMT_KERNELS_H
#define SLUICE_TESTS_SIMT_KERNELS_H

enum planted {
  NO_BUG,
  DROPPED_BARRIER,
  DIVERGENT_BARRIER,
  UNINITIALISED_ACCUMULATOR,
  OFF_BY_ONE_TAIL,
  FLOAT_ATOMIC,
  WRONG_MASK,
  MISSING_WAIT
};

void launch_row_sum(int rows, const float *x, float *y, int n, planted bug);
void launch_warp_sum(int rows, const float *x, float *y, int n, planted bug);
void launch_arrival_sum(int rows, const float *x, float *y, unsigned *turn, int n);
void launch_tile_scale(const float *x, float *y, int tiles, planted bug);
void launch_two_streams(int rows, const float *x, float *y, float *z, int n, bool wait);
void launch_grid_sum(const float *x, float *partial, int n, int blocks);
float first_of(const float *host);

#endif
