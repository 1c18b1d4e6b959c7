package import BuildGraph
package import Diagnostics
import Ports

extension StepHistory: RowValue {}

/// What steps of each kind took. Advice: a row that cannot be read counts as none.
extension SQLiteStore {
  package func histories(of kinds: [String]) throws(SystemError) -> [String: StepHistory] {
    try recovering { () throws(SystemError) in
      var found: [String: StepHistory] = [:]
      let statement = try database.prepare("SELECT value FROM history WHERE kind = ?1")
      try database.reading { () throws(SystemError) in
        for kind in kinds {
          statement.bind(kind, at: 1)
          try database.eachRow(of: statement) { row in
            found[kind] = StepHistory(sealed: row.bytes(0), seed: RowSeal.seed(.history, ByteString(kind)))
          }
        }
      }
      return found
    }
  }

  package func histories() throws(SystemError) -> [(kind: String, history: StepHistory)] {
    try recovering { () throws(SystemError) in
      var found: [(kind: String, history: StepHistory)] = []
      try database.eachRow("SELECT kind, value FROM history ORDER BY kind") { row in
        guard let kind = row.text(0),
          let history = StepHistory(sealed: row.bytes(1), seed: RowSeal.seed(.history, ByteString(kind)))
        else { return }
        found.append((kind, history))
      }
      return found
    }
  }

  func setHistory(_ history: StepHistory, of kind: String) throws(SystemError) {
    let statement = try database.prepare("INSERT OR REPLACE INTO history VALUES (?1, ?2)")
    statement.bind(kind, at: 1)
    statement.bind(history.sealed(RowSeal.seed(.history, ByteString(kind))), at: 2)
    try statement.run()
  }
}
