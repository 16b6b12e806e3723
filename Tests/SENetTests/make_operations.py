#!/usr/bin/env python3
"""Writes Fixtures/operations: networks as lists of operations, drawn at random, and what PyTorch makes of them with weights by formula.

    python3 -m venv venv && venv/bin/pip install torch torchvision timm numpy pillow
    venv/bin/python make_operations.py

Uses the formula of ../shared/golden/make_golden.py. Every kind of operation is there, with channels that no block of 16 divides.
"""
import json, os, random, sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../../../shared/golden")
import torch, torch.nn.functional as F
from timm.layers import BlurPool2d
from make_golden import input_tensor, tensor

FUNCTIONS = dict(relu=F.relu, sigmoid=torch.sigmoid, tanh=torch.tanh, silu=F.silu)
GLOBAL = dict(average=lambda x: x.mean((2, 3), keepdim=True), max=lambda x: x.amax((2, 3), keepdim=True))

def run(network, x):
    """The logits, in the precision of `x`: an interpreter of `config.json`'s operations."""
    values = {"input": x}
    for op in network["operations"]:
        name, (first, *rest) = op["name"], [values[i] for i in op["inputs"]]
        weight = lambda suffix, *shape: tensor(f"{name}.{suffix}", shape).to(x.dtype)
        kind = op["operation"]
        if kind == "convolution":
            shape = (op["out_channels"], op["in_channels"] // op["groups"], op["kernel_size"], op["kernel_size"])
            bias = weight("bias", shape[0]) if op["bias"] else None
            y = F.conv2d(first, weight("weight", *shape), bias, op["stride"], op["padding"], groups=op["groups"])
        elif kind == "batch_norm":
            c = op["channels"]
            y = F.batch_norm(first, weight("running_mean", c), weight("running_var", c), weight("weight", c), weight("bias", c), eps=op["eps"])
        elif kind == "activation": y = FUNCTIONS[op["function"]](first)
        elif kind == "pooling" and op["operator"] == "max":
            y = F.max_pool2d(first, op["kernel_size"], op["stride"], op["padding"], ceil_mode=op["ceil_mode"])
        elif kind == "pooling":
            y = F.avg_pool2d(first, op["kernel_size"], op["stride"], op["padding"], op["ceil_mode"], op["count_include_pad"])
        elif kind == "blur_pooling":
            mode = dict(reflect="reflect", zeros="constant")[op["padding"]]
            y = BlurPool2d(first.shape[1], stride=op["stride"], pad_mode=mode).to(x.dtype)(first)
        elif kind == "global_pooling": y = GLOBAL[op["operator"]](first)
        elif kind == "linear":
            n, m = op["in_features"], op["out_features"]
            y = F.linear(first.flatten(1), weight("weight", m, n), weight("bias", m))[:, :, None, None]
        elif kind == "gate":
            c, h = op["channels"], op["hidden"]
            y = F.relu(F.conv2d(GLOBAL[op["squeeze"]](first), weight("fc1.weight", h, c, 1, 1), weight("fc1.bias", h)))
            y = FUNCTIONS[op["excitation"]](F.conv2d(y, weight("fc2.weight", c, h, 1, 1), weight("fc2.bias", c)))
        elif kind == "scale": y = first * rest[0]
        elif kind == "add": y = first + rest[0]
        elif kind == "concatenation": y = torch.cat([first, *rest], 1)
        values[name] = y
    return y.flatten(1)

class Draw:
    """A network drawn at random: a stem, blocks of every sort in any order, a classifier."""
    def __init__(self, seed):
        self.random, self.operations = random.Random(seed), []
        value = self.convolution("input", 3, self.width(), kernel=self.random.choice((3, 7)), stride=2)
        for block in self.random.sample((self.inception, self.pre, self.residual, self.squeezed, self.pooled, self.blurred), 6):
            value = block(*value)
        value = self.vector(*value)
        self.append("linear", value[:1], in_features=value[1], out_features=7)

    def append(self, kind, inputs, **keys):
        name = f"{len(self.operations):02}_{kind}"
        self.operations.append(dict(name=name, operation=kind, inputs=list(inputs), **keys))
        return name

    def width(self): return self.random.choice((5, 16, 17, 24, 32, 40, 48))

    def act(self, value, functions=tuple(FUNCTIONS)): return self.append("activation", [value], function=self.random.choice(functions))

    def norm(self, value, channels): return self.append("batch_norm", [value], channels=channels, eps=self.random.choice((1e-5, 1e-3)))

    def convolution(self, value, channels, outputs, kernel=None, stride=1, groups=1):
        kernel = kernel or self.random.choice((1, 3, 5))
        bias = self.random.random() < 0.3
        y = self.append("convolution", [value], in_channels=channels, out_channels=outputs, kernel_size=kernel, stride=stride,
                        padding=kernel // 2, groups=groups, bias=bias)
        if self.random.random() < 0.7: y = self.norm(y, outputs)
        return (self.act(y) if self.random.random() < 0.7 else y), outputs

    def inception(self, value, channels):
        widths = [self.width() for _ in range(self.random.choice((2, 3, 4)))]
        branches = [self.convolution(value, channels, width)[0] for width in widths]
        if self.random.random() < 0.5:
            branches.append(self.append("pooling", [value], operator="max", kernel_size=3, stride=1, padding=1, ceil_mode=False, count_include_pad=False))
            widths.append(channels)
        return self.append("concatenation", branches), sum(widths)

    def pre(self, value, channels):
        y = self.norm(value, channels)
        return self.residual_sum(value, self.convolution(self.act(y), channels, channels)[0]), channels

    def residual(self, value, channels):
        y, width = self.convolution(value, channels, 4 * self.width())
        y, _ = self.convolution(y, width, channels, groups=self.random.choice([g for g in (1, 2, 4) if width % g == channels % g == 0]))
        return self.residual_sum(self.gated(y, channels), value), channels

    def residual_sum(self, a, b):
        y = self.append("add", self.random.sample([a, b], 2))
        return self.act(y) if self.random.random() < 0.7 else y

    def gated(self, value, channels):
        gate = self.append("gate", [value], channels=channels, hidden=self.random.choice((2, 8, 20)), squeeze=self.random.choice(("average", "max")),
                           excitation=self.random.choice(("sigmoid", "relu", "tanh")))
        return self.append("scale", [value, gate])

    def squeezed(self, value, channels):
        """A gate of separate operations."""
        y = self.append("global_pooling", [value], operator=self.random.choice(("average", "max")))
        y, hidden = self.convolution(y, channels, self.width(), kernel=1)
        y, _ = self.convolution(y, hidden, channels, kernel=1)
        return self.append("scale", [value, self.act(y, ("sigmoid", "tanh"))]), channels

    def pooled(self, value, channels):
        kernel, padding = self.random.choice(((2, 0), (3, 0), (3, 1)))
        return self.append("pooling", [value], operator=self.random.choice(("average", "average", "max")), kernel_size=kernel, stride=2, padding=padding,
                           ceil_mode=self.random.random() < 0.5, count_include_pad=self.random.random() < 0.5), channels

    def blurred(self, value, channels):
        return self.append("blur_pooling", [value], stride=self.random.choice((1, 2)), padding=self.random.choice(("reflect", "zeros"))), channels

    def vector(self, value, channels):
        """Both global poolings, for a linear layer or for a concatenation."""
        pools = [self.append("global_pooling", [value], operator=operator) for operator in ("average", "max")]
        if self.random.random() < 0.5: return pools[0], channels
        y = self.append("concatenation", pools)
        y = self.append("linear", [y], in_features=2 * channels, out_features=33)
        return self.act(y), 33

def record(seed):
    operations = Draw(seed).operations
    read = {i for op in operations for i in op["inputs"]} | {operations[-1]["name"]}
    name, shape = f"drawn{seed}", (2, 3, 40 + seed % 5, 33 + seed % 7)
    network = dict(name=name, input_channels=3, operations=[op for op in operations if op["name"] in read])
    x = input_tensor(shape)
    with torch.no_grad(): single, double = run(network, x).double(), run(network, x.double())
    top = double.topk(6, dim=1)
    gap = float((top.values[:, :-1] - top.values[:, 1:]).min() / double.abs().max())
    config = dict(architecture=name, num_classes=7, network=network, pretrained_cfg=dict(input_size=[3, *shape[2:]]))
    return gap, dict(config=config, input_shape=list(shape), float32_error=float((single - double).abs().max()), max_abs=float(double.abs().max()),
                     top5=top.indices[:, :5].tolist(), logits=[[float(f"{v:.12g}") for v in row] for row in double.tolist()])

def main():
    folder = f"{HERE}/Fixtures/operations"
    os.makedirs(folder, exist_ok=True)
    written = 0
    for seed in range(100):
        gap, case = record(seed)
        # Of logits that are closer together than the tolerance, the order says nothing.
        if gap < 1e-3 or written == 12: continue
        json.dump(case, open(f"{folder}/drawn{seed:02}.json", "w"))
        written += 1
        print(seed, len(case["config"]["network"]["operations"]), f"gap {gap:.1g} max {case['max_abs']:.3g} float32 error {case['float32_error']:.1g}")

if __name__ == "__main__":
    main()
