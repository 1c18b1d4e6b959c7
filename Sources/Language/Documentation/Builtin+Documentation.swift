extension Builtin {
  /// How it would be declared, if such types could be written.
  package var signature: String {
    switch self {
    case .delay: "func delay(value T) T"
    case .error: "func error(code int, message string) T"
    case .fold: "func fold(f func(acc A, element E) A, list [E], initial A) A"
    case .flatten: "func flatten(lists [[T]]) [T]"
    case .len: "func len(value [T] | [K:V] | string | file | dir | table R) int"
    case .list: "func list(value [K:V] | dir) [(K, V)]"
    case .map: "func map(value [(K, V)] | dir) [K:V]"
    case .panic: "func panic(message string) T"
    case .range: "func range(lower, upper int) [int]"
    case .reduce: "func reduce(f func(T, T) T, list [T]) T"
    case .trace: "func trace(value T) T"
    case .unzip: "func unzip(pairs [(A, B)]) ([A], [B])"
    case .zip: "func zip(a [A], b [B]) [(A, B)]"
    case .quote: "func quote(text string) string"
    case .distinct: "func distinct(t table R) table R"
    case .group: "func group(t table R, key func(row R) K) table {key K, rows [R]}"
    case .semijoin: "func semijoin(a table R, b table S, keyA func(R) K, keyB func(S) K) table R"
    case .antijoin: "func antijoin(a table R, b table S, keyA func(R) K, keyB func(S) K) table R"
    case .fixpoint: "func fixpoint(seed table R, f func(table R) table R, priority func(R) int) table R"
    case .rows: "func rows(t table R) [R]"
    case .csv: "func csv(t table R) file"
    case .tsv: "func tsv(t table R) file"
    case .jsonl: "func jsonl(t table R) file"
    case .parts: "func parts(t table R, n int) dir"
    case .sum: "func sum(list [int] | [float]) int | float"
    case .avg: "func avg(list [int] | [float]) float"
    case .min: "func min(list [int] | [float] | [string]) T"
    case .max: "func max(list [int] | [float] | [string]) T"
    }
  }

  /// What it does, in a sentence or two.
  package var summary: String {
    switch self {
    case .delay: "The value, known only later: whatever needs it waits for it."
    case .error: "Ends the evaluation with a message and a code."
    case .fold: "Combines the elements of a list from left to right, beginning with an initial value."
    case .flatten: "The elements of all the lists, in order."
    case .len: "How many elements, entries, bytes, files or rows there are."
    case .list: "The entries of a map, or the paths and files of a dir, in ascending order of keys."
    case .map: "The map with these entries, or from the paths of a dir to its files."
    case .panic: "Ends the evaluation with a message."
    case .range: "The ints from the lower bound up to, but not including, the upper one."
    case .reduce: "Combines the elements of a list from left to right. The list must not be empty."
    case .trace: "The value, which is also printed on standard error."
    case .unzip: "The first and the second parts of all pairs."
    case .zip: "The pairs of the elements that stand at the same place. The lists must be of one length."
    case .quote: "The text quoted for the shell, as one word of a command."
    case .distinct: "Each row once."
    case .group: "The rows by key; `rows` is the ascending list of the rows that have it."
    case .semijoin: "The rows of `a` whose key is the key of some row of `b`."
    case .antijoin: "The rows of `a` whose key is the key of no row of `b`."
    case .fixpoint:
      "What comes of applying `f` to the seed again and again until nothing changes. The priority may be left out."
    case .rows: "The rows as a list, ascending by columns."
    case .csv: "The table as a CSV file with a header."
    case .tsv: "The table as a file of tab-separated values with a header."
    case .jsonl: "The table as a file of one JSON object a line."
    case .parts: "The table as a folder of n CSV files, divided by a hash of the row."
    case .sum: "The sum; of an empty list 0."
    case .avg: "The average. The list must not be empty."
    case .min: "The least element. The list must not be empty."
    case .max: "The greatest element. The list must not be empty."
    }
  }
}
