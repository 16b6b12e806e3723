extension Configuration {
    /// - Throws: `ModelError.configuration` with the key whose value cannot be.
    func validate() throws(ModelError) {
        try Self.validate(classes: classes)
        try require((1...4).contains(inputChannels), "in_chans must be from 1 to 4, not \(inputChannels)")
        if case .architecture(let architecture) = structure { try architecture.validate() }
        try evaluation.validate()
        try require(
            evaluation.mean.count == inputChannels && evaluation.standardDeviation.count == inputChannels,
            "mean and std need one value for each of the \(inputChannels) input channels")
        if let labelNames { try requireNames(labelNames.count, classes: classes) }
    }
}

extension Configuration {
    /// - Throws: `ModelError.configuration` for a number of classes that no network has.
    static func validate(classes: Int) throws(ModelError) {
        try require((1...65_536).contains(classes), "num_classes must be from 1 to 65,536, not \(classes)")
    }
}

extension Architecture {
    fileprivate func validate() throws(ModelError) {
        try require(!layers.isEmpty, "model_args.layers is empty")
        try require(
            layers.count == channels.count, "model_args.layers has \(layers.count) stages, model_args.channels \(channels.count)")
        try require(layers.allSatisfy((1...1000).contains), "model_args.layers must each be from 1 to 1,000")
        try require(channels.allSatisfy((1...16_384).contains), "model_args.channels must each be from 1 to 16,384")
        try require((4...4096).contains(stemWidth), "model_args.stem_width must be from 4 to 4,096")
        try require((1...4096).contains(cardinality), "model_args.cardinality must be from 1 to 4,096")
        try require((1...4096).contains(baseWidth), "model_args.base_width must be from 1 to 4,096")
        try require([1, 3].contains(downsampleKernel), "model_args.down_kernel_size must be 1 or 3, not \(downsampleKernel)")
        try require((1...64).contains(reduceFirst), "model_args.block_reduce_first must be from 1 to 64, not \(reduceFirst)")
        try require(block == .bottleneck || reduceFirst == 1, "a basic block has no block_reduce_first")
        try require(
            block == .bottleneck || (cardinality == 1 && baseWidth == 64), "a basic block has neither cardinality nor base_width")
        for channels in channels {
            let hidden = squeezeExcitation?.gate(channels: channels * block.expansion).hidden
            try require(hidden.map((1...65_536).contains) ?? true, "the gate of a stage with \(channels) channels has no hidden values")
            try require(
                channels * baseWidth >= 64 && width(planes: channels).channels >= reduceFirst,
                "a stage with \(channels) channels and this base_width has no width")
        }
    }
}

extension Configuration.Evaluation {
    /// - Throws: `ModelError.configuration` with the key whose value cannot be.
    func validate() throws(ModelError) {
        let edges = 32...4096
        try require(
            edges.contains(height) && edges.contains(width), "input_size must be from 32 to 4,096, not \(height) × \(width)")
        let (testHeight, testWidth) = (testHeight ?? height, testWidth ?? width)
        try require(
            edges.contains(testHeight) && edges.contains(testWidth),
            "test_input_size must be from 32 to 4,096, not \(testHeight) × \(testWidth)")
        for (key, fraction) in [("crop_pct", cropFraction), ("test_crop_pct", testCropFraction ?? cropFraction)] {
            try require((0.01...4).contains(fraction), "\(key) must be from 0.01 to 4, not \(fraction)")
        }
        // Pixels less the mean, over the deviation, must stay numbers that a network can compute with.
        try require(mean.allSatisfy { (-1e4...1e4).contains($0) }, "mean must be from -10,000 to 10,000, not \(mean)")
        try require(
            standardDeviation.allSatisfy { (1e-4...1e4).contains($0) },
            "std must be positive, from 0.0001 to 10,000, not \(standardDeviation)")
    }
}

func requireNames(_ count: Int, classes: Int) throws(ModelError) {
    try require(count == classes, "label_names has \(count) entries for \(classes) classes")
}

private func require(_ condition: Bool, _ what: String) throws(ModelError) {
    if !condition { throw .configuration("config.json: \(what)") }
}
