extension Template {
  static let textFiles = [
    File(path: "main.rf", text: textProgram),
    File(path: "poems/tyger.txt", text: tyger),
    File(path: "poems/sick-rose.txt", text: rose),
    File(path: "poems/fly.txt", text: fly),
  ]

  private static let textProgram = #"""
    // Counts the words of poems, one by one and together.

    param (
      // The folder of the poems.
      poems = dir("poems")

      // How many of the most frequent words of all are listed.
      top = 5
    )

    val path = make("$/path")

    // How often each word occurs, the most frequent first.
    func Count(text file) = exec() (counts file) {"
      tr -cs '[:alpha:]' '\n' < {{text}} | tr '[:upper:]' '[:lower:]' | sed '/^$/d' |
        LC_ALL=C sort | uniq -c | LC_ALL=C sort -k1,1nr -k2 > {{counts}}
    "}

    // The sum of several counts.
    func Sum(counts [file]) = exec() (sum file) {"
      awk '{ n[$2] += $1 } END { for (word in n) print n[word], word }' {{counts}} |
        LC_ALL=C sort -k1,1nr -k2 | head -n {{top}} > {{sum}}
    "}

    // tyger.txt becomes tyger.counts.
    func Renamed(name string) string = make("$/strings").Replace(name, path.Ext(name), ".counts")

    // A step for each poem; they run at the same time.
    val counts = [(Renamed(name), Count(poem)) | (name, poem) <- poems]

    // What is built: the folder out/ with these members.
    val Main = {poems: map(counts), common: Sum([c | (_, c) <- counts])}

    // `reflow test main.rf` evaluates this.
    val TestRenamed = Renamed("tyger.txt") == "tyger.counts"

    """#

  private static let tyger = """
    Tyger Tyger, burning bright,
    In the forests of the night;
    What immortal hand or eye,
    Could frame thy fearful symmetry?

    """

  private static let rose = """
    O Rose thou art sick.
    The invisible worm,
    That flies in the night
    In the howling storm:

    """

  private static let fly = """
    Little Fly,
    Thy summer's play
    My thoughtless hand
    Has brush'd away.

    """
}
