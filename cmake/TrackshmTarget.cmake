# Everything that every target of this project gets, in one place.
function(trackshm_target name)
  target_compile_features(${name} PRIVATE cxx_std_20)  # PUBLIC, a project in C alone could not link any of them
  set_target_properties(${name} PROPERTIES
    CXX_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden
    C_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${name} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor> -Wcast-qual
    $<$<COMPILE_LANGUAGE:CXX>:-Wold-style-cast> $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual>
    $<$<BOOL:${TRACKSHM_WERROR}>:-Werror>)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_definitions(${name} PRIVATE
    TRACKSHM_VERSION="${PROJECT_VERSION}" BOOST_DATE_TIME_NO_LIB _GNU_SOURCE)
  if(TRACKSHM_FUZZ)
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer-no-link
      -fsanitize-coverage-ignorelist=${PROJECT_SOURCE_DIR}/tests/fuzz/no_coverage.txt)
  endif()
  if(TRACKSHM_SANITIZE)
    target_compile_options(${name} PRIVATE -fsanitize=${TRACKSHM_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${name} PRIVATE -fsanitize=${TRACKSHM_SANITIZE})
  endif()
endfunction()
