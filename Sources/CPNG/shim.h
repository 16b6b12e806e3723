#pragma once
#include <png.h>
// What it decompresses with, for the texts that lie beside the pixels.
#include <zlib.h>
