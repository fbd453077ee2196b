# Called as a script by Version.cmake: SOURCE_DIR, VERSION, OUTPUT.
find_program(GIT git)
set(commit unknown)
if(GIT)
    execute_process(COMMAND ${GIT} -C ${SOURCE_DIR} describe --always --dirty --abbrev=12 --exclude=*
        OUTPUT_VARIABLE said OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
    if(NOT failed AND said)
        set(commit ${said})
    endif()
endif()
if(EXISTS ${OUTPUT})
    file(READ ${OUTPUT} before)
    if(before MATCHES "cara_commit\\[\\] = \"${commit}\"" AND before MATCHES "\"${VERSION}\"")
        return()
    endif()
endif()
string(TIMESTAMP built "%Y-%m-%dT%H:%M:%SZ" UTC)
file(WRITE ${OUTPUT} "#include \"cara/version.h\"

const char cara_version[] = \"${VERSION}\";
const char cara_commit[] = \"${commit}\";
const char cara_built[] = \"${built}\";
")
