// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "excite",
    products: [.executable(name: "excite", targets: ["excite"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CMicroHTTPD", pkgConfig: "libmicrohttpd", providers: [.apt(["libmicrohttpd-dev"])]),
        .systemLibrary(name: "CJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg62-turbo-dev"])]),
        .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
        .systemLibrary(name: "CWebP", pkgConfig: "libwebpdemux", providers: [.apt(["libwebp-dev"])]),
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .target(name: "CKernels"),
        .target(name: "SENet", dependencies: ["CKernels", "COpenBLAS"]),
        .target(name: "ModelImport", dependencies: ["SENet"]),
        .target(name: "CImageRows", dependencies: ["CJPEG", "CPNG"]),
        .target(name: "Imaging", dependencies: ["CImageRows", "CWebP"]),
        .target(
            name: "Serving",
            dependencies: ["SENet", "Imaging", .product(name: "DequeModule", package: "swift-collections")]),
        .target(name: "HTTPServer", dependencies: ["CMicroHTTPD"]),
        .target(
            name: "ModelHub",
            dependencies: [
                .product(name: "AsyncHTTPClient", package: "async-http-client"), .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        .executableTarget(
            name: "excite",
            dependencies: [
                "SENet", "ModelImport", "Imaging", "Serving", "HTTPServer", "ModelHub",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]),
        .testTarget(name: "CKernelsTests", dependencies: ["CKernels"]),
        .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
        .testTarget(
            name: "SENetTests", dependencies: ["SENet", "CAllocationCounter"],
            exclude: ["Fixtures", "make_gates.py", "make_logits.py", "make_operations.py", "make_variants.py"]),
        .testTarget(
            name: "ModelImportTests", dependencies: ["ModelImport", "SENet"], exclude: ["Fixtures", "make_imports.py"]),
        .testTarget(
            name: "ImagingTests", dependencies: ["Imaging"],
            exclude: ["Fixtures", "make_images.py", "make_resample_cases.py", "measure_intake.py", "compare_pillow.py"]),
        .testTarget(name: "ServingTests", dependencies: ["Serving", "SENet", "Imaging"]),
        .testTarget(name: "HTTPServerTests", dependencies: ["HTTPServer"]),
        .target(name: "HubTesting", dependencies: [.product(name: "Crypto", package: "swift-crypto")], path: "Tests/HubTesting"),
        .testTarget(name: "ModelHubTests", dependencies: ["ModelHub", "HubTesting"]),
        .testTarget(
            name: "exciteTests",
            dependencies: [
                "excite", "HTTPServer", "HubTesting", "Serving", "SENet", "Imaging", .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)

// The fuzz targets, which only `make fuzz` builds: they need libFuzzer.
if Context.environment["EXCITE_FUZZ"] != nil {
    package.targets += [
        .systemLibrary(name: "CLibFuzzer", path: "Tests/Fuzz/CLibFuzzer"),
        .executableTarget(
            name: "fuzz", dependencies: ["CLibFuzzer", "HTTPServer", "Imaging", "ModelImport", "SENet", "Serving"],
            path: "Tests/Fuzz/Sources"),
    ]
}

// Tests see internal declarations. Asked for here and not on the command line, so that the dependencies are compiled once for both builds.
if Context.environment["EXCITE_TESTING"] != nil {
    for target in package.targets where [.regular, .executable, .test].contains(target.type) {
        target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags(["-enable-testing"])]
    }
}
