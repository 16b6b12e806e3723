#!/usr/bin/env python3
"""Writes Fixtures/gates: what timm's SE modules compute as gates, in networks with weights by formula.

    python3 -m venv venv && venv/bin/pip install torch torchvision timm numpy pillow
    venv/bin/python make_gates.py

Uses the formula of ../shared/golden/make_golden.py. Each file holds the network's config.json, the input's shape, and for each SE module,
by its name and in the order of the network, the values (N, C) that its last activation gives in float64.
"""
import json, os, sys
import timm, torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../../../shared/golden")
import make_golden

CASES = [
    ("seresnet18", (3, 3, 64, 48), dict(num_classes=5, channels=(24, 40, 72, 104), layers=(1, 2, 1, 1))),
    ("seresnext50_32x4d", (2, 3, 64, 64), dict(num_classes=5, layers=(1, 1, 1, 1), cardinality=8, base_width=16, channels=(16, 32, 48, 64))),
    ("legacy_seresnet18", (1, 3, 64, 64), dict(num_classes=5)),
]

@torch.no_grad()
def main():
    folder = f"{HERE}/Fixtures/gates"
    os.makedirs(folder, exist_ok=True)
    for name, shape, arguments in CASES:
        model = make_golden.fill(timm.create_model(name, pretrained=False, **arguments))
        config = make_golden.hub_config(model)
        config["model_args"] = config.get("model_args", {}) | arguments
        gates = []
        for path, module in model.named_modules():
            # timm calls a gate's last activation `gate`, in its networks of the authors' generation `sigmoid`.
            if path.endswith((".gate", ".sigmoid")):
                block = path.rsplit(".", 1)[0]
                module.register_forward_hook(
                    lambda _, __, output, block=block: gates.append(dict(name=block, values=output.flatten(1).tolist())))
        model.double()(make_golden.input_tensor(shape).double())
        for gate in gates:
            gate["values"] = [[float(f"{value:.8g}") for value in row] for row in gate["values"]]
        json.dump(dict(config=config, input_shape=list(shape), gates=gates), open(f"{folder}/{name}.json", "w"))
        print(name, [(gate["name"], len(gate["values"][0])) for gate in gates])

if __name__ == "__main__":
    main()
