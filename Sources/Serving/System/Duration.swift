extension Duration {
    /// In seconds, as a floating point number.
    public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
