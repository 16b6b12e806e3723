"""What the measuring scripts share: a server on a free loopback port, `excite load` and `excite bench`, and figures held to bars."""

import argparse
import contextlib
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
EMBEDDED = ROOT / "models/seresnet34-tiny-imagenet"
PHOTOGRAPHS = ROOT.parent / "shared/images/photos"
TICKS = 100  # of /proc's CPU times, a second


def options(description, seconds, **more):
    """The options that every script has. `more`: a name and a dictionary of add_argument's arguments for each of its own."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--excite", default=str(ROOT / ".build/release/excite"), help="the program")
    parser.add_argument("--model", help="a model's folder; without it, the embedded model")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads that compute")
    images = PHOTOGRAPHS if PHOTOGRAPHS.is_dir() else EMBEDDED
    parser.add_argument("--images", default=str(images), help="a folder of JPEG photographs")
    parser.add_argument("--seconds", type=float, default=seconds, help="how long each load lasts")
    for name, arguments in more.items():
        parser.add_argument("--" + name.replace("_", "-"), **arguments)
    return parser.parse_args()


class Server:
    """`excite serve`, ready; killed at the end where it still runs."""

    def __init__(self, arguments, *more, model="", port=0):
        model = arguments.model if model == "" else model
        self.log = tempfile.NamedTemporaryFile(mode="w", prefix="excite-", suffix=".log")
        command = [arguments.excite, "serve", "--port", str(port), "--threads", str(arguments.threads), "--log-format", "json"]
        command += ["--model", model] if model else []
        self.process = subprocess.Popen(command + [str(m) for m in more], stderr=self.log, stdin=subprocess.DEVNULL)

    def __enter__(self):
        try:
            self.port = self.until(lambda: next((l["port"] for l in self.lines() if l["message"] == "listening"), None))
            self.until(lambda: any(l["message"] == "ready" for l in self.lines()))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()

    def lines(self):
        text = pathlib.Path(self.log.name).read_text()
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.startswith("{") and line.endswith("\n")]

    def until(self, condition, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := condition():
                return value
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        sys.exit(f"the server is not ready (exit status {self.process.poll()}):\n{pathlib.Path(self.log.name).read_text()[-2000:]}")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def stop(self):
        """SIGTERM, and the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=120)

    def metrics(self):
        """What /metrics says: samples by name with labels."""
        client = Client(self.port)
        text = client.request("GET", "/metrics")[1].decode()
        client.close()
        return {m[1]: float(m[2]) for m in re.finditer(r"^([^#\s]\S*) (\S+)$", text, re.MULTILINE)}

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def cpu_seconds_by_thread(self):
        """By the threads' names, numbers at their end left out."""
        seconds = {}
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                name, rest = (task / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
                fields, name = rest.split(), name.rstrip(" 0123456789")
                seconds[name] = seconds.get(name, 0) + (int(fields[11]) + int(fields[12])) / TICKS
        return seconds

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024


def difference(after, before):
    return {name: value - before.get(name, 0) for name, value in after.items()}


def mean(samples, name, labels=""):
    """Of a histogram."""
    count = sum(v for k, v in samples.items() if k.startswith(f"{name}_count{labels}"))
    total = sum(v for k, v in samples.items() if k.startswith(f"{name}_sum{labels}"))
    return total / count if count else 0.0


class Client:
    """One connection, kept alive; a request is one write."""

    def __init__(self, port, timeout=60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.left = b""

    def close(self):
        self.socket.close()

    def request(self, method, path, body=b"", headers=()):
        """Status and body."""
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        data = self.left
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self.receive()
        head = data[:end].decode()
        length = int(re.search(r"(?i)content-length: (\d+)", head)[1])
        while len(data) < end + 4 + length:
            data += self.receive()
        self.left = data[end + 4 + length :]
        return int(head.split(" ")[1]), data[end + 4 : end + 4 + length]

    def receive(self):
        piece = self.socket.recv(1 << 16)
        if not piece:
            raise ConnectionError("the server closed the connection")
        return piece


def start_load(arguments, url, *more, images=None):
    """`excite load` as a process of its own. More folders than one: `images`."""
    command = [arguments.excite, "load", url, "--format", "json"]
    for folder in images or [arguments.images]:
        command += ["--images", folder]
    return subprocess.Popen(command + [str(m) for m in more], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def finish_load(process):
    """Its report."""
    output = process.communicate()[0]
    if not output:
        sys.exit(f"excite load ended with {process.returncode}: {' '.join(process.args)}")
    return json.loads(output)


def load(arguments, url, *more, images=None):
    """A whole run: its report, with `client_cpu_seconds` added."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = finish_load(start_load(arguments, url, *more, images=images))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    report["client_cpu_seconds"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return report


def bench(arguments, batch, seconds, threads=None):
    """Seconds an image in `excite bench`."""
    command = [arguments.excite, "bench", "--batch", str(batch), "--seconds", str(seconds), "--format", "json"]
    command += ["--threads", str(threads or arguments.threads)] + (["--model", arguments.model] if arguments.model else [])
    return 1 / json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)["images_per_second"]


def count(report, outcome):
    return report["outcomes"].get(outcome, {"count": 0})["count"]


def answered_a_second(report):
    """Over the whole run, to the last answer: for clients in a loop, which keep the server busy until then."""
    return count(report, "200") / report["last_answer_seconds"]


def capacity(arguments, server, seconds, *more, images=None, clients=32):
    """Requests a second that clients in a loop get answered; a refusal for overload is no answer."""
    load(arguments, server.url, "--closed", clients, "--duration", min(2, seconds), *more, images=images)
    report = load(arguments, server.url, "--closed", clients, "--duration", seconds, *more, images=images)
    answered = sum(row["count"] for outcome, row in report["outcomes"].items() if outcome not in ("429", "503"))
    return answered / report["last_answer_seconds"]


def photographs(arguments):
    files = sorted(f for f in pathlib.Path(arguments.images).iterdir() if f.suffix.lower() in (".jpg", ".jpeg"))
    return [f.read_bytes() for f in files] or sys.exit(f"{arguments.images}: no JPEG files")


class Figures:
    """Prints each figure with its bar; `exit` ends with 1 where one was missed."""

    def __init__(self, arguments):
        self.missed = []
        model = pathlib.Path(arguments.model).name if arguments.model else "the embedded model"
        print(f"{pathlib.Path(sys.argv[0]).stem}: {model}, {arguments.threads} threads, images of {arguments.images}")

    def note(self, text):
        print(f"  {text}", flush=True)

    def at_most(self, what, value, bar, unit=""):
        self.judge(what, value, bar, unit, "at most", value <= bar)

    def at_least(self, what, value, bar, unit=""):
        self.judge(what, value, bar, unit, "at least", value >= bar)

    def judge(self, what, value, bar, unit, relation, holds):
        unit = f" {unit}" if unit else ""
        print(f"{'held  ' if holds else 'MISSED'} {what}: {value:.4g}{unit} (bar: {relation} {bar:g}{unit})", flush=True)
        if not holds:
            self.missed.append(what)

    def exit(self):
        sys.exit(1 if self.missed else 0)
