/* wanted: broken.cu does not compile for compute_80 */

__global__ void kernel(float *y) { *y = undeclared; }
