"""What a lone request costs over decoding and inference: one client, one request at a time, on a connection that is kept.

The difference is taken request by request: the time at the client, less what the answer says of decoding and inference.
"""

import json
import statistics
import time

from common import Client, Figures, Server, bench, options, photographs

arguments = options(__doc__, seconds=20)
figures = Figures(arguments)
images = photographs(arguments)
with Server(arguments) as server:
    client = Client(server.port)
    for image in images[:10]:
        client.request("POST", "/classify", image)
    overheads, latencies, work, stages = [], [], [], {"receive": [], "decode": [], "queue": [], "inference": []}
    end = time.monotonic() + arguments.seconds
    while time.monotonic() < end:
        image = images[len(latencies) % len(images)]
        started = time.perf_counter()
        status, body = client.request("POST", "/classify", image)
        latency = (time.perf_counter() - started) * 1000
        timing = json.loads(body)["timing_ms"]
        assert status == 200
        latencies.append(latency)
        overheads.append(latency - timing["decode"] - timing["inference"])
        for stage in stages:
            stages[stage].append(timing[stage])
    client.close()
medians = {stage: statistics.median(values) for stage, values in stages.items()}
engine = bench(arguments, 1, max(1, arguments.seconds / 4)) * 1000
figures.note(f"{len(latencies)} requests: median {statistics.median(latencies):.3f} ms; " + ", ".join(f"{k} {v:.3f}" for k, v in medians.items()))
figures.note(f"excite bench, batch 1: {engine:.3f} ms; the median is {statistics.median(latencies) - medians['decode'] - engine:.3f} ms over this and decoding")
figures.at_most("over decoding and inference, median", statistics.median(overheads), 1.5, "ms")
figures.exit()
