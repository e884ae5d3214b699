/* PTX in place of the kernels' source, for the backend "ptx". */
#ifndef SLUICE_SIMT_PTX_RUNNER_H
#define SLUICE_SIMT_PTX_RUNNER_H

#include "kernels/simt/internal.h"

namespace simt::ptx {

bool ready(std::string &why); /* whether this build has PTX that can be read */
extern const kernel_runner runner;

}  // namespace simt::ptx

#endif
