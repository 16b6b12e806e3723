"""At saturation nothing may cost but the engine, decoding and preprocessing: throughput against 1 / (e + d), in turns in one run.

e: seconds an image in `excite bench` at the batch size that formed. d: seconds of decoding and preprocessing an image (the server's histogram,
one client in a loop, so that nothing else runs meanwhile) divided by the threads.
"""

import statistics

from common import Figures, Server, answered_a_second, bench, difference, load, mean, options

arguments = options(__doc__, seconds=20, rounds=dict(type=int, default=5), clients=dict(type=int, default=32))
figures = Figures(arguments)
with Server(arguments) as server:
    load(arguments, server.url, "--closed", arguments.clients, "--duration", 3)
    ratios = []
    for _ in range(arguments.rounds):
        before = server.metrics()
        load(arguments, server.url, "--closed", 1, "--duration", arguments.seconds / 4)
        decode = mean(difference(server.metrics(), before), "excite_decode_seconds") / arguments.threads
        before, cpu = server.metrics(), server.cpu_seconds()
        report = load(arguments, server.url, "--closed", arguments.clients, "--duration", arguments.seconds)
        cpu = server.cpu_seconds() - cpu
        batch = max(1, round(mean(difference(server.metrics(), before), "excite_batch_size")))
        engine = bench(arguments, batch, arguments.seconds / 2)
        throughput = answered_a_second(report)
        ratios.append(throughput * (engine + decode))
        figures.note(
            f"{throughput:.2f} images/s, batch {batch}; e {engine * 1000:.3f} ms, d {decode * 1000:.3f} ms: 1/(e + d) = "
            f"{1 / (engine + decode):.2f}; ratio {ratios[-1]:.4f}; CPU of server {cpu / count:.5f} s, of client "
            f"{report['client_cpu_seconds'] / count:.5f} s a request"
            if (count := report["outcomes"]["200"]["count"])
            else "nothing was answered"
        )
figures.at_least("throughput · (e + d), median of the rounds", statistics.median(ratios), 0.96)
figures.exit()
