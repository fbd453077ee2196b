# What `cmake --install` puts where. The completion scripts come from caractrl itself.
include(GNUInstallDirs)

install(TARGETS caractrl cara-server cara-agent RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES docs/man/caractrl.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES docs/man/cara-server.8 docs/man/cara-agent.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)

if(NOT CMAKE_CROSSCOMPILING)
    set(completions ${CMAKE_BINARY_DIR}/generated/completions)
    file(MAKE_DIRECTORY ${completions})
    foreach(shell bash zsh fish)
        add_custom_command(OUTPUT ${completions}/${shell}
            COMMAND caractrl completion ${shell} > ${completions}/${shell}
            DEPENDS caractrl VERBATIM)
    endforeach()
    add_custom_target(completions ALL
        DEPENDS ${completions}/bash ${completions}/zsh ${completions}/fish)
    install(FILES ${completions}/bash RENAME caractrl
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
    install(FILES ${completions}/zsh RENAME _caractrl
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
    install(FILES ${completions}/fish RENAME caractrl.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
