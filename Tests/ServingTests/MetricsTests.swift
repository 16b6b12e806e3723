import Foundation
import Testing

@testable import Serving

@Suite("Metrics in Prometheus' text format")
struct MetricsTests {
    @Test("counters, gauges and what is read when it is rendered")
    func text() {
        let metrics = Metrics()
        let things = metrics.counter("b_total", help: "Things, by colour.", labels: ["colour", "size"])
        _ = metrics.counter("c_total", help: "Nothing yet.")
        _ = metrics.counter("d_total", help: "Nothing yet, of known kinds.", labels: ["kind"], values: [["y"], ["x"]])
        metrics.reading(.gauge, "a_bytes", help: "Read.") { 1.5 }
        metrics.reading(.gauge, "e", help: "Not there.") { nil }
        metrics.reading(.gauge, "f", help: "Of each.", labels: ["model"]) { [["n"]: 2, ["m"]: 1] }
        things.add(["red", "small"])
        things.add(["red", "small"], by: 2)
        things.add(["blue", "large"])
        #expect(
            metrics.render() == """
                # HELP a_bytes Read.
                # TYPE a_bytes gauge
                a_bytes 1.5
                # HELP b_total Things, by colour.
                # TYPE b_total counter
                b_total{colour="blue",size="large"} 1
                b_total{colour="red",size="small"} 3
                # HELP c_total Nothing yet.
                # TYPE c_total counter
                c_total 0
                # HELP d_total Nothing yet, of known kinds.
                # TYPE d_total counter
                d_total{kind="x"} 0
                d_total{kind="y"} 0
                # HELP e Not there.
                # TYPE e gauge
                # HELP f Of each.
                # TYPE f gauge
                f{model="m"} 1
                f{model="n"} 2

                """)
    }

    @Test("a histogram's buckets count everything up to their bound")
    func histogram() {
        let metrics = Metrics()
        let histogram = metrics.histogram("h_seconds", help: "Durations.", labels: ["model"], buckets: [0.5, 1, 2.5])
        for value in [0.25, 0.5, 0.75, 1, 2, 100] { histogram.observe(["m"], value) }
        #expect(
            metrics.render() == """
                # HELP h_seconds Durations.
                # TYPE h_seconds histogram
                h_seconds_bucket{model="m",le="0.5"} 2
                h_seconds_bucket{model="m",le="1"} 4
                h_seconds_bucket{model="m",le="2.5"} 5
                h_seconds_bucket{model="m",le="+Inf"} 6
                h_seconds_sum{model="m"} 104.5
                h_seconds_count{model="m"} 6

                """)
    }

    @Test("a gauge keeps what was set last")
    func gauge() {
        let metrics = Metrics()
        let gauge = metrics.gauge("g", help: "Set.")
        gauge.set(to: 3)
        gauge.set(to: -2)
        #expect(metrics.render().hasSuffix("\ng -2\n"))
    }

    @Test("a label's value may hold anything", arguments: ["a\"b", "a\\b", "a\nb", "a\r\nb", "é, {x}=\"\\n\"", ""])
    func escaping(value: String) throws {
        let metrics = Metrics()
        metrics.counter("x_total", help: "Anything.", labels: ["value"]).add([value])
        let exposition = try Exposition(metrics.render())
        #expect(exposition.samples == [.init(name: "x_total", labels: ["value": value], value: 1)])
    }

    @Test("nothing is lost when many threads count at once")
    func concurrency() throws {
        let metrics = Metrics()
        let counter = metrics.counter("n_total", help: "Counted.", labels: ["even"])
        let histogram = metrics.histogram("h", help: "Observed.", buckets: [1, 2])
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for index in 0..<500 {
                counter.add([index.isMultiple(of: 2) ? "yes" : "no"])
                histogram.observe([], Double(index % 3) + 0.5)
                if index.isMultiple(of: 100) { _ = metrics.render() }
            }
        }
        let exposition = try Exposition(metrics.render())
        #expect(exposition.value("n_total", ["even": "yes"]) == 2000)
        #expect(exposition.value("n_total", ["even": "no"]) == 2000)
        #expect(exposition.value("h_count") == 4000)
    }

    @Test("all that a pool declares and counts can be read by a strict reader")
    func pool() throws {
        let metrics = Metrics()
        let model = try TinyModel().load()
        let pool = try EnginePool(models: [model], options: .init(threads: 2), metrics: metrics)
        for name in TestImages.names { _ = pool.infer(InferenceRequest(image: try TestImages.jpeg(name), model: model)) }
        for (bytes, _) in try TestImages.broken() { _ = pool.infer(InferenceRequest(image: bytes, model: model)) }
        pool.close()
        let exposition = try Exposition(metrics.render())
        #expect(exposition.value("excite_images_total", ["format": "jpeg"]) == Double(TestImages.names.count))
        #expect(exposition.value("excite_rejected_total", ["reason": "bad_image"]) == Double(try TestImages.broken().count))
        #expect(exposition.value("excite_batch_size_sum", ["model": "seresnet18.tiny"]) == Double(TestImages.names.count))
        #expect(exposition.value("excite_decode_seconds_count") == Double(TestImages.names.count))
        #expect(exposition.value("excite_queue_depth", ["model": "seresnet18.tiny"]) == 0)
        #expect(try #require(exposition.value("excite_capacity", ["model": "seresnet18.tiny"])) > 0)
        #expect(exposition.value("excite_images_in_flight") == 0)
    }
}
