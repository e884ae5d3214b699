# cmake --install: binary, libraries, headers with the specification that they cite, pkg-config file
# and CMake package.
include(CMakePackageConfigHelpers)

install(TARGETS sluice sluice_shared EXPORT sluice-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(SLUICE_TRAINER)
  install(TARGETS sluice_bin ${programs} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(DIRECTORY kernels/include/sluice DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING
  PATTERN "*.h")
install(DIRECTORY ${CMAKE_BINARY_DIR}/include/sluice DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.def")
install(DIRECTORY spec DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/sluice)
install(DIRECTORY spec/gates DESTINATION ${CMAKE_INSTALL_DATADIR}/sluice FILES_MATCHING PATTERN
  "*.gate")

install(EXPORT sluice-targets NAMESPACE sluice:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
configure_package_config_file(ci/cmake/sluice-config.cmake.in
  ${CMAKE_BINARY_DIR}/sluice-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/sluice-config-version.cmake COMPATIBILITY
  SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/sluice-config.cmake
  ${CMAKE_BINARY_DIR}/sluice-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)

# Relative to the library folder, so that the installed tree can be moved.
file(RELATIVE_PATH SLUICE_PC_INCLUDE /x/${CMAKE_INSTALL_LIBDIR} /x/${CMAKE_INSTALL_INCLUDEDIR})
configure_file(ci/cmake/sluice.pc.in ${CMAKE_BINARY_DIR}/sluice.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/sluice.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# The backend cuda, for a program that adds it: pkg-config --libs sluice-cuda names the CUDA runtime
# that it was built with.
if(SLUICE_HAS_CUDA)
  install(TARGETS sluice_cuda ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  find_library(SLUICE_CUDART cudart_static PATHS ${CMAKE_CUDA_IMPLICIT_LINK_DIRECTORIES}
    NO_DEFAULT_PATH)
  mark_as_advanced(SLUICE_CUDART)
  configure_file(ci/cmake/sluice-cuda.pc.in ${CMAKE_BINARY_DIR}/sluice-cuda.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/sluice-cuda.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
