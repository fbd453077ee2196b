# cara_embed_sql(OUTPUT FILE...) turns SQL files, in the order given, into one C table of
# { name, text } so that cara-server carries its own schema.
function(cara_embed_sql output)
    list(JOIN ARGN "|" files)
    add_custom_command(
        OUTPUT ${output}
        COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} "-DFILES=${files}" -DROOT=${CMAKE_SOURCE_DIR}/db
            -P ${CMAKE_SOURCE_DIR}/cmake/WriteSql.cmake
        DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/WriteSql.cmake
        VERBATIM)
endfunction()
