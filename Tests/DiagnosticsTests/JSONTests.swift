import Diagnostics
import Testing

@Suite struct JSONTests {
  private func parse(_ text: String) -> JSON? { try? JSON(parsing: Array(text.utf8)) }

  @Test func `values are read as they are written`() {
    let value: JSON = [
      "a": [1, -2, .number(1.5), true, false, nil], "b": ["c": "\u{e9}\u{1F600}\"\\\n\u{7F}"], "": [:], "e": [],
    ]
    #expect(parse(value.text) == value)
    #expect(parse(" [ 1 , 2.0e1 ,{ } ]\n") == [1, .number(20), [:]])
    #expect(parse("9223372036854775807") == .integer(.max))
    #expect(parse("92233720368547758080") == .number(92_233_720_368_547_758_080))
    #expect(parse("-0") == 0)
  }

  @Test func `escapes are resolved, and halves of pairs are replaced`() {
    #expect(parse(#""\u00e9\ud83d\ude00\/\b\f""#) == "\u{e9}\u{1F600}/\u{8}\u{c}")
    #expect(parse(#""\ud83dx""#) == "\u{FFFD}x")
    #expect(parse(#""\ud83d\u0041""#) == "\u{FFFD}A")
    #expect(parse(#""\ude00""#) == "\u{FFFD}")
    #expect((try? JSON(parsing: [0x22, 0xFF, 0x22])) == "\u{FFFD}")
  }

  @Test(
    arguments: [
      "", "{", "[1,]", "{\"a\":}", "{\"a\" 1}", "{a:1}", "01", "1.", ".5", "-", "1e", "tru", "nulll", "\"a", "\"\\x\"",
      "\"\\u12\"",
      "\"\n\"", "[1] 2", "[1 2]", "'a'", "{\"a\":1,}",
    ])
  func `what is no JSON is refused`(_ text: String) { #expect(parse(text) == nil) }

  @Test func `nesting has a limit, which is told and not crashed into`() {
    let deep = String(repeating: "[", count: 100_000)
    #expect(throws: JSON.SyntaxError.self) { try JSON(parsing: Array(deep.utf8)) }
    let fits = String(repeating: "[", count: JSON.nestingLimit) + String(repeating: "]", count: JSON.nestingLimit)
    #expect(parse(fits)?.text == fits)
  }

  @Test func `every beginning of a text is refused without harm`() {
    let bytes = Array(#"{"a":[1,true,null,"\u00e9\ud83d\ude00"],"b":-1.5e3}"#.utf8)
    for end in bytes.indices { #expect((try? JSON(parsing: Array(bytes[..<end]))) == nil) }
  }
}
