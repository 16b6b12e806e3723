#!/usr/bin/env python3
"""Writes Fixtures/resample_cases.csv: what timm's evaluation transform on Pillow makes of a few hundred small images.

    python3 make_resample_cases.py      # needs timm, torch, torchvision and Pillow

The source images come from a formula (SplitMix64 bytes), so a row holds sizes, settings and the CRC-32 of the 8-bit crop only.
Fixtures/normalized.csv holds what ToTensor and Normalize make of each of the 256 values, as the bits of a float32.
"""
import os, random, zlib
import numpy as np, PIL, timm, torch, torchvision
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

def source(seed, width, height):
    """Noise, the hardest case: every weight and every rounding shows. Byte i is the top byte of SplitMix64's output i + 1."""
    count = 3 * width * height
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return Image.fromarray((z >> np.uint64(56)).astype(np.uint8).reshape(height, width, 3))

def crop(image, height, width, crop_pct, mode, interpolation):
    transform = timm.data.create_transform(input_size=(3, height, width), crop_pct=crop_pct, crop_mode=mode, interpolation=interpolation,
                                           mean=MEAN, std=STD, is_training=False, normalize=False)
    return transform(image).permute(1, 2, 0).contiguous().numpy()

def cases():
    rng = random.Random(2024)
    filters = ["bicubic", "bilinear", "lanczos", "hamming", "box", "nearest"]
    modes = ["center", "squash", "border"]
    sizes = [(1, 1), (1, 9), (9, 1), (1, 700), (700, 1), (2, 3), (31, 31), (32, 32), (33, 32), (32, 33), (64, 36), (37, 64), (333, 40), (41, 500), (257, 255)]
    for filter in filters:
        for mode in modes:
            for width, height in sizes:
                yield width, height, 32, 32, rng.choice([1.0, 0.875, 0.95, 0.9]), mode, filter
            for _ in range(18):
                height = rng.randint(1, 48)
                width = height if rng.random() < 0.5 else rng.randint(1, 48)
                longest = rng.choice([8, 60, 300])
                yield rng.randint(1, longest), rng.randint(1, longest), height, width, rng.choice([1.0, 0.875, 0.95, 0.7, 0.333, 1.2]), mode, filter

with open(f"{HERE}/Fixtures/resample_cases.csv", "w") as out:
    out.write(f"# timm {timm.__version__}, Pillow {PIL.__version__}, torchvision {torchvision.__version__}; written by make_resample_cases.py\n")
    out.write("seed,width,height,crop height,crop width,crop_pct,crop_mode,interpolation,crc32 of the crop or 'none'\n")
    for seed, (width, height, *settings) in enumerate(cases()):
        try:
            crc = f"{zlib.crc32(crop(source(seed, width, height), *settings)):08x}"
        except ValueError as error:  # the border mode of a very long image: an edge of no pixels
            assert "must be > 0" in str(error), error
            crc = "none"
        out.write(",".join(map(str, [seed, width, height, *settings, crc])) + "\n")

with open(f"{HERE}/Fixtures/normalized.csv", "w") as out:
    out.write("# mean 0.485 0.456 0.406, std 0.229 0.224 0.225: float32 bits of red, green, blue for 0 to 255; written by make_resample_cases.py\n")
    ramp = Image.fromarray(np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, 1).reshape(16, 16, 3))
    transform = timm.data.create_transform(input_size=(3, 16, 16), crop_pct=1.0, interpolation="bicubic", mean=MEAN, std=STD, is_training=False)
    for row in transform(ramp).reshape(3, 256).T.contiguous().numpy().view(np.uint32):
        out.write(",".join(f"{v:08x}" for v in row) + "\n")
