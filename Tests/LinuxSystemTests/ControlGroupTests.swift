import Foundation
import Glibc
import Testing

@testable import LinuxSystem

/// Both versions, over folders with the files that the kernel would show: few machines have both.
@Suite struct ControlGroupTests {
  private final class Hierarchy {
    let folder = "/tmp/reflow-cgroup-" + UUID().uuidString

    init() throws { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func write(_ path: String, _ text: String) throws {
      let place = folder + "/" + path
      try FileManager.default.createDirectory(
        atPath: (place as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try Data(text.utf8).write(to: URL(fileURLWithPath: place))
    }

    /// What was written last; the kernel takes a value at a time, a file keeps the end of a longer one before.
    func read(_ path: String) -> String {
      String(decoding: FileManager.default.contents(atPath: folder + "/" + path) ?? Data(), as: UTF8.self)
    }
  }

  private static func files(_ isOld: Bool) -> (limit: String, kills: String) {
    isOld ? ("memory.limit_in_bytes", "memory.oom_control") : ("memory.max", "memory.events")
  }

  @Test(arguments: [true, false]) func aLimitIsSetChangedAndItsKillsAreNoticedOnce(isOld: Bool) throws {
    let hierarchy = try Hierarchy()
    let files = Self.files(isOld)
    #expect(ControlGroup(at: hierarchy.folder, isOld: isOld) == nil, "no group without its files")
    try hierarchy.write("cgroup.procs", "")
    try hierarchy.write(files.limit, "")
    try hierarchy.write(files.kills, "oom 0\noom_kill 0\n")
    let group = try #require(ControlGroup(at: hierarchy.folder, isOld: isOld))
    group.limit(4096)
    #expect(hierarchy.read(files.limit) == "4096")
    try hierarchy.write(files.limit, "")
    group.limit(4096)
    #expect(hierarchy.read(files.limit).isEmpty, "what is set is not set again")
    group.limit(8192)
    #expect(hierarchy.read(files.limit) == "8192")
    #expect(!group.hasKilled())
    try hierarchy.write(files.kills, "oom 9\noom_kill 2\n")
    #expect(group.hasKilled())
    #expect(!group.hasKilled())
  }

  @Test func groupsAreMadeWhereTheMemoryOfChildrenCanBeLimited() throws {
    let hierarchy = try Hierarchy()
    let mount = hierarchy.folder
    func parent(_ groups: String) -> ControlGroup.Parent? { ControlGroup.parent(groups: groups, mount: mount) }
    try hierarchy.write("jobs/one/cgroup.subtree_control", "cpu io memory\n")
    try hierarchy.write("jobs/two/cgroup.subtree_control", "cpu\n")
    try hierarchy.write("memory/old/tasks", "")
    #expect(parent("0::/jobs/one\n") == .init(path: mount + "/jobs/one", isOld: false))
    #expect(parent("0::/jobs/two\n") == nil, "the controller is not handed on")
    #expect(parent("0::/nowhere\n") == nil)
    #expect(parent("5:cpu:/\n4:memory:/old\n0::/jobs/two\n") == .init(path: mount + "/memory/old", isOld: true))
    #expect(parent("4:memory:/nowhere\n0::/jobs/one\n") == .init(path: mount + "/jobs/one", isOld: false))
    #expect(parent("") == nil && parent("nonsense\n") == nil)
  }

  @Test func groupsOfProcessesThatAreGoneAreSweptAway() throws {
    let hierarchy = try Hierarchy()
    try hierarchy.write("own/cgroup.subtree_control", "memory\n")
    // No process has the number; our own is alive.
    let (dead, alive) = ("own/reflow-\(Int32.max)-1", "own/reflow-\(getpid())-1")
    for path in [dead, alive, "own/other-\(Int32.max)-1"] {
      try FileManager.default.createDirectory(
        atPath: hierarchy.folder + "/" + path, withIntermediateDirectories: true)
    }
    #expect(ControlGroup.parent(groups: "0::/own\n", mount: hierarchy.folder) != nil)
    let left = try FileManager.default.contentsOfDirectory(atPath: hierarchy.folder + "/own").sorted()
    #expect(left == ["cgroup.subtree_control", "other-\(Int32.max)-1", "reflow-\(getpid())-1"])
  }
}
