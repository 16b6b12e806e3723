import Foundation
import Imaging
import Serving

/// The JSON of `/classify`: see the README for an example.
struct Answer: Encodable {
    var model: String
    var predictions: [Prediction]?
    var image: Image?
    var timingMs: Timing?
    var batchSize: Int?
    /// Instead of the above, where a request had several images.
    var results: [Entry]?

    struct Prediction: Encodable {
        var label: String
        var `class`: String
        var index: Int
        var score: Float

        init(_ prediction: Serving.Prediction) {
            label = prediction.label
            `class` = prediction.name
            index = prediction.index
            score = prediction.score
        }
    }

    struct Image: Encodable {
        var format: String
        var width: Int
        var height: Int
        /// EXIF's number; 1 is upright.
        var orientation: Int
        var mode: String
        /// What was passed over; absent where there is nothing.
        var warnings: [String]?

        init(_ image: ImageDescription) {
            format = image.format.rawValue
            width = image.width
            height = image.height
            orientation = image.orientation.rawValue
            mode = image.colorMode.rawValue
            warnings = image.warnings.isEmpty ? nil : image.warnings
        }
    }

    /// Milliseconds.
    struct Timing: Encodable {
        var receive: Double
        var decode: Double
        var queue: Double
        var inference: Double
        var total: Double
    }

    /// One image of several: as a lone answer, or its error.
    struct Entry: Encodable {
        var predictions: [Prediction]?
        var image: Image?
        var timingMs: Timing?
        var batchSize: Int?
        var error: Problem?

        init(_ result: Result<Classification, ClassificationError>, receive: Duration) {
            switch result {
            case .success(let classification):
                predictions = classification.predictions.map(Prediction.init)
                image = Image(classification.image)
                timingMs = Timing(classification, receive: receive)
                batchSize = classification.batchSize
            case .failure(let failure): error = Problem(failure)
            }
        }
    }

    init(model: String, _ result: Entry) {
        self.model = model
        predictions = result.predictions
        image = result.image
        timingMs = result.timingMs
        batchSize = result.batchSize
    }

    init(model: String, results: [Entry]) {
        self.model = model
        self.results = results
    }
}

extension Answer.Timing {
    init(_ classification: Classification, receive: Duration) {
        func milliseconds(_ duration: Duration) -> Double { (duration.seconds * 1000).rounded(decimals: 3) }
        self.init(
            receive: milliseconds(receive), decode: milliseconds(classification.decode), queue: milliseconds(classification.queue),
            inference: milliseconds(classification.inference),
            total: milliseconds(receive + classification.decode + classification.queue + classification.inference))
    }
}
