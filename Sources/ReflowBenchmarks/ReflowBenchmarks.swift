@main
struct ReflowBenchmarks {
  static func main() {}
}
