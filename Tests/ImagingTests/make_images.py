#!/usr/bin/env python3
"""Makes the small images of Fixtures/ from Fixtures/cat.jpg, and decoded.csv: what Pillow decodes each of them to.

    python3 make_images.py      # needs Pillow, numpy and libjpeg-turbo's jpegtran
"""
import io, os, struct, subprocess, warnings, zlib
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
colours = {name: {"L": "gray", "RGB": "rgb", "CMYK": "cmyk"}[Image.open(io.BytesIO(data)).mode] for name, data in files.items()}

# Pillow takes parts of JPEGs that its own encoder never writes: they are edited in.
files["arithmetic.jpg"] = subprocess.run(["jpegtran", "-arithmetic"], input=encoded(small), capture_output=True, check=True).stdout
files["jfif_9.jpg"] = encoded(small).replace(b"JFIF\0\1", b"JFIF\0\x09", 1)
scan = encoded(small.convert("L")).index(b"\xff\xda")
files["odd_scan_parameters.jpg"] = (lambda data: data[: scan + 7] + b"\0\0" + data[scan + 9 :])(encoded(small.convert("L")))
colours |= {"arithmetic.jpg": "rgb", "jfif_9.jpg": "rgb", "odd_scan_parameters.jpg": "gray"}

def exif(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif

# --- PNG. Pillow writes neither Adam7 nor 16 bits a channel, so a small encoder does.
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

def packed(samples, depth):
    """(rows, columns, channels) to each row's bytes."""
    for row in samples.astype(np.uint32).reshape(len(samples), -1):
        if depth == 16:
            yield row.astype(">u2").tobytes()
        elif depth == 8:
            yield row.astype(np.uint8).tobytes()
        else:
            bits = ((row[:, None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8).reshape(-1)
            yield np.packbits(bits).tobytes()

ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]

def png(samples, depth, colour, *chunks, interlaced=False, behind=()):
    height, width = samples.shape[:2]
    passes = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7] if interlaced else [samples]
    # "Up" is a filter that needs the row before: a reader that mixes passes is found out.
    def filtered(part):
        before = None
        for row in packed(part, depth):
            row = np.frombuffer(row, np.uint8)
            yield b"\2" + (row - (0 if before is None else before)).astype(np.uint8).tobytes()
            before = row
    data = b"".join(b"".join(filtered(part)) for part in passes if part.size)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    # Two parts, as a reader must put them together.
    pixels = zlib.compress(data)
    half = len(pixels) // 2
    middle = [chunk(b"IDAT", pixels[:half]), chunk(b"IDAT", pixels[half:])]
    return b"\x89PNG\r\n\x1a\n" + b"".join([chunk(b"IHDR", header), *chunks, *middle, *behind, chunk(b"IEND", b"")])

tiny = small.crop((40, 30, 87, 61))  # 47 x 31
grays = np.asarray(tiny.convert("L"))[..., None]
rgb = np.asarray(tiny)
alpha = np.asarray(Image.linear_gradient("L").resize(tiny.size))[..., None]
deep = lambda samples: samples.astype(np.uint32) * 257 - (samples > 7) * 300  # the lower bytes differ from the upper ones
with_alpha = lambda samples: np.concatenate([samples, alpha], 2)

def indexed(colours):
    image = tiny.quantize(colours)
    palette = bytes(image.getpalette()[: 3 * colours])
    return np.asarray(image)[..., None], palette

def palette_png(depth, *chunks, **options):
    samples, palette = indexed(2**depth if depth < 8 else 100)
    return png(samples, depth, 3, chunk(b"PLTE", palette), *chunks, **options)

for interlaced in (False, True):
    suffix = "_interlaced" if interlaced else ""
    for depth in (1, 2, 4):
        files[f"gray{depth}{suffix}.png"] = png(grays >> (8 - depth), depth, 0, interlaced=interlaced)
        files[f"palette{depth}{suffix}.png"] = palette_png(depth, interlaced=interlaced)
    files[f"gray8{suffix}.png"] = png(grays, 8, 0, interlaced=interlaced)
    files[f"gray16{suffix}.png"] = png(deep(grays), 16, 0, interlaced=interlaced)
    files[f"palette8{suffix}.png"] = palette_png(8, interlaced=interlaced)
    files[f"rgb8{suffix}.png"] = png(rgb, 8, 2, interlaced=interlaced)
    files[f"rgb16{suffix}.png"] = png(deep(rgb), 16, 2, interlaced=interlaced)
    files[f"gray_alpha8{suffix}.png"] = png(with_alpha(grays), 8, 4, interlaced=interlaced)
    files[f"gray_alpha16{suffix}.png"] = png(deep(with_alpha(grays)), 16, 4, interlaced=interlaced)
    files[f"rgba8{suffix}.png"] = png(with_alpha(rgb), 8, 6, interlaced=interlaced)
    files[f"rgba16{suffix}.png"] = png(deep(with_alpha(rgb)), 16, 6, interlaced=interlaced)
# Sizes at which some of Adam7's passes have no rows or no columns.
for width, height in ((1, 1), (2, 1), (1, 2), (5, 3), (3, 9)):
    files[f"rgb8_interlaced_{width}x{height}.png"] = png(rgb[:height, :width], 8, 2, interlaced=True)
files["palette8_transparent.png"] = palette_png(8, chunk(b"tRNS", bytes(range(0, 200, 2))))
files["palette8_too_short.png"] = png(indexed(100)[0], 8, 3, chunk(b"PLTE", indexed(100)[1][:120]))
files["gray8_transparent.png"] = png(grays, 8, 0, chunk(b"tRNS", struct.pack(">H", 90)))
files["rgb8_transparent.png"] = png(rgb, 8, 2, chunk(b"tRNS", struct.pack(">HHH", 90, 80, 70)))
files["text_and_gamma.png"] = png(rgb, 8, 2, chunk(b"gAMA", struct.pack(">I", 45455)), chunk(b"tEXt", b"Comment\0a cat"))
files["exif_6.png"] = png(rgb, 8, 2, chunk(b"eXIf", exif(6).tobytes()[6:]))
files["exif_8_behind.png"] = png(rgb, 8, 2, behind=[chunk(b"eXIf", exif(8).tobytes()[6:])])
files["trailing_bytes.png"] = png(rgb, 8, 2) + b"\0" * 5
files["no_end_chunk.png"] = png(rgb, 8, 2)[:-12]
for name, data in files.items():
    if name.endswith(".png"):
        colours[name] = {0: "gray", 2: "rgb", 3: "palette", 4: "gray_alpha", 6: "rgba"}[data[25]]

# --- WebP
def webp(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", **options)
    return buffer.getvalue()

rgba = small.copy()
rgba.putalpha(Image.linear_gradient("L").resize(small.size))
files["lossy.webp"] = webp(small, quality=80)
files["lossy_alpha.webp"] = webp(rgba, quality=80)
files["lossless.webp"] = webp(tiny, lossless=True)
files["lossless_alpha.webp"] = webp(Image.fromarray(with_alpha(rgb)), lossless=True, exact=True)
files["one_pixel.webp"] = webp(tiny.crop((3, 3, 4, 4)))
files["exif_5.webp"] = webp(tiny, quality=80, exif=exif(5))
files["trailing_bytes.webp"] = webp(tiny, quality=80) + b"RIFF and more"
colours |= {name: "rgba" if "alpha" in name else "rgb" for name in files if name.endswith(".webp")}
files["exif_7.jpg"] = encoded(small, exif=exif(7))
colours["exif_7.jpg"] = "rgb"

# --- What people really have: files that are odd, and whole.
def tiff(*entries, mark=None, order="<"):
    """EXIF data: entries of a tag, a type, a count and four bytes."""
    mark = mark or (b"II*\0" if order == "<" else b"MM\0*")
    return (mark + struct.pack(order + "IH", 8, len(entries))
            + b"".join(struct.pack(order + "HHI", tag, kind, count) + value for tag, kind, count, value in entries) + b"\0" * 4)

def oriented(value, **options):
    return tiff((0x0112, 3, 1, struct.pack(options.get("order", "<") + "HH", value, 0)), **options)

def xmp(value, form='tiff:Orientation="%d"'):
    return (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description ' + form.encode() % value + b"/></rdf:RDF></x:xmpmeta>")

def with_app1(data, *segments):
    app1 = b"".join(b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment for segment in segments)
    return data[:2] + app1 + data[2:]

EXIF, XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
plain = encoded(tiny)
no_orientation = tiff((0x0131, 2, 4, b"cat\0"))
metadata = {
    "xmp_6": [XMP + xmp(6)],
    "xmp_8_as_element": [XMP + xmp(8, "><tiff:Orientation>%d</tiff:Orientation")],
    "two_xmp_3_6": [XMP + xmp(3), XMP + xmp(6)],
    "exif_6_xmp_8": [XMP + xmp(8), EXIF + oriented(6)],
    "exif_1_xmp_8": [EXIF + oriented(1), XMP + xmp(8)],
    "exif_9_xmp_8": [EXIF + oriented(9), XMP + xmp(8)],
    "exif_silent_xmp_8": [EXIF + no_orientation, XMP + xmp(8)],
    "exif_named_twice": [EXIF + EXIF + oriented(6)],
    "exif_mark_swapped_intel": [EXIF + oriented(6, mark=b"II\0*")],
    "exif_mark_swapped_motorola": [EXIF + oriented(5, mark=b"MM*\0", order=">")],
    "exif_in_two_segments": [EXIF + oriented(6)[:12], EXIF + oriented(6)[12:]],
    "exif_two_values": [EXIF + tiff((0x0112, 3, 2, struct.pack("<HH", 6, 1)))],
    "exif_as_float": [EXIF + tiff((0x0112, 11, 1, struct.pack("<f", 8)))],
    "exif_as_text": [EXIF + tiff((0x0112, 2, 2, b"6\0\0\0"))],
    "exif_value_outside": [EXIF + tiff((0x010F, 2, 20, struct.pack("<I", 1000)), (0x0112, 3, 1, struct.pack("<HH", 6, 0)))],
}
odd = {f"odd_{name}.jpg": with_app1(plain, *segments) for name, segments in metadata.items()}

def before(data, marker, stray):
    at = data.rindex(marker)
    return data[:at] + stray + data[at:]

restarts = encoded(tiny, restart_marker_blocks=1)
odd |= {
    "odd_stray_before_tables.jpg": before(plain, b"\xff\xdb", b"\0"),
    "odd_stray_before_frame.jpg": before(plain, b"\xff\xc0", b"text, and \xff\0\xff\0"),
    "odd_stray_before_codes.jpg": before(plain, b"\xff\xc4", b"\0" * 16),
    "odd_stray_before_scan.jpg": before(plain, b"\xff\xda", b"\xff\0" * 3),
    "odd_stray_before_end.jpg": before(plain, b"\xff\xd9", b"\0" * 16),
    "odd_stray_before_end_2.jpg": before(plain, b"\xff\xd9", b"\xff\0" * 12),
    "odd_stray_before_restarts.jpg": before(before(restarts, b"\xff\xd1", b"\0" * 9), b"\xff\xd4", b"\0\0"),
    "odd_stray_before_later_scan.jpg": before(encoded(tiny, progressive=True), b"\xff\xda", b"\0" * 4),
}

def raw_profile(block):
    """As ImageMagick writes it."""
    lines = block.hex()
    return b"\nexif\n%8d\n" % len(block) + b"\n".join(lines[at : at + 72].encode() for at in range(0, len(lines), 72)) + b"\n"

def text(keyword, content): return chunk(b"tEXt", keyword + b"\0" + content)
def ztext(keyword, content): return chunk(b"zTXt", keyword + b"\0\0" + zlib.compress(content))
def itext(keyword, content, compressed=False):
    return chunk(b"iTXt", keyword + b"\0" + bytes([compressed, 0]) + b"en\0\0" + (zlib.compress(content) if compressed else content))

PROFILE, PACKET = b"Raw profile type exif", b"XML:com.adobe.xmp"
chunks = {
    "raw_profile_6": [text(PROFILE, raw_profile(EXIF + oriented(6)))],
    "raw_profile_6_compressed": [ztext(PROFILE, raw_profile(EXIF + oriented(6)))],
    "raw_profile_6_international": [itext(PROFILE, raw_profile(EXIF + oriented(6)), True)],
    "raw_profile_6_exif_8": [chunk(b"eXIf", oriented(8)), text(PROFILE, raw_profile(EXIF + oriented(6)))],
    "raw_profile_silent_xmp_6": [text(PROFILE, raw_profile(EXIF + no_orientation)), itext(PACKET, xmp(6))],
    "xmp_6": [itext(PACKET, xmp(6))],
    "xmp_6_compressed": [itext(PACKET, xmp(6), True)],
    "xmp_6_as_text": [text(PACKET, xmp(6))],
    "text_exif_6": [text(b"exif", EXIF + oriented(6))],
    "two_exif_6_8": [chunk(b"eXIf", oriented(6)), chunk(b"eXIf", oriented(8))],
    "exif_named": [chunk(b"eXIf", EXIF + oriented(6))],
}
odd |= {f"odd_{name}.png": png(rgb, 8, 2, *some) for name, some in chunks.items()}
odd["odd_xmp_behind.png"] = png(rgb, 8, 2, behind=[itext(PACKET, xmp(8))])

def small_window(data):
    """Announces a window of 256 bytes in the zlib header, with its check bits right; distances go further back."""
    at = data.index(b"IDAT")
    length = struct.unpack(">I", data[at - 4 : at])[0]
    pixels = bytearray(data[at + 4 : at + 4 + length])
    pixels[0:2] = struct.pack(">H", next(0x0800 | flags for flags in range(0x80, 0xC0) if (0x0800 | flags) % 31 == 0))
    return data[: at - 4] + chunk(b"IDAT", bytes(pixels)) + data[at + 8 + length :]

odd["odd_small_window.png"] = small_window(png(np.concatenate([rgb] * 2, 0), 8, 2))
whole = png(rgb[:6], 8, 2)
pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rgb[:6]))
# One chunk of image data that claims the largest size, and goes on past the file's end: the pixels are in it, and all that follows.
odd["odd_largest_chunk.png"] = whole[: whole.index(b"IDAT") - 4] + struct.pack(">I", 0x7FFFFFFF) + b"IDAT" + pixels + b"\0\0\0\0" + whole[-12:]
colours |= {name: "rgb" for name in odd}

def riff(*some):
    body = b"WEBP" + b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in some)
    return b"RIFF" + struct.pack("<I", len(body)) + body

def u24(number): return struct.pack("<I", number)[:3]
def extended(size, flags, *some): return riff((b"VP8X", bytes([flags, 0, 0, 0]) + u24(size[0] - 1) + u24(size[1] - 1)), *some)

def one_frame(image, size, place, flags=0, **options):
    """An animation of a single frame that lies at a place, even numbers, of an image of some size."""
    still = webp(image, **options)
    frame = u24(place[0] // 2) + u24(place[1] // 2) + u24(image.width - 1) + u24(image.height - 1) + u24(100) + b"\2"
    start = 12 if still[12:16] != b"VP8X" else 30
    return extended(size, 2 | flags, (b"ANIM", b"\xff\xff\xff\xff\0\0"), (b"ANMF", frame + still[start:]))

picture = webp(tiny, quality=80)[12:]
pixels = (picture[:4], picture[8 : 8 + struct.unpack("<I", picture[4:8])[0]])
odd |= {
    "odd_one_frame.webp": one_frame(tiny, tiny.size, (0, 0), quality=80),
    "odd_one_frame_lossless.webp": one_frame(tiny, tiny.size, (0, 0), lossless=True),
    "odd_one_frame_smaller.webp": one_frame(tiny, (80, 60), (14, 8), quality=80),
    "odd_one_frame_transparent.webp": one_frame(rgba, (210, 140), (10, 6), 16, quality=80),
    "odd_exif_named_twice.webp": extended(tiny.size, 8, pixels, (b"EXIF", EXIF + EXIF + oriented(6))),
    "odd_xmp_6.webp": extended(tiny.size, 4, pixels, (b"XMP ", xmp(6))),
    "odd_exif_silent_xmp_8.webp": extended(tiny.size, 12, pixels, (b"EXIF", no_orientation), (b"XMP ", xmp(8))),
}
colours |= {name: "rgba" if "transparent" in name else "rgb" for name in odd if name.endswith(".webp")}
files |= odd

def endless(interlaced):
    """A pixel whose image data goes on for 48 MiB."""
    deflate = zlib.compressobj(9)
    data = b"".join(deflate.compress(bytes(1 << 20)) for _ in range(48)) + deflate.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, interlaced)) + chunk(b"IDAT", data) + chunk(b"IEND", b"")

# What no table lists: it is refused, or takes long for its size.
unlisted = {
    "flat.png": (lambda out: (Image.new("1", (4096, 4096)).save(out, "PNG"), out.getvalue())[1])(io.BytesIO()),
    "endless.png": endless(False),
    "endless_interlaced.png": endless(True),
    "animation.webp": webp(tiny, save_all=True, append_images=[tiny.rotate(180)], duration=100),
    "animation.png": (lambda out: (tiny.save(out, "PNG", save_all=True, append_images=[tiny.rotate(180)]), out.getvalue())[1])(io.BytesIO()),
}

for name, data in (files | unlisted).items():
    with open(f"{FIXTURES}/{name}", "wb") as out:
        out.write(data)

files["cat.jpg"], colours["cat.jpg"] = open(f"{FIXTURES}/cat.jpg", "rb").read(), "rgb"
warnings.simplefilter("ignore")  # of palettes with transparency
with open(f"{FIXTURES}/decoded.csv", "w") as out:
    libraries = f"libjpeg-turbo {features.version('libjpeg_turbo')}, libwebp {features.version('webp')}"
    out.write(f"# Pillow {PIL.__version__} with {libraries}; written by make_images.py\n")
    out.write("# 16-bit gray is the upper eight bits, where Pillow cuts off at 255\n")
    out.write("file,colour,width,height,orientation,crc32 of the RGB pixels\n")
    for name, data in sorted(files.items()):
        image = Image.open(io.BytesIO(data))
        orientation = image.getexif().get(0x0112)
        if orientation not in range(1, 9):
            orientation = 1  # to ImageOps.exif_transpose
        if image.mode == "I;16":
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        pixels = zlib.crc32(image.convert("RGB").tobytes())
        out.write(f"{name},{colours[name]},{image.width},{image.height},{int(orientation)},{pixels:08x}\n")
