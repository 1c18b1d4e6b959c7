/// What waiting steps demand, each once for all that demand the same: of a build that begins all wait, and most are alike.
struct DemandTable {
  private var rows: [(demand: Demand, uses: Int)] = []
  private var numbers: [Demand: UInt32] = [:]
  /// Rows that nobody uses.
  private var free: [UInt32] = []

  subscript(number: UInt32) -> Demand { rows[Int(number)].demand }

  /// The number of a demand, for one more user.
  mutating func add(_ demand: Demand) -> UInt32 {
    if let number = numbers[demand] {
      rows[Int(number)].uses += 1
      return number
    }
    let number = free.popLast() ?? UInt32(rows.count)
    if Int(number) == rows.count { rows.append((demand, 1)) } else { rows[Int(number)] = (demand, 1) }
    numbers[demand] = number
    return number
  }

  /// To be called once for each ``add(_:)``.
  mutating func remove(_ number: UInt32) {
    rows[Int(number)].uses -= 1
    guard rows[Int(number)].uses == 0 else { return }
    numbers[rows[Int(number)].demand] = nil
    free.append(number)
  }
}
