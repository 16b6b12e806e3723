// The body of dispatch.c: one table of an instruction set's kernels.

void ISA(excite_direct)(const excite_convolution *, const excite_tile *, const float *, const float *, const excite_epilogue *, float *,
                        float *);
void ISA(excite_grouped)(const excite_convolution *, const excite_tile *, const float *, const float *, const excite_epilogue *, float *,
                         float *);
size_t ISA(excite_winograd2_scratch_count)(const excite_convolution *, int32_t);
size_t ISA(excite_winograd4_scratch_count)(const excite_convolution *, int32_t);
void ISA(excite_winograd2)(const excite_convolution *, const excite_tile *, const float *, const float *, const excite_epilogue *,
                           float *, float *);
void ISA(excite_winograd4)(const excite_convolution *, const excite_tile *, const float *, const float *, const excite_epilogue *,
                           float *, float *);
void ISA(excite_pool)(const excite_pooling *, const excite_tile *, const float *, float *);
void ISA(excite_blur)(const excite_blurring *, const excite_tile *, const float *, float *);
void ISA(excite_max_pixels)(const float *, int32_t, int32_t, float *);
void ISA(excite_affine)(const float *, const float *, const float *, excite_activation, int32_t, int32_t, int32_t, int32_t, float *);
void ISA(excite_mean)(const float *, int32_t, int32_t, float, int32_t, float *);
void ISA(excite_sum_pixels)(const float *, int32_t, int32_t, float *);
void ISA(excite_linear)(const float *, int32_t, const float *, const float *, excite_activation, int32_t, int32_t, float *);
void ISA(excite_scale)(const float *, const float *, const float *, excite_activation, int32_t, int32_t, float *);
float ISA(excite_multiply_adds)(int64_t, int64_t *);

static const excite_kernels ISA(kernels) = {
    .name = ISA_NAME,
    .direct = {excite_direct_packed_count, excite_direct_pack, excite_direct_scratch_count, ISA(excite_direct)},
    .grouped = {excite_grouped_packed_count, excite_grouped_pack, excite_grouped_scratch_count, ISA(excite_grouped)},
    .winograd2 = {excite_winograd2_packed_count, excite_winograd2_pack, ISA(excite_winograd2_scratch_count), ISA(excite_winograd2)},
    .winograd4 = {excite_winograd4_packed_count, excite_winograd4_pack, ISA(excite_winograd4_scratch_count), ISA(excite_winograd4)},
    .pool = ISA(excite_pool),
    .blur = ISA(excite_blur),
    .max_pixels = ISA(excite_max_pixels),
    .affine = ISA(excite_affine),
    .mean = ISA(excite_mean),
    .sum_pixels = ISA(excite_sum_pixels),
    .linear = ISA(excite_linear),
    .scale = ISA(excite_scale),
    .multiply_adds = ISA(excite_multiply_adds),
};
