#!/usr/bin/env python3
"""Prints, for each image file of a folder, what Pillow and this project's decoder make of it, where the two differ.

    python3 compare_decoding.py --decoder PATH/TO/show-decoded FOLDER… [--all] [--json FILE]      # needs Pillow and numpy

Files are JPEG, PNG and WebP by their first bytes; others count only where Pillow opens them as one of these. For each: whether it is
taken, the size and orientation, and by how much the stored pixels differ at most. Pillow's pixels are those of `convert("RGB")`, but of
16-bit gray the upper eight bits, where Pillow cuts off at 255. Exit status 0, whatever differs.
"""
import argparse, collections, json, pathlib, subprocess, sys, warnings
import numpy as np
from PIL import Image, ImageOps

Image.preinit()
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folders", type=pathlib.Path, nargs="+")
parser.add_argument("--decoder", required=True)
parser.add_argument("--all", action="store_true", help="print files on which the two agree, too")
parser.add_argument("--json", type=pathlib.Path, help="write what was found there")
options = parser.parse_args()
warnings.simplefilter("ignore")

def is_meant(data):
    return data[:2] == b"\xff\xd8" or data[:8] == b"\x89PNG\r\n\x1a\n" or (data[:4], data[8:12]) == (b"RIFF", b"WEBP")

def pillow(path):
    """(error or None, size, orientation, pixels)"""
    try:
        with Image.open(path, formats=["JPEG", "PNG", "WEBP"]) as image:
            frames = getattr(image, "n_frames", 1) if image.format in ("PNG", "WEBP") else 1
            image.load()
            try:
                orientation = image.getexif().get(0x0112, 1)
                ImageOps.exif_transpose(image)
            except Exception as error:
                orientation = f"{type(error).__name__}: {error}"
            if image.mode.startswith("I"):
                pixels = (np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)[..., None].repeat(3, 2)
            else:
                pixels = np.asarray(image.convert("RGB"))
            note = f"{frames} frames" if frames > 1 else ""
            return None, (image.width, image.height), orientation if orientation in range(1, 9) or isinstance(orientation, str) else 1, pixels, note
    except Exception as error:
        return f"{type(error).__name__}: {error}", None, None, None, ""

def ours(path):
    process = subprocess.run([options.decoder, path], capture_output=True)
    if process.returncode:
        return f"exit status {process.returncode}", None, None, None, ""
    line, _, pixels = process.stdout.partition(b"\n")
    report = json.loads(line)
    if "error" in report:
        return f"{report['kind']}: {report['error']}", None, None, None, ""
    size = report["width"], report["height"]
    return None, size, report["orientation"], np.frombuffer(pixels, np.uint8).reshape(size[1], size[0], 3), "; ".join(report["warnings"])

def said(answer):
    error, size, orientation, _, note = answer
    return error or f"{size[0]} x {size[1]}, orientation {orientation}" + (f" ({note})" if note else "")

def verdict(theirs, own):
    if theirs[0] and own[0]:
        return "both refuse"
    if theirs[0] or own[0]:
        return "only Pillow refuses" if theirs[0] else "only Excite refuses"
    if theirs[1] != own[1]:
        return "another size"
    if theirs[2] != own[2]:
        return "another orientation"
    most = int(np.abs(theirs[3].astype(int) - own[3]).max())
    return "the same" if most == 0 else f"pixels differ by up to {most} in {int((theirs[3] != own[3]).any(2).sum())} of {own[1][0] * own[1][1]}"

counts, found = collections.Counter(), []
for path in sorted(path for folder in options.folders for path in folder.rglob("*") if path.is_file()):
    with open(path, "rb") as file:
        if not is_meant(file.read(12)):
            continue
    theirs, own = pillow(path), ours(path)
    result = verdict(theirs, own)
    counts[result.split(" by ")[0]] += 1
    if options.all or result not in ("the same", "both refuse"):
        print(f"{path}\n    {result}\n    Pillow: {said(theirs)}\n    Excite: {said(own)}", flush=True)
    found.append({"file": str(path), "verdict": result, "pillow": said(theirs), "excite": said(own)})
print(f"{sum(counts.values())} files: " + ", ".join(f"{count} {name}" for name, count in counts.most_common()))
if options.json:
    options.json.write_text(json.dumps(found, indent=1))
