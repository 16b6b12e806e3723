// C, because Swift's vectors cannot be shuffled: a scalar loop took eight times as long, half of all resizing.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Writes eight rows of `count` samples, `row_bytes` apart, on their side and widened: (count, 8).
void turn_rows(const uint8_t *rows, size_t row_bytes, size_t count, uint16_t *turned);
