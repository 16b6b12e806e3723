// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "excite",
    products: [.executable(name: "excite", targets: ["excite"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CMicroHTTPD", pkgConfig: "libmicrohttpd", providers: [.apt(["libmicrohttpd-dev"])]),
        .systemLibrary(name: "CJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg62-turbo-dev"])]),
        .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CWebP", pkgConfig: "libwebpdemux", providers: [.apt(["libwebp-dev"])]),
        // Whichever TLS it was built with: images of Swift bring libcurl4-openssl-dev, with which Debian's GnuTLS variant conflicts.
        .systemLibrary(name: "CCURL", pkgConfig: "libcurl", providers: [.apt(["libcurl4-gnutls-dev"])]),
        .systemLibrary(name: "CGnuTLS", pkgConfig: "gnutls", providers: [.apt(["libgnutls28-dev"])]),
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .target(name: "CKernels"),
        .target(name: "CImageRows", dependencies: ["CJPEG", "CPNG"]),
        .target(name: "Threads"),
        .target(name: "SENet", dependencies: ["CKernels", "COpenBLAS", "Threads"]),
        .target(name: "ModelImport", dependencies: ["SENet"]),
        .target(name: "Imaging", dependencies: ["CImageRows", "CWebP"]),
        .target(
            name: "Serving",
            dependencies: ["SENet", "Imaging", "Threads", .product(name: "DequeModule", package: "swift-collections")]),
        .target(name: "CReceiveHook"),
        .target(name: "HTTPServer", dependencies: ["CGnuTLS", "CMicroHTTPD", "CReceiveHook", "CZlib", "Threads"]),
        .target(
            name: "Service",
            dependencies: [
                "HTTPClient", "HTTPServer", "Serving", "SENet", "Imaging", "Threads", "CGnuTLS",
                .product(name: "DequeModule", package: "swift-collections"), .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            resources: ["html", "css", "js", "jpg"].map { .embedInCode("Page/page.\($0)") }),
        .target(name: "HTTPClient", dependencies: ["CCURL"]),
        .target(name: "ModelHub", dependencies: ["HTTPClient", "CGnuTLS"]),
        .target(
            name: "LoadTesting",
            dependencies: [
                "HTTPClient", "Threads", .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ]),
        .executableTarget(
            name: "excite",
            dependencies: [
                "SENet", "Imaging", "Serving", "Service", "HTTPClient", "HTTPServer", "LoadTesting", "ModelHub", "ModelImport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"), .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .testTarget(name: "CKernelsTests", dependencies: ["CKernels"], exclude: ["check_dot.c"]),
        .testTarget(name: "ThreadsTests", dependencies: ["Threads"]),
        .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
        .testTarget(
            name: "SENetTests", dependencies: ["SENet", "CAllocationCounter"],
            exclude: [
                "Fixtures", "make_features.py", "make_gates.py", "make_logits.py", "make_maps.py", "make_operations.py", "make_variants.py",
            ]),
        .testTarget(
            name: "ModelImportTests", dependencies: ["ModelImport", "SENet"], exclude: ["Fixtures", "make_imports.py"]),
        .testTarget(
            name: "ImagingTests", dependencies: ["Imaging"],
            exclude: [
                "Fixtures", "compare_decoding.py", "compare_pillow.py", "make_images.py", "make_resample_cases.py", "measure_intake.py",
            ]),
        // For compare_decoding.py.
        .executableTarget(name: "show-decoded", dependencies: ["Imaging"], path: "Tests/ShowDecoded"),
        .testTarget(name: "ServingTests", dependencies: ["Serving", "SENet", "Imaging", "Threads"]),
        .testTarget(name: "HTTPServerTests", dependencies: ["CGnuTLS", "HTTPServer", "Threads"], exclude: ["compare_h11.py"]),
        .testTarget(
            name: "ServiceTests",
            dependencies: ["Service", "HTTPServer", "Serving", "SENet", "Imaging", .product(name: "Logging", package: "swift-log")],
            exclude: ["check_otlp.py"]),
        .target(name: "HubTesting", dependencies: ["CGnuTLS", "Threads"], path: "Tests/HubTesting"),
        .testTarget(name: "HTTPClientTests", dependencies: ["HTTPClient", "HubTesting"]),
        .testTarget(name: "ModelHubTests", dependencies: ["ModelHub", "HubTesting"]),
        .testTarget(name: "LoadTestingTests", dependencies: ["LoadTesting", "HTTPServer", "Threads"]),
        .testTarget(
            name: "exciteTests",
            dependencies: [
                "CGnuTLS", "excite", "HTTPServer", "HubTesting", "LoadTesting", "Service", "Serving", "SENet", "Imaging",
                .product(name: "Logging", package: "swift-log"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)

// The fuzz targets, which only `make fuzz` builds: they need libFuzzer.
if Context.environment["EXCITE_FUZZ"] != nil {
    package.targets += [
        .systemLibrary(name: "CLibFuzzer", path: "Tests/Fuzz/CLibFuzzer"),
        .executableTarget(
            name: "fuzz", dependencies: ["CLibFuzzer", "HTTPServer", "Imaging", "ModelImport", "SENet", "Service", "Serving"],
            path: "Tests/Fuzz/Sources"),
    ]
}

// Tests see internal declarations. Asked for here and not on the command line, so that the dependencies are compiled once for both builds.
if Context.environment["EXCITE_TESTING"] != nil {
    for target in package.targets where [.regular, .executable, .test].contains(target.type) {
        target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags(["-enable-testing"])]
    }
}
