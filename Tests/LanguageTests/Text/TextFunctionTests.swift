import BigInt
import BuildGraph
import Testing

@testable import Language

private func strings(_ parts: [ByteString]) -> [String] { parts.map(\.display) }

@Suite struct GoTextTests {
  @Test(
    "floats are printed like %g",
    arguments: [
      (0.0, 1, "0"), (123456.0, 3, "1.23e+05"), (1.0 / 3.0, 5, "0.33333"), (1.0 / 3.0, 10, "0.3333333333"),
      (3e20, 10, "3e+20"), (1e21, 10, "1e+21"), (2.5, 10, "2.5"), (123456789.123456789, 10, "123456789.1"),
      (1e-7, 10, "1e-07"), (0.0001, 10, "0.0001"), (0.00001234, 10, "1.234e-05"), (100, 5, "100"), (100, 3, "100"),
      (1000, 3, "1e+03"), (1_000_000, 10, "1000000"), (12_345_678_901, 10, "1.23456789e+10"),
      (9_999_999_999.9, 10, "1e+10"), (0.5, 0, "0.5"), (2.5, 1, "2"), (3.5, 1, "4"), (0.125, 2, "0.12"),
      (0.375, 2, "0.38"),
      (-1.5, 3, "-1.5"), (-0.0, 3, "-0"), (.leastNonzeroMagnitude, 3, "4.94e-324"), (.infinity, 3, "+Inf"),
      (-.infinity, 3, "-Inf"),
      (1.7976931348623157e308, 5, "1.7977e+308"), (9.5, 1, "1e+01"), (99.5, 2, "1e+02"), (1, 20, "1"),
    ])
  func general(value: Double, precision: Int, expected: String) {
    #expect(GoText.general(value, precision: precision) == expected)
  }

  #if arch(x86_64)
    @Test("literals keep 64 bits of mantissa")
    func extended() throws {
      #expect(GoText.general(try #require(Float80("1.23456789012345678")), precision: 20) == "1.23456789012345678")
      #expect(GoText.general(Float80.greatestFiniteMagnitude, precision: 4) == "1.19e+4932")
      #expect(GoText.general(Float80.leastNonzeroMagnitude, precision: 3) == "3.65e-4951")
    }
  #endif

  @Test("enough digits give the number back", arguments: 0..<10)
  func roundTrip(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<200 {
      let value = Double(bitPattern: random.next())
      guard value.isFinite else { continue }
      #expect(Double(GoText.general(value, precision: 17)) == value)
    }
  }

  @Test(
    "strings are quoted like %q",
    arguments: [
      (Array("a\"b\\".utf8), #""a\"b\\""#), ([7, 8, 9, 10, 11, 12, 13], #""\a\b\t\n\v\f\r""#),
      ([0, 0x7F], #""\x00\x7f""#),
      (Array("é漢😀".utf8), "\"é漢😀\""), ([0xFF, 0x61, 0xC3], #""\xffa\xc3""#), (Array("\u{A0}".utf8), #""\u00a0""#),
      (Array("\u{E0001}".utf8), #""\U000e0001""#), (Array("\u{FFFD}".utf8), "\"\u{FFFD}\""), ([], "\"\""),
    ] as [([UInt8], String)])
  func quoted(bytes: [UInt8], expected: String) {
    #expect(GoText.quoted(ByteString(bytes: bytes)) == expected)
  }
}

@Suite struct StringFunctionTests {
  @Test(
    "split",
    arguments: [
      ("a,b,c", ",", ["a", "b", "c"]), ("", ",", [""]), ("", "", []), ("aéb", "", ["a", "é", "b"]),
      (",a,", ",", ["", "a", ""]), ("aaaa", "aa", ["", "", ""]), ("abc", "x", ["abc"]),
    ])
  func split(text: String, separator: String, expected: [String]) {
    #expect(strings(StringFunctions.split(ByteString(text), by: ByteString(separator))) == expected)
  }

  @Test(
    "chunks do not divide characters",
    arguments: [
      ("abcdefghij", 4, ["abcd", "efgh", "ij"]), ("", 4, []), ("abcé", 4, ["abc", "é"]), ("aéb", 4, ["aéb"]),
      ("😀😀", 5, ["😀", "😀"]), ("ab", .max, ["ab"]),
    ])
  func chunks(text: String, maximum: Int, expected: [String]) {
    #expect(strings(StringFunctions.chunks(of: ByteString(text), maximum: maximum)) == expected)
  }

  @Test("chunks of bytes that are not UTF-8 keep all bytes")
  func damagedChunks() {
    let bytes = [UInt8](repeating: 0x80, count: 11)
    let chunks = StringFunctions.chunks(of: ByteString(bytes: bytes), maximum: 4)
    #expect(chunks.flatMap(\.bytes) == bytes)
    #expect(chunks.allSatisfy { (1...4).contains($0.count) })
  }

  @Test("white space, lines and case")
  func rest() {
    #expect(StringFunctions.trimmed("\u{2003} a b\n") == "a b")
    #expect(StringFunctions.trimmed(" \t") == "")
    #expect(strings(StringFunctions.fields("  a\tb \n c ")) == ["a", "b", "c"])
    #expect(StringFunctions.fields("  ") == [])
    #expect(strings(StringFunctions.lines("a\r\nb\n\nc")) == ["a", "b", "", "c"])
    #expect(strings(StringFunctions.lines("a\n")) == ["a"])
    #expect(StringFunctions.lines("") == [])
    #expect(StringFunctions.uppercased("straße ǆ ᾳ") == "STRAßE Ǆ ᾼ")
    #expect(StringFunctions.lowercased("ÀÉİΣ") == "àéiσ")
    #expect(StringFunctions.uppercased(ByteString(bytes: [0x61, 0xFF])) == ByteString(bytes: [0x41, 0xFF]))
    #expect(StringFunctions.replacing("a", in: "banana", with: "oo") == "boonoonoo")
    #expect(StringFunctions.replacing("", in: "éa", with: "-") == "-é-a-")
    #expect(StringFunctions.replacing("x", in: "", with: "-") == "")
    #expect(StringFunctions.firstIndex(of: "na", in: "banana") == 2)
    #expect(StringFunctions.firstIndex(of: "", in: "a") == 0)
    #expect(StringFunctions.firstIndex(of: "abc", in: "ab") == nil)
  }
}

@Suite struct PathFunctionTests {
  @Test("base, extension, folder and join are as recorded")
  func paths() {
    for (path, base) in [("a/b/c.txt", "c.txt"), ("", "."), ("/", "/"), ("a/", "a"), ("//", "/"), ("a", "a")] {
      #expect(PathFunctions.base(of: ByteString(path)) == ByteString(base))
    }
    for (path, suffix) in [("x.tar.gz", ".gz"), ("a.b/c", ""), ("a", ""), ("a.", "."), (".x", ".x")] {
      #expect(PathFunctions.extension(of: ByteString(path)) == ByteString(suffix))
    }
    for (path, folder) in [("a/b/c.txt", "a/b"), ("/c.txt", "/"), ("c", ""), ("a//b", "a/")] {
      #expect(PathFunctions.folder(of: ByteString(path)) == ByteString(folder))
    }
    #expect(PathFunctions.join(["a", "", "b/", "/c"]) == "a/b///c")
  }

  @Test(
    "patterns match whole paths",
    arguments: [
      ("abc", "abc", true), ("*", "abc", true), ("*c", "abc", true), ("a*", "ab/c", false), ("a*/b", "a/c/b", false),
      ("a*b*c*d*e*/f", "axbxcxdxe/f", true), ("a*b?c*x", "abxbbxdbxebxczzx", true), ("ab[c]", "abc", true),
      ("ab[b-d]", "abc", true), ("ab[e-g]", "abc", false), ("ab[^c]", "abc", false), ("a\\*b", "a*b", true),
      ("a\\*b", "ab", false), ("a?b", "a☺b", true), ("a[^a]b", "a☺b", true), ("[a-ζ]*", "α", true),
      ("a?b", "a/b", false),
      ("a*b", "a/b", false), ("[\\]a]", "]", true), ("[x\\-]", "-", true), ("*x", "xxx", true), ("a", "b", false),
      ("a*", "a\nb", true), ("[z-a]", "a", false), ("[^z-a]", "a", true), ("**/x", "a/b/x", false), ("", "", true),
    ])
  func plain(pattern: String, path: String, expected: Bool) throws {
    #expect(try Glob(ByteString(pattern), .plain).matches(ByteString(path)) == expected)
  }

  @Test(
    "two stars stand for folders",
    arguments: [
      ("**", "a/b", true), ("**/*.c", "x.c", true), ("**/*.c", "a/b/x.c", true), ("a/**/b", "a/b", true),
      ("a/**/b", "a/x/y/b", true), ("a/**/b", "ab", false), ("a/**", "a/x/y", true), ("a/**", "a", false),
      ("a**b", "a/b", false), ("*.c", "a/x.c", false), ("**/a/**/b", "x/a/b", true),
    ])
  func recursive(pattern: String, path: String, expected: Bool) throws {
    #expect(try Glob(ByteString(pattern), .recursive).matches(ByteString(path)) == expected)
  }

  @Test("a malformed pattern is an error", arguments: ["[", "[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "a[", "a\\"])
  func malformed(pattern: String) {
    #expect(throws: Glob.SyntaxError.self) { try Glob(ByteString(pattern), .plain) }
  }
}
