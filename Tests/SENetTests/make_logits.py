#!/usr/bin/env python3
"""Writes Fixtures/logits: what timm computes for networks with weights by formula, beside those of ../shared/golden.

    python3 -m venv venv && venv/bin/pip install torch torchvision timm numpy pillow
    venv/bin/python make_logits.py [number ...]

Uses the formula and the record of ../shared/golden/make_golden.py. The two deepest networks are shortened: at full depth float32 itself
is off by more than the logits differ.
"""
import functools, json, os, sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../../../shared/golden")
import timm, torch
from timm.layers import BlurPool2d
import make_golden
from make_golden import hub_config

CASES = [(name, (1, 3, 96, 96), {}) for name in (
    "seresnet34", "seresnet50t", "seresnet101", "seresnet152", "seresnext101_32x4d", "seresnext101_64x4d", "seresnext101d_32x8d",
    "legacy_seresnet34", "legacy_seresnet101", "legacy_seresnet152", "legacy_seresnext26_32x4d", "legacy_seresnext101_32x4d",
    "resnet18", "resnet50", "resnet50d", "resnet101", "resnext50_32x4d", "resnext101_32x8d")]
CASES += [
    ("seresnet200d", (1, 3, 96, 96), dict(layers=(2, 3, 4, 2))),
    ("seresnet269d", (1, 3, 96, 96), dict(layers=(2, 2, 3, 3))),
    ("seresnet50", (2, 3, 75, 101), dict(num_classes=37)),
    ("seresnext50_32x4d", (1, 3, 32, 32), dict(num_classes=7)),
    ("seresnext26t_32x4d", (1, 3, 130, 67), dict(num_classes=200)),
    ("legacy_seresnet50", (1, 3, 61, 90), dict(num_classes=11)),
    ("seresnet18", (1, 3, 64, 48), dict(num_classes=10, channels=(24, 40, 72, 104), layers=(1, 2, 1, 1))),
    ("seresnet50", (1, 3, 64, 64), dict(num_classes=10, in_chans=1)),
    ("resnet26", (1, 3, 64, 64), dict(num_classes=10, stem_width=24, stem_type="deep_tiered", avg_down=True, block_args=dict(attn_layer="se"))),
    ("seresnext50_32x4d", (1, 3, 64, 64), dict(num_classes=10, cardinality=8, base_width=16)),
]
# The blur pooling that timm names "blurpc" pads with zeros.
BLUR = dict(blur=BlurPool2d, blurpc=functools.partial(BlurPool2d, pad_mode="constant"), avg=torch.nn.AvgPool2d)
CASES += [
    ("seresnext26ts", (2, 3, 96, 96), {}),
    ("seresnext26ts", (1, 3, 65, 130), dict(num_classes=10)),
    ("seresnet33ts", (1, 3, 75, 64), dict(num_classes=10, in_chans=1)),
    ("seresnetaa50d", (1, 3, 96, 64), dict(num_classes=11821)),
    ("seresnextaa201d_32x8d", (1, 3, 64, 64), dict(layers=(1, 2, 2, 1), num_classes=10)),
    ("senet154", (1, 3, 75, 64), dict(layers=(1, 2, 1, 1), channels=(32, 64, 64, 128), num_classes=10)),
    ("resnetrs50", (2, 3, 96, 96), {}),
    ("resnetrs101", (1, 3, 77, 64), dict(layers=(1, 1, 2, 1), num_classes=10)),
    ("resnetblur18", (1, 3, 75, 64), dict(num_classes=10)),
    ("resnetblur50d", (1, 3, 65, 64), dict(layers=(1, 1, 1, 1), num_classes=10)),
    ("resnetaa50", (1, 3, 64, 64), dict(layers=(1, 1, 1, 1), num_classes=10)),
    ("seresnet50", (1, 3, 66, 64), dict(layers=(1, 1, 1, 1), num_classes=10, aa_layer="blurpc", replace_stem_pool=True, down_kernel_size=3)),
    ("seresnext50_32x4d", (1, 3, 64, 64), dict(layers=(1, 1, 1, 1), num_classes=10, aa_layer="blur", replace_stem_pool=True, act_layer="silu")),
    ("seresnet34", (1, 3, 64, 64), dict(layers=(1, 1, 1, 1), num_classes=10, aa_layer="avg", act_layer="tanh")),
]

def main():
    folder = f"{HERE}/Fixtures/logits"
    os.makedirs(folder, exist_ok=True)
    for index, (name, shape, arguments) in enumerate(CASES):
        shape = (shape[0], arguments.get("in_chans", 3), *shape[2:])
        path = f"{folder}/{index:02}-{name}.json"
        if sys.argv[1:] and f"{index:02}" not in sys.argv[1:]: continue
        blur = {key: BLUR[word] for key, word in arguments.items() if key == "aa_layer"}
        # timm cannot write the class as JSON: the configuration is the plain model's, to which the arguments are added below.
        make_golden.hub_config = (lambda _: hub_config(timm.create_model(name, num_classes=10))) if blur else hub_config
        make_golden.logits(name, shape, path, **arguments | blur)
        record = json.load(open(path))
        record["config"]["model_args"] = {k: v for k, v in record["config"].get("model_args", {}).items()} | arguments
        record["logits"] = [[float(f"{v:.9g}") for v in row] for row in record["logits"]]
        json.dump(record, open(path, "w"))

if __name__ == "__main__":
    main()
