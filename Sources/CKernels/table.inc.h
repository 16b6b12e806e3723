// The body of dispatch.c: one table of an instruction set's kernels.

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
