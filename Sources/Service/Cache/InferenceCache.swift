import HTTPServer
import SENet
import Serving
import Threads

/// Answers for images that were asked for before: by the SHA-256 of a file's bytes, the model as it was loaded, and what is wanted of it.
/// All dialects have it alike, for each makes its answer of the same inference.
///
/// Bounded in bytes. Only answers are kept: what was wrong with an image is found anew. Of equal images at the same time each is run.
package final class InferenceCache: Sendable {
    struct Key: Hashable {
        var digest: [UInt8]
        var model: String
        var wantsGates: Bool
        var wantsFeatures: Bool
        var wantsInput: Bool
        var map: MappedClass?
    }

    private let entries: Mutex<LeastRecentlyUsed<Key, Inference>>
    private let hits: Counter
    private let misses: Counter
    private let notModified: Counter

    /// - Parameter limit: bytes of all that is kept, as estimated.
    package init(limit: Int, metrics: Metrics) {
        entries = Mutex(LeastRecentlyUsed(limit: limit))
        hits = metrics.counter("excite_cache_hits_total", help: "Images answered from the cache.")
        misses = metrics.counter("excite_cache_misses_total", help: "Images that were not in the cache.")
        notModified = metrics.counter(
            "excite_cache_not_modified_total", help: "Requests answered with 304: the client had the answer already.")
        metrics.reading(.counter, "excite_cache_evictions_total", help: "Answers that had to make way in the cache.") { [weak self] in
            self?.entries.withLock { Double($0.evictions) }
        }
        metrics.reading(.gauge, "excite_cache_entries", help: "Answers in the cache.") { [weak self] in
            self?.entries.withLock { Double($0.count) }
        }
        metrics.reading(.gauge, "excite_cache_bytes", help: "Bytes of the answers in the cache, as estimated.") { [weak self] in
            self?.entries.withLock { Double($0.size) }
        }
        metrics.reading(.gauge, "excite_cache_limit_bytes", help: "Bytes that the answers in the cache may have.") { Double(limit) }
    }

    /// What is known of a request; nil where the cache has nothing to do with it: it has no images, or says `Cache-Control: no-cache` or
    /// `no-store`.
    func recall(_ inference: InferenceRequest, of request: Request) -> Recollection? {
        guard !request.head.passesCacheBy else { return nil }
        let digests = inference.inputs.map { input -> [UInt8]? in
            guard case .image(let image) = input else { return nil }
            return image.withBytes { sha256($0) }
        }
        guard digests.contains(where: { $0 != nil }) else { return nil }
        let keys = digests.map { digest in
            digest.map {
                Key(
                    digest: $0, model: inference.model.identity, wantsGates: inference.wantsGates, wantsFeatures: inference.wantsFeatures,
                    wantsInput: inference.wantsInput, map: inference.map)
            }
        }
        let tag = request.answerTag(inference, digests)
        if let tag, request.head.hasTag(tag) {
            notModified.add()
            return Recollection(keys: keys, found: keys.map { _ in nil }, tag: tag, isKnownToClient: true)
        }
        let found = entries.withLock { entries in keys.map { key in key.flatMap { entries.value(for: $0) } } }
        let count = found.count { $0 != nil }
        if count > 0 { hits.add(by: Double(count)) }
        if count < keys.count { misses.add(by: Double(zip(keys, found).count { $0 != nil && $1 == nil })) }
        return Recollection(keys: keys, found: found, tag: tag, isKnownToClient: false)
    }

    /// Answers a request: with what was found, and by the pool for the rest, which is kept.
    func submit(
        _ request: InferenceRequest, _ recollection: Recollection, to pool: EnginePool,
        answer: @escaping @Sendable ([Result<Inference, InferenceError>]) -> Void
    ) {
        let missing = recollection.found.indices.filter { recollection.found[$0] == nil }
        guard !missing.isEmpty else { return answer(recollection.found.compactMap { $0.map { .success($0) } }) }
        var rest = request
        rest.inputs = missing.map { request.inputs[$0] }
        pool.submit(rest) { [self] results in
            // Taken whole or not at all.
            if case .failure(let error)? = results.first, error.isOfRequest, results.allSatisfy({ $0.isFailure }) {
                return answer(request.inputs.map { _ in .failure(error) })
            }
            var all = recollection.found.map { $0.map { Result<Inference, InferenceError>.success($0) } }
            for (index, result) in zip(missing, results) {
                all[index] = result
                if case .success(let inference) = result, let key = recollection.keys[index] { keep(inference, for: key) }
            }
            answer(all.compactMap { $0 })
        }
    }

    private func keep(_ inference: Inference, for key: Key) {
        let kept = inference.recalled
        let size = kept.estimatedBytes
        entries.withLock { $0.insert(kept, size: size, for: key) }
    }
}

/// What the cache knows of a request's inputs.
struct Recollection: Sendable {
    /// Nil for tensors.
    var keys: [InferenceCache.Key?]
    var found: [Inference?]
    /// Of the answer; nil where SHA-256 cannot be had.
    var tag: String?
    /// By `If-None-Match`: nothing need be done.
    var isKnownToClient: Bool

    /// Says what the cache did (RFC 9211), and how the answer can be asked for again without being sent again.
    ///
    /// - Parameter isWhole: whether every input was answered.
    func mark(_ response: inout Response, isWhole: Bool) {
        guard response.status == 200 || response.status == 304 else { return }
        let isHit = isKnownToClient || !found.contains { $0 == nil }
        response.headers.append(("Cache-Status", isHit ? "excite; hit" : isWhole ? "excite; fwd=miss; stored" : "excite; fwd=miss"))
        if isWhole, let tag { response.headers.append(("ETag", tag)) }
    }
}

extension Inference {
    /// As the cache gives it: nothing of it took time now.
    fileprivate var recalled: Inference {
        var inference = self
        (inference.decode, inference.queue, inference.inference) = (.zero, .zero, .zero)
        inference.times = nil
        inference.isCached = true
        return inference
    }

    /// Bytes that it holds, with what a dictionary needs for it.
    fileprivate var estimatedBytes: Int {
        let floats = logits.count + (features?.count ?? 0) + (map?.values.count ?? 0) + (gates ?? []).reduce(0) { $0 + $1.values.count }
        return 1024 + floats * MemoryLayout<Float>.size + (gates?.count ?? 0) * 64 + (input?.count ?? 0)
    }
}

extension Result {
    fileprivate var isFailure: Bool { if case .failure = self { true } else { false } }
}
