package import Ports

/// Hands each event to several sinks, in order.
package final class EventFanout: EventSink {
  private let sinks: [any EventSink]

  package init(_ sinks: [any EventSink]) { self.sinks = sinks }

  package func receive(_ event: BuildEvent) {
    for sink in sinks { sink.receive(event) }
  }

  package func tick() {
    for sink in sinks { sink.tick() }
  }
}
