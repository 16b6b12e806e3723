// The sums of a linear layer, after elements.inc.h.

/// Independent chains of additions in a sum: enough to hide an addition's latency (3 to 4 cycles, two a cycle). Term i goes to chain
/// i % 4, so the order depends on the number of terms alone.
enum { ISA(chains) = 4 };

/// sum + weights * x. Of bfloat16 weights, whose answers are the same on every instruction set, it is rounded once on each; of float32 ones
/// where that is one instruction.
EXCITE_INLINE vec ISA(weighted)(excite_element element, vec sum, vec weights, float x) {
    return element == excite_bfloat16 ? ISA(fused)(weights, (vec)x, sum) : sum + weights * x;
}

/// Block `o` of 16 outputs: bias[o] + sum over c of weights[o][c] * input[c]. The weights' element is a constant where this is inlined.
EXCITE_INLINE void ISA(multiply_vector)(excite_element element, const float *input,  // (C)
                                        int32_t channels,
                                        const void *packed,  // (O/16, C, 16) elements
                                        const float *bias,    // (O)
                                        int32_t o,
                                        float *output) {  // (O)
    const size_t first = (size_t)o * (size_t)channels * VECTORS;
    vec sum[ISA(chains)][VECTORS] = {0};
    int32_t c = 0;
    for (; c + ISA(chains) <= channels; c += ISA(chains)) {
        for (int j = 0; j < ISA(chains); j++) {
            for (int v = 0; v < VECTORS; v++) {
                const vec weights = ISA(load)(element, packed, first + (size_t)((c + j) * VECTORS + v));
                sum[j][v] = ISA(weighted)(element, sum[j][v], weights, input[c + j]);
            }
        }
    }
    for (int j = 0; c < channels; c++, j++) {
        for (int v = 0; v < VECTORS; v++) {
            sum[j][v] = ISA(weighted)(element, sum[j][v], ISA(load)(element, packed, first + (size_t)(c * VECTORS + v)), input[c]);
        }
    }
    for (int v = 0; v < VECTORS; v++) {
        const vec total = (sum[0][v] + sum[1][v]) + (sum[2][v] + sum[3][v]);
        ((vec *)output)[o * VECTORS + v] = total + ((const vec *)bias)[o * VECTORS + v];
    }
}
