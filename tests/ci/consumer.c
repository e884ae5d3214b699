/* A user's program against the installed library: one dot product by a linear layer; WITH_CUDA:
 * linked with the backend cuda. */
#include <sluice/kernels.h>
#include <stdio.h>

#ifdef WITH_CUDA
/* The backend cuda is linked; whether this machine has a device it says itself. */
static void say_cuda(void) {
  sl_context *ctx;
  sl_error err;
  sl_backend_add(sl_cuda_backend());
  if (sl_context_create(&ctx, &(sl_context_options){.backend = "cuda"}, &err)) {
    printf("%s: %s; ", sl_status_name(err.status), err.message);
    return;
  }
  printf("%s is here; ", sl_context_backend(ctx));
  sl_context_destroy(ctx);
}
#endif

int main(void) {
#ifdef WITH_CUDA
  say_cuda();
#endif
  sl_context *ctx;
  sl_error err;
  const sl_context_options options = {.backend = "cpu", .threads = 1};
  if (sl_context_create(&ctx, &options, &err)) return fprintf(stderr, "%s\n", err.message), 1;
  const float x[3] = {1, 2, 3}, w[3] = {4, 5, 6};
  float y;
  const sl_status status = sl_linear_forward(ctx, &y, x, w, NULL, NULL, 1, 1, 3);
  printf("%g on %s\n", (double)y, sl_context_backend(ctx));
  sl_context_destroy(ctx);
  return status != SL_OK || y != 32.0f;
}
