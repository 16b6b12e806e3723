#!/usr/bin/env python3
"""Measures image intake against Pillow with timm's transform, in one run, on one thread each, image by image in turn.

    python3 compare_pillow.py --excite PATH/TO/excite FOLDER_OF_PHOTOGRAPHS      # needs timm, torch, torchvision and Pillow

Prints how many times as fast the program is: with decoding (from the file's bytes to the network's input), and without (from the decoded
pixels). The model is seresnet50 as timm evaluates it: 224 x 224, bicubic. Each figure is the sum over the photographs of the medians.
"""
import argparse, io, json, pathlib, statistics, subprocess, time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("--excite", required=True)
parser.add_argument("--repeat", type=int, default=9)
options = parser.parse_args()

import timm, torch
from PIL import Image

torch.set_num_threads(1)
transform = timm.data.create_transform(
    input_size=(3, 224, 224), crop_pct=0.875, interpolation="bicubic", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), is_training=False)

def median(body):
    durations = []
    for _ in range(options.repeat):
        started = time.perf_counter()
        body()
        durations.append(time.perf_counter() - started)
    return statistics.median(durations) * 1000

rows = []
for path in sorted(path for path in options.folder.iterdir() if path.is_file()):
    ours = subprocess.run(
        [options.excite, "preprocess", "--model", "seresnet50", "--exif", "ignore", "--repeat", str(options.repeat), "--format", "json", path],
        check=True, capture_output=True)
    ours = json.loads(ours.stdout)["timing_ms"]
    data = path.read_bytes()
    pixels = Image.open(io.BytesIO(data)).convert("RGB")
    rows.append((
        median(lambda: transform(Image.open(io.BytesIO(data)).convert("RGB"))), ours["all"],
        median(lambda: transform(pixels)), ours["resize_crop_normalize"]))

for name, theirs, ours in (("decode, resize, crop, normalise", 0, 1), ("resize, crop, normalise", 2, 3)):
    theirs, ours = ([row[column] for row in rows] for column in (theirs, ours))
    ratios = [a / b for a, b in zip(theirs, ours)]
    print(f"{name}: Pillow {sum(theirs) / len(rows):.3f} ms an image, excite {sum(ours) / len(rows):.3f} ms: {sum(theirs) / sum(ours):.2f} times as "
          f"fast (by image {min(ratios):.2f} to {max(ratios):.2f}, median {statistics.median(ratios):.2f}; {len(rows)} images)")
