"""Starts the release binary on a free port and checks it from outside: `python3 .ci/check_server.py BINARY`.

The answers must be PyTorch's: the model's self-test always, and the photographs of ../shared where that folder is there. Needs curl, and
PyPI's prometheus-client and openapi-spec-validator. Raises at the first thing that is wrong.
"""

import contextlib
import filecmp
import http.client
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import openapi_spec_validator
import prometheus_client.parser

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = ROOT / "models/seresnet34-tiny-imagenet"
SHARED = ROOT.parent / "shared"
# The order of summation differs between instruction sets.
TOLERANCE = 1e-4
BINARY = sys.argv[1]


class Failure(Exception):
    pass


def require(condition, what):
    if not condition:
        raise Failure(what)


class Server:
    """`excite serve` on a free loopback port, its log in a file."""

    def __init__(self, log, *options):
        self.log = log
        arguments = [BINARY, "serve", "--port", "0", "--log-format", "json", *options]
        self.process = subprocess.Popen(arguments, stderr=log, stdin=subprocess.DEVNULL)

    def wait_until_ready(self):
        started = time.monotonic()
        self.port = self.until(lambda: next((line["port"] for line in self.lines() if line["message"] == "listening"), None), "listens")
        self.until(lambda: self.get("/readyz")[0] == 200, "is ready")
        self.ready_after = time.monotonic() - started

    def lines(self):
        text = pathlib.Path(self.log.name).read_text()
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.startswith("{") and line.endswith("\n")]

    def until(self, condition, what, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            require(self.process.poll() is None, f"the server ended with {self.process.returncode}:\n{self.text()}")
            if value := condition():
                return value
            time.sleep(0.02)
        raise Failure(f"not after {seconds} s: the server {what}:\n{self.text()}")

    def text(self):
        return pathlib.Path(self.log.name).read_text()

    def request(self, method, path, body=None, headers={}):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def get(self, path):
        return self.request("GET", path)

    def classify(self, image):
        return self.request("POST", "/classify", pathlib.Path(image).read_bytes(), {"Content-Type": "image/jpeg"})

    def probe(self):
        return subprocess.run([BINARY, "probe", "--port", str(self.port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode


@contextlib.contextmanager
def serving(*options):
    with tempfile.NamedTemporaryFile(mode="w") as log:
        server = Server(log, *options)
        try:
            server.wait_until_ready()
            yield server
        finally:
            if server.process.poll() is None:
                server.process.kill()
            server.process.wait()


def check_answer(name, body, expected):
    """The same classes in the same order, each score within the tolerance."""
    found = json.loads(body)["predictions"]
    require([p["class"] for p in found] == [p["class"] for p in expected], f"{name}: {found}, but PyTorch says {expected}")
    error = max(abs(f["score"] - e["score"]) for f, e in zip(found, expected))
    require(error <= TOLERANCE, f"{name}: a score is off by {error}: {found}, but PyTorch says {expected}")
    return error


def check_interface(server):
    for path in ["/livez", "/readyz", "/healthz"]:
        require(server.get(path)[0] == 200, f"{path} does not answer 200")
    require(server.probe() == 0, "excite probe does not end with 0 on a ready server")
    print("/livez, /readyz, /healthz and excite probe say that it is ready")

    record = json.loads((MODEL / "self-test.json").read_text())
    image = MODEL / record["image"]
    curl = ["curl", "-sS", "--fail", "-F", f"image=@{image}", f"http://127.0.0.1:{server.port}/classify"]
    answer = subprocess.run(curl, check=True, stdout=subprocess.PIPE).stdout
    error = check_answer(image.name, answer, record["predictions"])
    print(f"curl -F image=@{image.name} /classify: the five labels that PyTorch gives, scores within {error:.1e}")

    whole = image.read_bytes()
    status, headers, body = server.request("POST", "/classify", whole[: len(whole) // 2], {"Content-Type": "image/jpeg"})
    require(status == 400 and headers["Content-Type"] == "application/problem+json", f"half an image: {status} {headers}")
    require(json.loads(body)["code"] == "broken_image", f"half an image: {body}")
    print("half an image: 400 broken_image")


def check_metrics(server):
    """Prometheus' own reader takes them, and they say what was asked."""
    families = {family.name: family for family in prometheus_client.parser.text_string_to_metric_families(server.get("/metrics")[2].decode())}

    def value(name, sample, **labels):
        found = [s.value for s in families[name].samples if s.name == sample and labels.items() <= s.labels.items()]
        require(found, f"/metrics has no {sample} {labels}")
        return sum(found)

    require(value("excite_requests", "excite_requests_total", route="/classify", kind="inference", status="200") >= 1, "the answer is not counted")
    require(value("excite_rejected", "excite_rejected_total", reason="bad_image") == 1, "half an image is not counted")
    require(value("excite_ready", "excite_ready") == 1, "excite_ready is not 1")
    require(value("excite_queue_seconds", "excite_queue_seconds_count") >= 1, "no waiting was measured")
    for name in ["process_resident_memory_bytes", "excite_cpus", "excite_capacity", "excite_build_info", "excite_model_info"]:
        require(value(name, name) > 0, f"{name} is 0")
    print(f"/metrics: {len(families)} metrics, read by Prometheus' own client")


def check_description(server):
    """/openapi.json is valid."""
    document = json.loads(server.get("/openapi.json")[2])
    openapi_spec_validator.validate(document)
    print(f"/openapi.json: valid OpenAPI {document['openapi']} with {len(document['paths'])} paths")


def check_photographs(server):
    expected = json.loads((SHARED / "model/expected.json").read_text())
    worst = 0.0
    for name, predictions in expected.items():
        image = next(path for folder in ["photos", "free"] if (path := SHARED / "images" / folder / name).exists())
        status, _, body = server.classify(image)
        require(status == 200, f"{name}: {status} {body}")
        worst = max(worst, check_answer(name, body, predictions))
    print(f"{len(expected)} photographs: the five labels that PyTorch gives, scores within {worst:.1e}")


def check_metric_names(server):
    """Every metric that deploy/ speaks of is one that /metrics declares, and a histogram's parts are a histogram's."""
    text = server.get("/metrics")[2].decode()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    known = set()
    for name, kind in kinds.items():
        known |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    count = 0
    for file in ["alerts.yaml", "alerts_test.yaml", "autoscaling.yaml", "dashboard.json"]:
        names = set(re.findall(r"\b(?:excite|process)_[a-z_]+", (ROOT / "deploy" / file).read_text()))
        require(names, f"deploy/{file} names no metric")
        require(names <= known, f"deploy/{file} names metrics that /metrics does not have: {', '.join(sorted(names - known))}")
        count += len(names)
    print(f"/metrics has all {count} metrics that the files in deploy/ name")


def check_intake(server):
    """Images that servers often get wrong, and what must be refused: each has its status, and disturbs no other."""
    cat = SHARED / "images/free/cat.jpg"
    right = json.loads(server.classify(cat)[2])["predictions"]
    counts = {}
    for folder in ["odd", "bad"]:
        index = json.loads((SHARED / "images" / folder / "index.json").read_text())
        counts[folder] = len(index)
        for name, entry in index.items():
            status, _, body = server.classify(SHARED / "images" / folder / name)
            require(status == entry["status"], f"{folder}/{name}: {status} {body}, but {entry['is']}")
            if name.startswith("exif_"):
                first = json.loads(body)["predictions"][0]["class"]
                require(first == right[0]["class"], f"{name}: it is taken for {first}, upright for {right[0]['class']}")
            require(json.loads(server.classify(cat)[2])["predictions"] == right, f"the answer after {folder}/{name} is another")
    print(f"{counts['odd']} odd images are classified, {counts['bad']} bad ones refused, each with its status")


def check_shutdown(server):
    """SIGTERM with a request half sent: it is answered, then the program ends with 0."""
    image = (MODEL / "self-test.jpg").read_bytes()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        head = f"POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(image)}\r\nExpect: 100-continue\r\n\r\n"
        connection.sendall(head.encode())
        require(connection.recv(1024).startswith(b"HTTP/1.1 100"), "no 100 Continue")
        connection.sendall(image[: len(image) // 2])
        server.process.send_signal(signal.SIGTERM)
        server.until(lambda: any(line["message"] == "draining" for line in server.lines()), "drains")
        server.until(lambda: server.probe() == 1, "is no longer ready")
        connection.sendall(image[len(image) // 2 :])
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        require(answer.status == 200 and json.loads(answer.read())["predictions"], f"the request in flight: {answer.status}")
    code = server.process.wait(timeout=60)
    require(code == 0, f"after SIGTERM the program ended with {code}:\n{server.text()}")
    print("SIGTERM: the request in flight was answered, the program ended with 0")


def check_shutdown_under_load(times=20, clients=6):
    """SIGTERM in the middle of load: whoever sent a request gets its answer, and the program ends with 0."""
    image = (MODEL / "self-test.jpg").read_bytes()
    answered = 0
    for round in range(times):
        with serving() as server:
            counts, failures = [], []

            def client():
                count = 0
                connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
                while True:
                    if connection.sock is None:
                        try:
                            connection.connect()
                        except (ConnectionRefusedError, ConnectionResetError):
                            break
                    try:
                        connection.request("POST", "/classify", image, {"Content-Type": "image/jpeg"})
                        answer = connection.getresponse()
                        body = answer.read()
                    except Exception as error:
                        failures.append(f"after {count} answers: {error!r}")
                        break
                    if answer.status != 200:
                        failures.append(f"{answer.status} {body}")
                        break
                    count += 1
                counts.append(count)

            threads = [threading.Thread(target=client) for _ in range(clients)]
            for thread in threads:
                thread.start()
            time.sleep(0.1 + 0.02 * round)
            server.process.send_signal(signal.SIGTERM)
            for thread in threads:
                thread.join()
            code = server.process.wait(timeout=60)
            require(not failures, f"SIGTERM under load, round {round + 1}: {failures}")
            require(code == 0, f"SIGTERM under load, round {round + 1}: ended with {code}:\n{server.text()}")
            answered += sum(counts)
    print(f"SIGTERM under load, {times} times: all {answered} requests were answered, the program ended with 0")


def main():
    photographs = (SHARED / "model/expected.json").exists()
    # expected.json speaks of the weights beside it.
    embedded = photographs and filecmp.cmp(MODEL / "model.safetensors", SHARED / "model/model.safetensors", shallow=False)
    with serving() as server:
        print(f"ready on port {server.port} after {server.ready_after:.2f} s")
        check_interface(server)
        check_metrics(server)
        check_description(server)
        check_metric_names(server)
        if (SHARED / "images/bad/index.json").exists():
            check_intake(server)
        check_shutdown(server)
    check_shutdown_under_load()
    # The recorded answers are for photographs as they are stored: one of them lies on its side.
    if embedded:
        with serving("--exif", "ignore") as server:
            check_photographs(server)
    if not photographs:
        print("left out: the photographs, because ../shared is not here")
    elif not embedded:
        print("../shared has another model than the embedded one: its photographs are checked with its own")
        with serving("--exif", "ignore", "--model", str(SHARED / "model")) as server:
            check_photographs(server)


try:
    main()
except Failure as failure:
    sys.exit(f"wrong: {failure}")
