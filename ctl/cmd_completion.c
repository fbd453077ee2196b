/* Completion scripts: each asks `caractrl __complete` what may stand at the cursor. */
#include "command.h"

static const char bash_script[] =
    "# bash completion of caractrl; load it with: source <(caractrl completion bash)\n"
    "_caractrl() {\n"
    "    local word\n"
    "    COMPREPLY=()\n"
    "    while IFS=$'\\t' read -r word _; do\n"
    "        COMPREPLY+=(\"$word\")\n"
    "    done < <(\"${COMP_WORDS[0]}\" __complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" "
    "2>/dev/null)\n"
    "}\n"
    "complete -o default -F _caractrl caractrl\n";

static const char zsh_script[] =
    "#compdef caractrl\n"
    "# zsh completion of caractrl; load it with: source <(caractrl completion zsh)\n"
    "_caractrl() {\n"
    "    local line\n"
    "    local -a lines offers\n"
    "    lines=(\"${(@f)$(\"${words[1]}\" __complete -- \"${(@)words[2,CURRENT]}\" "
    "2>/dev/null)}\")\n"
    "    for line in $lines; do\n"
    "        [[ -n $line ]] && offers+=(\"${${line//:/\\\\:}/$'\\t'/:}\")\n"
    "    done\n"
    "    if (( ${#offers} )); then\n"
    "        _describe caractrl offers\n"
    "    else\n"
    "        _files\n"
    "    fi\n"
    "}\n"
    "if [[ $funcstack[1] == _caractrl ]]; then\n"
    "    _caractrl \"$@\"\n"
    "else\n"
    "    compdef _caractrl caractrl\n"
    "fi\n";

static const char fish_script[] =
    "# fish completion of caractrl; load it with: caractrl completion fish | source\n"
    "function __caractrl_complete\n"
    "    set -l words (commandline -opc) (commandline -ct)\n"
    "    $words[1] __complete -- $words[2..-1] 2>/dev/null\n"
    "end\n"
    "complete -c caractrl -f -a '(__caractrl_complete)'\n"
    "complete -c caractrl -n '__fish_seen_subcommand_from apply delete plan' -s f -l filename -r "
    "-F\n";

static int run_bash(Ctl *ctl, const CommandLine *line, Err *err)
{
    (void)line;
    (void)err;
    buf_add_str(&ctl->out, bash_script);
    return 0;
}

static int run_fish(Ctl *ctl, const CommandLine *line, Err *err)
{
    (void)line;
    (void)err;
    buf_add_str(&ctl->out, fish_script);
    return 0;
}

static int run_zsh(Ctl *ctl, const CommandLine *line, Err *err)
{
    (void)line;
    (void)err;
    buf_add_str(&ctl->out, zsh_script);
    return 0;
}

extern const Command cmd_completion, cmd_completion_bash, cmd_completion_fish, cmd_completion_zsh;
const Command cmd_completion = {
    .path = "completion",
    .child = "shell",
    .brief = "Print a script that completes commands and names in your shell",
};
const Command cmd_completion_bash = {
    .path = "completion bash",
    .brief = "Print the script for bash",
    .run = run_bash,
};
const Command cmd_completion_fish = {
    .path = "completion fish",
    .brief = "Print the script for fish",
    .run = run_fish,
};
const Command cmd_completion_zsh = {
    .path = "completion zsh",
    .brief = "Print the script for zsh",
    .run = run_zsh,
};
