// The kernels of one instruction set, by the types of the table that lists them; for_each_isa.h puts this before every body.

excite_convolve_function ISA(excite_direct);
excite_convolve_function ISA(excite_grouped);
excite_scratch_count_function ISA(excite_winograd2_scratch_count);
excite_convolve_function ISA(excite_winograd2);
excite_scratch_count_function ISA(excite_winograd4_scratch_count);
excite_convolve_function ISA(excite_winograd4);
excite_pool_function ISA(excite_pool);
excite_blur_function ISA(excite_blur);
excite_pixels_function ISA(excite_max_pixels);
excite_pixels_function ISA(excite_sum_pixels);
excite_mean_function ISA(excite_mean);
excite_linear_function ISA(excite_linear);
excite_scale_function ISA(excite_scale);
excite_affine_function ISA(excite_affine);
excite_multiply_adds_function ISA(excite_multiply_adds);
excite_map_function ISA(excite_map);
excite_interleave_function ISA(excite_interleave_pixels);
excite_gate_function ISA(excite_gate);
excite_pool_narrow_function ISA(excite_pool_narrow);
excite_blur_narrow_function ISA(excite_blur_narrow);
excite_reduce_function ISA(excite_reduce);
excite_scaled_sums_function ISA(excite_scaled_sums);
excite_linear_function ISA(excite_exact_linear);

// Not in the table: what the dense convolutions are made of.
excite_multiply_function ISA(excite_multiply);
