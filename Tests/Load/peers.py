"""Requests a second against FastAPI and ONNX Runtime (fastapi_server.py): the same photographs, weights and clients, in turns in one run.

Its Python has what requirements.txt names. The model's folder has model.onnx beside it: make_model.py makes one.
"""

import contextlib
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import time

from common import Figures, Server, answered_a_second, load, options

arguments = options(
    __doc__, seconds=15, rounds=dict(type=int, default=5), clients=dict(type=int, default=8),
    python=dict(default=sys.executable, help="the Python that runs the other server"))
if not arguments.model or not (pathlib.Path(arguments.model) / "model.onnx").exists():
    sys.exit("--model must name a folder with model.onnx: make_model.py makes one")
figures = Figures(arguments)


@contextlib.contextmanager
def fastapi():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [arguments.python, "-m", "uvicorn", "fastapi_server:app", "--port", str(port), "--log-level", "warning"]
    environment = os.environ | {"MODEL": str(pathlib.Path(arguments.model).resolve()), "THREADS": str(arguments.threads)}
    process = subprocess.Popen(command, cwd=pathlib.Path(__file__).parent, env=environment, stdin=subprocess.DEVNULL)
    try:
        while True:
            if process.poll() is not None:
                sys.exit(f"uvicorn ended with {process.returncode}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


with Server(arguments) as server, fastapi() as other:
    ratios = []
    # What people write takes a form.
    common = ["--form", "image", "--closed", arguments.clients, "--timeout", 120]
    for url in (server.url, other):
        load(arguments, url, *common, "--duration", 2)
    for turn in range(arguments.rounds):
        reports = {}
        for url in (server.url, other) if turn % 2 == 0 else (other, server.url):
            reports[url] = load(arguments, url, *common, "--duration", arguments.seconds)
        ours, theirs = reports[server.url], reports[other]
        ratios.append(answered_a_second(ours) / answered_a_second(theirs))
        figures.note(
            f"excite {answered_a_second(ours):.2f}/s (p50 {ours['outcomes']['200']['latency_ms']['p50']} ms, batches {ours['batch_sizes']}), "
            f"FastAPI {answered_a_second(theirs):.2f}/s (p50 {theirs['outcomes']['200']['latency_ms']['p50']} ms): {ratios[-1]:.3f}")
        others = {k for report in (ours, theirs) for k in report["outcomes"]} - {"200"}
        if others:
            figures.note(f"answers that are not 200: {others}")
figures.note(f"ratios from {min(ratios):.3f} to {max(ratios):.3f}")
figures.at_least("requests a second, excite / FastAPI with ONNX Runtime, median of the rounds", statistics.median(ratios), 2)
figures.exit()
