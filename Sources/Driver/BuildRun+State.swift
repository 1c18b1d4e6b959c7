import BuildGraph
import Diagnostics
import Engine
import Ports

/// What the state knows, and what it must remember.
extension BuildRun {
  func lookUpDerivations(_ lookups: [DerivationLookup]) throws(SystemError) {
    let asked = lookups
    let lookups = asked.filter { $0.made == nil }
    let derivations = try self.derivations(for: lookups.map(\.key))
    let results = try self.results(
      for: derivations.isEmpty ? [] : lookups.compactMap { derivations[$0.key]?.contentKey })
    let traces = try store.traces(for: lookups.map(\.identity))
    let whole = presence(of: lookups.map { derivations[$0.key].flatMap { results[$0.contentKey] }?.outputs ?? [] })
    var found: [DerivationAnswer] = []
    found.reserveCapacity(lookups.count)
    for (index, lookup) in lookups.enumerated() {
      var hit: DerivationHit?
      if let derivation = derivations[lookup.key], let result = results[derivation.contentKey], whole[index] {
        hit = DerivationHit(
          contentKey: derivation.contentKey, inputs: derivation.inputs, outputs: result.outputs,
          isSandboxed: result.isSandboxed)
      }
      found.append(
        DerivationAnswer(
          step: lookup.step, key: lookup.key, hit: hit,
          trace: traces[lookup.identity].flatMap(StepTrace.init(encoded:)),
          former: derivations[lookup.key].map { results[$0.contentKey]?.outputs ?? [] }))
    }
    try lookForSettled(asked.filter { $0.made != nil }, &found)
    pending.append(.derivationsFound(found))
  }

  /// What settled steps made is known, and perhaps gone.
  private func lookForSettled(_ lookups: [DerivationLookup], _ found: inout [DerivationAnswer]) throws(SystemError) {
    guard !lookups.isEmpty else { return }
    let whole = presence(of: lookups.map { $0.made?.outputs ?? [] })
    for (lookup, isWhole) in zip(lookups, whole) {
      var hit: DerivationHit?
      if let made = lookup.made, isWhole {
        hit = DerivationHit(
          contentKey: made.contentKey, inputs: [], outputs: made.outputs, isSandboxed: made.isSandboxed)
      }
      found.append(DerivationAnswer(step: lookup.step, key: lookup.key, hit: hit, trace: nil))
    }
  }

  func lookUpResults(_ lookups: [ResultLookup]) throws(SystemError) {
    let results = try self.results(for: lookups.flatMap(\.keys))
    let traces = try store.traces(for: lookups.compactMap(\.identity))
    // The first of a step's keys that has a result decides; the others only count where its objects are gone.
    let candidates = lookups.map { lookup in
      lookup.keys.compactMap { key in results[key].map { (key: key, result: $0) } }
    }
    let whole = presence(of: candidates.flatMap { $0.map(\.result.outputs) })
    var position = 0
    var found: [ResultAnswer] = []
    found.reserveCapacity(lookups.count)
    for (lookup, candidates) in zip(lookups, candidates) {
      var answer = ResultAnswer.Found.nothing
      for candidate in candidates {
        defer { position += 1 }
        if case .result = answer { continue }
        answer =
          whole[position]
          ? .result(key: candidate.key, outputs: candidate.result.outputs, isSandboxed: candidate.result.isSandboxed)
          : .gone(outputs: candidate.result.outputs)
      }
      found.append(
        ResultAnswer(
          step: lookup.step, keys: lookup.keys, found: answer,
          trace: lookup.identity.flatMap { traces[$0] }.flatMap(StepTrace.init(encoded:))))
    }
    pending.append(.resultsFound(found))
  }

  private func derivations(for keys: [Digest]) throws(SystemError) -> [Digest: Derivation] {
    var found = try store.derivations(for: keys)
    if !uncommitted.derivations.isEmpty { for key in keys { found[key] = uncommitted.derivations[key] ?? found[key] } }
    return found
  }

  private func results(for keys: [Digest]) throws(SystemError) -> [Digest: StepResult] {
    var found = try store.results(for: keys)
    if !uncommitted.results.isEmpty { for key in keys { found[key] = uncommitted.results[key] ?? found[key] } }
    return found
  }

  func readSets(for key: Digest) throws(SystemError) -> [ReadSet] {
    (uncommitted.readSets[key] ?? []) + (try store.readSets(for: key))
  }

  /// For each list whether all its objects are there.
  private func presence(of lists: [[Artifact]]) -> [Bool] {
    let all = world.objects.contains(lists.flatMap { $0 })
    var position = 0
    return lists.map { list in
      defer { position += list.count }
      return all[position..<position + list.count].allSatisfy { $0 }
    }
  }

  func keep(_ record: Record) {
    if let outputs = record.result, let end = ended[record.step] {
      note(
        .setResult(
          contentKey: record.contentKey,
          StepResult(
            outputs: outputs, isSandboxed: record.isSandboxed, run: end.run, usage: end.outcome.usage)))
    }
    if let derivation = record.derivation {
      note(
        .setDerivation(
          key: derivation.key, Derivation(contentKey: record.contentKey, inputs: derivation.inputs)))
    }
    if let set = record.readSet {
      note(.addReadSet(declaredKey: set.declaredKey, ReadSet(paths: set.paths)))
      note(.setDeclaredKey(set.declaredKey, contentKey: record.contentKey))
    }
    if let trace = record.trace {
      note(.setTrace(identity: record.identity, bytes: trace.encoded))
      if let name = engine.nameIdentity(of: record.step) { note(.setTrace(identity: name, bytes: trace.encoded)) }
    }
  }

  /// A step that collects what others make is another one when there is one more of them; people take it for the same.
  func toldExactly(_ reason: Reason, of step: StepID) throws(SystemError) -> Reason {
    guard reason == .neverBuilt, let name = engine.nameIdentity(of: step),
      let trace = try store.traces(for: [name])[name].flatMap(StepTrace.init(encoded:))
    else { return reason }
    return engine.reason(for: step, sinceNamesake: trace)
  }

  // MARK: Snapshot

  /// What the next build must find where this one looked; nil where that cannot be told.
  ///
  /// - Parameter isIncluded: which sources are meant.
  func snapshotEntries(of isIncluded: (SourceID) -> Bool) -> [SnapshotEntry]? {
    var entries: [SnapshotEntry] = []
    let files = plan?.relaid ?? programFiles
    // One more would double it.
    entries.reserveCapacity(seenSources.countAtMost + (published?.outputs.count ?? 0) + files.count)
    func add(_ path: Path, _ expectation: SnapshotExpectation) {
      entries.append(SnapshotEntry(root: .source(path.root), path: path.bytes, expectation: expectation))
    }
    func add(_ path: Path, _ observation: Observation) {
      add(path, .file(observation.hint, rehash: observation.isTrusted ? nil : observation.artifact.digest))
    }
    func add(_ path: Path, _ listing: FolderListing, _ listedAt: Int64) -> Bool {
      for folder in listing.folders {
        guard case .folder(let hint) = folder.look else { return false }
        add(path.appending(relative: folder.path), .folder(hint, isTrusted: hint.hasRested(before: listedAt)))
      }
      return true
    }
    var hasUnfit = false
    seenSources.eachLook { id, look in
      guard isIncluded(id), case .path(let path) = graph.sources[Int(id.index)].place else { return }
      switch look {
      case .file(let hint): add(path, .file(hint, rehash: nil))
      // That it is there is all that was asked; if its names matter its listing stands below.
      case .folder(let hint): if !isListed(id, hint) { add(path, .folder(hint, isTrusted: true)) }
      case .missing: add(path, .missing)
      case .special, .refused: hasUnfit = true
      }
    }
    if hasUnfit { return nil }
    for (id, listing) in listings where isIncluded(id) {
      guard case .path(let path) = graph.sources[Int(id.index)].place else { continue }
      guard add(path, listing, listingTimes[id] ?? 0) else { return nil }
    }
    for id in seenSources.indices.lazy.map(SourceID.init) where isIncluded(id) {
      guard let record = record(of: id) else { continue }
      switch record {
      case .file(let path, let observation): add(path, observation)
      case .folder(let path, let folder):
        guard add(path, folder.listing, folder.listedAt) else { return nil }
        for (entry, file) in zip(folder.listing.entries, folder.files) {
          if let file { add(path.appending(entry.path), file) }
        }
      }
    }
    for path in files {
      guard let expectation = programFile(path) else {
        // Of a part, the snapshot goes on to say what it said: then the file is compared again.
        if let plan, plan.renewed?.hasOtherFiles != true { continue }
        return nil
      }
      add(path, expectation)
    }
    if let published {
      for (position, hint) in published.hints.enumerated() {
        guard let hint else { continue }
        let path = published.outputs.path(at: position)
        entries.append(SnapshotEntry(root: .output, path: path, expectation: .file(hint, rehash: nil)))
      }
    }
    entries.sort { ($0.root, $0.path) < ($1.root, $1.path) }
    return Self.merge(&entries) ? entries : nil
  }

  /// Whether a folder was listed that looked so.
  private func isListed(_ id: SourceID, _ hint: FileHint) -> Bool {
    var listing = listings[id]
    if case .folder(_, let folder)? = record(of: id) { listing = folder.listing }
    return listing?.folders.contains { $0.path.isEmpty && $0.look == .folder(hint) } ?? false
  }

  /// Leaves each path once. Two sources may share one (a folder and a file in it), and one may have been read again after an edit: then
  /// something was made of the older content, and false is the answer.
  private static func merge(_ entries: inout [SnapshotEntry]) -> Bool {
    var count = 0
    for index in entries.indices {
      let entry = entries[index]
      if count > 0, entries[count - 1].path == entry.path, entries[count - 1].root == entry.root {
        guard let both = entries[count - 1].expectation.and(entry.expectation) else { return false }
        entries[count - 1].expectation = both
      } else {
        if count < index { entries[count] = entry }
        count += 1
      }
    }
    entries.removeLast(entries.count - count)
    return true
  }

  /// What a file of the program must look like; nil where it may have changed since it was read.
  func programFile(_ path: Path) -> SnapshotExpectation? {
    let look = world.fileSystem.look(at: path)
    guard look == programLooks[path] else { return nil }
    switch look {
    case .missing: return .missing
    case .file(let hint): return hint.hasRested(before: loadedAt) ? .file(hint, rehash: nil) : nil
    case .folder, .special, .refused: return nil
    }
  }
}

extension SnapshotExpectation {
  /// What both expect; nil where they contradict each other, or may do so: two looks at what had not rested can have seen different things
  /// behind the same figures.
  fileprivate func and(_ other: SnapshotExpectation) -> SnapshotExpectation? {
    switch (self, other) {
    case (.file(let a, let rehash), .file(let b, let other)):
      a == b && (rehash == nil || other == nil || rehash == other) ? .file(a, rehash: rehash ?? other) : nil
    case (.folder(let a, let isTrusted), .folder(let b, let other)):
      a == b && isTrusted && other ? .folder(a, isTrusted: true) : nil
    case (.missing, .missing): .missing
    case (.file, _), (.folder, _), (.missing, _): nil
    }
  }
}
