# Targets people run by hand: format, format-check, tidy, schema.
file(GLOB_RECURSE cara_c_files CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/common/*.[ch] ${CMAKE_SOURCE_DIR}/server/*.[ch] ${CMAKE_SOURCE_DIR}/agent/*.[ch]
    ${CMAKE_SOURCE_DIR}/ctl/*.[ch] ${CMAKE_SOURCE_DIR}/include/*.h ${CMAKE_SOURCE_DIR}/tests/*.[ch]
    ${CMAKE_SOURCE_DIR}/bench/*.[ch])
set(cara_tidy_files ${cara_c_files})
list(FILTER cara_tidy_files INCLUDE REGEX "/(common|server|agent|ctl)/.*\\.c$")

find_program(CLANG_FORMAT clang-format)
if(CLANG_FORMAT)
    add_custom_target(format COMMAND ${CLANG_FORMAT} -i ${cara_c_files} VERBATIM)
    add_custom_target(format-check COMMAND ${CLANG_FORMAT} --dry-run --Werror ${cara_c_files} VERBATIM)
endif()
find_program(CLANG_TIDY clang-tidy)
if(CLANG_TIDY)
    add_custom_target(tidy
        COMMAND ${CLANG_TIDY} --quiet -p ${CMAKE_BINARY_DIR} ${cara_tidy_files} VERBATIM)
endif()
add_custom_target(schema COMMAND ${CMAKE_SOURCE_DIR}/scripts/schema USES_TERMINAL VERBATIM)
