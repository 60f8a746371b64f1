# Debian packages by CPack: the library, what takes it to link with it, and the programs. scripts/package makes them, and
# says who does: -D CPACK_PACKAGE_CONTACT=...
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME trackshm)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each component's description begins with its own
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL library development tools)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
# Changelog, copyright, compressed pages: what Debian wants beside what every installation has.
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/debian/finish.cmake)
set(CPACK_TRACKSHM_DEBIAN_DIR ${PROJECT_SOURCE_DIR}/cmake/debian)

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libtrackshm${PROJECT_VERSION_MAJOR})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SHLIBDEPS ON)
# CPack would write shlibs for all packages or for none, and no trigger.
file(WRITE ${PROJECT_BINARY_DIR}/debian/triggers "activate-noawait ldconfig\n")
file(WRITE ${PROJECT_BINARY_DIR}/debian/shlibs
  "libtrackshm ${PROJECT_VERSION_MAJOR} libtrackshm${PROJECT_VERSION_MAJOR} (>= ${PROJECT_VERSION})\n")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA
  ${PROJECT_BINARY_DIR}/debian/triggers ${PROJECT_BINARY_DIR}/debian/shlibs)
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "report device memory through shared memory (library)
A runtime for accelerators reports each allocation and free of device memory
with one call; a monitor shows who holds what, right now and exactly.

This package is the library that such a runtime links with.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libtrackshm-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_COMPONENT_DEVELOPMENT_DEPENDS library)
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "report device memory through shared memory (headers)
A runtime for accelerators reports each allocation and free of device memory
with one call; a monitor shows who holds what, right now and exactly.

This package has the headers, for C and C++, and what CMake and pkg-config
take to find the library.")

set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME trackshm-tools)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SHLIBDEPS ON)
# Until it is installed nothing says which package libtrackshm.so is of; the component's dependency does.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}/src/shm)
set(CPACK_DEBIAN_TOOLS_PACKAGE_CONTROL_EXTRA
  ${PROJECT_SOURCE_DIR}/cmake/debian/postinst
  ${PROJECT_SOURCE_DIR}/cmake/debian/prerm
  ${PROJECT_SOURCE_DIR}/cmake/debian/postrm)
set(CPACK_COMPONENT_TOOLS_DEPENDS library)
set(CPACK_COMPONENT_TOOLS_DESCRIPTION "monitor of device memory: aggregator, screen, exporter
A runtime for accelerators reports each allocation and free of device memory
with one call; a monitor shows who holds what, right now and exactly.

This package has the aggregator, the live screen shmtop, an exporter for
Prometheus, and what runs a program tracked and looks into the segments.")

include(CPack)
