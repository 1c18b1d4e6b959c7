// What records of traces refer to and the dataflow knows nothing of, such as numbers of strings: who keeps it has to know what no record
// refers to any more.

extension Dataflow {
  /// Shows what the records of all traces hold that are views — the words of ``Words``, the bytes of texts — some at a time.
  ///
  /// A batch is shown once in a round, and one that is made of batches that have been shown not at all. Steps may be made between calls:
  /// when a call says that all has been shown, this is so of all that traces hold then. What waits for a later epoch is not shown.
  ///
  /// - Parameters:
  ///   - round: Not 0, and another one than before when all is to be shown anew.
  ///   - budget: About how many bytes are shown by this call; what is left of it afterwards.
  /// - Returns: Whether all has been shown in this round.
  /// - Complexity: O(bytes + batches).
  public func showContents(
    inRound round: UInt32, atMost budget: inout Int, _ body: (UnsafeRawBufferPointer) -> Void
  ) -> Bool {
    precondition(round > 0, "what has never been shown is of round 0")
    for part in control.parts { guard part.show(round, &budget, body) else { return false } }
    return true
  }
}

extension Batch {
  /// - Returns: whether all of it has been shown in this round.
  func showContents(inRound round: UInt32, _ budget: inout Int, _ body: (UnsafeRawBufferPointer) -> Void) -> Bool {
    if shown.round != round { shown = (round, 0) }
    guard shown.bytes < .max else { return true }
    var pieces: [UnsafeRawBufferPointer] = []
    columns.keys.arena.appendPieces(to: &pieces, records: columns.keyCount)
    columns.values.arena.appendPieces(to: &pieces, records: columns.rowCount)
    var start = 0
    for piece in pieces {
      let end = start + piece.count
      while shown.bytes < end {
        guard budget > 0 else { return false }
        // Whole words, of the batch and so of the piece.
        let count = min(end - shown.bytes, (budget + 7) & ~7)
        let first = shown.bytes - start
        body(UnsafeRawBufferPointer(rebasing: piece[first..<first + count]))
        shown.bytes += count
        budget -= count
      }
      start = end
    }
    withExtendedLifetime(memory) {}
    shown.bytes = .max
    return true
  }

  /// Notes of which batches it was made: what has been shown of both has been shown of it.
  @usableFromInline func isMade(of older: Batch, _ newer: Batch) {
    if older.shown.bytes == .max, newer.shown.bytes == .max, older.shown.round == newer.shown.round {
      shown = older.shown
    }
  }
}
