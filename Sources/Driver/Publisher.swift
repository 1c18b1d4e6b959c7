import BuildGraph
import Diagnostics
import Engine
import Ports

/// Brings the output tree to what the engine made, so that a crash at any point leaves each file old or new and the next build
/// knows which are ours.
struct Publisher {
  let run: BuildRun
  /// Whose all outputs are, where they are of one owner.
  private let onlyOwner: ByteString?
  /// Whose outputs are published.
  private let owners: Set<ByteString>

  init(_ run: BuildRun) {
    self.run = run
    onlyOwner = run.options.targets == ["Main"] ? run.options.owner(of: "") : nil
    let program = run.options.program
    owners = Set(run.options.targets.map { BuildOptions.owner(program: program, target: $0) })
  }

  private func owner(of path: ByteString) -> ByteString { onlyOwner ?? run.options.owner(of: path) }

  private var tree: any OutputTree { run.world.outputs }

  /// - Returns: false if something foreign is in the way; it was said, and nothing was done.
  func publish() throws(SystemError) -> Bool {
    var view = try look()
    reportStale(run.engine.missingOutputs, view.claims)
    report(view.publication.refusals)
    guard view.publication.refusals.isEmpty else { return false }
    let desired = view.publication.desired
    var hints = view.looks.hints
    view.looks = Looks(count: 0)
    // What has been done needs no room any more while what is there is noted, which takes as much.
    var actions: [Publication.Action] = []
    swap(&actions, &view.publication.actions)
    if actions.contains(where: { adds($0, to: desired, view.claims) }) {
      // Who wants the same target with other parameters, or of another program, has to remove it, and would see nothing.
      try run.world.snapshot.removeOthers(than: run.options.snapshotKey)
    }
    try perform(consume actions, desired, &hints)
    settleIntents(view.claims, leaving: view.publication.left)
    remember(PublishedOutputs(outputs: desired, hints: consume hints), view.claims)
    return true
  }

  /// Whether an action makes an output where none was of ours.
  private func adds(_ action: Publication.Action, to desired: DesiredOutputs, _ claims: Claims) -> Bool {
    switch action {
    case .write(let output), .replace(let output, _), .adopt(let output):
      claims.owned.isEmpty || claims.owned[desired.path(at: output)] == nil
    case .displace, .remove, .forget: false
    }
  }

  /// Says what ``publish()`` would do, and does nothing. What a step that would run makes is not known.
  ///
  /// - Returns: false if something foreign is in the way; it was said.
  func foresee() throws(SystemError) -> Bool {
    let publication = try look().publication
    report(publication.refusals)
    var displaced: Set<ByteString> = []
    for action in publication.actions {
      let (path, change): (ByteString, BuildEvent.OutputChange)
      switch action {
      case .displace(let place):
        displaced.insert(place)
        (path, change) = (place, .restore)
      case .write(let output):
        path = publication.desired.path(at: output)
        if displaced.contains(path) { continue }
        change = .write
      case .replace(let output, _): (path, change) = (publication.desired.path(at: output), .replace)
      case .remove(let place, _): (path, change) = (place, .remove)
      case .adopt, .forget: continue
      }
      run.sink.receive(.wouldPublish(path: path, change))
    }
    return publication.refusals.isEmpty
  }

  // MARK: Looking

  private struct Claims {
    var byPath: [ByteString: Publication.Claim] = [:]
    var owned: [ByteString: OwnedOutput] = [:]
    var intents: [Intent] = []
  }

  private struct Looks {
    var content: [ByteString: TreeContent] = [:]
    /// The figures of what lies there as it should, by position of the output.
    var hints: [FileHint?]

    init(count: Int) { hints = Array(repeating: nil, count: count) }
  }

  /// What there should be, what the state says, what there is, and what follows from that.
  private struct View {
    var claims: Claims
    var looks: Looks
    var publication: Publication
  }

  private func look() throws(SystemError) -> View {
    let desired = run.engine.desiredOutputs
    let claims = try claims()
    let looks = try looks(desired: desired, claims: claims)
    let options = run.options
    let publication = Publication(
      desired: desired, kept: run.engine.missingOutputs.map(\.path), owner: owner(of:),
      owners: Set(options.targets.map { BuildOptions.owner(program: options.program, target: $0) }),
      claims: claims.byPath, looks: looks.content, isForced: options.isForced)
    return View(claims: claims, looks: looks, publication: publication)
  }

  private func claims() throws(SystemError) -> Claims {
    var claims = Claims()
    let outputs =
      if let plan = run.plan {
        try run.store.outputs(
          atOrBelow: plan.entries.map(\.path) + (plan.renewed?.removedEntries.map(\.path) ?? []))
      } else {
        try run.store.outputs()
      }
    for output in outputs {
      claims.owned[output.path] = output
      claims.byPath[output.path] = Publication.Claim(
        owner: output.owner, artifacts: [output.artifact], isSettled: true)
    }
    claims.intents = try run.store.intents()
    for intent in claims.intents {
      let either = [intent.old, intent.new].compactMap { $0 }
      claims.byPath[
        intent.path, default: Publication.Claim(owner: intent.owner, artifacts: [], isSettled: false)
      ].artifacts += either
    }
    // A crash in the middle of a write leaves a temporary name.
    if !claims.intents.isEmpty, !run.options.isDryRun { try tree.sweep() }
    return claims
  }

  private func looks(desired: DesiredOutputs, claims: Claims) throws(SystemError) -> Looks {
    var looks = Looks(count: desired.count)
    var asked: [(output: OwnedOutput, position: Int?)] = []
    func ask(_ output: OwnedOutput, _ position: Int?) throws(SystemError) {
      asked.append((output, position))
      if asked.count == Self.outputsAtOnce { try look(at: &asked, &looks) }
    }
    for (position, output) in desired.enumerated() {
      let unclaimed = OwnedOutput(path: output.path, owner: "", artifact: output.artifact, hint: nil)
      try ask(claims.owned[output.path] ?? unclaimed, position)
    }
    if !claims.byPath.isEmpty {
      let wanted = Set(desired.map(\.path))
      for (path, claim) in claims.byPath where owners.contains(claim.owner) && !wanted.contains(path) {
        let artifact = claims.owned[path]?.artifact ?? claim.artifacts[0]
        try ask(claims.owned[path] ?? OwnedOutput(path: path, owner: "", artifact: artifact, hint: nil), nil)
      }
    }
    try look(at: &asked, &looks)
    return looks
  }

  private func look(
    at asked: inout [(output: OwnedOutput, position: Int?)], _ looks: inout Looks
  ) throws(SystemError) {
    for ((output, position), look) in zip(asked, try tree.look(at: asked.map(\.output))) {
      switch look {
      // Whatever is not among the looks is missing; of a first build that is all.
      case .missing: continue
      case .file(let artifact, let hint, let isTrusted):
        looks.content[output.path] = .holds(artifact)
        if isTrusted, let position { looks.hints[position] = hint }
      case .emptyFolder: looks.content[output.path] = .holds(DesiredOutput.emptyFolder)
      case .folder: looks.content[output.path] = .folder
      case .link(let target): looks.content[output.path] = .holds(DesiredOutput.link(to: target))
      case .other: looks.content[output.path] = .other
      case .blocked(let path): looks.content[output.path] = .blocked(by: path)
      }
    }
    asked.removeAll(keepingCapacity: true)
  }

  // MARK: Doing

  private func perform(
    _ actions: [Publication.Action], _ desired: DesiredOutputs, _ hints: inout [FileHint?]
  ) throws(SystemError) {
    let materializer = Materializer(fileSystem: run.world.fileSystem, objects: run.world.objects)
    for action in actions {
      switch action {
      case .write(let output), .replace(let output, _):
        guard case .elsewhere(let artifact, let origin) = desired[output].content else { continue }
        run.hasNewObjects = true
        try materializer.materialize(artifact, origin)
      case .displace, .remove, .adopt, .forget: continue
      }
    }
    // Much to write takes long, and what has been made must not wait for it.
    if actions.count > Self.outputsWorthFlushingBefore { try run.flush() }
    var rest = actions[...]
    while !rest.isEmpty {
      try perform(piece: rest.prefix(Self.outputsAtOnce), desired, &hints)
      rest = rest.dropFirst(Self.outputsAtOnce)
    }
  }

  /// Intends some changes, makes them, and notes that they are made.
  private func perform(
    piece actions: ArraySlice<Publication.Action>, _ desired: DesiredOutputs, _ hints: inout [FileHint?]
  ) throws(SystemError) {
    func intent(_ output: DesiredOutput, old: Artifact?) -> Intent {
      Intent(path: output.path, owner: owner(of: output.path), old: old, new: output.artifact)
    }
    let intents = actions.compactMap { action -> Intent? in
      switch action {
      case .write(let output): intent(desired[output], old: nil)
      case .replace(let output, let old): intent(desired[output], old: old)
      case .adopt(let output): intent(desired[output], old: desired[output].artifact)
      case .remove(let path, let old): Intent(path: path, owner: owner(of: path), old: old, new: nil)
      case .displace, .forget: nil
      }
    }
    // An intent names contents to compare with, and no object: it needs no flush of objects.
    if !intents.isEmpty { try run.store.commit([.setIntents(intents)]) }
    for action in actions {
      try perform(action, desired, &hints)
      // The intents say what is ours until the last of it is committed.
      if run.batch.changes.count >= Batch.changesToWait { try run.flush() }
    }
    finish(intents)
  }

  /// Intents go when what they were for is committed, but for one, which goes when the graph says so, too.
  private func finish(_ intents: [Intent]) {
    run.lastIntent = run.lastIntent ?? intents.first?.path
    let done = intents.map(\.path).filter { $0 != run.lastIntent }
    if !done.isEmpty { run.note(.removeIntents(done)) }
  }

  /// So many outputs are looked at, and intended, together: what that takes would else be as large as all that is known of them.
  static let outputsAtOnce = 1_024
  private static let outputsWorthFlushingBefore = 64

  private func perform(
    _ action: Publication.Action, _ desired: DesiredOutputs, _ hints: inout [FileHint?]
  ) throws(SystemError) {
    switch action {
    case .displace(let path):
      let place = try tree.displace(path)
      run.note(.removeOutput(path: path))
      run.sink.receive(.outputDisplaced(path: path, to: place))
    case .write(let position), .replace(let position, _):
      let output = desired[position]
      var hint: FileHint?
      switch output.content {
      case .file(let artifact), .elsewhere(let artifact, _): hint = try tree.write(artifact, to: output.path)
      case .link(let target): try tree.writeLink(target: target, to: output.path)
      case .emptyFolder: try tree.makeFolder(output.path)
      }
      hints[position] = hint
      own(output, hint)
      run.sink.receive(.outputWritten(path: output.path))
    case .remove(let path, _):
      try tree.remove(path)
      run.note(.removeOutput(path: path))
      run.sink.receive(.outputRemoved(path: path))
    case .adopt(let position): own(desired[position], hints[position])
    case .forget(let path): run.note(.removeOutput(path: path))
    }
  }

  private func own(_ output: DesiredOutput, _ hint: FileHint?) {
    run.note(
      .setOutput(
        OwnedOutput(
          path: output.path, owner: owner(of: output.path), artifact: output.artifact, hint: hint)))
  }

  /// Intents that a crash left are finished by now, one way or the other; but where something could not be made, an intent may be all
  /// that says whose the file is.
  private func settleIntents(_ claims: Claims, leaving left: Set<ByteString>) {
    guard !claims.intents.isEmpty else { return }
    finish(claims.intents.filter { owners.contains($0.owner) && !left.contains($0.path) })
  }

  /// Notes what the next build must find for having nothing to do, and figures that are new.
  private func remember(_ published: PublishedOutputs, _ claims: Claims) {
    for (output, hint) in zip(published.outputs, published.hints) {
      guard let artifact = output.content.file, let hint else {
        run.canSnapshot = false
        continue
      }
      if let owned = claims.owned[output.path], owned.artifact == artifact, owned.hint != hint { own(output, hint) }
    }
    run.published = published
  }

  // MARK: Telling

  private func reportStale(_ missing: [OutputEntry], _ claims: Claims) {
    guard !missing.isEmpty else { return }
    var places = Set(claims.owned.keys)
    for path in claims.owned.keys { places.formUnion(Publication.ancestors(of: path)) }
    let stale = missing.filter { places.contains($0.path) || ($0.path.isEmpty && !places.isEmpty) }
    guard let first = stale.first else { return }
    // Behind one step there may be thousands.
    let names = stale.prefix(6).map { "'\($0.path.display)'" }.joined(separator: ", ")
    run.report(
      Diagnostic(
        "build.stale-output", .warning,
        stale.count == 1
          ? "\(first.path.isEmpty ? "the output tree" : "output '\(first.path.display)'") is of an earlier build: what makes it failed"
          : "\(stale.count) outputs are of an earlier build, since what makes them failed: \(names)"
            + (stale.count > 6 ? " and \(stale.count - 6) more" : "")))
  }

  private func report(_ refusals: [Publication.Refusal]) {
    for refusal in refusals { run.report(diagnostic(for: refusal)) }
  }

  private func diagnostic(for refusal: Publication.Refusal) -> Diagnostic {
    func place(_ location: ProgramLocation?) -> String {
      location.map { " (\($0.file):\($0.line):\($0.column))" } ?? ""
    }
    switch refusal {
    case .foreign(let path, let wanted):
      let purpose = path == wanted ? "" : ", where '\(wanted.display)' has to go"
      return Diagnostic(
        "output.foreign-file",
        "'\(path.display)' in the output tree was not made by reflow\(purpose): move it away, or move it aside with --force"
      )
    case .twoOwners(let path, let other):
      return Diagnostic(
        "output.two-owners",
        "output '\(path.display)' belongs to \(other.display): give one of them another path, or clean the other first")
    case .twice(let path, let first, let second):
      return Diagnostic(
        "output.same-path", "two outputs have the path '\(path.display)'\(place(first))\(place(second)): rename one")
    case .fileAndFolder(let file, let inside):
      return Diagnostic(
        "output.same-path",
        "'\(file.display)' would have to be a file, and a folder for '\(inside.display)': rename one")
    }
  }
}

/// The outputs, and the figures of their files as they were left in the tree.
struct PublishedOutputs {
  let outputs: DesiredOutputs
  /// By position among the outputs; nil of what is no file, and of what could not be told.
  let hints: [FileHint?]
}
