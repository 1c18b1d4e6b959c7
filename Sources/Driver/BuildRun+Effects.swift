import BuildGraph
import Diagnostics
import Engine
import Ports
import Scheduling

/// Each effect of the engine, done.
extension BuildRun {
  /// Does what the engine says. Decides nothing.
  func perform(_ effect: Effect) throws(SystemError) {
    switch effect {
    case .look(let ids): toLookAt += ids
    case .list(let ids): for id in ids { list(id) }
    case .observe(let ids): observe(ids)
    case .storeLiterals(let ids): storeLiterals(ids)
    case .loadManifest(let step, let output, let folder): loadManifest(step, output, folder)
    case .lookUpDerivations(let lookups): try lookUpDerivations(lookups)
    case .loadReadSets(let step, let key):
      let sets = try readSets(for: key)
      pending.append(.readSetsFound(step, key: key, sets: sets.map(\.paths)))
    case .lookUpResults(let lookups): try lookUpResults(lookups)
    case .launch(var launch):
      launch.reason = try toldExactly(launch.reason, of: launch.step)
      submit(launch)
    case .withdraw(let step):
      scheduler.withdraw(step)
      reasons[step] = nil
    case .cancel(let step): if let run = runs[step]?.run { world.runner.cancel(run) }
    case .export(let step, let artifact, let origin, let path): export(step, artifact, origin, path)
    case .record(let record): keep(record)
    case .answer(let need, let answer): answers.append((need, answer))
    case .answerText(let need, let origin): readText(need, origin)
    case .reused(let step, let key): tell(step, key, .cached)
    case .succeeded(let step): tellEnd(of: step, .run)
    case .discarded(let step): tellEnd(of: step, .cancelled)
    case .failed(let step, let failure): tell(step, failure)
    case .wouldRun(let step, let key, let reason):
      let label = engine.label(of: step)
      let told = try toldExactly(reason, of: step)
      sink.receive(.wouldRun(step: Self.name(key), label: label, reason: told.description))
      if options.explains { explain(step, key, label) }
    case .sourceFailed(let id, let message): tell(id, message)
    case .restart: restart(.evaluate)
    case .remade(_, let key, let contentKey, let outputs):
      try remember(Variant(contentKey: contentKey, outputs: outputs), of: key)
    case .incomplete(let step):
      if let plan { restart(.planAgain([.step(plan.stepIDs[Int(step.index)])])) } else { restart(.evaluate) }
    }
  }

  func inBackground(_ work: @escaping @Sendable () -> Inbox.Message) {
    underWay += 1
    let inbox = inbox
    readers.submit { inbox.post(work()) }
  }

  /// Looks at some of the sources that are to be looked at: what is said of all at once would be as large as all that is kept of them.
  func lookAtMore() {
    let ids = toLookAt.prefix(Self.sourcesAtOnce)
    toLookAt = toLookAt.count > ids.count ? toLookAt.dropFirst(ids.count) : []
    var paths: [Path] = []
    var mapped: [SourceID] = []
    for id in ids {
      switch graph.sources[Int(id.index)].place {
      case .path(let path):
        paths.append(path)
        mapped.append(id)
      case .unmapped(let url): pending.append(.sourceLooked(id, failure: SourceReader.unmapped(url)))
      }
    }
    for (id, (path, look)) in zip(mapped, zip(paths, world.fileSystem.look(at: paths))) {
      setLook(look, of: id)
      let kind = graph.sources[Int(id.index)].kind
      switch (look, kind) {
      case (.file, .file), (.folder, .folder): pending.append(.sourceLooked(id, failure: nil))
      case (.missing, _), (.file, _), (.folder, _), (.special, _), (.refused, _):
        pending.append(.sourceLooked(id, failure: SourceReader.refusal(of: path, as: kind, look).message))
      }
    }
  }

  func list(_ id: SourceID) {
    guard case .path(let path) = graph.sources[Int(id.index)].place else {
      pending.append(.sourceListed(id, paths: nil, failure: "its URL is not mapped"))
      return
    }
    do throws(SystemError) {
      listingTimes[id] = Int64(world.clock.now * 1e9)
      let listing = try world.fileSystem.list(folder: path)
      listings[id] = listing
      var files: [ByteString] = []
      for entry in listing.entries {
        switch entry.look {
        case .file: files.append(entry.path)
        case .folder: continue
        case .missing, .special, .refused:
          throw SourceReader.refusal(of: path.appending(entry.path), as: .file, entry.look)
        }
      }
      pending.append(.sourceListed(id, paths: files, failure: ""))
    } catch {
      pending.append(.sourceListed(id, paths: nil, failure: error.message))
    }
  }

  var reader: SourceReader {
    SourceReader(fileSystem: world.fileSystem, now: Int64(world.clock.now * 1e9))
  }

  func observe(_ ids: [SourceID]) {
    var ids = ids
    if let plan {
      // What planning has read need not be read again.
      for id in ids { if let reply = plan.replies[id] { pending.append(.sourceObserved(id, reply.observation)) } }
      ids.removeAll { plan.replies[$0] != nil }
      if ids.isEmpty { return }
    }
    toRead += ids
    readMore()
  }

  /// Has more sources read, if there are any and few are being read: what is known of a source on its way to the engine and to the state is
  /// many times what is kept of it.
  func readMore() {
    while !toRead.isEmpty, piecesBeingRead < Self.piecesAtOnce {
      let requests = toRead.prefix(Self.sourcesAtOnce).map { id in
        let source = graph.sources[Int(id.index)]
        return SourceReader.Request(id: id, source: source, known: known, grows: grows(id))
      }
      toRead = toRead.count > requests.count ? toRead.dropFirst(requests.count) : []
      piecesBeingRead += 1
      let reader = reader
      inBackground { .read(reader.read(requests)) }
    }
  }

  /// Enough to keep all cores busy for a millisecond.
  private static let sourcesAtOnce = 512
  /// One is read, one waits for that, and one is taken in.
  private static let piecesAtOnce = 3

  func storeLiterals(_ ids: [LiteralID]) {
    hasNewObjects = true
    let literals = ids.map { ($0, graph.literals[Int($0.index)].bytes) }
    let objects = world.objects
    inBackground {
      do throws(SystemError) {
        var events: [Event] = []
        for (id, bytes) in literals {
          _ = try objects.store(bytes)
          events.append(.literalStored(id, failure: nil))
        }
        return .events(events)
      } catch {
        return .failed(error)
      }
    }
  }

  func loadManifest(_ step: StepID, _ output: Int, _ folder: Artifact) {
    let objects = world.objects
    inBackground {
      let manifest = try? objects.manifest(of: folder)
      return .events([.manifestLoaded(step, output: output, of: folder, manifest)])
    }
  }

  func readText(_ need: Need, _ origin: ContentOrigin) {
    let world = (files: world.fileSystem, objects: world.objects)
    // As a value of the program, a text lives in memory several times.
    let limit = 256 << 20
    let expected: Artifact?
    if case .text(let reference) = need { expected = engine.artifact(of: reference) } else { expected = nil }
    inBackground {
      do throws(SystemError) {
        let bytes: [UInt8]
        switch origin {
        case .source(let path): bytes = try world.files.read(file: path, limitBytes: limit)
        case .object(let artifact): bytes = try world.objects.read(artifact, limitBytes: limit)
        case .view: return .text(need, .failed(message: "a folder has no text", isReported: false))
        }
        if let expected, Digest(hashing: bytes) != expected.digest { return .overtaken }
        return .text(need, .text(ByteString(bytes: bytes)))
      } catch {
        return .text(need, .failed(message: error.message, isReported: false))
      }
    }
  }
}
