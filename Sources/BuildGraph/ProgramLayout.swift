/// How the words of a program's file stand in it. Files of the same words mean the same; their comments may differ, and with
/// these the numbers of the lines that the words are on.
package struct ProgramLayout: Hashable, Sendable {
  /// Lines that hold words, one after the other.
  package struct Run: Hashable, Sendable {
    /// 1-based.
    package var first: UInt32
    package var count: UInt32

    package init(first: UInt32, count: UInt32) {
      self.first = first
      self.count = count
    }
  }

  /// As a ``ProgramLocation`` names it.
  package var file: String
  /// Of the words, their columns, and where a new line begins between them.
  package var words: Digest
  /// The lines on which words begin, ascending and as few runs as there can be.
  package var lines: [Run]

  package init(file: String, words: Digest, lines: [Run]) {
    self.file = file
    self.words = words
    self.lines = lines
  }

  /// Appends a line below the last one.
  package mutating func append(line: UInt32) {
    if let last = lines.last, last.first + last.count == line {
      lines[lines.count - 1].count += 1
    } else {
      lines.append(Run(first: line, count: 1))
    }
  }
}

/// A file of a program, as it was when the program was evaluated and as it was when it was last read. The words are the same.
package struct PlacedProgram: Hashable, Sendable {
  package var evaluated: ProgramLayout
  /// The lines now.
  package var lines: [ProgramLayout.Run]

  package init(_ evaluated: ProgramLayout) {
    self.evaluated = evaluated
    lines = evaluated.lines
  }

  package var path: Path { Path(ByteString(evaluated.file)) }
  package var hasMoved: Bool { lines != evaluated.lines }

  /// Takes note of how the file is now.
  ///
  /// - Returns: false where its words are others.
  package mutating func move(to now: ProgramLayout) -> Bool {
    guard now.words == evaluated.words, now.file == evaluated.file else { return false }
    lines = now.lines
    return true
  }

  /// Where a line of the evaluated file is now; nil where no word begins on it.
  ///
  /// - Complexity: O(runs).
  package func line(of old: Int) -> Int? {
    var rank: UInt32 = 0
    for run in evaluated.lines {
      if old < Int(run.first) { return nil }
      if old < Int(run.first) + Int(run.count) {
        return line(ranked: rank + UInt32(old - Int(run.first)))
      }
      rank += run.count
    }
    return nil
  }

  private func line(ranked rank: UInt32) -> Int? {
    var rest = rank
    for run in lines {
      if rest < run.count { return Int(run.first) + Int(rest) }
      rest -= run.count
    }
    return nil
  }
}

// Lines as bytes: the distance from the run before and the length, each less what it is at least, so that there is one form.
extension BinaryWriter {
  mutating func write(_ lines: [ProgramLayout.Run]) {
    write(compact: lines.count)
    var free: UInt32 = 1
    for run in lines {
      write(compact: UInt64(run.first - free))
      write(compact: UInt64(run.count - 1))
      free = run.first + run.count + 1
    }
  }

  mutating func write(_ program: PlacedProgram) {
    write(compact: ByteString(program.evaluated.file))
    write(program.evaluated.words)
    write(program.evaluated.lines)
    write(program.lines)
  }
}

extension BinaryReader {
  mutating func readLines() -> [ProgramLayout.Run]? {
    var free: UInt64 = 1
    return readList { reader -> ProgramLayout.Run? in
      guard let gap = reader.readCompact(), let more = reader.readCompact(), gap < 1 << 31, more < 1 << 31 else {
        return nil
      }
      let first = free + gap
      free = first + more + 2
      guard free <= UInt64(Int32.max) else { return nil }
      return ProgramLayout.Run(first: UInt32(first), count: UInt32(more) + 1)
    }
  }

  mutating func readPlacedProgram() -> PlacedProgram? {
    guard let file = readCompactString(), let words = readDigest(), let evaluated = readLines(), let lines = readLines()
    else { return nil }
    var program = PlacedProgram(ProgramLayout(file: file, words: words, lines: evaluated))
    program.lines = lines
    return program
  }
}
