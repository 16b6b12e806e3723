/// Why a thread could not be started: what was wrong and what to do.
package struct ThreadError: Error, CustomStringConvertible, Sendable {
    package let description: String
}
