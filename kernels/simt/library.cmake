# The simulator itself, and the executor of PTX: what kernels/simt builds its backends on. A build
# without them that has a device takes it for the executor's sake (ci/products/device).
set(sources state.cpp fibers.cpp warp.cpp scheduler.cpp accesses.cpp shadow.cpp hooks.cpp host.cpp
  copies.cpp memory.cpp graph.cpp devices.cpp findings.cpp simulation.cpp
  ptx/lexer.cpp ptx/parser.cpp ptx/forms.cpp ptx/decode.cpp ptx/execute.cpp ptx/plants.cpp
  ptx/places.cpp ptx/symbols.cpp ptx/launch.cpp ptx/sum.cpp ptx/trials.cpp)
list(TRANSFORM sources PREPEND ${CMAKE_SOURCE_DIR}/kernels/simt/)
add_library(sluice_simt STATIC ${sources})
target_compile_features(sluice_simt PUBLIC cxx_std_17)
target_compile_options(sluice_simt PRIVATE -O2 -g -Wall -Wextra -Wshadow ${SLUICE_WERROR_FLAG})
target_include_directories(sluice_simt PUBLIC ${CMAKE_SOURCE_DIR})
# The executor's arithmetic is the host's: fma in hardware, nothing contracted.
set_source_files_properties(${CMAKE_SOURCE_DIR}/kernels/simt/ptx/execute.cpp PROPERTIES
  COMPILE_OPTIONS "-march=x86-64-v3;-ffp-contract=off;-fno-math-errno")
# What a build without PTX says.
set_source_files_properties(${CMAKE_SOURCE_DIR}/kernels/simt/ptx/launch.cpp PROPERTIES
  COMPILE_DEFINITIONS "SL_PTX_ABSENT=\"its part cuda is off: ${SLUICE_CUDA_REASON}\"")
