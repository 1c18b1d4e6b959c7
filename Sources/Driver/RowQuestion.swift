package import BuildGraph
package import Diagnostics
import Engine
import Language
import Ports
import Tables

/// Which records a row of an output rests on (engine rule 29): asked in a dry run, of outputs that are up to date.
package struct RowQuestion {
  /// In the output tree.
  package var path: ByteString
  /// Of the output's rows, from 1; the header is none.
  package var row: Int
  /// How many records to name.
  package var limit: Int
  /// Gets the answer; not called where the build does not come to its end.
  package var answer: (Result<RowAnswer, SystemError>) -> Void

  package init(
    path: ByteString, row: Int, limit: Int, answer: @escaping (Result<RowAnswer, SystemError>) -> Void
  ) {
    self.path = path
    self.row = row
    self.limit = limit
    self.answer = answer
  }
}

/// What a row rests on, by names that people know.
package struct RowAnswer: Sendable {
  package struct Record: Sendable {
    /// A source's path, or the label of the step that made the file.
    package var place: String
    /// Where it begins, from 1.
    package var line: Int
    package var text: ByteString
  }

  /// The row, as a record of the output.
  package var row: ByteString
  package var records: [Record]
  /// With those that are not named.
  package var recordCount: Int
  /// Where the program itself writes rows that it rests on too.
  package var literals: [ProgramLocation]
  /// False where the row may have come to be in other ways as well.
  package var isExact: Bool
  /// Of what is not exact: whether the row is lost with any of the records.
  package var isMinimal: Bool
}

extension BuildRun {
  func answer(_ question: RowQuestion) {
    do throws(SystemError) {
      question.answer(.success(try lineage(question)))
    } catch {
      question.answer(.failure(error))
    }
  }

  private func lineage(_ question: RowQuestion) throws(SystemError) -> RowAnswer {
    let path = question.path
    guard let entry = entries.first(where: { $0.path == path || path.bytes.starts(with: $0.path.bytes + [0x2F]) })
    else {
      let hint = Suggestion.nearest(to: path.display, among: entries.map(\.path.display))
      throw SystemError(
        .notFound, "the program makes no output '\(path.display)'" + (hint.map { "; did you mean '\($0)'?" } ?? ""))
    }
    guard case .step(let step) = GraphNode(entry.reference), case .table(let table) = graph.steps[Int(step.index)].work
    else {
      throw SystemError(.wrongKind, "'\(path.display)' is no table: --row asks about the rows of a table")
    }
    if case .parts = table.form, path == entry.path {
      throw SystemError(.wrongKind, "'\(path.display)' is a folder of parts: name the part that holds the row")
    }
    guard engine.artifact(of: entry.reference) != nil, let exec = graph.steps[Int(step.index)].command,
      let reads = engine.reads(of: step)
    else { throw SystemError(.notFound, "'\(path.display)' is not up to date: build first, then ask") }
    let request = RunRequest(
      reads, .table(table), exec: exec, staging: engine.staging(of: step, exec), run: RunID(number: 0),
      options: options)
    let runner = TableRunner(world.runner, fileSystem: world.fileSystem, objects: world.objects, clock: world.clock)
    let member = ByteString(bytes: Array(path.bytes.dropFirst(entry.path.count + 1)))
    do throws(TableFailure) {
      guard
        let lineage = try runner.lineage(
          ofRow: question.row, in: member, of: table, request, limit: question.limit)
      else { throw TableFailure.input("'\(path.display)' has no row \(question.row)") }
      return RowAnswer(
        row: lineage.row,
        records: lineage.records.map { RowAnswer.Record(place: place(of: $0), line: $0.line, text: $0.text) },
        recordCount: lineage.recordCount, literals: lineage.literals, isExact: lineage.isExact,
        isMinimal: lineage.isMinimal)
    } catch {
      throw SystemError(.notFound, error.message)
    }
  }

  private func place(of record: RowLineage.Record) -> String {
    switch record.input.reference {
    case .source(let id):
      let source = graph.sources[Int(id.index)]
      guard case .path(let path) = source.place else { return record.path.display }
      return (record.input.kind == .folder ? path.appending(record.path) : path).bytes.display
    case .output(let step, _), .member(let step, _, _):
      let label = engine.label(of: step)
      return record.input.kind == .folder ? "\(label)/\(record.path.display)" : label
    case .literal, .assembly: return record.path.display
    }
  }
}
