# What goes beside the programs: man pages, completions, systemd units, what a fleet's monitoring takes.
set(TRACKSHM_ZSH_COMPLETIONS_DIR ${CMAKE_INSTALL_DATAROOTDIR}/zsh/site-functions CACHE STRING
  "Where zsh's completions go; Debian's zsh looks in share/zsh/vendor-completions")
set(TRACKSHM_SYSTEMD_DIR lib/systemd CACHE STRING "Below which systemd's units go")

set(programs shm_aggregator shmtop shmdump shmrun shmtrace mesh_workload)
if(TRACKSHM_BUILD_EXPORTER)
  list(APPEND programs shm_exporter)
endif()

# A page for each program, and for each function of the API a reference to the page of all.
set(man_source_dir ${PROJECT_SOURCE_DIR}/docs/man)
set(function_pages_dir ${PROJECT_BINARY_DIR}/man)
file(STRINGS ${man_source_dir}/trackshm.3 function_names REGEX "^\\.Nm trackshm_")
foreach(line IN LISTS function_names)
  string(REGEX MATCH "trackshm_[a-z_]+" function ${line})
  file(WRITE ${function_pages_dir}/${function}.3 ".so man3/trackshm.3\n")
  install(FILES ${function_pages_dir}/${function}.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3 COMPONENT development)
endforeach()
install(FILES ${man_source_dir}/trackshm.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3 COMPONENT development)
install(FILES ${man_source_dir}/trackshm-segments.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5 COMPONENT tools)

set(completions_dir ${PROJECT_SOURCE_DIR}/tools/completions)
foreach(program IN LISTS programs)
  file(GLOB page ${man_source_dir}/${program}.[18])
  string(REGEX MATCH "[18]$" section ${page})
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} COMPONENT tools)
  # bash-completion looks for a file by the name of the command.
  install(FILES ${completions_dir}/trackshm.bash DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/bash-completion/completions
    RENAME ${program} COMPONENT tools)
  install(FILES ${completions_dir}/fish/${program}.fish
    DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/fish/vendor_completions.d COMPONENT tools)
endforeach()
install(FILES ${completions_dir}/_trackshm DESTINATION ${TRACKSHM_ZSH_COMPLETIONS_DIR} COMPONENT tools)

set(units system/shm_aggregator user/shm_aggregator)
if(TRACKSHM_BUILD_EXPORTER)
  list(APPEND units system/shm_exporter user/shm_exporter)
endif()
foreach(unit IN LISTS units)
  cmake_path(GET unit PARENT_PATH kind)
  configure_file(${PROJECT_SOURCE_DIR}/tools/systemd/${unit}.service.in
    ${PROJECT_BINARY_DIR}/systemd/${unit}.service @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/systemd/${unit}.service DESTINATION ${TRACKSHM_SYSTEMD_DIR}/${kind}
    COMPONENT tools)
endforeach()

install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/fleet DESTINATION ${CMAKE_INSTALL_DATADIR}/trackshm COMPONENT tools)
