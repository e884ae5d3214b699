/* libFuzzer harness of dumps of tensors (spec F6), an input as the file that it is: safetensors,
 * .npy or .npz. */
#include "dump_check.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  dump_check(scratch_file("dump", (section){data, size}));
  return 0;
}
