import Foundation
import Testing

/// fixtures/variants: reads of several samples, aligned, called and merged with bwa, samtools and bcftools.
@Suite(
  .enabled(
    if: Workspace.has("bwa", "samtools", "bcftools", "wgsim"), "wants the Debian packages bwa, samtools and bcftools"))
struct VariantsTests {
  private func built() throws -> Workspace {
    let project = try Workspace(fixture: "variants")
    try project.write("samples.txt", "ada\nbarbara\nchien\n")
    #expect(try project.run("./prepare").status == 0)
    let build = try project.build()
    try #require(build.status == 0, "\(build.errors)")
    #expect(build.ran == ["Index": 1, "Align": 3, "Call": 3, "Depth": 3, "Merge": 1])
    return project
  }

  private func positions(_ project: Workspace) throws -> [Substring] {
    try project.run(
      "bcftools", ["query", "-r", "chr2", "-f", "%POS\\n", "out/variants/merged.vcf.gz"]
    ).output.split(separator: "\n")
  }

  @Test func `a cold build gives an indexed VCF of all samples, and a second one runs nothing`() throws {
    let project = try built()
    #expect(
      try project.snapshot().keys.sorted() == [
        "depth/ada.tsv", "depth/barbara.tsv", "depth/chien.tsv", "variants/merged.vcf.gz",
        "variants/merged.vcf.gz.csi",
      ])
    let samples = try project.run("bcftools", ["query", "-l", "out/variants/merged.vcf.gz"])
    #expect(samples.output == "ada\nbarbara\nchien\n")
    #expect(try positions(project).count > 20)
    let outputs = try project.snapshot()
    let objects = try project.snapshot(".reflow/objects")
    let again = try project.build()
    #expect(again.started == [:])
    #expect(try project.snapshot() == outputs)
    #expect(try project.snapshot(".reflow/objects") == objects)
  }

  @Test func `outputs do not depend on the place of the project or on the run`() throws {
    let project = try built()
    let other = try built()
    #expect(try project.texts() == other.texts())
  }

  @Test func `edited reads of one sample run the steps of that sample and the merge`() throws {
    let project = try built()
    // The other end of the first read: a base changes.
    let reads = try project.read("data/reads/ada_1.fq")
    try project.write(
      "data/reads/ada_1.fq", reads.split(separator: "\n").dropFirst(2000).joined(separator: "\n") + "\n")
    let mates = try project.read("data/reads/ada_2.fq")
    try project.write(
      "data/reads/ada_2.fq", mates.split(separator: "\n").dropFirst(2000).joined(separator: "\n") + "\n")
    let build = try project.build()
    #expect(build.status == 0, "\(build.errors)")
    #expect(build.ranLabels == ["Align[ada_1.fq]", "Call[ada_1.fq]", "Depth[ada_1.fq]", "Merge"])
    #expect(
      build.reasons["Align"]?.contains("ada_1.fq") == true || build.reasons["Align"]?.contains("ada_2.fq") == true)
  }

  @Test func `a renamed read changes an alignment and no variant`() throws {
    let project = try built()
    let outputs = try project.snapshot()
    for mate in ["ada_1", "ada_2"] {
      let reads = try project.read("data/reads/\(mate).fq")
      let name = try #require(reads.split(separator: "\n").first).dropLast(2)
      try project.edit("data/reads/\(mate).fq", replacing: String(name), with: "@renamed")
    }
    let build = try project.build()
    #expect(build.status == 0)
    #expect(build.ranLabels == ["Align[ada_1.fq]", "Call[ada_1.fq]", "Depth[ada_1.fq]"])
    #expect(try project.snapshot() == outputs)
  }

  @Test func `a sample that is added to the list runs its own steps and the merge`() throws {
    let project = try built()
    for mate in ["1", "2"] {
      try project.write("data/reads/dorothy_\(mate).fq", project.read("data/reads/chien_\(mate).fq"))
    }
    try project.append("dorothy\n", to: "samples.txt")
    let build = try project.build()
    #expect(build.status == 0, "\(build.errors)")
    #expect(build.ran == ["Align": 1, "Call": 1, "Depth": 1, "Merge": 1])
    let samples = try project.run("bcftools", ["query", "-l", "out/variants/merged.vcf.gz"])
    #expect(samples.output == "ada\nbarbara\nchien\ndorothy\n")
  }

  @Test func `deleted outputs come back without a step, also in a copy with new times`() throws {
    let project = try built()
    let before = try project.texts()
    try project.remove("out/variants")
    #expect(try project.build().started == [:])
    #expect(try project.texts() == before)
    let copy = try Workspace(copyOf: project)
    let build = try copy.build()
    #expect(build.status == 0, "\(build.errors)")
    #expect(build.started == [:])
    #expect(try copy.texts() == before)
  }

  @Test func `with -k a sample without reads leaves the others and the last good VCF alone`() throws {
    let project = try built()
    let before = try project.texts()
    // Not a FASTQ file: bwa finds no read, and the pairs do not match.
    try project.write("data/reads/barbara_1.fq", "@r1/1\nACGT\n+\nIIII\n@r2/1\nACGT\n+\nIIII\n")
    try project.write("data/reads/barbara_2.fq", "@x1/2\nACGT\n+\nIIII\n")
    let reads = try project.read("data/reads/ada_1.fq")
    try project.write("data/reads/ada_1.fq", reads.split(separator: "\n").dropFirst(4).joined(separator: "\n") + "\n")
    let mates = try project.read("data/reads/ada_2.fq")
    try project.write("data/reads/ada_2.fq", mates.split(separator: "\n").dropFirst(4).joined(separator: "\n") + "\n")
    let build = try project.build("-k")
    #expect(build.status == 1)
    #expect(build.failed == ["Align": 1])
    #expect(build.ran["Align"] == 1)
    #expect(build.ran["Merge"] == nil)
    let after = try project.texts()
    #expect(after["variants/merged.vcf.gz"] == before["variants/merged.vcf.gz"])
    #expect(after["depth/barbara.tsv"] == before["depth/barbara.tsv"])
  }
}
