extension Template {
  static let cFiles = [
    File(path: "main.rf", text: cProgram),
    File(path: "src/main.c", text: cMain),
    File(path: "src/greeting.c", text: cGreeting),
    File(path: "src/greeting.h", text: "const char *greeting(int hour);\n"),
    File(path: "tests/morning.in", text: "8\n"),
    File(path: "tests/morning.expected", text: "Good morning\n"),
    File(path: "tests/evening.in", text: "20\n"),
    File(path: "tests/evening.expected", text: "Good evening\n"),
  ]

  private static let cProgram = #"""
    // Compiles a program and runs its tests.

    // The level of optimisation.
    param level = "1"

    val dirs = make("$/dirs")
    val path = make("$/path")
    val strings = make("$/strings")

    val headers = dirs.Glob(dir("src"), "*.h")

    // The compiler says which headers it has read; an edit of another one compiles nothing.
    func Compile(source file) = exec(depfile := "deps.d") (object file) {"
      cc -std=c11 -O{{level}} -Wall -MMD -MF deps.d -I {{headers}} -c {{source}} -o {{object}}
    "}

    func Link(objects [file]) = exec() (program file) {"
      cc {{objects}} -o {{program}}
    "}

    // The build fails if an answer is not the expected one; `reflow log` shows the difference.
    func Check(program, input, expected file) = exec() (answer file) {"
      {{program}} < {{input}} > {{answer}}
      diff {{expected}} {{answer}}
    "}

    val greet = Link([Compile(source) | (name, source) <- dir("src"), if path.Ext(name) == ".c"])

    val cases = map(dir("tests"))
    func Expected(name string) string = strings.Replace(name, ".in", ".expected")

    // What is built: the folder out/ with these members.
    val Main = {
      bin: {greet},
      tests: map([(name, Check(greet, input, cases[Expected(name)])) |
        (name, input) <- list(cases), if path.Ext(name) == ".in"]),
    }

    """#

  private static let cMain = #"""
    #include <stdio.h>

    #include "greeting.h"

    int main(void) {
      int hour;
      if (scanf("%d", &hour) != 1) return 1;
      puts(greeting(hour));
      return 0;
    }

    """#

  private static let cGreeting = #"""
    #include "greeting.h"

    const char *greeting(int hour) { return hour < 12 ? "Good morning" : "Good evening"; }

    """#
}
