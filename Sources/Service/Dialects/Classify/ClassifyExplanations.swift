import Imaging
import SENet
import Serving

/// The crop that the network saw: `/classify?input=1`.
struct SeenInput: JSONWritable {
    var png: [UInt8]
    var preprocessing: Preprocessing
    var image: ImageDescription?

    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("width", preprocessing.width)
            $0.field("height", preprocessing.height)
            $0.field("description", preprocessing.words(image))
            $0.field("png", Base64.encode(png))
        }
    }
}

/// Where a class is seen: `/classify?map=1` or `map=tabby cat`, and `excite explain`.
package struct SeenClass: JSONWritable {
    var map: ClassMap
    var labels: Labels

    package init(map: ClassMap, labels: Labels) {
        self.map = map
        self.labels = labels
    }

    package func write(to writer: inout JSONWriter) {
        let (height, width) = (map.height, map.width)
        writer.object {
            $0.field("label", labels.spoken[map.index])
            $0.field("class", labels.names[map.index])
            $0.field("index", map.index)
            $0.field("height", height)
            $0.field("width", width)
            $0.field("bias", map.bias)
            $0.field("values", (0..<height).map { Array(map.values[$0 * width..<($0 + 1) * width]) })
        }
    }
}

extension MappedClass {
    /// What the query parameter `map` asks for: `1` is the most probable class.
    init(_ text: String, of model: Model) throws(Problem) {
        guard model.plan.hasClassMaps else {
            throw Problem(
                400, "No class map", code: "no_map",
                "\(model.name) has no class maps: its network does not end in global average pooling and a linear layer; ask without map")
        }
        if text == "1" {
            self = .best
        } else if let index = model.labels.index(of: text) {
            self = .index(index)
        } else {
            throw .badParameter("map must be 1, for the most probable class, or one class's name as predictions have it, not '\(text)'")
        }
    }
}

extension Preprocessing {
    /// What is done to an image, in words.
    func words(_ image: ImageDescription?) -> String {
        let edges = [height, width].map { Int((Double($0) / cropFraction).rounded(.down)) }
        let size = edges[0] == edges[1] ? "\(edges[0])" : "\(edges[1]) x \(edges[0])"
        let resized =
            switch cropMode {
            case .center: "resized so that the shorter edge is \(size) (\(interpolation.rawValue)), the middle \(width) x \(height) cut out"
            case .squash: "resized to \(edges[1]) x \(edges[0]) whatever its shape (\(interpolation.rawValue)), the middle cut out"
            case .border: "resized so that the longer edge is \(size) (\(interpolation.rawValue)), the rest filled with the mean colour"
            }
        let turned = image.flatMap {
            $0.orientation == .upright ? nil : "turned upright from EXIF orientation \($0.orientation.rawValue), "
        }
        return (turned ?? "") + resized
    }
}
