"""Makes a model of timm, for measuring: a folder that excite serves, and the same network as ONNX: `make_model.py seresnet50 FOLDER`.

Its weights are random (seed 0), its batch norms' statistics those of noise, so that no activation grows without bounds.
Needs torch, timm, onnx (see requirements.txt).
"""

import argparse
import pathlib

import timm
import torch
from timm.models import save_for_hf

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("name", help="timm's name of the architecture")
parser.add_argument("folder", type=pathlib.Path)
arguments = parser.parse_args()

torch.manual_seed(0)
model = timm.create_model(arguments.name, pretrained=False)
size = model.pretrained_cfg["input_size"]
with torch.no_grad():
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            # timm starts each block's last one at zero: the network would do nothing.
            torch.nn.init.ones_(module.weight)
    model.train()
    for _ in range(3):
        model(torch.randn(4, *size))
model.eval()
arguments.folder.mkdir(parents=True, exist_ok=True)
save_for_hf(model, arguments.folder, safe_serialization=True)
torch.onnx.export(
    model, torch.randn(1, *size), arguments.folder / "model.onnx", input_names=["x"], output_names=["y"],
    dynamic_axes={"x": {0: "n"}, "y": {0: "n"}}, opset_version=17, dynamo=False)
print(f"{arguments.folder}: config.json, model.safetensors, model.onnx")
