#!/usr/bin/env python3
"""Writes Fixtures/maps: class activation maps by timm and PyTorch, of networks with weights by formula.

    python3 -m venv venv && venv/bin/pip install torch torchvision timm numpy pillow
    venv/bin/python make_maps.py

Uses the formula of ../shared/golden/make_golden.py. Each file holds the network's config.json, the input's shape, and the maps (N, classes, H, W):
the classifier's weight times `forward_features(x)` in float64, with PyTorch's own float32 error beside them.
"""
import json, os, sys
import timm, torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../../../shared/golden")
import make_golden

CASES = [
    ("seresnet18", (2, 3, 96, 64), dict(num_classes=5, channels=(24, 40, 72, 104), layers=(1, 2, 1, 1))),
    ("seresnext50_32x4d", (2, 3, 64, 80), dict(num_classes=5, layers=(1, 1, 1, 1), cardinality=8, base_width=16, channels=(16, 32, 48, 64))),
    ("legacy_seresnet18", (1, 3, 75, 64), dict(num_classes=5)),
    ("seresnet33ts", (1, 3, 64, 96), dict(num_classes=5)),
]

@torch.no_grad()
def main():
    folder = f"{HERE}/Fixtures/maps"
    os.makedirs(folder, exist_ok=True)
    for name, shape, arguments in CASES:
        model = make_golden.fill(timm.create_model(name, pretrained=False, **arguments))
        config = make_golden.hub_config(model)
        config["model_args"] = config.get("model_args", {}) | arguments
        maps = lambda x: torch.einsum("oc,nchw->nohw", model.get_classifier().weight, model.forward_features(x))
        x = make_golden.input_tensor(shape)
        single = maps(x).double()
        model.double()
        double = maps(x.double())
        # What they are by definition.
        logits = double.mean((2, 3)) + model.get_classifier().bias
        assert torch.allclose(logits, model(x.double()), rtol=1e-9, atol=1e-9)
        record = dict(
            config=config, input_shape=list(shape), float32_error=float((single - double).abs().max()), max_abs=float(double.abs().max()),
            height=double.shape[2], width=double.shape[3],
            maps=[[[float(f"{v:.9g}") for v in one.flatten().tolist()] for one in image] for image in double])
        json.dump(record, open(f"{folder}/{name}.json", "w"))
        print(name, tuple(double.shape), f"max {record['max_abs']:.3g}, float32 error {record['float32_error']:.1g}")

if __name__ == "__main__":
    main()
