import FoundationEssentials
import Glibc

/// How far a network's images in one precision are from those in float32: signal to noise, image by image of the network.
public final class NoiseMeter {
    private var signal: [String: Double] = [:]
    private var noise: [String: Double] = [:]
    private let names: [String]

    /// - Parameter plan: the one that is measured.
    public init(_ plan: Plan) { names = plan.images.map(\.name) }

    /// Runs the first `count` inputs of `exact`, a session of a plan in float32, and of `session`, which have the same images.
    public func measure(_ session: Session, against exact: Session, images count: Int) {
        var numbers: [String: [Float]] = [:]
        exact.run(images: count) { [names = Set(names)] observed in
            guard names.contains(observed.value.name) else { return }
            observed.forEachChannel { _, channel in numbers[observed.value.name, default: []] += channel }
        }
        var places: [String: Int] = [:]
        session.run(images: count) { [self] observed in
            let name = observed.value.name
            guard let exact = numbers[name] else { return }
            var (sum, squares) = (0.0, 0.0)
            var place = places[name, default: 0]
            observed.forEachChannel { _, channel in
                for number in channel {
                    let expected = Double(exact[place])
                    let difference = Double(number) - expected
                    sum += difference * difference
                    squares += expected * expected
                    place += 1
                }
            }
            places[name] = place
            noise[name, default: 0] += sum
            signal[name, default: 0] += squares
        }
    }

    /// In decibels, in the network's order.
    public var signalToNoise: [(name: String, decibels: Double)] {
        names.map { name in
            let (signal, noise) = (signal[name] ?? 0, noise[name] ?? 0)
            return (name, 10 * log10(max(signal, 1e-30) / max(noise, signal * 1e-20, 1e-50)))
        }
    }
}
