import Logging
import Serving

extension Logger {
    /// Says what has become of a model.
    func report(_ event: ModelEvent) {
        switch event {
        case .loaded(let model, let duration, let sharer):
            var facts: Metadata = [
                "model": .string(model.id.description), "classes": .stringConvertible(model.plan.classes),
                "input": .string(model.plan.inputShape.description), "instruction_set": .string(model.plan.instructionSet),
                "precision": .string(model.plan.precision.rawValue), "seconds": .stringConvertible(duration.seconds.rounded(decimals: 3)),
            ]
            if let sharer { facts["shares_weights_with"] = .string(sharer.description) }
            info("loaded", metadata: facts)
        case .failed(let id, let reason, let isServed):
            error(
                isServed ? "a model's files cannot be loaded: it is served as it was" : "a model cannot be loaded",
                metadata: ["model": .string(id.description), "reason": .string(reason)])
        case .unloaded(let id, let reason):
            info("unloaded", metadata: ["model": .string(id.description), "why": .string(reason.rawValue)])
        case .unreadable(let reason): error("the models stay as they are", metadata: ["reason": .string(reason)])
        }
    }
}
