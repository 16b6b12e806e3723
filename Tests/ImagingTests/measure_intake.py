#!/usr/bin/env python3
"""Measures what images cost, through a running server and alone, and fails where a bound is passed.

    python3 measure_intake.py --excite PATH/TO/excite IMAGES      # needs Pillow and numpy

IMAGES has the folders odd/ and bad/, each with an index.json (file name to status), photos/ and free/cat.jpg.
1. Every bad file: its status, in under 250 ms, with less than 64 MiB above idle; and the next good answer is right.
2. Every odd file is classified; the eight EXIF files get one first label.
3. All photographs at once with the bad files among them: each answer is the one it gets alone.
4. 24 megapixels of each format: memory beyond the file's bytes, and what is above 80 MiB.
5. `--decode scaled`: on how many photographs, enlarged, the labels differ.
"""
import argparse, concurrent.futures, http.client, io, json, os, pathlib, subprocess, sys, tempfile, time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("images", type=pathlib.Path)
parser.add_argument("--excite", required=True)
parser.add_argument("--port", type=int, default=18100)
parser.add_argument("--only", type=int, nargs="*", default=[1, 2, 3, 4, 5])
options = parser.parse_args()
failures = []

def expect(condition, what):
    if not condition:
        failures.append(what)
        print("FAILED:", what)

def index(folder):
    return {name: entry["status"] for name, entry in json.loads((options.images / folder / "index.json").read_text()).items()}

class Server:
    def __enter__(self):
        self.process = subprocess.Popen([options.excite, "serve", "--port", str(options.port), "--log-level", "error"])
        for _ in range(500):
            try:
                if self.request("GET", "/readyz")[0] == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.02)
        raise SystemExit("the server does not become ready")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def request(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", options.port, timeout=60)
        try:
            connection.request(method, path, body, {"Content-Type": "application/octet-stream"} if body is not None else {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null") if "json" in (answer.headers["Content-Type"] or "") else None
        finally:
            connection.close()

    def classify(self, data):
        status, answer = self.request("POST", "/classify", data)
        return status, [(p["index"], p["score"]) for p in answer.get("predictions", [])], answer

    def memory(self, key):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith(key)).split()[1]) * 1024

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

cat = (options.images / "free/cat.jpg").read_bytes()
MIB = 1 << 20

def bad_files():
    with Server() as server:
        right = server.classify(cat)[1]
        slowest, most = 0, 0
        for name, status in index("bad").items():
            data = (options.images / "bad" / name).read_bytes()
            idle = server.memory("VmRSS")
            server.forget_peak()
            started = time.perf_counter()
            found, _, answer = server.classify(data)
            took = (time.perf_counter() - started) * 1000
            above = (server.memory("VmHWM") - idle) / MIB
            slowest, most = max(slowest, took), max(most, above)
            print(f"  {name}: {found} in {took:.1f} ms, {above:.1f} MiB: {answer['detail']}")
            expect(found == status, f"{name} is answered {found}, not {status}")
            expect(took < 250, f"{name} takes {took:.0f} ms")
            expect(above < 64, f"{name} takes {above:.0f} MiB")
            expect(server.classify(cat)[1] == right, f"the answer after {name} is another")
        print(f"bad: at most {slowest:.1f} ms and {most:.1f} MiB")

def odd_files():
    with Server() as server:
        upright = server.classify(cat)[1][0][0]
        for name, status in index("odd").items():
            found, predictions, answer = server.classify((options.images / "odd" / name).read_bytes())
            expect(found == status, f"{name} is answered {found}")
            if name.startswith("exif_"):
                expect(predictions and predictions[0][0] == upright, f"{name} is not what it is upright")
            print(f"  {name}: {answer['image']} {predictions[0] if predictions else answer}")

def neighbours():
    photos = [path.read_bytes() for path in sorted((options.images / "photos").iterdir())]
    bad = [(options.images / "bad" / name).read_bytes() for name in index("bad")]
    with Server() as server:
        alone = [server.classify(photo)[1] for photo in photos]
        mixed = [image for number, photo in enumerate(photos) for image in (photo, bad[number % len(bad)])]
        with concurrent.futures.ThreadPoolExecutor(32) as threads:
            together = list(threads.map(lambda image: server.classify(image)[:2], mixed))
        different = sum(found != expected for (_, found), expected in zip(together[::2], alone))
        expect(different == 0, f"{different} photographs have another answer among bad ones")
        expect(all(status in (400, 413, 415) for status, _ in together[1::2]), "a bad file was not refused")
        print(f"neighbours: {len(photos)} photographs among {len(mixed) - len(photos)} bad files, {different} answers differ")

def megapixels():
    from PIL import Image
    import numpy as np
    photo = Image.open(io.BytesIO(cat)).convert("RGB").resize((6000, 4000))
    def exif(orientation):
        exif = Image.Exif()
        exif[0x0112] = orientation
        return exif
    cases = {
        "baseline 4:2:0 JPEG": ("JPEG", {"quality": 80}), "baseline 4:4:4 JPEG": ("JPEG", {"quality": 80, "subsampling": 0}),
        "turned JPEG (6)": ("JPEG", {"quality": 80, "exif": exif(6)}), "progressive 4:2:0 JPEG": ("JPEG", {"quality": 80, "progressive": True}),
        "turned progressive JPEG (8)": ("JPEG", {"quality": 80, "progressive": True, "exif": exif(8)}),
        "progressive 4:4:4 JPEG": ("JPEG", {"quality": 80, "progressive": True, "subsampling": 0}), "PNG": ("PNG", {"compress_level": 1}),
        "turned PNG (6)": ("PNG", {"compress_level": 1, "exif": exif(6)}), "interlaced PNG": (None, {}),
        "lossy WebP": ("WEBP", {"quality": 70, "method": 0}), "lossless WebP": ("WEBP", {"lossless": True, "method": 0, "quality": 0}),
    }
    # By a small process in between: a child begins with its parent's peak, and this one holds large pictures.
    launcher = "import os, sys; p = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ); _, s, u = os.wait4(p, 0); print(s, u.ru_maxrss)"
    def peak(path):
        command = [sys.executable, "-c", launcher, options.excite, "preprocess", "--model", "seresnet50", path]
        status, kibibytes = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-2:]
        expect(status == "0", f"{path} is refused")
        return int(kibibytes) * 1024
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/image"
        pathlib.Path(path).write_bytes(cat)
        idle = peak(path)
        for name, (format, extra) in cases.items():
            if format:
                photo.save(path, format, **extra)
            else:
                pathlib.Path(path).write_bytes(interlaced(np.asarray(photo)))
            size = os.path.getsize(path)
            above = (peak(path) - idle - size) / MIB
            print(f"  {name}: {size / MIB:.1f} MiB, and {above:.1f} MiB to decode{'' if above <= 80 else ', above 80'}")

def interlaced(pixels):
    import struct, zlib
    def chunk(kind, data): return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    height, width, _ = pixels.shape
    packer = zlib.compressobj(1)
    data = b""
    for x, y, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        for row in pixels[y::dy, x::dx]:
            data += packer.compress(b"\0" + row.tobytes())
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data + packer.flush()) + chunk(b"IEND", b"")

def scaled():
    from PIL import Image
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for photo in sorted((options.images / "photos").iterdir()):
            # A photograph of 12 megapixels in which every detail is soft, as a phone's is, looked at closely.
            image = Image.open(photo).convert("RGB")
            scale = (12_000_000 / (image.width * image.height)) ** 0.5
            paths.append(f"{folder}/{photo.name}")
            image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC).save(paths[-1], "JPEG", quality=90)
        for name, files in (("as they are", [str(p) for p in sorted((options.images / "photos").iterdir())]), ("at 12 megapixels", paths)):
            answers, seconds = {}, {}
            for mode in ("full", "scaled"):
                started = time.perf_counter()
                lines = subprocess.run([options.excite, "classify", "--format", "json", "--decode", mode, *files], check=True, capture_output=True).stdout
                seconds[mode] = time.perf_counter() - started
                answers[mode] = [json.loads(line)["predictions"] for line in lines.splitlines()]
            pairs = list(zip(answers["full"], answers["scaled"]))
            first = sum(a[0]["index"] != b[0]["index"] for a, b in pairs)
            score = max(abs(a[0]["score"] - next((p["score"] for p in b if p["index"] == a[0]["index"]), 0)) for a, b in pairs)
            mean = sum(abs(a[0]["score"] - next((p["score"] for p in b if p["index"] == a[0]["index"]), 0)) for a, b in pairs) / len(pairs)
            print(f"scaled, {name}: {first} of {len(pairs)} first labels differ; its score by {mean:.4f} on average, at most {score:.3f}; "
                  f"{seconds['full']:.2f} s full, {seconds['scaled']:.2f} s scaled")

for number, part in enumerate((bad_files, odd_files, neighbours, megapixels, scaled), 1):
    if number in options.only:
        print(f"{number}. {part.__name__}", flush=True)
        part()
sys.exit(bool(failures))
