import BuildGraph
import Queries
import Testing

@Suite struct ResourceReviewTests {
  private func history(
    _ runs: Int, memory: Int64, cores: Double = 1, askedCPU: Double? = nil, askedMemory: Int64? = nil
  ) -> StepHistory {
    var history = StepHistory()
    for _ in 0..<runs {
      history.note(
        .init(
          wallSeconds: 10, cpuSeconds: 10 * cores, peakMemoryBytes: memory, outputBytes: 7, askedCPU: askedCPU,
          askedMemory: askedMemory))
    }
    return history
  }

  @Test func whoAsksForTwiceWhatItTakesIsOverAsked() {
    let review = ResourceReview("A", history(5, memory: 1 << 30, askedCPU: 8, askedMemory: 4 << 30))
    #expect(review?.memory == .overAsked)
    #expect(review?.cpu == .overAsked)
    #expect(review?.largestMemory == 1 << 30)
    #expect(review?.medianSeconds == 10)
    #expect(review?.medianOutputBytes == 7)
    #expect(review?.remarks.count == 2)
    let little = ResourceReview("A", history(5, memory: 1 << 20, askedCPU: 1, askedMemory: 32 << 20))
    #expect(little?.memory == .fine)
    #expect(little?.cpu == .fine)
  }

  @Test func whoTakesMoreThanItAskedForOrDiedOfItIsUnderAsked() {
    let review = ResourceReview("A", history(3, memory: 2 << 30, cores: 3, askedCPU: 1, askedMemory: 1 << 30))
    #expect(review?.memory == .underAsked)
    #expect(review?.cpu == .underAsked)
    var died = history(1, memory: 1 << 20)
    died.noteMemoryDeath()
    #expect(ResourceReview("A", died)?.memory == .underAsked)
    #expect(ResourceReview("A", died)?.remarks == ["ran out of memory once"])
  }

  @Test func ofWhatHardlyRanNothingIsSaid() {
    #expect(ResourceReview("A", StepHistory()) == nil)
    #expect(ResourceReview("A", history(1, memory: 1, askedMemory: 1 << 40))?.memory == .unknown)
  }
}
