"""Writes the seeds of the fuzz targets that no other test has files for, and the words that libFuzzer puts into inputs:
`python3 make_seeds.py`; needs PyTorch."""

import argparse
import collections
import io
import json
import pathlib
import pickle
import struct
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
SEEDS = HERE / "Seeds"


def write(target, name, data):
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def heads():
    """Streams of requests; the first byte says how the fuzz target cuts them."""
    write("head", "two", b"\x05GET /livez HTTP/1.1\r\nHost: a\r\n\r\nPOST /classify?top=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
    write("head", "chunks", b"\x00POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0;x=y\r\nT: v\r\n\r\n")
    write("head", "older", b"\x1fGET /%41 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET * HTTP/1.0\r\n\r\n")
    write("head", "absolute", b"\x05GET http://a:80/b?c HTTP/1.1\r\nHost: [::1]:80\r\n\r\nGET https:///y HTTP/1.1\r\nHost: a\r\n\r\n")
    words = ["GET / HTTP/1.1\r\nHost: a\r\n", "http://", "Content-Length: ", "Transfer-Encoding: chunked\r\n", "\r\n\r\n", "\r\n ", " :", "0\r\n\r\n"]
    escaped = [word.replace("\r", "\\x0d").replace("\n", "\\x0a") for word in words]
    (HERE / "Words/head").write_text("".join(f'"{word}"\n' for word in escaped))


def safetensors(tensors, metadata=None):
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, kind, shape, content in tensors:
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def checkpoint(zipped):
    """A state dictionary with a prefix, of several types of element, in the zip format or the older one."""
    import torch

    file = io.BytesIO()
    shared = torch.arange(6.0)
    tensors = {"module.conv1.weight": shared.reshape(2, 1, 3, 1)[:, :, ::2], "module.fc.weight": shared[:2].half(),
               "module.fc.bias": torch.zeros(1, dtype=torch.bfloat16), "module.bn1.num_batches_tracked": torch.tensor(3)}
    torch.save({"state_dict": tensors, "arch": "seresnet18", "epoch": 7}, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def text(word):
    return b"X" + struct.pack("<I", len(word)) + word.encode()


def tensor(key, shape):
    """A float tensor as PyTorch pickles it, from the start of the storage `key` of two elements."""
    strides = [1]
    for size in shape[:0:-1]:
        strides.insert(0, strides[0] * size)
    numbers = lambda values: b"(" + b"".join(b"K" + bytes([value]) for value in values) + b"t"
    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu") + b"K\2tQ"
    return (b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\0" + numbers(shape) + numbers(strides[:len(shape)])
            + b"\x89ccollections\nOrderedDict\n)RtR")


def training_checkpoint():
    """What training programs put beside the weights: arguments, large numbers, averaged weights, a loss's weights; without PyTorch."""
    plain = lambda value: pickle.dumps(value, 2)[2:-1]
    state = b"}(" + text("module.conv1.weight") + tensor("0", [2, 1, 1, 1]) + text("module.fc.weight") + tensor("0", [1, 2]) + b"u"
    averaged = b"}(" + text("n_averaged") + tensor("0", []) + text("model.fc.weight") + tensor("0", [2, 1]) + b"u"
    values = {
        "args": plain(argparse.Namespace(model="seresnet18", lr=0.05, seed=14336904462148183203, layers={2, 3})),
        "state_dict": state, "state_dict_ema": averaged, "huge": plain(-3**2000), "counts": plain(collections.defaultdict(list, a=[1])),
        "device": b"ctorch\ndevice\n" + text("cpu") + b"\x85R", "dtype": b"ctorch\nfloat16\n",
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}(" + b"".join(text(key) + value for key, value in values.items()) + b"u.")
        archive.writestr("archive/data/0", struct.pack("<2f", 1, 2))
    return file.getvalue()


def form(*parts):
    body = b"".join(b"--b\r\n" + head + b"\r\n\r\n" + content + b"\r\n" for head, content in parts)
    # The first two bytes: how the body arrives.
    return b"\x05\x03" + body + b"--b--\r\n"


def inferences():
    """Requests of the Open Inference Protocol; the first two bytes are the length of the JSON."""
    def request(name, fields, binary=b"", length=None):
        text = json.dumps(fields, separators=(",", ":")).encode()
        write("inference", name, struct.pack("<H", len(text) if length is None else length) + text + binary)

    image = {"name": "image", "datatype": "BYTES", "shape": [1]}
    element = struct.pack("<I", 3) + b"\xff\xd8\xff"
    request("image", {"id": "1", "inputs": [image | {"data": ["/9j/"]}], "outputs": [{"name": "logits", "parameters": {"classification": 2}}]})
    request("binary", {"inputs": [image | {"shape": [2, 1], "parameters": {"binary_data_size": 14}}], "parameters": {"binary_data_output": True}}, element * 2)
    tensor = {"name": "input", "datatype": "FP32", "shape": [1, 3, 32, 32]}
    request("flat", {"inputs": [tensor | {"data": [0] * 3072}], "parameters": {"timeout": 1000, "priority": 1}})
    nested = [[[[y / 8 - 1] + [1] * 31 for y in range(32)]] * 3]
    request("nested", {"inputs": [tensor | {"data": nested}], "outputs": [{"name": "probabilities", "parameters": {"binary_data": True}}, {"name": "features"}]})
    request("numbers", {"inputs": [tensor | {"parameters": {"binary_data_size": 12288}}]}, struct.pack("<3072f", *range(3072)))
    write("inference", "raw", struct.pack("<H3072f", 0, *range(3072)))
    write("tensors", "strings", b"\x04" + element + struct.pack("<I", 0))
    write("tensors", "numbers", b"\x05" + struct.pack("<6f", 1, -2, 3, 0, 1e-40, 1e30))
    words("inference", sorted(keys([json.loads((SEEDS / "inference" / name).read_bytes()[2:]) for name in ("image", "flat", "nested")])) + [
        '"binary_data_size":', '"binary_data_output":true', "1e400", "-1", "9223372036854775807", "null", "[]", "{}"])
    write("json", "values", b' {"a": [1, -0.5e+3, true, null, "\\ud83d\\ude00\\n\xc3\xa9"], "": {}} ')
    write("json", "base64", b'"aGVsbG8\\/"')
    write("json", "tensor", b"[[1, 2.5e0], [0.1, 1e-45]]")
    write("json", "middles", b"[16777217, 1.00000017881393432617187500, 3.4028235677973362e38, 7.006492321624085e-46, 123456789012345678901234567890]")
    words("json", ["1e", "e-", "-0.", "1e38", "1e-45", "00000000000000000000", "\\u00", "\\ud8", "\\udc", "true", "false", "null", "[[", "]]", "{\"", "\":"])


def other_inferences():
    """JSON of TensorFlow Serving's, for an input of (3, 2, 2), and of Hugging Face's."""
    planar, interleaved = [[[1, 2], [3, 4]]] * 3, [[[1, 2, 3]] * 2] * 2
    bodies = dict(
        rows={"signature_name": "serving_default", "instances": [{"b64": "/9j/"}, {"image": {"b64": "/9j/"}, "key": "1"}, "/9j/", planar]},
        column={"inputs": {"image": [{"b64": "/9j/"}, interleaved]}}, lone={"inputs": {"b64": "/9j/"}},
        examples={"examples": [{"image": {"b64": "/9j/"}}]})
    tasks = dict(
        one={"inputs": "/9j/", "parameters": {"top_k": 3, "function_to_apply": "sigmoid"}}, normalized={"inputs": "/9j/", "normalize": True},
        several={"inputs": ["data:image/jpeg;base64,/9j/", "https://example.com/"], "parameters": None})
    for target, values in [("tensorflow", bodies), ("huggingface", tasks)]:
        for name, value in values.items():
            write(target, name, json.dumps(value).encode())
        words(target, sorted(keys(list(values.values()))) + ["null", "true", "[", "]", "{}", "[]"])


def words(target, texts):
    """A dictionary of libFuzzer's: a quoted word a line."""
    (HERE / "Words").mkdir(exist_ok=True)
    escaped = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    (HERE / "Words" / target).write_text("".join(f'"{text}"\n' for text in escaped))


def keys(value):
    """Every key and text in a JSON value, quoted."""
    if isinstance(value, dict):
        return {f'"{key}":' for key in value} | {word for inner in value.values() for word in keys(inner)}
    if isinstance(value, list):
        return {word for inner in value for word in keys(inner)}
    return {json.dumps(value)} if isinstance(value, str) else set()


def main():
    heads()
    floats = struct.pack("<3f", 1.0, -2.5, float("nan"))
    write("safetensors", "one", safetensors([("a", "F32", [2], floats[:8])]))
    write("safetensors", "kinds", safetensors([
        ("f16", "F16", [2, 1], b"\x00\x3c\x00\xfc"), ("bf16", "BF16", [1, 2], b"\x80\x3f\x00\x40"), ("f64", "F64", [], b"\0" * 8),
        ("i64", "I64", [1], b"\0" * 8), ("bool", "BOOL", [3], b"\1\0\1"), ("nothing", "F32", [0, 7], b""),
        ("nan", "F32", [3], floats),
    ], {"format": "pt"}))
    write("safetensors", "hole", struct.pack("<Q", 64) + b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}'.ljust(64) + b"\0\0")

    disposition = b'Content-Disposition: form-data; name="image"; filename="a \\"cat\\".jpg"'
    write("multipart", "two", form((disposition + b"\r\nContent-Type: image/jpeg", b"\xff\xd8"), (b'content-disposition: form-data; name=x', b"")))
    write("multipart", "near", form((disposition, b"\r\n--\r\n--bb\r\n--c\r\n-"), (b"", b"--b")))
    write("multipart", "preamble", b"\x01\x01preamble\r\n--b  \r\nContent-Disposition: form-data; filename*=UTF-8''%e2%82%ac\r\n\r\nx\r\n--b--")
    write("multipart", "type", b"\x00\x00multipart/form-data; boundary=\"a b\"; x=y")

    write("config", "plain", json.dumps({"architecture": "seresnet50", "num_classes": 1000}).encode())
    write("config", "full", json.dumps({
        "architecture": "seresnext50_32x4d", "num_classes": 2, "num_features": 2048, "global_pool": "avg",
        "model_args": {"layers": [1, 1, 1, 1], "channels": [16, 32, 48, 64], "stem_width": 8, "stem_type": "deep", "avg_down": True,
                       "cardinality": 2, "base_width": 64, "in_chans": 3,
                       "block_args": {"attn_layer": "se", "attn_kwargs": {"rd_ratio": 0.25, "rd_divisor": 8}}},
        "pretrained_cfg": {"tag": "x", "input_size": [3, 64, 64], "interpolation": "bilinear", "crop_pct": 0.95, "crop_mode": "border",
                           "test_input_size": [3, 80, 80], "test_crop_pct": 1.0,
                           "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "label_names": ["a", "b"],
                           "label_descriptions": {"a": "A"}, "license": "mit"},
    }).encode())
    write("config", "legacy", json.dumps({"architecture": "legacy_seresnet18", "label_names": []}).encode())
    write("config", "operations", json.dumps({
        "architecture": "mine", "pretrained_cfg": {"input_size": [3, 32, 32], "input_space": "BGR", "input_range": [0, 255]},
        "network": json.loads((HERE.parent / "SENetTests/Fixtures/operations/drawn00.json").read_text())["config"]["network"],
    }).encode())
    write("config", "variant", json.dumps({
        "architecture": "resnet18", "model_args": {"se": {
            "reduction": 4, "squeeze": "max", "excitation": "tanh", "placement": "pre", "stages": [2, 5]}},
    }).encode())
    write("config", "flat", json.dumps({
        "architecture": "gluon_seresnext50_32x4d", "num_classes": 2, "input_size": [3, 64, 64], "crop_pct": 1.0, "labels": ["a", "b"],
        "classifier": "fc", "label_offset": 0, "global_pool": "avg",
    }).encode())
    write("config", "wrapper", json.dumps({
        "architecture": "seresnet18", "architectures": ["TimmWrapperForImageClassification"], "id2label": {"0": "a", "2": "c"},
        "num_classes": 3, "problem_type": "multi_label_classification", "pretrained_cfg": {"label_names": {"1": "b"}},
    }).encode())
    inferences()
    other_inferences()
    write("pytorch", "training", training_checkpoint())
    configurations = [json.loads(file.read_text()) for file in sorted((SEEDS / "config").iterdir())]
    words("config", sorted(set().union(*map(keys, configurations))) + ["1e400", "-1", "9223372036854775807", "null", "true", "[]", "{}"])
    words("safetensors", ['"dtype":', '"shape":', '"data_offsets":', '"__metadata__":', *(f'"{kind}"' for kind in [
        "F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"]), "18446744073709551615"])
    words("multipart", ["--b", "--b--", "Content-Disposition: form-data; name=", "filename=", "filename*=UTF-8''", "boundary="])
    write("pytorch", "zip", checkpoint(True))
    write("pytorch", "older", checkpoint(False))


if __name__ == "__main__":
    main()
