// The body of dispatch.c: one table of an instruction set's kernels.

void ISA(excite_pool)(const excite_pooling *, const excite_tile *, const float *, float *);
void ISA(excite_mean)(const float *, int32_t, int32_t, float, int32_t, float *);
void ISA(excite_sum_pixels)(const float *, int32_t, int32_t, float *);
void ISA(excite_linear)(const float *, int32_t, const float *, const float *, excite_activation, int32_t, int32_t, float *);
void ISA(excite_scale)(const float *, const float *, const float *, excite_activation, int32_t, int32_t, float *);

static const excite_kernels ISA(kernels) = {
    .name = ISA_NAME,
    .pool = ISA(excite_pool),
    .mean = ISA(excite_mean),
    .sum_pixels = ISA(excite_sum_pixels),
    .linear = ISA(excite_linear),
    .scale = ISA(excite_scale),
};
