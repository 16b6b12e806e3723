"""Writes catalogue.json: what is known of every published Squeeze-and-Excitation checkpoint.

    python3 make_catalogue.py        needs timm and safetensors

Four sources, and nothing that none of them says:
- timm's registry of pretrained configurations: address, input, interpolation, crop, licence; and its networks: parameters, and the size of
  model.safetensors, which follows from the tensors' names and shapes (it agrees with the hub's pages where those are at hand).
- timm-results.csv: the SE rows of results/results-imagenet.csv in timm's repository (accuracy on ImageNet-1k's validation set, at the size
  and crop that the row names).
- timm-model-cards.csv: the SE rows of the comparison on timm's model cards, for the sizes that results-imagenet.csv does not have. They
  name no crop. And HUB_SHA256, from the pages of the files themselves.
- the table of github.com/hujie-frank/SENet for the authors' Caffe models (errors of a 224 x 224 crop from a shorter edge of 256).
"""

import csv
import json
import pathlib
import re

import safetensors.torch
import timm
from timm.models import get_pretrained_cfg

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = "https://github.com/huggingface/pytorch-image-models/blob/main/results/results-imagenet.csv"
SENET = "https://github.com/hujie-frank/SENet"

# Of model.safetensors, where the hub's page of the file was at hand.
HUB_SHA256 = {
    "seresnet50.a2_in1k": "ff82ee22e5b6c607fd984f63b83a9a8b55787b2703c4683a5cd51297d27e9460",
    "seresnext26d_32x4d.bt_in1k": "c4678033c69839fdcc6f181e290e957fdbbe12d1d6543308a2e68e90f08c2e38",
    "seresnext101_64x4d.gluon_in1k": "599eeb3b73f19d0a0b09dc32a5edd8861009d28c1955d48c5b61caf0df14ffe1",
    "seresnextaa101d_32x8d.sw_in12k": "c3b87e97244ff7d69bfa026ded6cde01e653e832fa94294610836295258a1b6d",
    "seresnextaa201d_32x8d.sw_in12k": "5b926c6d1c0383ac036574ed4fe95a983b90678c1ae4be6c57808bc2725aa608",
}

# Name, architecture as timm calls it, top-1 and top-5 error, size of the file as the table has it, the file's address.
CAFFE = [
    ("SE-BN-Inception", 23.62, 7.04, "46 M", "0BwHV3BlNKkWlTWRRbDZYbVB2WWc"),
    ("SE-ResNet-50", 22.37, 6.36, "107 M", "0BwHV3BlNKkWlS2QwZHFzM3RjNzg"),
    ("SE-ResNet-101", 21.75, 5.72, "189 M", "0BwHV3BlNKkWlTEg4YmcwQ0FoZFU"),
    ("SE-ResNet-152", 21.34, 5.54, "256 M", "0BwHV3BlNKkWlcFE0Q2NTcWl3WUE"),
    ("SE-ResNeXt-50", 20.97, 5.54, "105 M", "0BwHV3BlNKkWlQ2Z0Q204V1RITjA"),
    ("SE-ResNeXt-101", 19.81, 4.96, "187 M", "0BwHV3BlNKkWleklsNzBiZlprblk"),
    ("SENet-154", 18.68, 4.47, "440 M", "0BwHV3BlNKkWlbTFZbzFTSXBUTUE"),
]


def is_se(name):
    """The families of this project: ResNets and ResNeXts with SE blocks, under both of timm's spellings."""
    return re.match(r"(legacy_)?(seres|senet)", name) is not None


def results():
    """By model, in the order of the input's size."""
    rows = {}
    for file, source in [("timm-results.csv", RESULTS), ("timm-model-cards.csv", None)]:
        with open(HERE / file, newline="") as lines:
            for row in csv.DictReader(lines):
                rows.setdefault(row["model"], []).append({
                    "size": int(row["img_size"]),
                    "crop_fraction": float(row["crop_pct"]) if "crop_pct" in row else None,
                    "top1": float(row["top1"]),
                    "top5": float(row["top5"]),
                    "source": source or f"https://huggingface.co/timm/{row['model']}",
                })
    return {name: sorted(found, key=lambda result: result["size"]) for name, found in rows.items()}


def timm_entry(name, measured):
    config = get_pretrained_cfg(name)
    architecture, classes = config.architecture, config.num_classes
    network = timm.create_model(architecture, num_classes=classes)
    entry = {
        "name": name,
        "architecture": architecture,
        "repository": config.hf_hub_id,
        "file_size": len(safetensors.torch.save(network.state_dict())) if config.hf_hub_id else None,
        "sha256": HUB_SHA256.get(name),
        "source": config.origin_url or "https://github.com/huggingface/pytorch-image-models",
        "license": config.license,
        "classes": classes,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "input_size": list(config.input_size),
        "test_input_size": list(config.test_input_size) if config.test_input_size else None,
        "interpolation": config.interpolation,
        "crop_fraction": config.crop_pct,
        "test_crop_fraction": config.test_crop_pct,
        "crop_mode": config.crop_mode,
        "results": measured.get(name),
    }
    if config.url:
        prefix = re.search(r"-([0-9a-f]{8})\.pth$", config.url)
        entry["original"] = {"url": config.url, "format": "pytorch", "sha256_prefix": prefix.group(1) if prefix else None}
    return entry


def caffe_entry(name, top1, top5, size, file):
    return {
        "name": name,
        "architecture": name,
        "source": SENET,
        "original": {"url": f"https://drive.google.com/file/d/{file}/view", "format": "caffe", "size": size},
        "license": "apache-2.0",
        "classes": 1000,
        "input_size": [3, 224, 224],
        # The table's crop: 224 of 256. The resize's interpolation is not published.
        "crop_fraction": 0.875,
        "crop_mode": "center",
        "results": [{"size": 224, "crop_fraction": 0.875, "top1": round(100 - top1, 2), "top5": round(100 - top5, 2), "source": SENET}],
    }


def known(value):
    """Without what is not known."""
    if isinstance(value, dict):
        return {key: known(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [known(inner) for inner in value]
    return value


def main():
    measured = results()
    names = [name for name in timm.list_pretrained() if is_se(name)]
    unknown = sorted((set(measured) | set(HUB_SHA256)) - set(names))
    if unknown:
        raise SystemExit(f"timm does not know: {unknown}")
    models = [timm_entry(name, measured) for name in names] + [caffe_entry(*row) for row in CAFFE]
    text = json.dumps({"timm": timm.__version__, "models": [known(model) for model in models]}, indent=1)
    # A list of numbers on one line.
    text = re.sub(r"\[\s+([-\d.,\s]+?)\s+\]", lambda found: "[" + re.sub(r"\s+", " ", found.group(1)) + "]", text)
    (HERE / "catalogue.json").write_text(text + "\n")
    print(f"{len(models)} models")


if __name__ == "__main__":
    main()
