import FoundationEssentials

extension Configuration {
    /// What a JSON file with the keys of `pretrained_cfg`, or a `config.json` that has them under that key, says of a network that is described
    /// elsewhere: `architecture`, `num_classes`, `model_args` and `network` are passed over.
    public struct Settings: Sendable {
        private let description: Description
        private let source: String

        /// - Parameter source: what errors call the file.
        /// - Throws: `ModelError.configuration` with what is wrong and where.
        public init(json: Data, source: String) throws(ModelError) {
            self.source = source
            do {
                description = try JSONDecoder().decode(Description.self, from: json)
            } catch let error as DecodingError {
                throw .configuration("\(source): \(error.summary(of: json))")
            } catch {
                throw .configuration("\(source) is not JSON: \(error)")
            }
        }

        /// How the network was evaluated; what the file does not say is as in `defaults`.
        ///
        /// - Throws: `ModelError.configuration` with the key whose value cannot be.
        public func evaluation(over defaults: Evaluation) throws(ModelError) -> Evaluation {
            try naming { () throws(ModelError) in
                let inputChannels = description.pretrained.input_size?.first ?? 3
                let evaluation = try description.pretrained.evaluation(over: defaults, inputChannels: inputChannels)
                try description.refuseDisplaced(from: evaluation, inputChannels: inputChannels)
                return evaluation
            }
        }

        /// A short name and perhaps a description for each class, in the classifier's order; nil where the file names none.
        ///
        /// - Throws: `ModelError.configuration` if there are not so many classes.
        public func labels(classes: Int) throws(ModelError) -> [(name: String, description: String?)]? {
            try naming { () throws(ModelError) in
                guard let names = try description.labelNames?.list(classes: classes) else { return nil }
                try requireNames(names.count, classes: classes)
                return names.map { ($0, description.labelDescriptions[$0]) }
            }
        }

        /// - Throws: `ModelError.configuration` if the network was trained to give something else than labels.
        public func outputActivation(classes: Int) throws(ModelError) -> OutputActivation {
            try naming { () throws(ModelError) in try description.outputActivation(classes: classes) }
        }

        /// The same errors, under the file's own name.
        private func naming<Value>(_ body: () throws(ModelError) -> Value) throws(ModelError) -> Value {
            do {
                return try body()
            } catch .configuration(let what) {
                throw .configuration(what.replacing("config.json: ", with: "\(source): ", maxReplacements: 1))
            }
        }
    }
}
