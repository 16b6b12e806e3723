#!/usr/bin/env python3
"""Holds what `excite serve` sends to a collector against OpenTelemetry's own definition of it.

    pip install opentelemetry-proto
    python3 Tests/ServiceTests/check_otlp.py [PROGRAM] [IMAGE]

Stands in for the collector, has requests traced, and parses every batch strictly as an ExportTraceServiceRequest: a field that is not
known, or of another type, is an error. Ends with 1 if anything is wrong.
"""

import base64, http.server, json, os, pathlib, queue, re, signal, subprocess, sys, threading, urllib.error, urllib.request

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
batches = queue.Queue()


class Collector(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        batches.put((self.path, self.headers["Content-Type"], json.loads(body)))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


def rebased(value):
    """OTLP/JSON has ids in hexadecimal, where protobuf's own JSON has base64."""
    if isinstance(value, list):
        return [rebased(item) for item in value]
    if not isinstance(value, dict):
        return value
    lengths = {"traceId": 32, "spanId": 16, "parentSpanId": 16}
    for name, length in lengths.items():
        assert name not in value or re.fullmatch(f"[0-9a-f]{{{length}}}", value[name]), f"{name}: {value[name]}"
    return {
        name: base64.b64encode(bytes.fromhex(item)).decode() if name in lengths else rebased(item) for name, item in value.items()
    }


def ask(port, path, data=None, **headers):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data=data, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        return urllib.request.urlopen(request, timeout=60).status
    except urllib.error.HTTPError as error:
        return error.code


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else ROOT / ".build/release/excite"
    image = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ROOT / "Tests/ImagingTests/Fixtures/cat.jpg").read_bytes()
    collector = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    environment = {
        **os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}", "OTEL_SERVICE_NAME": "checked"}
    server = subprocess.Popen(
        [program, "serve", "--port", "0", "--log-format", "json", "--cache", "1000000"], env=environment, stderr=subprocess.PIPE, text=True)
    port = None
    for line in server.stderr:
        entry = json.loads(line)
        port = entry.get("port", port)
        if entry["message"] == "ready":
            break
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(json.loads(line) for line in server.stderr))
    reader.start()
    traceparent = f"00-{PARENT[0]}-{PARENT[1]}-01"
    octets = {"Content_Type": "application/octet-stream"}
    assert ask(port, "/classify", image, traceparent=traceparent, tracestate="a=b,c=d", **octets) == 200
    assert ask(port, "/classify", image, **octets) == 200
    assert ask(port, "/classify", b"no image", **octets) == 415
    assert ask(port, "/classify", image, traceparent=traceparent[:-1] + "0", **octets) == 200
    assert ask(port, "/a%C3%9F%22%5C", b"x", **octets) == 404
    server.send_signal(signal.SIGTERM)
    assert server.wait(60) == 0, "the program's end"
    reader.join()
    spans, resources = [], []
    while not batches.empty():
        path, kind, batch = batches.get()
        assert path == "/v1/traces" and kind == "application/json", (path, kind)
        parsed = json_format.ParseDict(rebased(batch), ExportTraceServiceRequest(), ignore_unknown_fields=False)
        assert parsed.FromString(parsed.SerializeToString()) == parsed
        for resource in parsed.resource_spans:
            resources.append({entry.key: entry.value.string_value for entry in resource.resource.attributes})
            spans += [span for scope in resource.scope_spans for span in scope.spans]
    assert resources and all(resource["service.name"] == "checked" for resource in resources)
    # Which of two connections is done with first is nobody's promise.
    roots = sorted((span for span in spans if span.kind == Span.SPAN_KIND_SERVER), key=lambda span: span.start_time_unix_nano)
    assert len(roots) == 4, [span.name for span in roots]
    assert len({span.span_id for span in spans}) == len(spans)
    first = roots[0]
    assert first.trace_id.hex() == PARENT[0] and first.parent_span_id.hex() == PARENT[1] and first.trace_state == "a=b,c=d"
    names = {root.span_id: [span.name for span in spans if span.parent_span_id == root.span_id] for root in roots}
    assert names[first.span_id] == ["receive", "queue", "decode", "queue", "inference", "answer"], names
    assert names[roots[1].span_id] == ["receive", "answer"], "from the cache"
    for root in roots:
        assert len(root.trace_id) == 16 and root.status.code == Status.STATUS_CODE_UNSET
        children = [span for span in spans if span.parent_span_id == root.span_id]
        last = root.start_time_unix_nano
        for span in children:
            assert span.trace_id == root.trace_id and span.kind == Span.SPAN_KIND_INTERNAL
            assert last <= span.start_time_unix_nano <= span.end_time_unix_nano <= root.end_time_unix_nano
            last = span.end_time_unix_nano
    logged = {line["trace_id"] for line in lines if "trace_id" in line}
    assert logged == {root.trace_id.hex() for root in roots}, "the log has the traces' ids"
    print(f"{len(spans)} spans of {len(roots)} requests are as OTLP has them")


if __name__ == "__main__":
    main()
