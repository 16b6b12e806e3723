/// Which requests go first.
public enum Priority: String, Sendable, CaseIterable {
    case normal
    /// Is run when nothing else waits for its model, but for one input of `share`, and refused when half as many wait as may.
    case low

    /// Of so many inputs that are taken while both wait, one is of low priority.
    static let share = 10
}
