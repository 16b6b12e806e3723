// What the decoders of this target have in common.
#pragma once

enum rows_failure {
    ROWS_NO_FAILURE,
    /// The file is cut off or damaged.
    ROWS_DAMAGED,
    /// The time allowed is over.
    ROWS_LATE,
    ROWS_NO_MEMORY,
};
