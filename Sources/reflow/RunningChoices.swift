/// What ``RunningOptions`` say, without the parser's machinery: to make that takes as long as looking at some hundred files.
struct RunningChoices {
  /// Steps at once.
  var jobs: Int?
  var keepGoing = false
  var sandbox: String?
  var root: String?
  var events: String?
  var trace: String?
  var quiet = false
  var verbose = false
  var explain = false
  var predict = false
  var executor: String?

  static let jobLimits = 1...4096
}
