/// Values by key, within a bound of bytes: what was asked for longest ago makes way for what is new.
struct LeastRecentlyUsed<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Entry {
        var value: Value
        var size: Int
        /// Its neighbours in the order of use.
        var older: Key?
        var newer: Key?
    }

    /// The most bytes that all values may have.
    let limit: Int
    /// Bytes of all values.
    private(set) var size = 0
    /// How many values had to make way.
    private(set) var evictions = 0
    private var entries: [Key: Entry] = [:]
    private var oldest: Key?
    private var newest: Key?

    init(limit: Int) { self.limit = limit }

    var count: Int { entries.count }

    /// Counts as a use.
    mutating func value(for key: Key) -> Value? {
        guard let entry = unlink(key) else { return nil }
        link(key, entry.value, entry.size)
        return entry.value
    }

    /// Takes a value in, in place of one that is there; one that is larger than all may be is not kept.
    mutating func insert(_ value: Value, size: Int, for key: Key) {
        _ = unlink(key)
        guard size <= limit else { return }
        while self.size > limit - size, let oldest {
            _ = unlink(oldest)
            evictions += 1
        }
        link(key, value, size)
    }

    private mutating func unlink(_ key: Key) -> Entry? {
        guard let entry = entries.removeValue(forKey: key) else { return nil }
        if let older = entry.older { entries[older]?.newer = entry.newer } else { oldest = entry.newer }
        if let newer = entry.newer { entries[newer]?.older = entry.older } else { newest = entry.older }
        size -= entry.size
        return entry
    }

    private mutating func link(_ key: Key, _ value: Value, _ size: Int) {
        entries[key] = Entry(value: value, size: size, older: newest, newer: nil)
        if let newest { entries[newest]?.newer = key } else { oldest = key }
        newest = key
        self.size += size
    }
}
