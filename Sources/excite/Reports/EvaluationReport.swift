import SENet
import Serving

/// What `excite evaluate` found.
struct EvaluationReport: Encodable {
    /// A share of wrong answers.
    struct Rate: Encodable {
        /// From 0 to 1.
        var error: Double
        var errors: Int
        /// Lower and upper end, 95 %.
        var interval: [Double]

        init(errors: Int, of images: Int) {
            let range = Evaluation.confidenceInterval(errors: errors, of: images)
            self.errors = errors
            error = images > 0 ? (Double(errors) / Double(images)).rounded(decimals: 6) : 0
            interval = [range.lowerBound.rounded(decimals: 6), range.upperBound.rounded(decimals: 6)]
        }
    }

    struct Class: Encodable {
        var `class`: String
        var label: String
        var images: Int
        var top1Errors: Int
        var top5Errors: Int
    }

    struct Confusion: Encodable {
        var `class`: String
        var label: String
        var predictedClass: String
        var predictedLabel: String
        var images: Int
    }

    struct Failure: Encodable {
        var file: String
        var detail: String
    }

    struct LeftOut: Encodable {
        var classes: [String]
        var images: Int
    }

    var model: String
    var precision: Precision
    var images: Int
    var classes: Int
    var top1: Rate
    var top5: Rate
    var seconds: Double
    var imagesPerSecond: Double
    var worstClasses: [Class]
    var confusions: [Confusion]
    /// Classes of the folder that the model does not have.
    var leftOut: LeftOut
    /// Images that could not be read or decoded; they count neither as right nor as wrong.
    var failed: [Failure]
    /// The folders' names are not the model's: the sorted folders were taken for its classes in order.
    var numberedBySorting: Bool

    init(
        model: Model, evaluation: Evaluation, set: LabelledImages, failed: [Failure], seconds: Double, worst: Int, confusions: Int
    ) {
        let (labels, total) = (model.labels, evaluation.total)
        self.model = model.name
        precision = model.plan.precision
        images = total.images
        classes = evaluation.classes.count
        top1 = Rate(errors: total.top1Errors, of: total.images)
        top5 = Rate(errors: total.top5Errors, of: total.images)
        self.seconds = seconds.rounded(decimals: 3)
        imagesPerSecond = (Double(total.images) / seconds).rounded(decimals: 2)
        worstClasses = evaluation.worstClasses(worst).map { target, tally in
            Class(
                class: labels.names[target], label: labels.spoken[target], images: tally.images, top1Errors: tally.top1Errors,
                top5Errors: tally.top5Errors)
        }
        self.confusions = evaluation.confusions(confusions).map { pair, images in
            Confusion(
                class: labels.names[pair.target], label: labels.spoken[pair.target], predictedClass: labels.names[pair.predicted],
                predictedLabel: labels.spoken[pair.predicted], images: images)
        }
        leftOut = LeftOut(classes: set.leftOut.keys.sorted(), images: set.leftOut.values.reduce(0, +))
        self.failed = failed
        numberedBySorting = set.isNumberedBySorting
    }

    var text: String {
        func percent(_ share: Double) -> String { "\((100 * share).formatted(decimals: 2)) %" }
        func line(_ title: String, _ rate: Rate) -> String {
            "\(title)  \(percent(rate.error))  (\(rate.errors.grouped) of \(images.grouped); 95 %: "
                + "\(percent(rate.interval[0])) to \(percent(rate.interval[1])))"
        }
        var parts = [
            """
            \(model) in \(precision.rawValue) on \(images.grouped) images of \(classes.grouped) classes
            \(line("top-1 error", top1))
            \(line("top-5 error", top5))
            \(imagesPerSecond.formatted(decimals: 1)) images/s, \(seconds.formatted(decimals: 1)) s
            """
        ]
        if numberedBySorting { parts.append("No folder is named like a class: the sorted folders were taken for the classes in order.") }
        if leftOut.images > 0 {
            let names = leftOut.classes.prefix(3).joined(separator: ", ") + (leftOut.classes.count > 3 ? ", …" : "")
            parts.append(
                "Left out: \(leftOut.images.grouped) images of \(leftOut.classes.count.grouped) classes that the model does not have (\(names))."
            )
        }
        if !worstClasses.isEmpty {
            var table = TextTable(columns: [
                .left("worst classes"), .left(""), .right("images"), .right("top-1 error"), .right("top-5 error"),
            ])
            table.rows = worstClasses.map { row in
                let images = Double(row.images)
                return [
                    row.class, row.label, row.images.grouped, percent(Double(row.top1Errors) / images),
                    percent(Double(row.top5Errors) / images),
                ]
            }
            parts.append(table.text)
        }
        if !confusions.isEmpty {
            var table = TextTable(columns: [.left("shown"), .left("taken for"), .right("images")])
            table.rows = confusions.map { [$0.label, $0.predictedLabel, $0.images.grouped] }
            parts.append(table.text)
        }
        if !failed.isEmpty {
            let files = failed.prefix(20).map { "  \($0.file): \($0.detail)" } + (failed.count > 20 ? ["  …"] : [])
            parts.append(
                (["Neither right nor wrong, because they could not be decoded: \(failed.count.grouped)"] + files).joined(separator: "\n"))
        }
        return parts.joined(separator: "\n\n")
    }
}
