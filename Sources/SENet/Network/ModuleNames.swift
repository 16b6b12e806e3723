/// How a generation of checkpoints calls the modules of its residual networks.
struct ModuleNames {
    let generation: Architecture.Generation

    /// A convolution and the batch norm after it.
    typealias Pair = (convolution: String, norm: String)

    func block(stage: Int, index: Int) -> String {
        generation == .blocks ? "stages.\(stage).\(index)" : "layer\(stage + 1).\(index)"
    }

    /// A block's convolution, numbered from 1.
    func convolution(_ number: Int, in block: String) -> Pair {
        guard generation == .blocks else { return ("\(block).conv\(number)", "\(block).bn\(number)") }
        let module = "\(block).conv\(number)_" + (number == 2 ? "kxk" : "1x1")
        return ("\(module).conv", "\(module).bn")
    }

    func gate(in block: String) -> String {
        switch generation {
        case .timm: "\(block).se"
        case .legacy: "\(block).se_module"
        case .blocks: "\(block).attn"
        }
    }

    /// The shortcut's projection, and the pooling before it, which takes a place even where there is none.
    func projection(in block: String, isPooled: Bool) -> (pooling: String, Pair) {
        guard generation != .blocks else { return ("\(block).shortcut.pool", ("\(block).shortcut.conv", "\(block).shortcut.bn")) }
        let (first, second) = isPooled ? (1, 2) : (0, 1)
        return ("\(block).downsample.0", ("\(block).downsample.\(first)", "\(block).downsample.\(second)"))
    }

    /// A convolution of the stem, numbered from 0 of `count`.
    func stem(_ index: Int, of count: Int) -> Pair {
        switch generation {
        case .legacy: return ("layer0.conv\(index + 1)", "layer0.bn\(index + 1)")
        case .blocks: return ("stem.conv\(index + 1).conv", "stem.conv\(index + 1).bn")
        case .timm:
            guard count > 1 else { return ("conv1", "bn1") }
            // A Sequential whose last batch norm stands outside of it: conv1.0, conv1.1, (ReLU), conv1.3, conv1.4, (ReLU), conv1.6, bn1.
            return ("conv1.\(3 * index)", index == count - 1 ? "bn1" : "conv1.\(3 * index + 1)")
        }
    }

    var stemPooling: String {
        switch generation {
        case .timm: "maxpool"
        case .legacy: "layer0.pool"
        case .blocks: "stem.pool"
        }
    }

    /// The convolution before the classifier.
    var head: Pair { ("final_conv.conv", "final_conv.bn") }

    var classifier: String {
        switch generation {
        case .timm: "fc"
        case .legacy: "last_linear"
        case .blocks: "head.fc"
        }
    }
}
