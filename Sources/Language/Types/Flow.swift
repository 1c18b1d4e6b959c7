/// What is known, without evaluating, of when a value is known: whether it waits for a step or a source.
///
/// Consulted where a value must be known at once (the image of an `exec`, the arguments of `@requires`). It says
/// `delayed` only where that is certain or the original says so too; what it misses is found out by the evaluator.
indirect enum Flow {
  case immediate
  case delayed
  /// A function; the flow of what it returns.
  case function(Flow)
  /// A struct or module whose fields are as given, the others immediate.
  case fields([String: Flow])
  case elements([Flow])
  case system(SystemModule)

  var isDelayed: Bool {
    switch self {
    case .delayed: true
    case .immediate, .function, .fields, .elements, .system: false
    }
  }

  var isImmediate: Bool {
    switch self {
    case .immediate: true
    case .delayed, .function, .fields, .elements, .system: false
    }
  }

  /// Of a value that is computed from this one as a whole.
  var computed: Flow { isDelayed ? .delayed : .immediate }

  /// Of a call of this function.
  var result: Flow {
    switch self {
    case .function(let result): result
    case .delayed: .delayed
    case .immediate, .fields, .elements, .system: .immediate
    }
  }

  func field(_ name: String) -> Flow {
    switch self {
    case .fields(let fields): fields[name] ?? .immediate
    case .delayed: .delayed
    case .system(let module): module[name].map { $0.isDelayed ? .function(.delayed) : .immediate } ?? .immediate
    case .immediate, .function, .elements: .immediate
    }
  }

  func element(_ index: Int) -> Flow {
    switch self {
    case .elements(let elements): index < elements.count ? elements[index] : .immediate
    case .delayed: .delayed
    case .immediate, .function, .fields, .system: .immediate
    }
  }
}
