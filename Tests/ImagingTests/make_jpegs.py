#!/usr/bin/env python3
"""Makes the small JPEGs of Fixtures/ from Fixtures/cat.jpg, and decoded.csv: what Pillow decodes each of them to.

    python3 make_jpegs.py      # needs Pillow and numpy
"""
import csv, glob, io, os, zlib
import numpy as np, PIL
from PIL import Image, features

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Fixtures")
cat = Image.open(f"{FIXTURES}/cat.jpg").convert("RGB")
small = cat.crop((120, 20, 311, 147))  # 191 x 127: whole blocks nowhere
inks = Image.merge("CMYK", (*small.convert("CMYK").split()[:3], Image.linear_gradient("L").resize(small.size)))  # black varies, too
square = cat.crop((120, 20, 248, 148))  # 128 x 128: whole blocks whatever the sampling

def encoded(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, **options)
    return buffer.getvalue()

def sampled(data, *factors):
    """Writes other sampling factors into the frame header. With as many blocks in an MCU, and whole MCUs, the file stays valid."""
    data = bytearray(data)
    frame = data.index(b"\xff\xc0")
    for component, factor in enumerate(factors):
        data[frame + 11 + 3 * component] = factor
    return bytes(data)

def adobe_transform(data, value):
    data = bytearray(data)
    data[data.index(b"Adobe") + 11] = value
    return bytes(data)

files = {
    "gray.jpg": encoded(small.convert("L")),
    "progressive.jpg": encoded(small, progressive=True),
    "yuv444.jpg": encoded(small, subsampling=0),
    "yuv422.jpg": encoded(small, subsampling=1),
    "yuv420.jpg": encoded(small, subsampling=2),
    "yuv440.jpg": sampled(encoded(square, subsampling=1), 0x12, 0x11, 0x11),
    "yuv411.jpg": sampled(encoded(square, subsampling=2), 0x41, 0x11, 0x11),
    "yuv441.jpg": sampled(encoded(square, subsampling=2), 0x14, 0x11, 0x11),  # TurboJPEG has no name for this one
    "rgb.jpg": encoded(small, keep_rgb=True),
    "restart.jpg": encoded(small, restart_marker_blocks=3),
    "restart_progressive.jpg": encoded(small, restart_marker_rows=1, progressive=True),
    "cmyk.jpg": encoded(inks),
    "ycck.jpg": adobe_transform(encoded(inks), 2),
    "one_pixel.jpg": encoded(Image.new("RGB", (1, 1), (200, 10, 10))),
    "one_row.jpg": encoded(small.resize((500, 1))),
    "one_column.jpg": encoded(small.resize((1, 500))),
    "trailing_bytes.jpg": encoded(small) + b"\xff\xda and more, as cameras append",
}
for name, data in files.items():
    with open(f"{FIXTURES}/{name}", "wb") as out:
        out.write(data)

with open(f"{FIXTURES}/decoded.csv", "w") as out:
    out.write(f"# Pillow {PIL.__version__} with libjpeg-turbo {features.version('libjpeg_turbo')}; written by make_jpegs.py\n")
    out.write("file,colour,width,height,crc32 of the RGB pixels\n")
    for path in sorted(glob.glob(f"{FIXTURES}/*.jpg")):
        image = Image.open(path)
        colour = {"L": "gray", "RGB": "rgb", "CMYK": "cmyk"}[image.mode]
        out.write(f"{os.path.basename(path)},{colour},{image.width},{image.height},{zlib.crc32(image.convert('RGB').tobytes()):08x}\n")
