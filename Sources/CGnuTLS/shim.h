#pragma once

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

/// For APIs that take a callback of any kind.
static inline void *gnutls_retrieve_callback(gnutls_certificate_retrieve_function2 *function) { return (void *)function; }
