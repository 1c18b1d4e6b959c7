extension Template {
  static let bioFiles = [
    File(path: "main.rf", text: bioProgram),
    File(path: "samples.csv", text: "sample,reads\nleaf,leaf.fq\nroot,root.fq\n"),
    File(path: "reads/leaf.fq", text: leaf),
    File(path: "reads/root.fq", text: root),
  ]

  private static let bioProgram = #"""
    // From the reads of several samples to a report: clean, measure, collect.

    param (
      // The sample sheet: a name and a file of reads each.
      samples = file("samples.csv")

      // Where the reads are.
      reads = "reads"

      // Reads that are shorter are dropped.
      length = 12
    )

    // Drops short reads. A record of FASTQ has four lines.
    func Clean(reads file) = exec(cpu := 1, mem := 64 * MiB) (clean file) {"
      awk 'NR % 4 == 1 { head = $0 }
        NR % 4 == 2 { bases = $0 }
        NR % 4 == 0 && length(bases) >= {{length}} {
          print head; print bases; print "+"; print $0
        }' {{reads}} > {{clean}}
    "}

    // How many reads and bases there are, and the share of G and C among them.
    func Measure(sample string, reads file) = exec() (row file) {"
      awk -v OFS='\t' -v sample={{quote(sample)}} '
        NR % 4 == 2 { reads += 1; bases += length($0); gc += gsub(/[GCgc]/, "") }
        END { printf "%s\t%d\t%d\t%.3f\n", sample, reads, bases, bases ? gc / bases : 0 }
      ' {{reads}} > {{row}}
    "}

    func Report(rows [file]) = exec() (report file) {"
      printf 'sample\treads\tbases\tgc\n' > {{report}}
      cat {{rows}} >> {{report}}
    "}

    // The sheet is a table; each of its rows makes steps of its own.
    val Sheet = table(samples) {sample, reads string}
    val clean = [(s.sample, Clean(file(reads + "/" + s.reads))) | s <- rows(Sheet)]

    // What is built: the folder out/ with these members.
    val Main = {
      reads: map([(name + ".fq", reads) | (name, reads) <- clean]),
      report: ["report.tsv": Report([Measure(name, reads) | (name, reads) <- clean])],
    }

    """#

  private static let leaf = """
    @leaf.1
    ACGTTGCAACGTGGCATTAC
    +
    IIIIIIIIIIIIIIIIIIII
    @leaf.2
    GGCATTAC
    +
    IIIIIIII
    @leaf.3
    TTGACCGTAAGCTTAGGCAT
    +
    IIIIIIIIIIHHHHHGGGGF

    """

  private static let root = """
    @root.1
    ATATTTAACGATATATTAAT
    +
    IIIIIIIIIIIIIIIIIIII
    @root.2
    GGGCGCGCATTACGCGGCGC
    +
    IIIIIIIIIIIIIIIIIIII

    """
}
