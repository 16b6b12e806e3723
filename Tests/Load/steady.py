"""Arrivals at 70 % of capacity: the tail of latency stays near its median."""

from common import Figures, Server, capacity, load, options

arguments = options(__doc__, seconds=60, share=dict(type=float, default=0.7))
figures = Figures(arguments)
with Server(arguments) as server:
    full = capacity(arguments, server, min(20, arguments.seconds))
    report = load(arguments, server.url, "--rate", full * arguments.share, "--duration", arguments.seconds)
latency, lag = report["outcomes"]["200"]["latency_ms"], report["lag_ms"]
figures.note(f"capacity {full:.1f}/s; {report['rate']:.1f}/s for {report['seconds']} s: p50 {latency['p50']} ms, p99 {latency['p99']} ms")
figures.note(f"the client sent late by p50 {lag['p50']} ms, p99 {lag['p99']} ms; batch sizes {report['batch_sizes']}")
figures.at_most("not answered with 200", sum(r["count"] for r in report["outcomes"].values()) - report["outcomes"]["200"]["count"], 0)
figures.at_most("p99 / p50", latency["p99"] / latency["p50"], 3)
figures.exit()
