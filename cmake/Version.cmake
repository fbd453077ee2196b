# Writes version.c at build time, only when what git says has changed, so that a build without a new
# commit relinks nothing.
add_custom_target(cara_version_stamp
    COMMAND ${CMAKE_COMMAND}
        -DSOURCE_DIR=${CMAKE_SOURCE_DIR} -DVERSION=${PROJECT_VERSION}
        -DOUTPUT=${CMAKE_BINARY_DIR}/generated/version.c
        -P ${CMAKE_SOURCE_DIR}/cmake/WriteVersion.cmake
    BYPRODUCTS ${CMAKE_BINARY_DIR}/generated/version.c)
