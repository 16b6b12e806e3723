"""An image classifier as people write it: FastAPI, Pillow, ONNX Runtime. `uvicorn fastapi_server:app`, with the model's folder in MODEL.

The folder holds config.json as timm writes it and model.onnx (see make_model.py). The answer is Excite's, as far as a script would go.
"""

import json
import math
import os
import pathlib

import numpy as np
import onnxruntime
from fastapi import FastAPI, File, HTTPException, UploadFile
from PIL import Image, UnidentifiedImageError

folder = pathlib.Path(os.environ["MODEL"])
config = json.loads((folder / "config.json").read_text())["pretrained_cfg"]
_, height, width = config["input_size"]
mean, std = (np.array(config[name], dtype=np.float32) for name in ("mean", "std"))
resampling = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}[config["interpolation"]]

threads = onnxruntime.SessionOptions()
threads.intra_op_num_threads = int(os.environ.get("THREADS", 0))
session = onnxruntime.InferenceSession(folder / "model.onnx", threads, providers=["CPUExecutionProvider"])
app = FastAPI()


def preprocess(image):
    """timm's evaluation: the shorter edge to the input's size / crop_pct, then the middle."""
    scale = math.floor(height / config["crop_pct"]) / min(image.size)
    image = image.resize((int(image.width * scale), int(image.height * scale)), resampling)
    left, top = round((image.width - width) / 2), round((image.height - height) / 2)
    pixels = np.asarray(image.crop((left, top, left + width, top + height)), dtype=np.float32) / 255
    return ((pixels - mean) / std).transpose(2, 0, 1)


# Without async: it runs in FastAPI's thread pool.
@app.post("/classify")
def classify(image: UploadFile = File(...), top: int = 5):
    try:
        pixels = preprocess(Image.open(image.file).convert("RGB"))
    except (UnidentifiedImageError, OSError) as error:
        raise HTTPException(400, str(error))
    logits = session.run(None, {"x": np.ascontiguousarray(pixels[np.newaxis])})[0][0]
    scores = np.exp(logits - logits.max())
    scores /= scores.sum()
    best = np.argsort(-scores)[:top]
    return {"predictions": [{"index": int(i), "score": float(scores[i])} for i in best]}
