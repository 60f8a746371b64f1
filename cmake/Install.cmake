# What an installation holds: the library, its headers, the aggregator, a CMake package, a pkg-config file, the licence.
# The tools install themselves (tools/CMakeLists.txt). Components are packages: see Packages.cmake.
include(CMakePackageConfigHelpers)

set(TRACKSHM_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/trackshm)

install(TARGETS trackshm EXPORT trackshmTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library NAMELINK_COMPONENT development)
install(TARGETS shm_aggregator RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/trackshm DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT development)
# Not in packages, which have a copyright file of Debian's form.
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT licence)

install(EXPORT trackshmTargets NAMESPACE trackshm:: DESTINATION ${TRACKSHM_CMAKE_DIR} COMPONENT development)
configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/trackshmConfig.cmake.in ${PROJECT_BINARY_DIR}/trackshmConfig.cmake
  INSTALL_DESTINATION ${TRACKSHM_CMAKE_DIR})
# Before 1.0 a minor version may break callers.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/trackshmConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/trackshmConfig.cmake ${PROJECT_BINARY_DIR}/trackshmConfigVersion.cmake
  DESTINATION ${TRACKSHM_CMAKE_DIR} COMPONENT development)

# Every path is found from where the file lies, so that an installation can be moved.
set(TRACKSHM_PC_DIR ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
set(TRACKSHM_PC_FULL_DIR ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${TRACKSHM_PC_FULL_DIR} OUTPUT_VARIABLE TRACKSHM_PC_PREFIX)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_INCLUDEDIR BASE_DIRECTORY ${TRACKSHM_PC_FULL_DIR}
  OUTPUT_VARIABLE TRACKSHM_PC_INCLUDEDIR)
configure_file(${PROJECT_SOURCE_DIR}/cmake/trackshm.pc.in ${PROJECT_BINARY_DIR}/trackshm.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/trackshm.pc DESTINATION ${TRACKSHM_PC_DIR} COMPONENT development)

# mesh_workload links the shared library, wherever the installation lies.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_LIBDIR BASE_DIRECTORY ${CMAKE_INSTALL_FULL_BINDIR}
  OUTPUT_VARIABLE TRACKSHM_BIN_TO_LIBDIR)
set_target_properties(mesh_workload PROPERTIES INSTALL_RPATH "$ORIGIN/${TRACKSHM_BIN_TO_LIBDIR}")
