#!/usr/bin/env python3
"""Writes Fixtures/variants: the SE paper's variants on small networks of every sort, computed with PyTorch on timm's ResNets.

    python3 -m venv venv && venv/bin/pip install torch torchvision timm numpy pillow
    venv/bin/python make_variants.py

The SE block and the keys of `model_args.se` are those of ../shared/golden/make_variants.py, which has them on SE-ResNet-50 alone.
"""
import json, math, os, sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../../../shared/golden")
import torch, torch.nn.functional as F, timm
from make_golden import fill, hub_config, input_tensor
from make_variants import SE

def forward(block, placement):
    def run(x):
        se = getattr(block, "se", None)
        at = lambda place, v: se(v) if se is not None and placement == place else v
        y = F.relu(block.bn1(block.conv1(at("pre", x))))
        y = block.bn2(block.conv2(y))
        if hasattr(block, "conv3"): y = block.bn3(block.conv3(at("3x3", F.relu(y))))
        y = at("standard", y)
        shortcut = at("identity", block.downsample(x) if block.downsample is not None else x)
        return at("post", F.relu(y + shortcut))
    return run

def build(name, arguments, reduction=16, squeeze="avg", excitation="sigmoid", placement="standard", stages=None):
    model = timm.create_model(name, pretrained=False, **arguments)
    for stage in range(2, 2 + len(arguments["layers"])):
        for block in getattr(model, f"layer{stage - 1}"):
            last = block.conv3 if hasattr(block, "conv3") else block.conv2
            if stages is None or stage in stages:
                channels = dict(pre=block.conv1.in_channels, **{"3x3": block.conv2.out_channels}).get(placement, last.out_channels)
                block.se = SE(channels, reduction, squeeze, excitation)
            block.forward = forward(block, placement)
    return fill(model)

BASIC = ("resnet18", dict(layers=[1, 2, 1, 1], channels=[24, 40, 48, 72]))
BOTTLENECK = ("resnet50", dict(layers=[2, 1, 1, 1], channels=[16, 24, 32, 40]))
RESNEXT = ("resnext50_32x4d", dict(layers=[1, 2, 1, 1], channels=[64, 64, 128, 128]))
DEEP = ("resnet26d", dict(layers=[1, 1, 1, 2], channels=[16, 24, 32, 40]))

CASES = [(network, variant) for network in (BASIC, BOTTLENECK, RESNEXT) for variant in (
    dict(placement="pre", reduction=4), dict(placement="post", excitation="tanh"), dict(placement="identity", squeeze="max"),
    dict(placement="3x3", reduction=2), dict(excitation="relu", stages=[3, 5]), dict(squeeze="max", excitation="tanh", reduction=32))
    if network is not BASIC or variant.get("placement") != "3x3"]
CASES += [(DEEP, dict(placement="pre", squeeze="max")), (DEEP, dict(placement="3x3", stages=[2, 4])), (DEEP, dict(placement="identity"))]

@torch.no_grad()
def main():
    folder = f"{HERE}/Fixtures/variants"
    os.makedirs(folder, exist_ok=True)
    for index, ((name, arguments), variant) in enumerate(CASES):
        arguments = {**arguments, "num_classes": 10}
        model, shape, counts = build(name, arguments, **variant), (2, 3, 64 + index, 48), []
        def count(module, _, output): counts.append(output.numel() * math.prod(module.weight.shape[1:]))
        hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear))]
        model(torch.zeros(1, 3, 224, 224))
        for hook in hooks: hook.remove()
        config = hub_config(timm.create_model(name))
        x = input_tensor(shape)
        single, double = model(x).double(), model.double()(x.double())
        top = double.topk(6, dim=1)
        record = dict(
            config=dict(architecture=name, num_classes=10, model_args={**arguments, "se": variant}, pretrained_cfg=dict(input_size=[3, 224, 224])),
            input_shape=list(shape), parameters=sum(p.numel() for p in model.parameters()), multiply_accumulates_at_224=sum(counts),
            float32_error=float((single - double).abs().max()), max_abs=float(double.abs().max()), top5=top.indices[:, :5].tolist(),
            logits=[[float(f"{v:.12g}") for v in row] for row in double.tolist()])
        gap = float((top.values[:, :-1] - top.values[:, 1:]).min() / double.abs().max())
        label = "-".join([name, *(str(v).replace(" ", "") for v in variant.values())]).replace("[", "").replace("]", "").replace(",", "+")
        print(f"{index:02} {label:40s} gap {gap:.1g} max {record['max_abs']:.3g} float32 error {record['float32_error']:.1g}")
        json.dump(record, open(f"{folder}/{index:02}-{label}.json", "w"))

if __name__ == "__main__":
    main()
