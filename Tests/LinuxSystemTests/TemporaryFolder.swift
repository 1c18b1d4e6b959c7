import BuildGraph
import Glibc

/// A folder of a test's own, removed at its end.
final class TemporaryFolder: Sendable {
  let path: String

  init() {
    var template = Array("/tmp/reflow-test-XXXXXX".utf8CString)
    path = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
  }

  deinit { shell("chmod -R u+rwX '\(path)'; rm -rf '\(path)'") }

  var bytes: ByteString { ByteString(path) }

  func write(_ name: String, _ text: String) {
    makeFolder(String(name.split(separator: "/").dropLast().joined(separator: "/")))
    let file = fopen(path + "/" + name, "w")!
    fputs(text, file)
    fclose(file)
  }

  func makeFolder(_ name: String) {
    var at = path
    for part in name.split(separator: "/") {
      at += "/" + part
      mkdir(at, 0o755)
    }
  }

  func link(_ name: String, to target: String) { symlink(target, path + "/" + name) }

  func read(_ name: String) -> String? {
    guard let file = fopen(path + "/" + name, "r") else { return nil }
    defer { fclose(file) }
    var text = ""
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 {
      text += String(decoding: buffer[..<count], as: UTF8.self)
    }
    return text
  }

  func exists(_ name: String) -> Bool { access(path + "/" + name, F_OK) == 0 }

  @discardableResult
  func shell(_ script: String) -> Int32 { system("cd '\(path)' 2>/dev/null; \(script)") }
}
