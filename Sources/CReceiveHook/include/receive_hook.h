#pragma once

#include <stddef.h>
#include <sys/types.h>

/// From now on every `recv` without flags calls this instead; whatever else `recv` would do is `recvfrom`'s to do.
void receive_hook_install(ssize_t (*function)(int socket, void *buffer, size_t count));

/// From now on every `gnutls_record_recv` calls this instead.
void tls_receive_hook_install(ssize_t (*function)(void *session, void *buffer, size_t count));

/// GnuTLS's own `gnutls_record_recv`.
ssize_t tls_receive(void *session, void *buffer, size_t count);
