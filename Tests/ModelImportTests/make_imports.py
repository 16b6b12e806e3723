#!/usr/bin/env python3
"""Writes Fixtures: small Caffe models and PyTorch checkpoints, what Caffe's arithmetic and PyTorch compute for them, and files that
must be refused.

    python3 -m venv venv && venv/bin/pip install torch torchvision timm numpy pillow
    venv/bin/python make_imports.py

Weights by the formula of ../shared/golden/README.md. Each NAME.json has the input's shape and the logits in float64.
"""
import collections, io, json, math, os, pickle, re, struct, sys, zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../../../shared/golden")
import make_caffe, make_golden
import timm, torch, torch.nn as nn
from timm.models import senet

OUT = f"{HERE}/Fixtures"

def record(name, shape, single, double):
    logits = [[float(f"{v:.9g}") for v in row] for row in double.flatten(1).tolist()]
    top5 = double.flatten(1).topk(min(5, double.shape[1])).indices.tolist()
    json.dump(dict(input_shape=list(shape), float32_error=float((single.double() - double).abs().max()), max_abs=float(double.abs().max()),
                   top5=top5, logits=logits), open(f"{OUT}/{name}.json", "w"))

# Caffe

def layer(name, kind, bottoms, top, **params):
    text = f'layer {{ name: "{name}" type: "{kind}" ' + " ".join(f'bottom: "{b}"' for b in bottoms) + f' top: "{top}"'
    for key, values in params.items():
        text += f" {key} {{ " + " ".join(f"{k}: {v}" for k, v in values.items()) + " }"
    return text + " }\n"

def conv(name, bottom, outputs, kernel=1, stride=1, pad=0, group=1, relu=True):
    """Convolution, BatchNorm, Scale and ReLU, in place as the authors' networks have them."""
    param = dict(num_output=outputs, bias_term="false", pad=pad, kernel_size=kernel, stride=stride, group=group)
    text = layer(name, "Convolution", [bottom], name, convolution_param=param)
    text += layer(f"{name}/bn", "BatchNorm", [name], name, batch_norm_param=dict(use_global_stats="true"))
    text += layer(f"{name}/bn/scale", "Scale", [name], name, scale_param=dict(bias_term="true"))
    return text + (layer(f"{name}/relu", "ReLU", [name], name) if relu else "")

def gate(name, bottom, channels, hidden):
    text = layer(f"{name}_global_pool", "Pooling", [bottom], f"{name}_global_pool", pooling_param=dict(pool="AVE", engine="CAFFE", global_pooling="true"))
    text += layer(f"{name}_1x1_down", "Convolution", [f"{name}_global_pool"], f"{name}_1x1_down", convolution_param=dict(num_output=hidden, kernel_size=1))
    text += layer(f"{name}_1x1_down/relu", "ReLU", [f"{name}_1x1_down"], f"{name}_1x1_down")
    text += layer(f"{name}_1x1_up", "Convolution", [f"{name}_1x1_down"], f"{name}_1x1_up", convolution_param=dict(num_output=channels, kernel_size=1))
    return text + layer(f"{name}_prob", "Sigmoid", [f"{name}_1x1_up"], f"{name}_1x1_up")

def head(bottom, window):
    text = layer("pool5", "Pooling", [bottom], "pool5", pooling_param=dict(pool="AVE", kernel_size=window, stride=1))
    text += layer("dropout", "Dropout", ["pool5"], "pool5", dropout_param=dict(dropout_ratio=0.2))
    return text + layer("classifier", "InnerProduct", ["pool5"], "classifier", inner_product_param=dict(num_output=10)) + layer("prob", "Softmax", ["classifier"], "prob")

INPUT = 'name: "{}"\n# mean_value: 104, 117, 123\nlayer {{ name: "data" type: "Input" top: "data" input_param: {{ shape: {{ dim: 1 dim: 3 dim: 45 dim: 45 }} }} }}\n'

def residual():
    """Two bottlenecks, one of them grouped, with Axpy; 45 pixels, so that rounding up matters."""
    text = INPUT.format("tiny SE-ResNet") + conv("conv1/7x7_s2", "data", 12, 7, 2, 3)
    text += layer("pool1/3x3_s2", "Pooling", ["conv1/7x7_s2"], "pool1/3x3_s2", pooling_param=dict(pool="MAX", kernel_size=3, stride=2))
    text += conv("conv2_1_1x1_reduce", "pool1/3x3_s2", 8) + conv("conv2_1_3x3", "conv2_1_1x1_reduce", 8, 3, 1, 1, group=2)
    text += conv("conv2_1_1x1_increase", "conv2_1_3x3", 20, relu=False) + gate("conv2_1", "conv2_1_1x1_increase", 20, 4)
    text += conv("conv2_1_1x1_proj", "pool1/3x3_s2", 20, relu=False)
    text += layer("conv2_1", "Axpy", ["conv2_1_1x1_up", "conv2_1_1x1_increase", "conv2_1_1x1_proj"], "conv2_1") + layer("conv2_1/relu", "ReLU", ["conv2_1"], "conv2_1")
    text += conv("conv3_1_1x1_reduce", "conv2_1", 8, 1, 2) + conv("conv3_1_3x3", "conv3_1_1x1_reduce", 8, 3, 1, 1)
    text += conv("conv3_1_1x1_increase", "conv3_1_3x3", 24, relu=False) + gate("conv3_1", "conv3_1_1x1_increase", 24, 4)
    text += conv("conv3_1_1x1_proj", "conv2_1", 24, 1, 2, relu=False)
    text += layer("conv3_1", "Axpy", ["conv3_1_1x1_up", "conv3_1_1x1_increase", "conv3_1_1x1_proj"], "conv3_1") + layer("conv3_1/relu", "ReLU", ["conv3_1"], "conv3_1")
    return text + head("conv3_1", 6)

def inception():
    """One module with concatenation, padded average pooling, and a gate by Reshape and Scale; a fully connected layer on 3 x 3 pixels."""
    text = INPUT.format("tiny SE-Inception") + conv("conv1/7x7_s2", "data", 12, 7, 2, 3)
    text += layer("pool1/3x3_s2", "Pooling", ["conv1/7x7_s2"], "pool1/3x3_s2", pooling_param=dict(pool="MAX", kernel_size=3, stride=2))
    text += conv("a/1x1", "pool1/3x3_s2", 8) + conv("a/3x3_reduce", "pool1/3x3_s2", 6) + conv("a/3x3", "a/3x3_reduce", 10, 3, 1, 1)
    text += layer("a/pool", "Pooling", ["pool1/3x3_s2"], "a/pool", pooling_param=dict(pool="AVE", kernel_size=3, stride=1, pad=1)) + conv("a/pool_proj", "a/pool", 5)
    text += layer("a/concat", "Concat", ["a/1x1", "a/3x3", "a/pool_proj"], "a/concat") + gate("a", "a/concat", 23, 4)
    text += 'layer { name: "a_prob_reshape" type: "Reshape" bottom: "a_1x1_up" top: "a_prob_reshape" reshape_param { shape { dim: 0 dim: 0 } } }\n'
    text += layer("a_scale", "Scale", ["a/concat", "a_prob_reshape"], "a/output", scale_param=dict(axis=0, bias_term="false"))
    text += layer("pool2", "Pooling", ["a/output"], "pool2", pooling_param=dict(pool="AVE", kernel_size=3, stride=4, pad=1))
    return text + layer("classifier", "InnerProduct", ["pool2"], "classifier", inner_product_param=dict(num_output=10)) + layer("prob", "Softmax", ["classifier"], "prob")

def caffe(name, text):
    net, layers, shape = make_caffe.parse(text), [], (1, 3, 45, 45)
    x = make_caffe.source(shape)
    make_caffe.run(net, x, layers)
    open(f"{OUT}/{name}.caffemodel", "wb").write(make_caffe.encode(net, layers))
    record(name, shape, make_caffe.run(net, x), make_caffe.run(net, x.double()))
    return text

# PyTorch

class Port(nn.Module):
    """timm's port of the authors' networks, smaller than it can be made by arguments: the same modules under the same names."""
    def __init__(self, block, groups, deep=False, kernel=1):
        super().__init__()
        stem = []
        for i, (a, b) in enumerate([(3, 8), (8, 8), (8, 16)] if deep else [(3, 16)]):
            stem += [(f"conv{i + 1}", nn.Conv2d(a, b, 3 if deep else 7, 2 if i == 0 else 1, 1 if deep else 3, bias=False)), (f"bn{i + 1}", nn.BatchNorm2d(b)), (f"relu{i + 1}", nn.ReLU())]
        self.layer0 = nn.Sequential(collections.OrderedDict(stem))
        self.pool0 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        inputs = 16
        for stage, (planes, blocks, stride) in enumerate([(16, 1, 1), (24, 2, 2)]):
            modules = []
            for i in range(blocks):
                s, k = (stride, 1 if stage == 0 else kernel) if i == 0 else (1, 1)
                down = nn.Sequential(nn.Conv2d(inputs, 4 * planes, k, s, k // 2, bias=False), nn.BatchNorm2d(4 * planes)) if i == 0 else None
                modules.append(block(inputs, planes, groups, 4, s, down))
                inputs = 4 * planes
            setattr(self, f"layer{stage + 1}", nn.Sequential(*modules))
        self.last_linear = nn.Linear(inputs, 10)
    def forward(self, x):
        return self.last_linear(self.layer2(self.layer1(self.pool0(self.layer0(x)))).mean((2, 3)))

def plain():
    return timm.create_model("seresnet50", layers=(1, 2, 1, 1), channels=(8, 12, 8, 8), num_classes=10)

@torch.no_grad()
def checkpoint(name, model, dtype=torch.float32, rename=lambda k: k, wrap=lambda s: s, old=False, change=None):
    make_golden.fill(model)
    for key, value in model.state_dict().items():
        if change: change(key, value)
        if value.is_floating_point(): value.copy_(value.to(dtype).to(torch.float32))
    state = collections.OrderedDict((rename(k), v.to(dtype) if v.is_floating_point() else v) for k, v in model.state_dict().items() if rename(k))
    if change: state = collections.OrderedDict((k, change(k, v)) for k, v in state.items())
    torch.save(wrap(state), f"{OUT}/{name}.pth", _use_new_zipfile_serialization=not old)
    x = make_golden.input_tensor((1, 3, 61, 50))
    record(name, x.shape, model.eval()(x), model.double()(x.double()))

def fc_names(key):
    """A gate of two linear layers without bias, in a Sequential."""
    if re.search(r"\.se\.fc\d\.bias", key): return None
    return re.sub(r"\.se\.fc([12])", lambda m: f".se.fc.{2 * int(m[1]) - 2}", re.sub(r"^fc\.", "linear.", key))

def without_bias(key, value):
    if re.search(r"\.se\.fc\d\.bias", key): value.zero_()
    return value.flatten(1) if ".se.fc." in key and value.dim() == 4 else value

def residual_names(key):
    """`stages.0.0.residual.3`, `se.1`, `shortcut.0`."""
    if not key.startswith("layer"): return key.replace("fc.", "head.fc.")
    key = re.sub(r"^layer(\d)", lambda m: f"stages.{int(m[1]) - 1}", key).replace("downsample", "shortcut")
    key = re.sub(r"\.conv(\d)", lambda m: f".residual.{3 * int(m[1]) - 3}", key)
    key = re.sub(r"\.bn(\d)", lambda m: f".residual.{3 * int(m[1]) - 2}", key)
    return re.sub(r"\.se\.fc(\d)", lambda m: f".se.{2 * int(m[1]) - 1}", key)

# What must be refused.

class Call:
    def __init__(self, function, *arguments): self.call = (function, arguments)
    def __reduce__(self): return self.call

def archive(name, pickled, members=(), method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(f"{OUT}/{name}.pth", "w", method) as file:
        file.writestr("archive/data.pkl", pickled)
        for key, data in members: file.writestr(f"archive/data/{key}", data)
        file.writestr("archive/version", "3\n")

def tensor_pickle(count, shape, strides, offset=0):
    """`{"weight": tensor}` by hand: torch refuses to write what lies."""
    def text(s): return b"X" + struct.pack("<I", len(s)) + s.encode()
    def integer(n): return b"\x8a" + bytes([8]) + struct.pack("<q", n)
    def tuple_(values): return b"(" + b"".join(map(integer, values)) + b"t"
    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + integer(count) + b"tQ"
    rebuilt = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + integer(offset) + tuple_(shape) + tuple_(strides) + b"\x89ccollections\nOrderedDict\n)RtR"
    return b"\x80\x02}" + text("weight") + rebuilt + b"s."

def refused():
    archive("refused-os-system", pickle.dumps(Call(os.system, "true"), protocol=2))
    archive("refused-eval", pickle.dumps({"state_dict": Call(eval, "1 + 1")}, protocol=4))
    archive("refused-object", pickle.dumps({"model": Port.__new__(Port).__class__}, protocol=2))
    archive("refused-nesting", b"\x80\x02" + b"]" * 60_000 + b"a" * 59_999 + b".")
    archive("refused-claim", tensor_pickle(1 << 30, [1 << 30], [1]), [("0", b"\0" * 64)])
    archive("refused-view", tensor_pickle(16, [1 << 15, 1 << 15], [0, 0]), [("0", b"\0" * 64)])
    archive("refused-overflow", tensor_pickle(16, [1 << 40, 1 << 40], [1, 1]), [("0", b"\0" * 64)])
    archive("refused-string", b"\x80\x04\x8d" + struct.pack("<Q", 1 << 32) + b"abc.")
    archive("refused-bomb", tensor_pickle(1 << 22, [1 << 22], [1]), [("0", b"\0" * (1 << 24))], zipfile.ZIP_DEFLATED)

if __name__ == "__main__":
    os.makedirs(OUT, exist_ok=True)
    text = caffe("residual", residual())
    # The same by a Scale with two bottoms and an Eltwise, the data split in two: to be read with the blobs of the other.
    open(f"{OUT}/eltwise.prototxt", "w").write(re.sub(
        r'layer \{ name: "(\w+)" type: "Axpy" bottom: "(\w+)" bottom: "(\w+)" bottom: "(\w+)" top: "\w+" \}',
        lambda m: layer(f"{m[1]}_scale", "Scale", [m[3], m[2]], f"{m[1]}_scale", scale_param=dict(axis=0)) + layer(f"{m[1]}_split", "Split", [m[4]], f"{m[1]}_copy")
        + layer(m[1], "Eltwise", [f"{m[1]}_scale", f"{m[1]}_copy"], m[1], eltwise_param=dict(operation="SUM")).rstrip(), text))
    caffe("inception", inception())
    checkpoint("timm", plain())
    checkpoint("older", plain(), old=True, wrap=lambda s: dict(epoch=3, best=0.25, state_dict=s, optimizer=dict(state={}, param_groups=[dict(lr=0.1, betas=(0.9, 0.999))])), rename=lambda k: f"module.{k}")
    checkpoint("float16", plain(), torch.float16, wrap=lambda s: dict(model=s))
    checkpoint("bfloat16", plain(), torch.bfloat16)
    checkpoint("float64", plain(), torch.float64, old=True)
    checkpoint("channels-last", plain().to(memory_format=torch.channels_last), torch.float16)
    checkpoint("cadene", Port(senet.SEResNetBottleneck, 1), torch.float16)
    checkpoint("cadene-grouped", Port(senet.SEResNeXtBottleneck, 4), torch.float16)
    checkpoint("gluon-senet", Port(senet.SEBottleneck, 8, deep=True, kernel=3), torch.float16)
    checkpoint("linear-gates", plain(), torch.float16, fc_names, change=without_bias)
    checkpoint("residual-names", plain(), torch.float16, residual_names)
    checkpoint("deep-stem", timm.create_model("resnet50d", block_args=dict(attn_layer="se"), layers=(1, 2, 1, 1), channels=(8, 12, 8, 8), stem_width=8, num_classes=10), torch.float16)
    checkpoint("basic", timm.create_model("seresnet18", layers=(1, 2, 1, 1), channels=(8, 12, 8, 8), num_classes=10), torch.float16)
    refused()
