# SPDX-License-Identifier: Apache-2.0
#
# Run by CPack when each component is laid out below CPACK_TEMPORARY_INSTALL_DIRECTORY, before it is packed: what Debian's
# policy wants in a package and no other installation has.
find_program(GZIP gzip REQUIRED)

function(compress file)
  execute_process(COMMAND ${GZIP} -9nf ${file} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# The time of what is packed, not of the packing.
string(TIMESTAMP TRACKSHM_CHANGELOG_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)

foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} key)
  set(package ${CPACK_DEBIAN_${key}_PACKAGE_NAME})
  set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${component}/usr/share)
  set(doc_dir ${root}/doc/${package})
  file(MAKE_DIRECTORY ${doc_dir})
  file(COPY ${CPACK_TRACKSHM_DEBIAN_DIR}/copyright DESTINATION ${doc_dir})
  configure_file(${CPACK_TRACKSHM_DEBIAN_DIR}/changelog.in ${doc_dir}/changelog @ONLY)
  compress(${doc_dir}/changelog)
  file(GLOB pages ${root}/man/man*/*.[1-9])
  foreach(page IN LISTS pages)
    compress(${page})
  endforeach()
endforeach()
