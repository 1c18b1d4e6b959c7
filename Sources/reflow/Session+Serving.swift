import ArgumentParser
import BuildGraph
import Configuration
import Diagnostics
import Ports

/// Having a build done by a watch that runs.
extension Session {
  /// Of everything that decides what a build does and says. A watch answers for another process only where these agree.
  func identity(of request: Request) -> Digest {
    var manifest = DigestManifest()
    manifest.write(.value, Reflow.version)
    manifest.write(.program, (workspace.relative(request.program) ?? ByteString(request.program)).display)
    for target in request.targets { manifest.write(.name, target) }
    for (name, value) in request.parameters {
      manifest.write(.name, name)
      manifest.write(.value, value)
    }
    manifest.write(.path, workspace.root)
    manifest.write(.path, outputFolder)
    manifest.write(.identity, workspace.configurationDigest)
    manifest.write(.value, sandboxMode.rawValue)
    manifest.write(.value, "\(options.jobs ?? workspace.settings.jobs ?? 0)")
    manifest.write(.value, executor)
    for flag in [options.predict, options.keepGoing || workspace.settings.keepGoing, options.explain, isForced] {
      manifest.write(.value, flag ? "yes" : "no")
    }
    // All of the environment that a build heeds: '~/' in the configuration.
    manifest.write(.value, Terminal.environment("HOME") ?? "")
    return manifest.finish()
  }

  /// What a watch answers; nil where this process has to build itself.
  func served(_ request: Request, _ sink: any EventSink) -> BuildEvent.Summary? {
    // Nearly always there is none; so much can be told by one look.
    guard mayBeServed, WatchClient.mayBeThere(workspace.stateFolder) else { return nil }
    switch WatchClient(stateFolder: workspace.stateFolder, identity: identity(of: request)).ask(sink) {
    case .answered(let summary): return summary
    case .unanswered: return nil
    case .lost:
      sink.receive(
        .diagnostic(Diagnostic("watch.lost", .note, "the watch that answered has gone away; building here")))
      return nil
    }
  }
}
