// The body of direct.c.

void ISA(excite_direct)(const excite_convolution *c, const excite_tile *tile,
                        const float *input,   // (C/16, H, W, 16) or (C, H, W)
                        const float *packed,  // (O/16, C/G/16, R, S, 16, 16), planar (O/16, R, S, C, 16)
                        const excite_epilogue *epilogue,
                        float *output,     // (O/16, P, Q, 16)
                        float *scratch) {  // excite_direct_scratch_count
    assert(excite_is_convolution(c) && excite_is_tile(tile, c->output_height, excite_blocks(c->outputs)));
    assert(c->groups == 1 || (c->channels / c->groups % excite_block == 0 && c->outputs / c->groups % excite_block == 0));
    assert(!c->planar_input || (c->channels <= 4 && c->groups == 1));
    assert(excite_is_epilogue(epilogue));
    assert(excite_is_aligned(packed) && excite_is_aligned(output) && (scratch || !excite_float_band_count(c, tile->rows, 1)));

    const int32_t planes = excite_planes(c), group_blocks = excite_blocks(c->outputs / c->groups);
    const int32_t first_plane = tile->block / group_blocks * planes;
    const int32_t end_plane = ((tile->block + tile->blocks - 1) / group_blocks + 1) * planes;
    const excite_band band = excite_float_band(c, tile->row, tile->rows, first_plane, end_plane - first_plane, input, scratch);
    const size_t run = (size_t)c->kernel_width * band.depth, plane_terms = (size_t)c->kernel_height * run;
    const int32_t panel = excite_max(1, panel_terms / (int32_t)plane_terms);
    if (epilogue->sums) memset(epilogue->sums + tile->block * excite_block, 0, (size_t)tile->blocks * excite_block * sizeof(float));

    int32_t blocks;
    for (int32_t block = tile->block; block < tile->block + tile->blocks; block += blocks) {
        const int32_t group = block / group_blocks;
        blocks = excite_product_blocks(TILE_BLOCKS, excite_min(tile->block + tile->blocks, (group + 1) * group_blocks) - block);
        const size_t at = excite_at(c->output_height, c->output_width, block, tile->row, 0);
        for (int32_t plane = 0; plane < planes; plane += panel) {
            const excite_float_ends ends = {
                .output = output + at,
                .output_stride = excite_at(c->output_height, c->output_width, 1, 0, 0),
                .bias = plane == 0 ? epilogue->bias + block * excite_block : NULL,
                .is_last = plane + panel >= planes,
                .relu = epilogue->activation == excite_activation_relu,
                .residual = epilogue->residual ? epilogue->residual + at : NULL,
                .sums = epilogue->sums ? epilogue->sums + block * excite_block : NULL,
            };
            const excite_product product = {
                .planes = excite_min(panel, planes - plane),
                .kernel_rows = c->kernel_height,
                .run = run,
                .plane_stride = band.plane_stride,
                .row_stride = band.row_stride,
                .input = band.data + (size_t)(group * planes - first_plane + plane) * band.plane_stride,
                .lines = tile->rows,
                .width = c->output_width,
                .step = band.step,
                .line_stride = band.line_stride,
                .weights = (const char *)(packed + ((size_t)block * (size_t)planes + (size_t)plane) * plane_terms * excite_block),
                .weights_stride = (size_t)planes * plane_terms * excite_block * sizeof *packed,
                .ends = &ends,
            };
            ISA(excite_multiply)(blocks, &product);
        }
    }
}
