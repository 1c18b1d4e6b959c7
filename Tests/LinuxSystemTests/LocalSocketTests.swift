import BuildGraph
import Foundation
import LinuxSystem
import Testing

/// Two ends in one process. Every wait has an end that only a fault can reach.
@Suite struct LocalSocketTests {
  private let folder: ByteString

  init() throws {
    // Deeper than a socket's address is long.
    let deep = String(repeating: "/quite-a-long-name-of-a-folder", count: 6)
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("socket-\(UUID().uuidString)" + deep)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    folder = ByteString(url.path)
  }

  private func accepted(_ listener: LocalListener) throws -> LocalSocket {
    let happening = LocalListener.wait(for: listener, watchesErrors: false, atMostSeconds: 10)
    guard case .connected(let socket) = happening else { throw CocoaError(.featureUnsupported) }
    return socket
  }

  @Test func messagesArriveWholeAndInOrderWhateverTheLengthOfThePath() throws {
    let listener = try LocalListener(inFolder: folder, name: "socket")
    let client = try #require(LocalSocket.connect(toFolder: folder, name: "socket"))
    let server = try accepted(listener)
    let long = [UInt8](repeating: 7, count: 300_000)
    // More than the kernel keeps: somebody has to take while another sends.
    let sender = Thread {
      for message in [[], [1], long, [2, 3]] { client.send(message) }
    }
    sender.start()
    for message in [[], [1], long, [2, 3]] {
      #expect(server.receive(atMostSeconds: 10, limitBytes: 1 << 20) == message)
    }
    server.send([9])
    #expect(client.receive(atMostSeconds: 10, limitBytes: 10) == [9])
  }

  @Test func whoSaysNothingOrTooMuchOrHasGoneIsNotWaitedFor() throws {
    let listener = try LocalListener(inFolder: folder, name: "socket")
    var client = LocalSocket.connect(toFolder: folder, name: "socket")
    let server = try accepted(listener)
    #expect(server.receive(atMostSeconds: 0, limitBytes: 10) == nil)
    client?.send([UInt8](repeating: 0, count: 11))
    #expect(server.receive(atMostSeconds: 10, limitBytes: 10) == nil)
    client = nil
    while server.receive(atMostSeconds: 10, limitBytes: 1 << 30) != nil {}
    // The first may still be taken by the kernel.
    _ = server.send([1])
    #expect(!server.send([1]))
  }

  @Test func aNameWithoutAListenerIsNobody() throws {
    #expect(LocalSocket.connect(toFolder: folder, name: "socket") == nil)
    #expect(LocalSocket.connect(toFolder: folder + "/nowhere", name: "socket") == nil)
    let listener = try LocalListener(inFolder: folder, name: "socket")
    listener.close()
    #expect(LocalSocket.connect(toFolder: folder, name: "socket") == nil)
  }

  @Test func aListenerTakesTheNameOverAndTheOldOneLeavesItAlone() throws {
    let old = try LocalListener(inFolder: folder, name: "socket")
    let new = try LocalListener(inFolder: folder, name: "socket")
    old.close()
    let client = try #require(LocalSocket.connect(toFolder: folder, name: "socket"))
    client.send([5])
    #expect(try accepted(new).receive(atMostSeconds: 10, limitBytes: 10) == [5])
  }

  @Test func onlyItsUserMayConnect() throws {
    let listener = try LocalListener(inFolder: folder, name: "socket")
    let attributes = try FileManager.default.attributesOfItem(atPath: folder.display + "/socket")
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    listener.close()
  }

  @Test func closingWakesWhoWaits() throws {
    let listener = try LocalListener(inFolder: folder, name: "socket")
    let closer = Thread { listener.close() }
    closer.start()
    guard case .nothing = LocalListener.wait(for: listener, watchesErrors: false, atMostSeconds: 60) else {
      Issue.record("somebody connected")
      return
    }
  }
}
