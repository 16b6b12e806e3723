#include "turn_rows.h"

#include <string.h>

typedef uint8_t bytes8 __attribute__((vector_size(8)));
typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint16_t words8 __attribute__((vector_size(16)));
typedef uint32_t longs4 __attribute__((vector_size(16)));

/// Eight samples of each of two rows, by turns.
static inline bytes16 pairs(const uint8_t *upper, const uint8_t *lower) {
    bytes8 a, b;
    memcpy(&a, upper, sizeof a);
    memcpy(&b, lower, sizeof b);
    return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
}

/// Two columns of eight samples, the first from the lower half of each, the second from the upper.
static inline void put(bytes16 columns, uint16_t *to) {
    const words8 first = __builtin_convertvector(__builtin_shufflevector(columns, columns, 0, 1, 2, 3, 4, 5, 6, 7), words8);
    const words8 second = __builtin_convertvector(__builtin_shufflevector(columns, columns, 8, 9, 10, 11, 12, 13, 14, 15), words8);
    memcpy(to, &first, sizeof first);
    memcpy(to + 8, &second, sizeof second);
}

void turn_rows(const uint8_t *rows, size_t row_bytes, size_t count, uint16_t *turned) {
    size_t lane = 0;
    for (; lane + 8 <= count; lane += 8) {
        const uint8_t *from = rows + lane;
        uint16_t *to = turned + 8 * lane;
        // A word holds samples of two rows, a long of four, half a vector of all eight.
        const words8 w01 = (words8)pairs(from, from + row_bytes), w23 = (words8)pairs(from + 2 * row_bytes, from + 3 * row_bytes);
        const words8 w45 = (words8)pairs(from + 4 * row_bytes, from + 5 * row_bytes);
        const words8 w67 = (words8)pairs(from + 6 * row_bytes, from + 7 * row_bytes);
        const longs4 low03 = (longs4)__builtin_shufflevector(w01, w23, 0, 8, 1, 9, 2, 10, 3, 11);
        const longs4 high03 = (longs4)__builtin_shufflevector(w01, w23, 4, 12, 5, 13, 6, 14, 7, 15);
        const longs4 low47 = (longs4)__builtin_shufflevector(w45, w67, 0, 8, 1, 9, 2, 10, 3, 11);
        const longs4 high47 = (longs4)__builtin_shufflevector(w45, w67, 4, 12, 5, 13, 6, 14, 7, 15);
        put((bytes16)__builtin_shufflevector(low03, low47, 0, 4, 1, 5), to);
        put((bytes16)__builtin_shufflevector(low03, low47, 2, 6, 3, 7), to + 16);
        put((bytes16)__builtin_shufflevector(high03, high47, 0, 4, 1, 5), to + 32);
        put((bytes16)__builtin_shufflevector(high03, high47, 2, 6, 3, 7), to + 48);
    }
    for (; lane < count; lane++) {
        for (size_t row = 0; row < 8; row++) turned[8 * lane + row] = rows[row * row_bytes + lane];
    }
}
