"""Asks a served model through clients that no one here wrote: `python3 .ci/check_dialects.py BINARY`.

Needs PyPI's tritonclient[http], kserve, huggingface_hub, prometheus-client, requests and schemathesis. Raises at the first thing that is wrong.
"""

import asyncio
import base64
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

import huggingface_hub
import kserve
import kubernetes
import numpy
import requests
import tritonclient.http as triton
import yaml
from kserve.protocol.infer_type import RequestedOutput
from prometheus_client.parser import text_string_to_metric_families

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = ROOT / "models/seresnet34-tiny-imagenet"
BINARY = sys.argv[1]


def require(condition, what):
    if not condition:
        raise RuntimeError(what)


@contextlib.contextmanager
def server():
    """Gives the port of `excite serve`, when it is ready."""
    with tempfile.NamedTemporaryFile("w+") as log:
        process = subprocess.Popen([BINARY, "serve", "--port", "0", "--log-format", "json"], stderr=log, stdin=subprocess.DEVNULL)
        try:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                lines = [json.loads(line) for line in pathlib.Path(log.name).read_text().splitlines() if line.startswith("{")]
                if any(line["message"] == "ready" for line in lines):
                    break
                require(process.poll() is None, "the server ended")
                time.sleep(0.05)
            yield next(line["port"] for line in lines if line["message"] == "listening")
        finally:
            process.terminate()
            require(process.wait(60) == 0, "the server did not end cleanly")


def classify(port, image):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/classify", data=image)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["predictions"]


def check_triton(port, image):
    """What Triton's client asks, and in the order in which its published image client does."""
    client = triton.InferenceServerClient(f"127.0.0.1:{port}", concurrency=4)
    require(client.is_server_live() and client.is_server_ready(), "live and ready")
    name = client.get_model_repository_index()[0]["name"]
    require(client.is_model_ready(name) and client.is_model_ready(name, "1"), "model ready")
    require("binary_tensor_data" in client.get_server_metadata()["extensions"], "extensions")
    metadata, configuration = client.get_model_metadata(name), client.get_model_config(name)
    require(len(metadata["inputs"]) == len(metadata["outputs"]) == len(configuration["input"]) == len(configuration["output"]) == 1, "one each")
    require(configuration["input"][0]["format"] == "FORMAT_NCHW" and configuration["max_batch_size"] > 1, "an image's format")
    (source, result), shape = (metadata["inputs"][0], metadata["outputs"][0]), metadata["inputs"][0]["shape"]
    require(source["datatype"] == result["datatype"] == "FP32" and len(shape) == 4, "FP32")
    expected = classify(port, image)

    def output(**options):
        return triton.InferRequestedOutput(result["name"], **options)

    def images(count, binary):
        value = triton.InferInput("image", [count], "BYTES")
        value.set_data_from_numpy(numpy.array([image] * count, dtype=numpy.object_), binary_data=binary)
        return value

    def tensor(count, binary):
        values = numpy.random.default_rng(1).normal(size=[count, *shape[1:]]).astype(numpy.float32)
        value = triton.InferInput(source["name"], list(values.shape), "FP32")
        value.set_data_from_numpy(values, binary_data=binary)
        return value

    logits = client.infer(name, [tensor(3, True)], outputs=[output()]).as_numpy(result["name"])
    require(logits.shape == (3, result["shape"][1]), "a row an image")
    for binary_in in (True, False):
        for binary_out in (True, False):
            for coding in (None, "gzip", "deflate"):
                answer = client.infer(
                    name, [tensor(3, binary_in)], outputs=[output(binary_data=binary_out)], request_id="7", timeout=30_000_000, priority=1,
                    request_compression_algorithm=coding, response_compression_algorithm=coding)
                require((answer.as_numpy(result["name"]) == logits).all(), f"the same bits: {binary_in} {binary_out} {coding}")
                require(answer.get_response()["id"] == "7", "the id comes back")
    waiting = [client.async_infer(name, [tensor(3, True)], outputs=[output()]) for _ in range(8)]
    require(all((answer.get_result().as_numpy(result["name"]) == logits).all() for answer in waiting), "several at once")
    for count in (1, 3):
        for version in ("", "1"):
            answer = client.infer(name, [images(count, True)], model_version=version, outputs=[output(class_count=len(expected))])
            rows = answer.as_numpy(result["name"])
            require(rows.shape == (count, len(expected)), "labels a row")
            for row in rows:
                require([int(text.decode().split(":")[1]) for text in row] == [entry["index"] for entry in expected], "the same classes")
    outputs = [triton.InferRequestedOutput(output) for output in ("probabilities", "features")]
    answer = client.infer(name, [images(1, True)], outputs=outputs)
    scores = answer.as_numpy("probabilities")[0]
    require(all(scores[entry["index"]] == numpy.float32(entry["score"]) for entry in expected), "the same scores")
    require(answer.as_numpy("features").ndim == 2, "features")
    statistics = client.get_inference_statistics(name)["model_stats"][0]
    require(statistics["inference_stats"]["success"]["count"] > 30, "statistics")
    for mistake in (lambda: client.infer("none", [tensor(1, True)]), lambda: client.load_model(name), lambda: client.infer(name, [images(1, True)], outputs=[triton.InferRequestedOutput("x")])):
        try:
            mistake()
            require(False, "an error is raised")
        except triton.InferenceServerException as error:
            require(error.message(), "an error says why")
    client.close()


def check_hugging_face(port, image):
    """What Hugging Face's client asks of an endpoint."""
    expected = classify(port, image)
    client = huggingface_hub.InferenceClient(f"http://127.0.0.1:{port}/")
    for options in ({}, {"top_k": 3}, {"top_k": 2, "function_to_apply": "softmax"}):
        answer = client.image_classification(image, **options)
        require(len(answer) == options.get("top_k", 5), "as many as are asked for")
        for entry, prediction in zip(answer, expected):
            require(numpy.float32(entry.score) == numpy.float32(prediction["score"]), "the same scores")
            require(prediction["label"] in entry.label, "the name in full")
    try:
        huggingface_hub.InferenceClient(f"http://127.0.0.1:{port}/models/none").image_classification(image)
        require(False, "an error is raised")
    except huggingface_hub.errors.HfHubHTTPError as error:
        require(error.response.status_code == 404, "an unknown model")


def check_torchserve(port, image):
    """TorchServe's documented examples."""
    base, expected = f"http://127.0.0.1:{port}", classify(port, image)
    name = requests.get(f"{base}/torchserve/models").json()["models"][0]["modelName"]
    require(requests.get(f"{base}/ping").json() == {"status": "Healthy"}, "healthy")
    labels = {entry["label"]: entry["score"] for entry in expected}
    for path in (name, f"{name}/1.0"):
        url = f"{base}/predictions/{path}"
        for answer in (requests.post(url, data=image), requests.put(url, data=image), requests.post(url, files={"data": image})):
            require(answer.ok and list(answer.json().items()) == list(labels.items()), "the same labels and scores, in order")
    answer = requests.post(f"{base}/predictions/{name}", files=[("data", image), ("data", image)])
    require(answer.json() == [labels, labels], "several images")
    answer = requests.post(f"{base}/predictions/none", data=image)
    require(answer.status_code == answer.json()["code"] == 404 and answer.json()["type"] == "ModelNotFoundException", "an unknown model")
    require(requests.get(f"{base}/torchserve/models/{name}").json()[0]["modelName"] == name, "a model's description")


def check_tensorflow(port, image):
    """TensorFlow Serving's documented examples."""
    base, expected = f"http://127.0.0.1:{port}/v1/models", classify(port, image)
    name = requests.get(base).json()["models"][0]
    encoded = base64.b64encode(image).decode()
    require(requests.get(f"{base}/{name}").json()["model_version_status"][0]["state"] == "AVAILABLE", "available")
    shape = requests.get(f"{base}/{name}/metadata").json()["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]
    size = [int(dimension["size"]) for dimension in shape["input"]["tensor_shape"]["dim"]][1:]
    for path in (name, f"{name}/versions/1"):
        for body, key in (
                ({"signature_name": "serving_default", "instances": [{"b64": encoded}]}, "predictions"),
                ({"instances": [{"image_bytes": {"b64": encoded}}]}, "predictions"), ({"inputs": {"image": [{"b64": encoded}]}}, "outputs")):
            scores = requests.post(f"{base}/{path}:predict", json=body).json()[key][0]
            require(all(scores[entry["index"]] == entry["score"] for entry in expected), f"the same scores: {key}")
    tensor = numpy.random.default_rng(1).normal(size=[2, *size]).astype(numpy.float32)
    planar = requests.post(f"{base}/{name}:predict", json={"instances": tensor.tolist()}).json()["predictions"]
    interleaved = requests.post(f"{base}/{name}:predict", json={"inputs": tensor.transpose(0, 2, 3, 1).tolist()}).json()["outputs"]
    require(planar == interleaved and len(planar) == 2, "tensors either way")
    result = requests.post(f"{base}/{name}:classify", json={"examples": [{"image": {"b64": encoded}}]}).json()["result"]
    require(result == [[[entry["label"], entry["score"]] for entry in expected]], "the same labels")
    answer = requests.post(f"{base}/none:predict", json={"instances": []})
    require(answer.status_code == 404 and answer.json()["error"], "an unknown model")


def check_embeddings(port, image):
    """/embed and Hugging Face's features: the same bits."""
    base = f"http://127.0.0.1:{port}"
    row = requests.post(f"{base}/embed", data=image).json()["embedding"]
    binary = requests.post(f"{base}/embed", data=image, headers={"Accept": "application/octet-stream"}).content
    require((numpy.frombuffer(binary, "<f4") == numpy.float32(row)).all(), "JSON and bytes")
    name = requests.get(f"{base}/v1/models").json()["models"][0]
    client = huggingface_hub.InferenceClient(f"{base}/pipeline/image-feature-extraction/timm/{name}")
    encoded = base64.b64encode(image).decode()
    found = client.feature_extraction(encoded)
    require(found.shape == (1, len(row)) and (found[0] == numpy.float32(row)).all(), "Hugging Face's")
    unit = client.feature_extraction(encoded, normalize=True)
    require(abs(float((unit ** 2).sum()) - 1) < 1e-5, "to the norm 1")


async def check_kserve_v1(port, image):
    """What KServe's client asks in version 1 of the protocol."""
    base, client = f"http://127.0.0.1:{port}", kserve.InferenceRESTClient(kserve.RESTConfig(protocol="v1"))
    name, expected = requests.get(f"{base}/v1/models").json()["models"][0], classify(port, image)
    require(await client.is_model_ready(base, name), "model ready")
    answer = await client.infer(base, {"instances": [{"image": {"b64": base64.b64encode(image).decode()}}]}, model_name=name)
    require(all(answer["predictions"][0][entry["index"]] == entry["score"] for entry in expected), "the same scores")
    await client.close()


async def check_kserve(port, image):
    """What KServe's client asks in version 2 of the protocol."""
    base, client = f"http://127.0.0.1:{port}", kserve.InferenceRESTClient(kserve.RESTConfig(protocol="v2"))
    require(await client.is_server_live(base) and await client.is_server_ready(base), "live and ready")
    expected = classify(port, image)
    with urllib.request.urlopen(f"{base}/models") as answer:
        model = json.load(answer)["models"][0]
    name = model["name"]
    require(await client.is_model_ready(base, name), "model ready")
    for datatype, shape, values in (
            ("BYTES", [1], numpy.array([image], dtype=numpy.object_)),
            ("FP32", [2, *model["input_size"]], numpy.random.default_rng(1).normal(size=[2, *model["input_size"]]).astype(numpy.float32))):
        value = kserve.InferInput("input", shape, datatype)
        value.set_data_from_numpy(values, binary_data=True)
        outputs = [RequestedOutput("probabilities", {"binary_data": True}), RequestedOutput("logits")]
        answer = await client.infer(base, kserve.InferRequest(name, [value], request_id="7", request_outputs=outputs), name)
        scores, logits = (output.as_numpy() for output in answer.outputs)
        require(answer.id == "7" and scores.shape == logits.shape == (shape[0], model["classes"]), "a row an input")
        if datatype == "BYTES":
            require(all(numpy.float32(scores[0][entry["index"]]) == numpy.float32(entry["score"]) for entry in expected), "the same scores")
    await client.close()


def check_metrics(port):
    """Every dialect's requests to models are counted as such, for the dashboard and the alerts in deploy/."""
    families = text_string_to_metric_families(requests.get(f"http://127.0.0.1:{port}/metrics").text)
    samples = next(family for family in families if family.name == "excite_requests").samples
    counted = {sample.labels["dialect"] for sample in samples if sample.labels["kind"] == "inference" and sample.labels["status"] == "200"}
    expected = {"excite", "hugging-face", "open-inference", "tensorflow-serving", "torchserve"}
    require(counted == expected, f"requests to models are counted of {counted}")
    require(all(sample.labels["kind"] == "other" for sample in samples if sample.labels["route"] in ("/models", "/metrics", "/ping")), "other")


def check_manifest(value, kind, place):
    """Every field is one that the kind's description has, of the type that it says, and none is missing."""
    if match := re.fullmatch(r"[lL]ist\[(.*)\]", kind):
        require(isinstance(value, list), f"{place}: a list")
        for index, item in enumerate(value):
            check_manifest(item, match[1], f"{place}[{index}]")
    elif match := re.fullmatch(r"[dD]ict[(\[]str, (.*)[)\]]", kind):
        for key, item in value.items():
            check_manifest(item, match[1], f"{place}.{key}")
    elif kind in ("str", "int", "bool"):
        require(type(value).__name__ == kind, f"{place}: {kind}")
    elif kind != "object":
        described = getattr(kserve.models, kind, None) or getattr(kubernetes.client.models, kind)
        fields = {key: attribute for attribute, key in described.attribute_map.items()}
        for key, item in value.items():
            require(key in fields, f"{place} has no {key}")
            check_manifest(item, described.openapi_types[fields[key]], f"{place}.{key}")
        described(**{fields[key]: item for key, item in value.items()})


def check_manifests():
    """deploy/kserve, by KServe's own description of what it takes."""
    kinds = {"ClusterServingRuntime": "V1alpha1ClusterServingRuntime", "InferenceService": "V1beta1InferenceService"}
    manifests = [(file.name, value) for file in (ROOT / "deploy/kserve").glob("*.yaml") for value in yaml.safe_load_all(file.read_text())]
    require({value["kind"] for _, value in manifests} == set(kinds), "a manifest of each kind")
    for name, value in manifests:
        check_manifest(value, kinds[value["kind"]], name)


def check_description(port):
    """What is drawn at random from /openapi.json is answered as that says, and never by a fault."""
    checks = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
              "response_schema_conformance"]
    # Loading models is 403, as the server is started here. In a folder of its own, where it keeps notes.
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [pathlib.Path(sys.executable).parent / "schemathesis", "run", f"http://127.0.0.1:{port}/openapi.json", "--checks", ",".join(checks),
             "--phases", "examples,coverage,fuzzing", "--max-time", "60", "--seed", "333438471033550620739728238817407558370", "--continue-on-failure", "--warnings", "off",
             "--exclude-path-regex", "^/v2/repository/models/"],
            check=True, cwd=folder, env=os.environ | {"NO_COLOR": "1"})


with server() as port:
    photograph = (MODEL / "self-test.jpg").read_bytes()
    check_triton(port, photograph)
    print("Triton's client: metadata, configuration, statistics, tensors and images in JSON and binary, both compressions")
    check_hugging_face(port, photograph)
    check_embeddings(port, photograph)
    print("Hugging Face's client: image classification and feature extraction")
    check_torchserve(port, photograph)
    check_tensorflow(port, photograph)
    print("TorchServe's and TensorFlow Serving's examples: predictions, labels, state")
    asyncio.run(check_kserve_v1(port, photograph))
    asyncio.run(check_kserve(port, photograph))
    check_metrics(port)
    check_manifests()
    print("KServe's client: tensors and images; its manifests are what it describes")
    check_description(port)
    print("/openapi.json describes what is answered, by schemathesis")
