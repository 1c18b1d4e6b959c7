import ArgumentParser

/// A first project.
enum Template: String, CaseIterable, ExpressibleByArgument {
  case text, bio, c, tables

  struct File {
    var path: String
    var text: String
  }

  var summary: String {
    switch self {
    case .text: "count the words of some poems; needs nothing but the system's text tools"
    case .bio: "look at the reads of two samples; needs nothing but awk"
    case .c: "compile a program in C and run its tests; needs cc"
    case .tables: "join, group and follow records, updated by differences; needs nothing"
    }
  }

  /// What to try when it has been built.
  var hint: String {
    switch self {
    case .text: "Change a poem in poems/ and build again: only its own steps run, and the sum."
    case .bio: "Add a line to samples.csv and a file to reads/: only the steps of the new sample run."
    case .c: "Change src/greeting.h and build again: only what includes it is compiled."
    case .tables: "Add a line to visits.csv: only the records that it changes are computed again."
    }
  }

  /// All that it is made of, besides what every project has.
  var files: [File] {
    switch self {
    case .text: Self.textFiles
    case .bio: Self.bioFiles
    case .c: Self.cFiles
    case .tables: Self.tablesFiles
    }
  }
}
