#pragma once

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

// Swift cannot call variadic functions: curl_easy_setopt, curl_multi_setopt and curl_easy_getinfo get one wrapper for each type of
// argument that is used. (In parentheses the function itself, not the macro that checks a constant option's type.)

static inline CURLcode curl_easy_set_long(CURL *handle, CURLoption option, long value) {
    return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode curl_easy_set_size(CURL *handle, CURLoption option, curl_off_t value) {
    return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode curl_easy_set_text(CURL *handle, CURLoption option, const char *value) {
    return (curl_easy_setopt)(handle, option, value);
}

/// Also for lists, and for bytes that stay where they are.
static inline CURLcode curl_easy_set_pointer(CURL *handle, CURLoption option, const void *value) {
    return (curl_easy_setopt)(handle, option, value);
}

/// For CURLOPT_WRITEFUNCTION and CURLOPT_HEADERFUNCTION.
static inline CURLcode curl_easy_set_receiver(CURL *handle, CURLoption option, curl_write_callback value) {
    return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode curl_easy_set_progress(CURL *handle, curl_xferinfo_callback value) {
    return (curl_easy_setopt)(handle, CURLOPT_XFERINFOFUNCTION, value);
}

static inline CURLcode curl_easy_get_long(CURL *handle, CURLINFO info, long *value) {
    return (curl_easy_getinfo)(handle, info, value);
}

/// For what is set with CURLOPT_PRIVATE.
static inline CURLcode curl_easy_get_pointer(CURL *handle, CURLINFO info, void **value) {
    return (curl_easy_getinfo)(handle, info, value);
}

static inline CURLMcode curl_multi_set_long(CURLM *handle, CURLMoption option, long value) {
    return (curl_multi_setopt)(handle, option, value);
}

static inline CURLMcode curl_multi_set_pointer(CURLM *handle, CURLMoption option, void *value) {
    return (curl_multi_setopt)(handle, option, value);
}

static inline CURLMcode curl_multi_set_socket_function(CURLM *handle, curl_socket_callback value) {
    return (curl_multi_setopt)(handle, CURLMOPT_SOCKETFUNCTION, value);
}

static inline CURLMcode curl_multi_set_timer_function(CURLM *handle, curl_multi_timer_callback value) {
    return (curl_multi_setopt)(handle, CURLMOPT_TIMERFUNCTION, value);
}

/// The transfer that a message of curl_multi_info_read is about, and how it ended. (Swift cannot read the message's union.)
static inline CURLcode curl_message_result(const CURLMsg *message) { return message->data.result; }

/// Swift does not import macros with casts.
static inline long curl_auth_bearer(void) { return (long)CURLAUTH_BEARER; }
