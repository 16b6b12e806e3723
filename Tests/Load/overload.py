"""Arrivals at three times capacity: the accepted are answered in time, the rest refused at once, and afterwards all is as before."""

import statistics
import threading
import time

from common import Client, Figures, Server, capacity, count, finish_load, options, photographs, start_load

arguments = options(__doc__, seconds=60, deadline_ms=dict(type=int, default=2000), factor=dict(type=float, default=3.0))
figures = Figures(arguments)
image = photographs(arguments)[0]


def lone(server, seconds, into):
    """Moments and latencies of one request after the other."""
    started = time.monotonic()
    while (begun := time.monotonic()) < started + seconds:
        client = Client(server.port)
        status, _ = client.request("POST", "/classify", image)
        client.close()
        into.append((begun, time.monotonic() - begun, status))


# More than ever wait: a request that waits in the client for a connection says nothing of the server.
connections = 4096
with Server(arguments, "--max-connections", 2 * connections, "--max-client-connections", 0) as server:
    before = capacity(arguments, server, min(20, arguments.seconds / 2))
    quiet = []
    lone(server, min(5, arguments.seconds / 4), quiet)
    usual = sorted(latency for _, latency, _ in quiet)[int(len(quiet) * 0.95)]
    process = start_load(
        arguments, server.url, "--rate", before * arguments.factor, "--duration", arguments.seconds, "--deadline-ms", arguments.deadline_ms,
        "--connections", connections)
    ended = time.monotonic() + arguments.seconds
    time.sleep(arguments.seconds)
    after = []
    prober = threading.Thread(target=lone, args=(server, 5, after))
    prober.start()
    report = finish_load(process)
    prober.join()
    again = capacity(arguments, server, min(20, arguments.seconds / 2))

full = statistics.mean([before, again])
accepted, refused = count(report, "200"), count(report, "429")
others = {k: v["count"] for k, v in report["outcomes"].items() if k not in ("200", "429")}
figures.note(f"capacity {before:.1f}/s before, {again:.1f}/s after; {report['rate']:.1f}/s for {report['seconds']} s, deadline {arguments.deadline_ms} ms")
figures.note(f"{accepted} answered, {refused} refused with 429, others: {others or 'none'}; 200: {report['outcomes']['200']['latency_ms']}")
# From then on ten in a row were as usual at the median: one that the machine held up says nothing of recovery.
runs = [after[i : i + 10] for i in range(len(after) - 9)]
usual_again = [r[0][0] - ended for r in runs if all(s == 200 for _, _, s in r) and statistics.median(l for _, l, _ in r) <= 1.5 * usual]
figures.note(f"a lone request took {usual * 1000:.1f} ms (p95) before; the client sent late by p99 {report['lag_ms']['p99']} ms")
figures.at_most("accepted, but answered after the deadline or not at all", report["late"] + sum(others.values()), 0)
if refused:
    figures.at_most("429 after, median", report["outcomes"]["429"]["latency_ms"]["p50"], 20, "ms")
figures.at_least("throughput of accepted work / capacity", report["throughput"] / full, 0.95)
figures.at_most("recovery after the end", usual_again[0] if usual_again else float("inf"), 2, "s")
figures.exit()
