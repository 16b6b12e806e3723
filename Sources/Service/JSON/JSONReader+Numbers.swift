extension JSONReader {
    /// A whole number, written without fraction and exponent.
    package mutating func integer() throws(JSONError) -> Int {
        let start = position
        let number = try decimal()
        guard number.isInteger, number.digits <= 18 else {
            position = start
            throw error("a whole number is expected here")
        }
        return number.isNegative ? -Int(number.mantissa) : Int(number.mantissa)
    }

    /// The nearest float32.
    package mutating func float() throws(JSONError) -> Float {
        try expect(.number)
        return try nextFloat()
    }

    private mutating func nextFloat() throws(JSONError) -> Float {
        let start = position
        let number = try decimal()
        if let value = number.float { return value }
        // Rarely: what lies so near to the middle of two floats that more digits have to be looked at, or is very large or small.
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard let value = Float(text), value.isFinite else {
            position = start
            throw error("a number is beyond float32")
        }
        return value
    }

    /// A number's digits and where its point is, by RFC 8259, section 6.
    mutating func decimal() throws(JSONError) -> JSONDecimal {
        try expect(.number)
        var number = JSONDecimal()
        number.isNegative = take("-")
        var at = position
        let end = bytes.count
        func digit(_ at: Int) -> UInt8? {
            guard at < end, case let value = bytes[at] &- UInt8(ascii: "0"), value < 10 else { return nil }
            return value
        }
        let first = at
        while let value = digit(at) {
            number.append(value)
            at += 1
        }
        guard at > first, at == first + 1 || bytes[first] != UInt8(ascii: "0") else {
            throw error("this is no JSON number, which begins with a digit that is not 0, or with a lone 0")
        }
        if at < end, bytes[at] == UInt8(ascii: ".") {
            at += 1
            let fraction = at
            while let value = digit(at) {
                number.append(fraction: value)
                at += 1
            }
            number.isInteger = false
            guard at > fraction else { throw error("this is no JSON number") }
        }
        if at < end, bytes[at] | 0x20 == UInt8(ascii: "e") {
            at += 1
            var isNegative = false
            if at < end, bytes[at] == UInt8(ascii: "-") || bytes[at] == UInt8(ascii: "+") {
                isNegative = bytes[at] == UInt8(ascii: "-")
                at += 1
            }
            var (exponent, digits) = (0, 0)
            while let value = digit(at) {
                exponent = min(exponent * 10 + Int(value), 100_000)
                digits += 1
                at += 1
            }
            number.isInteger = false
            guard digits > 0 else { throw error("this is no JSON number") }
            number.exponent += isNegative ? -exponent : exponent
        }
        position = at
        return number
    }

    /// A tensor of numbers: a number, or lists within lists of equal lengths, row-major.
    ///
    /// - Parameter limit: of the numbers: more are refused before there is memory for them.
    /// - Returns: the lengths from the outermost list to the innermost, and the numbers.
    package mutating func tensor(limit: Int) throws(JSONError) -> (shape: [Int], values: [Float]) {
        var values: [Float] = []
        var shape: [Int] = []
        try tensor(level: 0, &shape, &values, limit)
        return (shape.map { max(0, $0) }, values)
    }

    /// - Parameter shape: the lengths that are known, -1 for one that is not yet.
    private mutating func tensor(level: Int, _ shape: inout [Int], _ values: inout [Float], _ limit: Int) throws(JSONError) {
        guard try kind() == .array else { return values.append(try float()) }
        if level == shape.count {
            guard values.isEmpty else { throw error("the lists are not nested equally deep") }
            shape.append(-1)
        }
        var count = 0
        try array { (reader) throws(JSONError) in
            count += 1
            guard shape[level] == -1 || count <= shape[level] else { throw reader.error("the lists are not equally long") }
            guard try reader.kind() == .number else {
                return try reader.tensor(level: level + 1, &shape, &values, limit)
            }
            guard level == shape.count - 1 else { throw reader.error("the lists are not nested equally deep") }
            guard values.count < limit else { throw reader.error("there are more than \(limit) numbers") }
            values.append(try reader.nextFloat())
        }
        guard shape[level] == -1 || shape[level] == count else { throw error("the lists are not equally long") }
        shape[level] = count
    }
}
