# The configure summary: what is on, and for each part that is off the reason.
find_program(SLUICE_COQC coqc)
mark_as_advanced(SLUICE_COQC)

function(sluice_report label enabled reason)
  if(enabled)
    message(STATUS "  ${label}: on")
  else()
    message(STATUS "  ${label}: OFF (${reason})")
  endif()
endfunction()

message(STATUS "Sluice ${PROJECT_VERSION}, ${CMAKE_BUILD_TYPE}, "
  "${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}, ${CMAKE_SYSTEM_PROCESSOR}")
message(STATUS "  backends: plain, cpu (avx2 and avx512, chosen at run time)")
sluice_report("reference (MPFR, OpenBLAS)" ${SLUICE_REFERENCE} "-DSLUICE_REFERENCE=OFF")
sluice_report("proofs (FLINT/Arb, MPFI)" ${SLUICE_PROOFS} "-DSLUICE_PROOFS=OFF")
sluice_report("tests (Criterion)" ${SLUICE_TESTS} "-DSLUICE_TESTS=OFF")
sluice_report("libmvec (peers in sluice bench functions)" "${SLUICE_LIBMVEC}"
  "the C library has no _ZGVeN16v_erff")
sluice_report("trainer (jansson, libyaml, xxhash)" ${SLUICE_TRAINER} "-DSLUICE_TRAINER=OFF")
sluice_report("openblas (opt-in: other bits)" ${SLUICE_HAS_OPENBLAS} "${SLUICE_OPENBLAS_REASON}")
sluice_report("simt" ${SLUICE_SIMT} "${SLUICE_SIMT_REASON}")
sluice_report("cuda (architectures ${CMAKE_CUDA_ARCHITECTURES})" ${SLUICE_HAS_CUDA}
  "${SLUICE_CUDA_REASON}")
sluice_report("cublas (opt-in: other bits)" ${SLUICE_HAS_CUBLAS} "${SLUICE_CUBLAS_REASON}")
if(SLUICE_COQC)
  sluice_report("coq" ON "")
else()
  sluice_report("coq" OFF "coqc not found; ci/install coq installs it")
endif()
