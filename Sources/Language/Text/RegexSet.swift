/// A set of characters: ranges, and classes that Unicode defines by properties.
struct RegexSet: Sendable {
  struct Class: Sendable {
    var name: String
    var isNegated: Bool
  }

  private var ranges: [ClosedRange<UInt32>] = []
  private var classes: [Class] = []
  private var isNegated = false
  private var ignoresCase = false
  /// Its members below 128, once it is complete.
  private var ascii: UInt128 = 0

  static let any = RegexSet([0...0x10FFFF])
  static let notNewline = RegexSet([0...9, 11...0x10FFFF])

  init(_ ranges: [ClosedRange<UInt32>]) {
    self.ranges = ranges
    complete(isNegated: false, ignoresCase: false)
  }

  init() {}

  mutating func insert(_ range: ClosedRange<UInt32>) { ranges.append(range) }
  mutating func insert(_ addition: Class) { classes.append(addition) }

  /// Inserts what is in no range of `excluded`, which ascend.
  mutating func insert(outside excluded: [ClosedRange<UInt32>]) {
    var lower: UInt32 = 0
    for range in excluded {
      if range.lowerBound > lower { ranges.append(lower...(range.lowerBound - 1)) }
      lower = range.upperBound + 1
    }
    ranges.append(lower...0x10FFFF)
  }

  /// Ends the making of the set.
  mutating func complete(isNegated: Bool, ignoresCase: Bool) {
    self.isNegated = isNegated
    self.ignoresCase = ignoresCase
    ranges.sort { $0.lowerBound < $1.lowerBound }
    ascii = 0
    for value in 0..<128 where evaluates(UInt32(value)) { ascii |= 1 << UInt128(value) }
  }

  func contains(_ value: UInt32) -> Bool {
    value < 128 ? ascii >> UInt128(value) & 1 == 1 : evaluates(value)
  }

  private func evaluates(_ value: UInt32) -> Bool {
    let holds = ignoresCase ? CaseFolding.variants(of: value).contains(where: holds) : holds(value)
    return holds != isNegated
  }

  private func holds(_ value: UInt32) -> Bool {
    var low = 0
    var high = ranges.count
    // Ranges may overlap, but few do: looking back from the last that begins in time finds the one that holds it.
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].lowerBound <= value { low = middle + 1 } else { high = middle }
    }
    return ranges[..<low].reversed().contains { $0.upperBound >= value }
      || classes.contains { UnicodeClass.contains(value, $0.name) != $0.isNegated }
  }
}

/// Letters that differ in case only, one to one.
enum CaseFolding {
  /// What all variants of a letter have in common.
  static func folded(_ value: UInt32) -> UInt32 {
    if value < 0x80 { return value &- 0x41 < 26 ? value | 0x20 : value }
    guard let scalar = Unicode.Scalar(value) else { return value }
    return single(single(scalar, \.uppercaseMapping), \.lowercaseMapping).value
  }

  /// The letter and those that differ from it in case.
  static func variants(of value: UInt32) -> [UInt32] {
    guard let scalar = Unicode.Scalar(value) else { return [value] }
    let upper = single(scalar, \.uppercaseMapping)
    let lower = single(upper, \.lowercaseMapping)
    var result = [value, upper.value, lower.value, single(scalar, \.lowercaseMapping).value]
    // Those that no mapping leads back to.
    switch lower.value {
    case 0x6B: result.append(0x212A)
    case 0x73: result.append(0x17F)
    case 0xE5: result.append(0x212B)
    case 0x3BC: result.append(0xB5)
    case 0x3C3: result.append(0x3C2)
    case 0x3B8: result += [0x3D1, 0x3F4]
    case 0x3C9: result.append(0x2126)
    default: break
    }
    return result
  }

  /// A mapping of one letter to one; letters that it maps to several stay.
  static func single(_ scalar: Unicode.Scalar, _ mapping: KeyPath<Unicode.Scalar.Properties, String>) -> Unicode.Scalar
  {
    if scalar.isASCII {
      let isLetter = (scalar.value | 0x20) &- 0x61 < 26
      guard isLetter else { return scalar }
      return Unicode.Scalar(mapping == \.uppercaseMapping ? scalar.value & ~0x20 : scalar.value | 0x20) ?? scalar
    }
    let mapped = scalar.properties[keyPath: mapping].unicodeScalars
    return mapped.count == 1 ? mapped.first! : scalar
  }
}

/// The classes of `\p{…}`: general categories and some scripts.
enum UnicodeClass {
  static func exists(_ name: String) -> Bool { name == "Any" || categories[name] != nil || scripts[name] != nil }

  static func contains(_ value: UInt32, _ name: String) -> Bool {
    if let ranges = scripts[name] { return ranges.contains { $0.contains(value) } }
    guard let categories = categories[name] else { return true }
    return categories.contains(Unicode.Scalar(value)?.properties.generalCategory ?? .surrogate)
  }

  private static let categories: [String: Set<Unicode.GeneralCategory>] = {
    let single: [String: Unicode.GeneralCategory] = [
      "Lu": .uppercaseLetter, "Ll": .lowercaseLetter, "Lt": .titlecaseLetter, "Lm": .modifierLetter, "Lo": .otherLetter,
      "Mn": .nonspacingMark, "Mc": .spacingMark, "Me": .enclosingMark, "Nd": .decimalNumber, "Nl": .letterNumber,
      "No": .otherNumber, "Pc": .connectorPunctuation, "Pd": .dashPunctuation, "Ps": .openPunctuation,
      "Pe": .closePunctuation, "Pi": .initialPunctuation, "Pf": .finalPunctuation, "Po": .otherPunctuation,
      "Sm": .mathSymbol, "Sc": .currencySymbol, "Sk": .modifierSymbol, "So": .otherSymbol, "Zs": .spaceSeparator,
      "Zl": .lineSeparator, "Zp": .paragraphSeparator, "Cc": .control, "Cf": .format, "Cs": .surrogate,
      "Co": .privateUse,
    ]
    var result = single.mapValues { Set([$0]) }
    for (name, category) in single { result[String(name.prefix(1)), default: []].insert(category) }
    return result
  }()

  private static let scripts: [String: [ClosedRange<UInt32>]] = [
    "Latin": [
      0x41...0x5A, 0x61...0x7A, 0xAA...0xAA, 0xBA...0xBA, 0xC0...0xD6, 0xD8...0xF6, 0xF8...0x2B8, 0x2E0...0x2E4,
      0x1D00...0x1D25, 0x1D2C...0x1D5C, 0x1D62...0x1D65, 0x1D6B...0x1D77, 0x1D79...0x1DBE, 0x1E00...0x1EFF,
      0x2071...0x2071, 0x207F...0x207F, 0x2090...0x209C, 0x212A...0x212B, 0x2132...0x2132, 0x214E...0x214E,
      0x2160...0x2188, 0x2C60...0x2C7F, 0xA722...0xA787, 0xA78B...0xA7CA, 0xA7F2...0xA7FF, 0xAB30...0xAB5A,
      0xAB5C...0xAB64, 0xAB66...0xAB69, 0xFB00...0xFB06, 0xFF21...0xFF3A, 0xFF41...0xFF5A,
    ],
    "Greek": [
      0x370...0x373, 0x375...0x377, 0x37A...0x37D, 0x37F...0x37F, 0x384...0x384, 0x386...0x386, 0x388...0x38A,
      0x38C...0x38C, 0x38E...0x3A1, 0x3A3...0x3E1, 0x3F0...0x3FF, 0x1D26...0x1D2A, 0x1D5D...0x1D61, 0x1D66...0x1D6A,
      0x1DBF...0x1DBF, 0x1F00...0x1F15, 0x1F18...0x1F1D, 0x1F20...0x1F45, 0x1F48...0x1F4D, 0x1F50...0x1F57,
      0x1F59...0x1F59, 0x1F5B...0x1F5B, 0x1F5D...0x1F5D, 0x1F5F...0x1F7D, 0x1F80...0x1FB4, 0x1FB6...0x1FC4,
      0x1FC6...0x1FD3, 0x1FD6...0x1FDB, 0x1FDD...0x1FEF, 0x1FF2...0x1FF4, 0x1FF6...0x1FFE, 0x2126...0x2126,
      0xAB65...0xAB65, 0x10140...0x1018E, 0x101A0...0x101A0, 0x1D200...0x1D245,
    ],
    "Cyrillic": [
      0x400...0x484, 0x487...0x52F, 0x1C80...0x1C88, 0x1D2B...0x1D2B, 0x1D78...0x1D78, 0x2DE0...0x2DFF,
      0xA640...0xA69F, 0xFE2E...0xFE2F, 0x1E030...0x1E06D, 0x1E08F...0x1E08F,
    ],
    "Han": [
      0x2E80...0x2E99, 0x2E9B...0x2EF3, 0x2F00...0x2FD5, 0x3005...0x3005, 0x3007...0x3007, 0x3021...0x3029,
      0x3038...0x303B, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFA6D, 0xFA70...0xFAD9, 0x16FE2...0x16FE3,
      0x16FF0...0x16FF1, 0x20000...0x2A6DF, 0x2A700...0x2B739, 0x2B740...0x2B81D, 0x2B820...0x2CEA1,
      0x2CEB0...0x2EBE0, 0x2F800...0x2FA1D, 0x30000...0x3134A, 0x31350...0x323AF,
    ],
  ]
}
