@main
struct Reflow {
  static func main() {}
}
