// swift-tools-version: 6.2
import PackageDescription

// The arrows between modules are the ones of README.md, "The house"; ArchitectureTests holds the code to them.
let package = Package(
  name: "reflow",
  products: [
    .executable(name: "reflow", targets: ["reflow"]),
    .executable(name: "reflow-bench", targets: ["ReflowBenchmarks"]),
    .library(name: "Differential", targets: ["Differential"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/attaswift/BigInt", from: "6.0.1"),
    .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
  ],
  targets: [
    // Pure rooms: no clock, no file, no thread, no randomness.
    .target(name: "Diagnostics"),
    .target(name: "BuildGraph", dependencies: ["CXXHash"]),
    .target(
      name: "Language",
      dependencies: ["Diagnostics", "BuildGraph", .product(name: "BigInt", package: "BigInt")]),
    .target(name: "Formatting", dependencies: ["Diagnostics", "Language"]),
    .target(name: "LanguageServer", dependencies: ["BuildGraph", "Diagnostics", "Formatting", "Language"]),
    .target(name: "Engine", dependencies: ["BuildGraph"]),
    .target(name: "Scheduling", dependencies: ["BuildGraph"]),
    .target(name: "Pictures", dependencies: ["Diagnostics"]),
    .target(name: "Differential"),
    .target(
      name: "Tables",
      dependencies: [
        "BuildGraph", "Diagnostics", "Language", "Differential", "Ports", .product(name: "BigInt", package: "BigInt"),
        "CZlib", "CZstd",
      ]),

    // The doors, and the loop that goes through them.
    .target(name: "Ports", dependencies: ["BuildGraph", "Diagnostics"]),
    .target(name: "Watching", dependencies: ["BuildGraph", "Diagnostics", "Ports"]),
    .target(
      name: "Driver",
      dependencies: ["BuildGraph", "Diagnostics", "Language", "Tables", "Engine", "Scheduling", "Ports", "Watching"]),

    // A world in memory behind the same doors, for tests and campaigns.
    .target(
      name: "Simulation", dependencies: ["Driver", "Watching", "Scheduling", "Ports", "BuildGraph", "Diagnostics"]),

    .target(name: "Queries", dependencies: ["BuildGraph", "Diagnostics", "Pictures", "Ports"]),

    // Adapters: only the executables import them.
    .target(name: "Storage", dependencies: ["BuildGraph", "Diagnostics", "Ports", "CSQLite", "CXXHash", "CLinux"]),
    .target(name: "LinuxSystem", dependencies: ["BuildGraph", "Diagnostics", "Ports", "CXXHash", "CLinux"]),
    .target(name: "Slurm", dependencies: ["BuildGraph", "Diagnostics", "Ports", "Scheduling"]),
    .target(name: "Console", dependencies: ["BuildGraph", "Diagnostics", "Ports"]),
    .target(
      name: "Configuration",
      dependencies: ["BuildGraph", "Diagnostics", .product(name: "TOMLKit", package: "TOMLKit")]),

    // Commands and wiring.
    .executableTarget(
      name: "reflow",
      dependencies: [
        "BuildGraph", "Diagnostics", "Formatting", "Language", "LanguageServer", "Engine", "Scheduling", "Ports",
        "Driver",
        "Watching",
        "Storage",
        "LinuxSystem", "Slurm", "Console", "Pictures", "Queries", "Configuration", "CLinux",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(
      name: "ReflowBenchmarks",
      dependencies: [
        "BuildGraph", "Diagnostics", "Language", "Differential", "Simulation",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    // System libraries and shims. None is asked of pkg-config: the folder that it names would come before the one below.
    .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
    .target(name: "CXXHash", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-O2"])]),
    .target(
      name: "CLinux", dependencies: ["CXXHash"], exclude: ["static"],
      cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-O2"])]),

    .testTarget(name: "ArchitectureTests"),
    .testTarget(name: "DiagnosticsTests", dependencies: ["Diagnostics"]),
    .testTarget(name: "BuildGraphTests", dependencies: ["BuildGraph"]),
    .testTarget(name: "LanguageTests", dependencies: ["Language", "Tables", "BuildGraph", "Diagnostics"]),
    .testTarget(name: "FormattingTests", dependencies: ["Formatting", "Language", "Diagnostics"]),
    .testTarget(
      name: "LanguageServerTests", dependencies: ["LanguageServer", "Language", "BuildGraph", "Diagnostics"]),
    .testTarget(name: "EngineTests", dependencies: ["Engine", "Scheduling", "BuildGraph"]),
    .testTarget(
      name: "SimulationTests", dependencies: ["Simulation", "Driver", "Language", "Ports", "BuildGraph", "Diagnostics"]),
    .testTarget(name: "WatchingTests", dependencies: ["Watching", "Ports", "BuildGraph", "Diagnostics"]),
    .testTarget(name: "DriverTests", dependencies: ["Driver", "Watching", "Ports", "BuildGraph", "Diagnostics"]),
    .testTarget(name: "StorageTests", dependencies: ["Storage", "Ports", "BuildGraph", "Diagnostics", "CSQLite"]),
    .testTarget(
      name: "LinuxSystemTests", dependencies: ["LinuxSystem", "Ports", "BuildGraph", "Diagnostics", "CLinux"]),
    .testTarget(name: "QueriesTests", dependencies: ["Queries", "BuildGraph"]),
    .testTarget(name: "SlurmTests", dependencies: ["Slurm", "Scheduling", "Ports", "BuildGraph"]),
    .testTarget(name: "ConsoleTests", dependencies: ["Console", "Ports", "BuildGraph", "Diagnostics"]),
    .testTarget(name: "ConfigurationTests", dependencies: ["Configuration", "BuildGraph", "Diagnostics"]),
    .testTarget(
      name: "TablesTests",
      dependencies: ["Tables", "Language", "Storage", "Ports", "BuildGraph", "Diagnostics", "CSQLite"]),
    .testTarget(name: "PicturesTests", dependencies: ["Pictures"]),
    .testTarget(name: "DifferentialTests", dependencies: ["Differential"]),
    .testTarget(name: "EndToEndTests", dependencies: ["reflow", "ReflowBenchmarks"]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c11
)

let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]
// The static Foundation that swift-argument-parser pulls in makes gold warn of `mktemp`; bfd can be told not to. Nobody
// looks symbols up in the executables, so none is exported, and more is left out; packed relocations save a megabyte.
// A fixed address spares the relocation of the executable at each start, and a C++ library of its own the search for it and the
// relocation of all of it: a fifth of what a build in which nothing changed takes at 1,000 steps. SQLite and what decompresses
// are a tenth. The folder holds linker scripts in the place of the shared libraries.
for target in package.targets where target.type == .executable {
  target.linkerSettings = [
    .unsafeFlags(
      [
        "-use-ld=bfd", "-Xlinker", "-w", "-Xlinker", "--gc-sections", "-Xlinker", "--no-export-dynamic",
        "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs", "-Xclang-linker", "-no-pie",
        "-L\(Context.packageDirectory)/Sources/CLinux/static", "-Xclang-linker", "-static-libgcc",
      ], .when(configuration: .release))
  ]
}
for target in package.targets where target.type == .regular || target.type == .executable || target.type == .test {
  guard !["CLinux", "CXXHash"].contains(target.name) else { continue }
  target.swiftSettings = (target.swiftSettings ?? []) + strict
}
