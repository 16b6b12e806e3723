// What the decoders of this target have in common.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rows_failure {
    ROWS_NO_FAILURE,
    /// The file is cut off or damaged.
    ROWS_DAMAGED,
    /// The time allowed is over, or nobody wants the image any more.
    ROWS_STOPPED,
    ROWS_NO_MEMORY,
};

/// When decoding is given up. Every decoder looks at it at least once for each strip of rows and each few kilobytes of the file.
struct rows_limit {
    /// Of `rows_now`.
    int64_t deadline;
    /// Whether nobody wants the image any more; NULL where nobody can say.
    bool (*is_abandoned)(const void *context);
    const void *context;
    /// When that is to be asked again: mostly it is a system call, and small images are decoded before the first.
    int64_t next_question;
};

/// Nanoseconds on a clock that never goes back.
int64_t rows_now(void);

/// A limit that ends in `nanoseconds`.
struct rows_limit rows_limit_from_now(int64_t nanoseconds, bool (*is_abandoned)(const void *context), const void *context);
bool rows_must_stop(struct rows_limit *limit);
