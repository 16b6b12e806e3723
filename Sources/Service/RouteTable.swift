/// Finds the routes of a path.
struct RouteTable: Sendable {
    /// By method.
    typealias Methods = [String: (dialect: Dialect, route: Route)]
    /// Nearly every request's path has no parameters.
    private let fixed: [String: Methods]
    /// Of paths with parameters, the most particular first.
    private let patterns: [(pattern: PathPattern, methods: Methods)]

    /// - Precondition: no two routes are the same.
    init(_ dialects: [Dialect], of isServed: (Route) -> Bool = { _ in true }) {
        var table: [PathPattern: Methods] = [:]
        for dialect in dialects {
            for route in dialect.routes where isServed(route) {
                precondition(table[route.path]?[route.method] == nil, "\(route.method) \(route.path) is two dialects'")
                table[route.path, default: [:]][route.method] = (dialect, route)
            }
        }
        fixed = Dictionary(uniqueKeysWithValues: table.filter(\.key.isFixed).map { ($0.key.description, $0.value) })
        patterns = table.filter { !$0.key.isFixed }.map { ($0.key, $0.value) }.sorted {
            ($1.pattern.particularity, $0.pattern.description) < ($0.pattern.particularity, $1.pattern.description)
        }
    }

    /// Every method by path.
    var methods: [String: Set<String>] {
        fixed.mapValues { Set($0.keys) }
            .merging(patterns.map { ($0.pattern.description, Set($0.methods.keys)) }) { $0.union($1) }
    }

    /// Paths without parameters that are asked routinely.
    var routinePaths: Set<String> { Set(fixed.filter { $0.value.values.contains(where: \.route.isRoutine) }.keys) }

    func match(_ path: String) -> (methods: Methods, parameters: [String: String])? {
        if let methods = fixed[path] { return (methods, [:]) }
        for (pattern, methods) in patterns {
            if let parameters = pattern.match(path) { return (methods, parameters) }
        }
        return nil
    }
}
