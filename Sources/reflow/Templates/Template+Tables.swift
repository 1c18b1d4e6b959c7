extension Template {
  static let tablesFiles = [
    File(path: "main.rf", text: tablesProgram),
    File(
      path: "visits.csv",
      text: "guest,room,night,price\nada,1,1,80\nada,1,2,80\nbela,2,1,95\ncarl,1,3,80\nbela,3,2,120\n"),
    File(path: "rooms.csv", text: "room,view\n1,yard\n2,sea\n3,sea\n"),
    File(path: "trains.csv", text: "from,to\nHarbour,Market\nMarket,Mill\nMill,Hill\nCastle,Hill\n"),
  ]

  private static let tablesProgram = #"""
    // Tables of records: read, joined, grouped, and followed to the end.

    // Where the journey begins.
    param start = "Harbour"

    val Visits = table(file("visits.csv")) {guest string, room, night, price int}
    val Rooms = table(file("rooms.csv")) {room int, view string}
    val Trains = table(file("trains.csv")) {from, to string}

    // A join: two generators and an equation between them.
    val Seaside = [{guest: v.guest, night: v.night} |
      v <- Visits, r <- Rooms, if v.room == r.room && r.view == "sea"]

    // A group: a row for each key, and the list of its rows.
    val Bills = [{guest: g.key, nights: len(g.rows), total: sum([v.price | v <- g.rows])} |
      g <- group(Visits, func(v {guest string}) => v.guest)]

    // A loop: what can be reached, until nothing is added.
    func Reach(from table {place string}) table {place string} =
      fixpoint(from, func(seen table {place string}) =>
          distinct(seen + [{place: t.to} | s <- seen, t <- Trains, if t.from == s.place]))

    // What is built: out/seaside.csv, out/bills.csv, out/reachable.csv and a file of JSON lines.
    val Main = {
      seaside: Seaside, bills: Bills, reachable: Reach(table([{place: start}]) {place string}),
      json: ["bills.jsonl": jsonl(Bills)],
    }

    // `reflow test main.rf` evaluates this.
    val Nowhere = antijoin(Visits, Rooms, func(v {room int}) => v.room, func(r {room int}) => r.room)
    val TestRooms = len(Nowhere) == 0

    """#
}
