# Debian's cross compiler for arm64, with the arm64 packages that scripts/aarch64 unpacks; programs run under qemu-user.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

cmake_path(SET TRACKSHM_AARCH64_ROOT NORMALIZE ${CMAKE_CURRENT_LIST_DIR}/../build/aarch64-root)
set(TRACKSHM_AARCH64_LIBRARIES
  ${TRACKSHM_AARCH64_ROOT}/lib/aarch64-linux-gnu ${TRACKSHM_AARCH64_ROOT}/usr/lib/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH ${TRACKSHM_AARCH64_ROOT} /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# For what the linker scripts and shared libraries there name.
foreach(directory IN LISTS TRACKSHM_AARCH64_LIBRARIES)
  string(APPEND CMAKE_EXE_LINKER_FLAGS_INIT " -L${directory} -Wl,-rpath-link,${directory}")
endforeach()
set(CMAKE_BUILD_RPATH ${TRACKSHM_AARCH64_LIBRARIES})
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)
