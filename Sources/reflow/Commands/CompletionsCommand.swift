import ArgumentParser

struct CompletionsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "completions", abstract: "Print the script that completes command lines of reflow in a shell.",
    discussion: """
      bash: source <(reflow completions bash), in ~/.bashrc
      zsh:  source <(reflow completions zsh), in ~/.zshrc behind compinit
      fish: reflow completions fish > ~/.config/fish/completions/reflow.fish
      """)

  @Argument(help: "bash, zsh or fish.")
  var shell: Shell

  func run() { Terminal.print(shell.script) }
}

/// A shell whose command lines can be completed.
enum Shell: String, CaseIterable, ExpressibleByArgument {
  case bash, zsh, fish

  /// What the shell is to read. All that is to be known of commands, options and programs it asks `reflow` for.
  var script: String {
    switch self {
    case .bash:
      #"""
      # Completion of reflow for bash.
      _reflow() {
        local tool=${COMP_WORDS[0]/#\~/$HOME} IFS=$'\n'
        COMPREPLY=($("$tool" complete-words bash "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2> /dev/null))
        if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/] ]]; then compopt -o nospace 2> /dev/null; fi
      }
      complete -F _reflow reflow

      """#
    case .zsh:
      #"""
      #compdef reflow
      # Completion of reflow for zsh.
      _reflow() {
        local line value
        local -a values shown opens openShown
        for line in "${(@f)$("${(Q)words[1]}" complete-words zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2> /dev/null)}"; do
          [[ -n $line ]] || continue
          value=${line%%$'\t'*}
          if [[ $value == *[=/] ]]; then
            opens+=("$value") openShown+=("${line/$'\t'/  -- }")
          else
            values+=("$value") shown+=("${line/$'\t'/  -- }")
          fi
        done
        (( $#values )) && compadd -l -d shown -a values
        (( $#opens )) && compadd -l -S '' -d openShown -a opens
      }
      if [[ $funcstack[1] == _reflow ]]; then _reflow "$@"; else compdef _reflow reflow; fi

      """#
    case .fish:
      #"""
      # Completion of reflow for fish.
      function __reflow_words
        set -l words (commandline -opc)
        set -l current (commandline -ct)
        $words[1] complete-words fish $words[2..-1] "$current" 2> /dev/null
      end
      complete -c reflow -f -a '(__reflow_words)'

      """#
    }
  }
}
