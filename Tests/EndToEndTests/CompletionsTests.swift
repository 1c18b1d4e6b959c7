import Foundation
import Testing

/// Completion of command lines, asked for by the shells themselves where they are installed.
@Suite struct CompletionsTests {
  private static let program = """
    param (
      // How loud.
      level = 3
      quiet bool
      book = file("a.txt")
    )
    val Alpha = level
    val Beta = (quiet, book)
    val Main = Alpha

    """

  private func project() throws -> Workspace {
    try Workspace([
      "main.rf": Self.program, "other.rf": "val Gamma = 1\n", "data/in.txt": "", "a b.rf": "", "notes.txt": "",
    ])
  }

  /// A folder with nothing but a `reflow`, to be put before others.
  private var path: String { (Workspace.binary as NSString).deletingLastPathComponent }

  /// The words that may follow.
  private func words(_ project: Workspace, _ words: String...) throws -> [String] {
    let result = try project.run(Workspace.binary, ["complete-words", "fish"] + words)
    #expect(result.status == 0 && result.errors == "")
    return result.output.split(separator: "\n").map { String($0.split(separator: "\t")[0]) }
  }

  @Test func `commands, options, programs, params, targets and values are completed`() throws {
    let project = try project()
    #expect(try words(project, "bu") == ["build"])
    #expect(try Set(["build", "watch", "lsp", "help"]).isSubset(of: words(project, "")))
    #expect(try words(project, "build", "--dry") == ["--dry-run"])
    #expect(try words(project, "build", "") == ["a b.rf", "data/", "main.rf", "other.rf"])
    #expect(try words(project, "build", "-l") == ["-level="])
    #expect(try words(project, "build", "main.rf", "") == ["-level=", "-quiet=", "-book="])
    #expect(try words(project, "build", "-quiet=") == ["-quiet=true", "-quiet=false"])
    #expect(try words(project, "build", "-book=da") == ["-book=data/"])
    #expect(try words(project, "build", "-book", "n") == ["notes.txt"])
    #expect(try words(project, "build", "--target", "") == ["Alpha", "Beta", "Main"])
    #expect(try words(project, "build", "other.rf", "--target=G") == ["--target=Gamma"])
    #expect(try words(project, "eval", "other.rf", "") == ["Gamma"])
    #expect(try words(project, "build", "--sandbox", "s") == ["strict"])
    #expect(try words(project, "init", "--template=t") == ["--template=text", "--template=tables"])
    #expect(try words(project, "completions", "") == ["bash", "zsh", "fish"])
    #expect(try words(project, "doc", "$/str") == ["$/strings"])
    #expect(try words(project, "build", "-j", "") == [])
    #expect(try words(project, "no-such-command", "") == [])
  }

  @Test func `what cannot be found out is left out without a word`() throws {
    let project = try Workspace(["main.rf": "val Main = (", "reflow.toml": "nonsense"])
    #expect(try words(project, "build", "--target", "G") == [])
    #expect(try words(project, "build", "gone.rf", "-").contains("--jobs"))
    for arguments in [[], ["csh", "x"], ["bash"], ["zsh"], ["bash", "reflow 'open "]] {
      let result = try project.run(Workspace.binary, ["complete-words"] + arguments)
      #expect(result.status == 0 && result.errors == "", "\(arguments)")
    }
  }

  // MARK: Shells

  @Test(.enabled(if: Workspace.has("bash")))
  func `bash completes words, values behind an equals sign, and names with blanks`() throws {
    let project = try project()
    // What bash itself sets before it calls the function: words are parted at = and :, too.
    let script = """
      source <(reflow completions bash)
      ask() {
        COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=(reflow) COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
        _reflow
        echo "${COMPREPLY[*]}"
      }
      complete -p reflow
      ask 'reflow bu'
      ask 'reflow build -lev'
      ask 'reflow build -quiet='
      ask 'reflow build --target=A'
      ask 'reflow build a'
      ask 'reflow build a\\ b'
      ask "reflow build 'a b"
      """
    let result = try project.run("bash", ["-c", script], environment: ["PATH": path + ":/usr/bin:/bin"])
    #expect(
      result.output == """
        complete -F _reflow reflow
        build
        -level=
        true false
        Alpha
        a\\ b.rf
        a\\ b.rf
        a\\ b.rf

        """, "\(result.errors)")
  }

  @Test(.enabled(if: Workspace.has("zsh")))
  func `zsh completes words with what they are`() throws {
    let project = try project()
    // The completion system takes candidates by compadd, which needs a line editor: here it prints them.
    let script = """
      compdef() { : }
      source <(reflow completions zsh)
      compadd() { print -r -- "$@" ${(P)${@[-1]}} }
      words=(reflow build -) CURRENT=3 PREFIX=-l; _reflow
      words=(reflow build --target '') CURRENT=4 PREFIX=; _reflow
      """
    let result = try project.run("zsh", ["-f", "-c", script], environment: ["PATH": path + ":/usr/bin:/bin"])
    #expect(result.output.contains("-level="), "\(result.output)\(result.errors)")
    #expect(result.output.contains("Alpha Beta Main"), "\(result.output)\(result.errors)")
    #expect(result.errors == "")
  }

  @Test(.enabled(if: Workspace.has("fish")))
  func `fish completes words with what they are`() throws {
    let project = try project()
    let script = """
      reflow completions fish | source
      complete -C 'reflow bui'
      complete -C 'reflow build -lev'
      complete -C 'reflow build --target '
      """
    let result = try project.run(
      "fish", ["--no-config", "-c", script], environment: ["PATH": path + ":/usr/bin:/bin"])
    #expect(
      result.output == """
        build\tBring the output tree up to date.
        -level=\tint: How loud.
        Alpha\tint
        Beta\t(bool, file)
        Main\tint

        """, "\(result.errors)")
  }
}
