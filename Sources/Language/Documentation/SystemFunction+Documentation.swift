extension SystemFunction {
  /// How it would be declared: `func Split(s, sep string) [string]`.
  package var signature: String {
    switch self {
    case .listsSort: "func Sort(list [T]) [T]"
    case .listsSortBy: "func SortBy(list [T], key func(T) K) [T]"
    case .listsContains: "func Contains(list [T], element T) bool"
    case .listsUnique: "func Unique(list [T]) [T]"
    case .listsReverse: "func Reverse(list [T]) [T]"
    case .listsEnumerate: "func Enumerate(list [T]) [(int, T)]"
    case .listsSum: "func Sum(list [int] | [float]) int | float"
    case .listsMin: "func Min(list [T]) T"
    case .listsMax: "func Max(list [T]) T"
    case .listsTake: "func Take(list [T], n int) [T]"
    case .listsDrop: "func Drop(list [T], n int) [T]"
    case _: "func \(name)\(type.description.dropFirst("func".utf8.count))"
    }
  }

  /// What it does, in a sentence or two.
  package var summary: String {
    switch self {
    case .testAssert: "Fails, and tells the positions, where not all values are true."
    case .testAssertMap: "True where all values are; else fails and tells their keys."
    case .testAll: "True where all values are; else fails at the first that is not."
    case .testExecRepeatAndCheck:
      "Runs the steps behind a value several times, and tells whether their outputs are equal."

    case .dirsGroups: "The files by what the one group of a regular expression matches in their paths."
    case .dirsMake: "The dir of these files by their paths."
    case .dirsFromList: "The dir of these files by their paths; of two with one path the later."
    case .dirsSum: "All files of all dirs; of two with one path the later."
    case .dirsPick: "The first file whose whole path matches a pattern, and its path."
    case .dirsFiles: "The files, ascending by path."
    case .dirsCopy: "Copies the files to a URL that the configuration maps to a folder."
    case .dirsFileset: "The dir of a fileset."
    case .dirsGlob: "The files whose paths match a pattern."

    case .filesCopy: "Copies the file to a URL that the configuration maps to a folder."
    case .filesCreate: "A file with this content, of at most 10 MiB."
    case .filesFileset: "The file of a fileset."
    case .filesText: "The content of the file."
    case .filesLines: "The lines of the file, without what ends them."

    case .regexpGroups: "What the groups of the first match capture. Fails where nothing matches."
    case .regexpMatch: "Whether the expression matches anywhere in the string."
    case .regexpReplace: "The string with all matches replaced; `$1` and `${name}` stand for groups."

    case .stringsSplit: "The pieces between separators; with an empty separator, the characters."
    case .stringsChunk: "Pieces of at most so many bytes, at least 4, that divide no character."
    case .stringsJoin: "The strings in order, with the separator between them."
    case .stringsHasPrefix: "Whether the string begins with the prefix."
    case .stringsHasSuffix: "Whether the string ends with the suffix."
    case .stringsSort: "The strings in ascending order of their bytes."
    case .stringsFromInt: "The int in decimal digits."
    case .stringsFromFloat: "The float with so many significant digits."
    case .stringsFromBool: "`true` or `false`."
    case .stringsToInt: "The int that the digits mean. Fails for anything else."
    case .stringsToFloat: "The float that is written. Fails for anything else."
    case .stringsTrim: "The string without white space at both ends."
    case .stringsReplace: "The string with every occurrence replaced."
    case .stringsFields: "The words between white space."
    case .stringsLines: "The lines, without what ends them."
    case .stringsLower: "The string in lower case."
    case .stringsUpper: "The string in upper case."
    case .stringsContains: "Whether the substring occurs."
    case .stringsIndex: "Where the substring occurs first, or -1."
    case .stringsSlice: "The part from the lower bound up to, but not including, the upper one."

    case .pathBase: "The last element of a path."
    case .pathExt: "The extension of the last element of a path, with its dot."
    case .pathDir: "All but the last element of a path."
    case .pathJoin: "The elements with slashes between them; empty ones are left out."

    case .filesetsDir: "The fileset of a dir."
    case .filesetsFile: "The fileset of a file."

    case .listsSort: "The elements in ascending order."
    case .listsSortBy: "The elements in ascending order of a key; those of one key keep their order."
    case .listsContains: "Whether the element is in the list."
    case .listsUnique: "Each element once, where it occurs first."
    case .listsReverse: "The elements from last to first."
    case .listsEnumerate: "The elements with their positions, from 0."
    case .listsSum: "The sum; of an empty list 0."
    case .listsMin: "The least element. The list must not be empty."
    case .listsMax: "The greatest element. The list must not be empty."
    case .listsTake: "The first n elements, or all."
    case .listsDrop: "All but the first n elements."
    }
  }
}
