import Foundation
import Testing

/// Holds the code to the arrows of README.md, "The house".
@Suite struct ArchitectureTests {
  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// What each room may import of ours and of packages.
  private static let allowed: [String: Set<String>] = [
    "Diagnostics": [],
    "BuildGraph": ["CXXHash"],
    "Differential": [],
    "Language": ["Diagnostics", "BuildGraph", "BigInt"],
    "Formatting": ["Diagnostics", "Language"],
    "LanguageServer": ["BuildGraph", "Diagnostics", "Formatting", "Language"],
    "Tables": ["Language", "BuildGraph", "Diagnostics", "Differential", "Ports", "BigInt", "CZlib", "CZstd"],
    "Engine": ["BuildGraph"],
    "Scheduling": ["BuildGraph"],
    "Ports": ["BuildGraph", "Diagnostics"],
    "Watching": ["BuildGraph", "Diagnostics", "Ports"],
    "Driver": ["BuildGraph", "Diagnostics", "Language", "Tables", "Engine", "Scheduling", "Ports", "Watching"],
    "Pictures": ["Diagnostics"],
    "Queries": ["BuildGraph", "Diagnostics", "Pictures", "Ports"],
    "Simulation": ["BuildGraph", "Diagnostics", "Scheduling", "Ports", "Watching", "Driver"],
    "Storage": ["BuildGraph", "Diagnostics", "Ports", "CSQLite", "CXXHash", "CLinux"],
    "LinuxSystem": ["BuildGraph", "Diagnostics", "Ports", "CXXHash", "CLinux"],
    "Slurm": ["BuildGraph", "Diagnostics", "Ports", "Scheduling"],
    "Console": ["BuildGraph", "Diagnostics", "Ports"],
    "Configuration": ["BuildGraph", "Diagnostics", "TOMLKit"],
  ]

  /// Rooms without clock, file, thread or randomness.
  private static let pure: Set<String> = [
    "Diagnostics", "BuildGraph", "Differential", "Language", "Tables", "Formatting", "LanguageServer", "Engine",
    "Scheduling",
    "Configuration", "Console", "Watching", "Pictures",
  ]

  private static let platform: Set<String> = ["Glibc", "Synchronization", "Dispatch", "FoundationEssentials", "Swift"]

  private struct Source {
    let room: String
    let name: String
    let text: String
    let lines: [Substring]
  }

  private static func sources() throws -> [Source] {
    let folder = root.appendingPathComponent("Sources")
    let files = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
    return try files.filter { $0.hasSuffix(".swift") }.sorted().map { name in
      let text = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
      return Source(
        room: String(name.prefix { $0 != "/" }), name: name, text: text,
        lines: text.split(separator: "\n", omittingEmptySubsequences: false))
    }
  }

  private static func imports(of source: Source) -> [String] {
    source.lines.compactMap { line in
      var words = line.split(separator: " ").map(String.init)
      while let first = words.first,
        first.hasPrefix("@") || ["public", "package", "internal", "private"].contains(first)
      {
        words.removeFirst()
      }
      guard words.first == "import", words.count >= 2 else { return nil }
      let kinds: Set<String> = ["struct", "class", "enum", "func", "protocol", "var", "let", "typealias"]
      let module = kinds.contains(words[1]) && words.count > 2 ? words[2] : words[1]
      return String(module.prefix { $0 != "." && $0 != ";" })
    }
  }

  @Test func roomsImportOnlyWhatTheirArrowsAllow() throws {
    for source in try Self.sources() {
      guard let allowed = Self.allowed[source.room] else { continue }
      for module in Self.imports(of: source) where !allowed.contains(module) {
        #expect(Self.platform.contains(module), "\(source.name) imports \(module)")
      }
    }
  }

  @Test func pureRoomsTouchNoPlatform() throws {
    for source in try Self.sources() where Self.pure.contains(source.room) {
      // The exchange between a dataflow's workers is the one place of the library that knows of threads.
      if source.room == "Differential", source.name.contains("/Workers/") { continue }
      for module in Self.imports(of: source) {
        #expect(!Self.platform.contains(module), "\(source.name) imports \(module)")
      }
    }
  }

  @Test func nobodyImportsAnAdapterButTheExecutables() throws {
    let adapters: Set<String> = ["Storage", "LinuxSystem", "Slurm", "Console", "Configuration"]
    for source in try Self.sources() where source.room != "reflow" && source.room != "ReflowBenchmarks" {
      for module in Self.imports(of: source) {
        #expect(!adapters.contains(module), "\(source.name) imports \(module)")
      }
    }
  }

  @Test func everyRoomIsInTheTableAndHasAnArticle() throws {
    for room in Set(try Self.sources().map(\.room)) where room != "reflow" && room != "ReflowBenchmarks" {
      #expect(Self.allowed[room] != nil, "\(room) has no row in the table of arrows")
      let article = Self.root.appendingPathComponent("Sources/\(room)/\(room).docc/\(room).md")
      #expect(FileManager.default.fileExists(atPath: article.path), "\(room) has no article")
    }
  }

  @Test func filesAreOneThingAndNamesHaveNoBlanks() throws {
    for source in try Self.sources() {
      #expect(source.lines.count <= 600, "\(source.name) has \(source.lines.count) lines")
      #expect(!source.name.contains(" "), "\(source.name)")
    }
  }

  @Test func noLooseEndsAreLeftInTheCode() throws {
    for source in try Self.sources() {
      for word in ["TO" + "DO", "FIX" + "ME", "X" + "XX:"] {
        #expect(!source.text.contains(word), "\(source.name) contains \(word)")
      }
    }
  }

  @Test func theTopLevelHoldsWhatItMay() throws {
    let known: Set<String> = ["Package.swift", "Package.resolved", "Sources", "Tests", "fixtures", "man", "README.md"]
    for name in try FileManager.default.contentsOfDirectory(atPath: Self.root.path) where !name.hasPrefix(".") {
      #expect(known.contains(name), "\(name) does not belong at the top level")
    }
  }
}
