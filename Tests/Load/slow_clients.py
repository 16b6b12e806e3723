"""Many clients that drip a byte a second, beside normal load: they slow nobody down, and are cut off at the deadline."""

import statistics

from common import Figures, Server, capacity, finish_load, load, options, start_load

arguments = options(
    __doc__, seconds=30, rounds=dict(type=int, default=3), slow=dict(type=int, default=500), share=dict(type=float, default=0.5),
    deadline=dict(type=float, default=10.0, help="the server's --receive-timeout, in seconds"))
figures = Figures(arguments)
normal, beside, cut = [], [], {}
with Server(arguments, "--receive-timeout", arguments.deadline, "--max-connections", arguments.slow + 600) as server:
    rate = capacity(arguments, server, min(10, arguments.seconds)) * arguments.share
    for _ in range(arguments.rounds):
        alone = load(arguments, server.url, "--rate", rate, "--duration", arguments.seconds)
        # The slow ones are there before and after.
        slow = start_load(arguments, server.url, "--rate", 0.5, "--slow", arguments.slow, "--duration", arguments.seconds + 1.5 * arguments.deadline)
        both = load(arguments, server.url, "--rate", rate, "--duration", arguments.seconds)
        for outcome, row in finish_load(slow)["slow_connections"].items():
            cut.setdefault(outcome, []).append(row)
        normal.append(alone["outcomes"]["200"]["latency_ms"])
        beside.append(both["outcomes"]["200"]["latency_ms"])
        figures.note(f"{rate:.1f}/s: alone p50 {normal[-1]['p50']} p99 {normal[-1]['p99']} ms; beside p50 {beside[-1]['p50']} p99 {beside[-1]['p99']} ms")
ends = {outcome: sum(r["count"] for r in rows) for outcome, rows in cut.items()}
figures.note(f"slow connections ended with {ends}; lasted up to {max(r['latency_ms']['maximum'] for rows in cut.values() for r in rows):.0f} ms")
for percentile in ["p50", "p90"]:
    ratio = statistics.median(b[percentile] / n[percentile] for b, n in zip(beside, normal))
    figures.at_most(f"{percentile} beside the slow ones / alone, median of the rounds", ratio, 1.2)
figures.at_most("slow connections that ended without 408", sum(n for k, n in ends.items() if k != "408"), 0)
longest = max((r["latency_ms"]["maximum"] for r in cut.get("408", [])), default=0) / 1000
figures.at_most("the longest until 408", longest, arguments.deadline + 1, "s")
figures.at_least("slow connections cut off", ends.get("408", 0), arguments.slow)
figures.exit()
