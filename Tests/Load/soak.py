"""A long load at 90 % of capacity with mixed sizes, bad images and clients that leave: memory stays, and nothing unexpected is answered."""

import pathlib
import statistics
import time

from common import ROOT, Figures, Server, capacity, finish_load, options, start_load

images = ROOT.parent / "shared/images"
arguments = options(
    __doc__, seconds=1800, settle=dict(type=float, default=300, help="seconds that do not count"),
    more_images=dict(nargs="*", default=[str(f) for f in (images / "odd", images / "bad") if f.is_dir()], help="folders of other images"),
    share=dict(type=float, default=0.9), leave=dict(type=float, default=0.02), limit=dict(default="50000000", help="--max-pixels"))
figures = Figures(arguments)
folders = [arguments.images, *arguments.more_images]
# No image, cut off or corrupt; too large; not a format that is served.
expected = {"200", "400", "413", "415"}
with Server(arguments, "--max-pixels", arguments.limit) as server:
    full = capacity(arguments, server, min(30, arguments.seconds / 4), images=folders)
    process = start_load(
        arguments, server.url, "--rate", full * arguments.share, "--duration", arguments.seconds, "--leave", arguments.leave, images=folders)
    started, samples = time.monotonic(), []
    while process.poll() is None and (elapsed := time.monotonic() - started) < arguments.seconds:
        if elapsed >= arguments.settle:
            samples.append((elapsed, server.resident_bytes()))
        time.sleep(min(1, arguments.seconds / 50))
    report = finish_load(process)
    status = server.stop()
if len(samples) < 2:
    raise SystemExit("too short: --seconds must be above --settle")
slope = statistics.linear_regression(*zip(*samples)).slope * 600 / 2**20
outcomes = {k: v["count"] for k, v in report["outcomes"].items()}
sizes = [bytes / 2**20 for _, bytes in samples]
figures.note(f"capacity {full:.1f}/s; {report['rate']:.1f}/s for {report['seconds']} s over {', '.join(pathlib.Path(f).name for f in folders)}")
figures.note(f"outcomes {outcomes}, {report['left']} left; 200: {report['outcomes']['200']['latency_ms']}")
figures.note(f"resident memory after {arguments.settle:g} s: {sizes[0]:.1f} MiB, at the end {sizes[-1]:.1f} MiB, least {min(sizes):.1f}, most {max(sizes):.1f}")
figures.at_most("outcomes that were not expected", sum(n for k, n in outcomes.items() if k not in expected), 0)
figures.at_most("exit status after SIGTERM", status, 0)
figures.at_most("growth of resident memory in 10 minutes", slope, 1, "MiB")
figures.exit()
