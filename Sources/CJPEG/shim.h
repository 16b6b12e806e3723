#pragma once
// jpeglib.h needs FILE and does not include it.
#include <stdio.h>
#include <jpeglib.h>
