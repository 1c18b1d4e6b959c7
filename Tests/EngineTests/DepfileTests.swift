import BuildGraph
import Engine
import Testing

@Suite struct DepfileTests {
  @Test(arguments: [
    ("a.o: a.c a.h", ["a.c", "a.h"]),
    ("a.o: a.c \\\n  in/1/foo.h \\\r\n b.h\n", ["a.c", "in/1/foo.h", "b.h"]),
    ("a.o b.o: x\n\nx:\ny.h:\n", ["x"]),
    ("o: my\\ file.h a\\#b c$$d\n", ["my file.h", "a#b", "c$d"]),
    ("o : ./in/../in/0/a.c in//0/b.c", ["in/0/a.c", "in/0/b.c"]),
    ("o: a a b a", ["a", "b"]),
    ("o: C:/x y", ["C:/x", "y"]),
    ("", []), ("o:", []), ("\\", []), ("o: a\\", ["a\\"]),
  ])
  func prerequisitesAreRead(_ pair: (String, [String])) {
    #expect(Depfile.prerequisites(in: Array(pair.0.utf8)) == pair.1.map { ByteString($0) })
  }

  @Test func noBytesMakeTheReaderTrap() {
    var state: UInt64 = 3
    let alphabet = Array("a:\\\n\r $#/. ".utf8)
    for _ in 0..<5_000 {
      var bytes: [UInt8] = []
      state = state &* 6_364_136_223_846_793_005 &+ 1
      var rest = state
      for _ in 0..<(state >> 60) {
        bytes.append(alphabet[Int(rest % UInt64(alphabet.count))])
        rest /= 7
      }
      _ = Depfile.prerequisites(in: bytes)
    }
  }
}
