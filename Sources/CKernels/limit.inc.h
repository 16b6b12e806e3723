// The body of limit.c.

/// Chains of multiply-adds on registers alone. Twelve hide a latency of 4 cycles on two units, with some to spare.
float ISA(excite_multiply_adds)(int64_t rounds, int64_t *count) {
    enum { chains = 12 };
    vec sums[chains];
    UNROLLED for (int i = 0; i < chains; i++) sums[i] = (vec)((float)i);
    const vec factor = (vec)0.5f, term = (vec)1.0f;
    for (int64_t round = 0; round < rounds; round++) {
        UNROLLED for (int i = 0; i < chains; i++) {
            sums[i] = sums[i] * factor + term;
            KEEP(sums[i]);
        }
    }
    vec total = sums[0];
    UNROLLED for (int i = 1; i < chains; i++) total += sums[i];
    *count = rounds * chains * LANES;
    return total[0];
}
