extension ResNetBuilder {
    /// A squeeze-and-excitation block on `value`: the gate, and the value times the gate (arXiv 1709.01507, section 3). Returns the product.
    mutating func squeezeExcitation(_ name: String, _ value: String, _ gate: Gate) -> String {
        let factors = append(name, .gate(gate), [value])
        return append("\(name).scale", .scale, [value, factors])
    }
}
