#!/usr/bin/env python3
"""Writes Fixtures/features: what timm gives before the classifier, pooled, of networks with weights by formula.

    python3 -m venv venv && venv/bin/pip install torch torchvision timm numpy pillow
    venv/bin/python make_features.py

Uses the formula of ../shared/golden/make_golden.py. Each file holds the network's config.json, the input's shape, and the features (N, C) by
`forward_head(forward_features(x), pre_logits=True)` in float64, with timm's own float32 error beside them.
"""
import json, os, sys
import timm, torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../../../shared/golden")
import make_golden

CASES = [
    ("seresnet18", (3, 3, 64, 48), dict(num_classes=5, channels=(24, 40, 72, 104), layers=(1, 2, 1, 1))),
    ("seresnext50_32x4d", (2, 3, 64, 80), dict(num_classes=5, layers=(1, 1, 1, 1), cardinality=8, base_width=16, channels=(16, 32, 48, 64))),
    ("legacy_seresnet18", (1, 3, 75, 64), dict(num_classes=5)),
    ("seresnet33ts", (1, 3, 64, 64), dict(num_classes=5)),
    ("seresnet50", (1, 3, 96, 96), dict()),
]

@torch.no_grad()
def main():
    folder = f"{HERE}/Fixtures/features"
    os.makedirs(folder, exist_ok=True)
    for name, shape, arguments in CASES:
        model = make_golden.fill(timm.create_model(name, pretrained=False, **arguments))
        config = make_golden.hub_config(model)
        config["model_args"] = config.get("model_args", {}) | arguments
        features = lambda x: model.forward_head(model.forward_features(x), pre_logits=True)
        x = make_golden.input_tensor(shape)
        single = features(x).double()
        model.double()
        double = features(x.double())
        assert double.shape == (shape[0], model.num_features)
        record = dict(
            config=config, input_shape=list(shape), float32_error=float((single - double).abs().max()), max_abs=float(double.abs().max()),
            features=[[float(f"{v:.9g}") for v in row] for row in double.tolist()])
        json.dump(record, open(f"{folder}/{name}.json", "w"))
        print(name, tuple(double.shape), f"max {record['max_abs']:.3g}, float32 error {record['float32_error']:.1g}")

if __name__ == "__main__":
    main()
