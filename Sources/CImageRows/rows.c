#include "rows.h"

#include <time.h>

/// A hundredth of a second.
enum { BETWEEN_QUESTIONS = 10000000 };

int64_t rows_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct rows_limit rows_limit_from_now(int64_t nanoseconds, bool (*is_abandoned)(const void *context), const void *context) {
    const int64_t now = rows_now();
    return (struct rows_limit){
        .deadline = now + nanoseconds, .is_abandoned = is_abandoned, .context = context, .next_question = now + BETWEEN_QUESTIONS};
}

bool rows_must_stop(struct rows_limit *limit) {
    const int64_t now = rows_now();
    if (now > limit->deadline) return true;
    if (!limit->is_abandoned || now < limit->next_question) return false;
    limit->next_question = now + BETWEEN_QUESTIONS;
    return limit->is_abandoned(limit->context);
}
