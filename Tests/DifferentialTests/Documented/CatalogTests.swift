import Foundation
import Testing

// Holds the catalog to the code: its blocks are parts of compiled and passing tests, its links lead somewhere, and every operator has
// its page.

private let here = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
private let room = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  .appending(path: "Sources/Differential")

/// All files of a kind in a folder and those inside, by name without the ending.
private func files(in folder: URL, ending: String) throws -> [String: String] {
  var result: [String: String] = [:]
  for path in FileManager.default.enumerator(atPath: folder.path)?.compactMap({ $0 as? String }) ?? []
  where path.hasSuffix(ending) {
    let url = folder.appending(path: path)
    result[String(url.lastPathComponent.dropLast(ending.count))] = try String(contentsOf: url, encoding: .utf8)
  }
  return result
}

private func pages() throws -> [String: String] {
  try files(in: room.appending(path: "Differential.docc"), ending: ".md")
}

/// The lines that are not empty, without their indentation.
private func lines(_ text: String) -> [Substring] {
  text.split(separator: "\n").map { $0.drop { $0 == " " } }.filter { !$0.isEmpty }
}

/// The blocks of code on a page.
private func blocks(_ page: String) -> [String] {
  page.components(separatedBy: "```swift\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
}

/// Whether a block stands, line by line, in a source.
private func stands(_ block: String, in source: String) -> Bool {
  let block = lines(block)
  let source = lines(source)
  return source.indices.contains { source[$0...].starts(with: block) }
}

/// What a page names between two marks alike.
private func names(in page: String, between mark: String) -> [String] {
  page.components(separatedBy: mark).enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
    .filter { !$0.isEmpty && !$0.contains("\n") }
}

@Test func everyBlockOfTheCatalogIsAPartOfATest() throws {
  let sources = try files(in: here, ending: ".swift")
  var count = 0
  for (name, page) in try pages() {
    for block in blocks(page) {
      count += 1
      #expect(sources.values.contains { stands(block, in: $0) }, "\(name): \(block)")
    }
  }
  #expect(count >= 40)
}

@Test func aBlockThatDiffersFromTheTestsIsFound() throws {
  let sources = try files(in: here, ending: ".swift")
  let page = try pages()["Map"]
  let block = try #require(page.flatMap { blocks($0).first })
  #expect(sources.values.contains { stands(block, in: $0) })
  #expect(!sources.values.contains { stands(block.replacing("$0 / 2", with: "$0 / 3"), in: $0) })
  let shorter = lines(block).dropLast(2) + ["#expect(halves.records.isEmpty)"]
  #expect(!sources.values.contains { stands(shorter.joined(separator: "\n"), in: $0) })
}

/// The operators of the library, by the pages that tell of them.
private let operators = [
  "Map", "Filter", "FlatMap", "Explode", "Concat", "Negate", "Subtract", "Inspect", "Delay", "ArrangeByKey",
  "ArrangeBySelf", "Consolidate", "Join", "Semijoin", "Antijoin", "Reduce", "Count", "Threshold", "Distinct", "Min",
  "Max", "Top", "Sum", "Iterate", "PrioritizedIterate", "Enter", "EnterAt", "Leave", "Loop", "Rebuilding", "Inputs",
  "Probe",
  "Contents", "InspectEpochs", "History", "Imported",
]

@Test(arguments: operators) func everyOperatorHasAPageWithItsCostItsWordInLINQAndAnExample(name: String) throws {
  let pages = try pages()
  let page = try #require(pages[name], "\(name) has no page")
  #expect(page.hasPrefix("# `"))
  for part in ["\nLINQ: ", "\n## Meaning\n", "\n## Cost\n", "\n## Example\n"] {
    #expect(page.contains(part), "\(part)")
  }
  #expect(blocks(page).contains { $0.contains("#expect") }, "an example says what comes out")
  #expect(pages["Operators"]?.contains("<doc:\(name)>") == true, "it is in the table of operators")
  #expect(pages["Differential"]?.contains("<doc:\(name)>") == true, "it is in the catalog's topics")
}

@Test func linksOfTheCatalogLeadSomewhere() throws {
  let pages = try pages()
  let code = try files(in: room, ending: ".swift").values.joined(separator: "\n")
  let declared = Set(
    code.matches(of: /(?:func|var|let|struct|class|protocol|typealias|enum|case|associatedtype) `?(\w+)/).map {
      String($0.1)
    })
  for (name, page) in pages {
    for link in page.matches(of: /<doc:(\w+)>/).map({ String($0.1) }) {
      #expect(pages[link] != nil, "\(name): <doc:\(link)>")
    }
    for symbol in names(in: page.replacing("```", with: ""), between: "``") {
      for part in symbol.split(separator: "/") {
        let base = String(part.prefix { $0 != "(" && $0 != "-" })
        #expect(declared.contains(base) || base == "Differential" || base == "init", "\(name): ``\(symbol)``")
      }
    }
  }
}

/// Tests named in the catalog exist: an invariant that nothing holds is worse than none.
@Test func testsThatTheCatalogNamesExist() throws {
  let tests = try files(in: here.deletingLastPathComponent(), ending: ".swift")
  let all = tests.values.joined(separator: "\n")
  for (name, page) in try pages() {
    guard let invariants = page.components(separatedBy: "## Invariants").dropFirst().first else { continue }
    let section = invariants.components(separatedBy: "\n## ")[0]
    for word in names(in: section, between: "`") where word.first?.isLowercase == true && word.count > 24 {
      #expect(all.contains("func \(word)("), "\(name): \(word)")
    }
    for word in names(in: section, between: "`") where word.hasSuffix("Tests") {
      #expect(tests[word] != nil, "\(name): \(word)")
    }
  }
}
