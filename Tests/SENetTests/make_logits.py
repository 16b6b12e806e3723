#!/usr/bin/env python3
"""Writes Fixtures/logits: what timm computes for networks with weights by formula, beside those of ../shared/golden.

    python3 -m venv venv && venv/bin/pip install torch torchvision timm numpy pillow
    venv/bin/python make_logits.py

Uses the formula and the record of ../shared/golden/make_golden.py. The two deepest networks are shortened: at full depth float32 itself
is off by more than the logits differ.
"""
import json, os, sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../../../shared/golden")
import make_golden

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

def main():
    folder = f"{HERE}/Fixtures/logits"
    os.makedirs(folder, exist_ok=True)
    for index, (name, shape, arguments) in enumerate(CASES):
        shape = (shape[0], arguments.get("in_chans", 3), *shape[2:])
        path = f"{folder}/{index:02}-{name}.json"
        make_golden.logits(name, shape, path, **arguments)
        record = json.load(open(path))
        record["config"]["model_args"] = {k: v for k, v in record["config"].get("model_args", {}).items()} | arguments
        record["logits"] = [[float(f"{v:.9g}") for v in row] for row in record["logits"]]
        json.dump(record, open(path, "w"))

if __name__ == "__main__":
    main()
