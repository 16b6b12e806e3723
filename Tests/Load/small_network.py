"""Where the time of a small network's requests goes: HTTP, JPEG and JSON together against libjpeg-turbo's own decode of the same images.

CPU seconds a request of the server on one thread, less the engine's (`excite bench`) and less resizing and cropping (the server's decoding
time less libjpeg-turbo's, called directly with the same settings): what is left is HTTP, JPEG and JSON. In turns, in one run.
"""

import ctypes
import ctypes.util
import statistics
import sys
import time

from common import Client, Figures, Server, bench, difference, load, mean, options, photographs

arguments = options(__doc__, seconds=10, rounds=dict(type=int, default=5), clients=dict(type=int, default=4))
arguments.threads = 1
figures = Figures(arguments)
images = photographs(arguments)

try:
    turbo = ctypes.CDLL(ctypes.util.find_library("turbojpeg") or "libturbojpeg.so.0")
except OSError as error:
    sys.exit(f"needs libjpeg-turbo's own interface, libturbojpeg (Debian's package libturbojpeg0): {error}")
turbo.tjInitDecompress.restype = ctypes.c_void_p
RGB, ACCURATE, STOP_ON_WARNING, LIMIT_SCANS = 0, 4096, 8192, 32768


def decode_seconds(seconds):
    """Of libjpeg-turbo alone, an image."""
    handle = ctypes.c_void_p(turbo.tjInitDecompress())
    width, height, sampling, space = (ctypes.c_int() for _ in range(4))
    buffers = []
    for image in images:
        turbo.tjDecompressHeader3(handle, image, ctypes.c_ulong(len(image)), *map(ctypes.byref, (width, height, sampling, space)))
        buffers.append((ctypes.create_string_buffer(width.value * height.value * 3), width.value, height.value))
    spent, count = 0.0, 0
    while spent < seconds:
        for image, (pixels, w, h) in zip(images, buffers):
            started = time.thread_time()
            failed = turbo.tjDecompress2(
                handle, image, ctypes.c_ulong(len(image)), pixels, w, 0, h, RGB, ACCURATE | STOP_ON_WARNING | LIMIT_SCANS)
            spent += time.thread_time() - started
            count += 1
            assert failed == 0
    turbo.tjDestroy(handle)
    return spent / count


ratios = []
with Server(arguments) as server:
    load(arguments, server.url, "--closed", arguments.clients, "--duration", 2)
    for _ in range(arguments.rounds):
        jpeg = decode_seconds(arguments.seconds / 5)
        before, cpu, threads = server.metrics(), server.cpu_seconds(), server.cpu_seconds_by_thread()
        report = load(arguments, server.url, "--closed", arguments.clients, "--duration", arguments.seconds)
        count = report["outcomes"]["200"]["count"]
        cpu = (server.cpu_seconds() - cpu) / count
        threads = {k: v / count for k, v in difference(server.cpu_seconds_by_thread(), threads).items()}
        batch = max(1, round(mean(difference(server.metrics(), before), "excite_batch_size")))
        engine = bench(arguments, batch, arguments.seconds / 5)
        before = server.metrics()
        load(arguments, server.url, "--closed", 1, "--duration", arguments.seconds / 5)
        resize = mean(difference(server.metrics(), before), "excite_decode_seconds") - jpeg
        ratios.append((cpu - engine - resize) / jpeg)
        figures.note(
            f"ms a request: {cpu * 1000:.3f} in all = engine {engine * 1000:.3f} (batch {batch}) + resizing {resize * 1000:.3f} + the rest "
            f"{(cpu - engine - resize) * 1000:.3f}; libjpeg-turbo {jpeg * 1000:.3f}; ratio {ratios[-1]:.3f}")
        figures.note("  by thread: " + ", ".join(f"{k} {v * 1000:.3f}" for k, v in sorted(threads.items(), key=lambda i: -i[1]) if v > 1e-6))
figures.at_most("HTTP, JPEG and JSON / libjpeg-turbo's decode, median of the rounds", statistics.median(ratios), 1.3)
figures.exit()
