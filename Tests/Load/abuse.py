"""Ten thousand of each kind of broken, slow or hostile request: the memory is as before, and nothing stays in flight."""

import pathlib
import re
import socket
import struct
import threading
import urllib.request
import zlib

from common import EMBEDDED, Figures, Server, options

arguments = options(__doc__, seconds=0, times=dict(type=int, default=10_000, help="requests of each kind"), limit=dict(type=float, default=8.0))
figures = Figures(arguments)
CLIENTS = 32
PHOTO = (EMBEDDED / "self-test.jpg").read_bytes()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def endless_png(mebibytes):
    """A PNG of one pixel whose compressed data goes on."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(mebibytes << 20))) + chunk(b"IEND", b"")


def many_scans(scans):
    """A progressive JPEG of empty scans."""
    segment = lambda marker, data: b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data
    out = b"\xff\xd8" + segment(0xDB, b"\0" + b"\x01" * 64) + segment(0xCA, struct.pack(">BHHB", 8, 4000, 4000, 1) + bytes([1, 0x11, 0]))
    out += segment(0xDA, bytes([1, 1, 0, 0, 0, 0]))
    return out + b"".join(segment(0xDA, bytes([1, 1, 0, 1 + i % 63, 1 + i % 63, 0])) for i in range(scans)) + b"\xff\xd9"


def post(body, length=None):
    return b"POST /classify HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (len(body) if length is None else length) + body


form = b"POST /classify HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n"
KINDS = {
    "query fields": b"GET /livez?" + b"&" * 700 + b"b" * 4000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "folded lines": b"GET /livez HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n",
    "lengths that are none": b"POST /classify HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nabcde",
    "tiny headers": b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"a:\r\n" * 1200 + b"\r\n",
    "broken chunks": b"POST /classify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;\nabc\r\n0\r\n\r\n",
    "half a head": b"POST /classify HTTP/1.1\r\nHo",
    "half a body": post(PHOTO[:20_000], 80_000),
    "a broken form": form % 30 + b"--b\r\nnothing that is a part\r\n-",
    "half an image": post(PHOTO[:40_000]),
    "endless image data": post(endless_png(8)),
    "many scans": post(many_scans(200)),
    "no image": post(b"hello"),
}


def send(port, data, times):
    for _ in range(times):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 16):
                pass


def resident(process):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text()).group(1)) / 1024


def metric(server, name):
    text = urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics").read().decode()
    return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE).group(1))


def attack(server, data, times):
    threads = [threading.Thread(target=send, args=(server.port, data, times // CLIENTS)) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


with Server(arguments) as server:
    # What any load of photographs and each kind takes once and keeps is no leak.
    attack(server, post(PHOTO), 640)
    for data in KINDS.values():
        attack(server, data, 320)
    before = start = resident(server.process)
    for name, data in KINDS.items():
        attack(server, data, arguments.times)
        now = resident(server.process)
        figures.note(f"{name}: {now - before:+.1f} MiB, {now:.0f} resident")
        before = now
    figures.at_most("memory grown by all of them", before - start, arguments.limit, "MiB")
    # The scrape that asks is one itself.
    figures.at_most("requests still in flight", metric(server, "excite_requests_in_flight"), 1)
    figures.at_most("exit status", server.stop(), 0)
figures.exit()
