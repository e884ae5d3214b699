/* PTX in place of the kernels' source, for the backend "ptx". */
#ifndef SLUICE_SIMT_PTX_RUNNER_H
#define SLUICE_SIMT_PTX_RUNNER_H

#include "kernels/simt/internal.h"

namespace simt::ptx {

extern const kernel_runner runner;

}  // namespace simt::ptx

#endif
