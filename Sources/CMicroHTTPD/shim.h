#pragma once

#include <microhttpd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

// Swift can call neither variadic functions nor C's unnamed casts of callbacks to varargs: each such call that is
// used gets one wrapper with fixed arguments.

/// One daemon with one epoll thread of its own and no listening socket: connections come by MHD_add_connection.
/// No MHD_USE_ERROR_LOG: the library's messages carry no request id, and everything they say about a request
/// reaches the embedder through the completion callback.
/// Speaks TLS where tls_certificate is there, a gnutls_certificate_retrieve_function2; tls_authorities (PEM, or NULL) sign clients' certificates.
static inline struct MHD_Daemon *mhd_start_epoll_thread(
    void *cls, MHD_AccessHandlerCallback access, void *(*request_line)(void *, const char *, struct MHD_Connection *),
    MHD_RequestCompletedCallback completed, MHD_NotifyConnectionCallback connection, size_t connection_memory,
    unsigned int connection_limit, unsigned int idle_seconds, void *tls_certificate, const char *tls_priorities,
    const char *tls_authorities) {
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, tls_certificate},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)tls_priorities},
        {tls_authorities ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0, (void *)tls_authorities},
        {MHD_OPTION_END, 0, NULL},
    };
    if (!tls_certificate) tls[0].option = MHD_OPTION_END;
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | (tls_certificate ? MHD_USE_TLS : 0), 0,
        NULL, NULL, access,
        cls, MHD_OPTION_URI_LOG_CALLBACK, request_line, cls, MHD_OPTION_NOTIFY_COMPLETED, completed, cls,
        MHD_OPTION_NOTIFY_CONNECTION, connection, cls, MHD_OPTION_CONNECTION_MEMORY_LIMIT, connection_memory,
        MHD_OPTION_CONNECTION_LIMIT, connection_limit, MHD_OPTION_CONNECTION_TIMEOUT, idle_seconds, MHD_OPTION_ARRAY, tls,
        MHD_OPTION_END);
}

/// The connection's socket, or -1. (MHD_get_connection_info is variadic.)
static inline int mhd_connection_socket(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

/// The connection's TLS session, or NULL. (MHD_get_connection_info is variadic.)
static inline void *mhd_connection_session(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info ? info->tls_session : NULL;
}

/// What the connection callback stored for this connection, or NULL. (MHD_get_connection_info is variadic.)
static inline void *mhd_connection_context(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/// The status of the response queued on this connection, or 0. (MHD_get_connection_info is variadic.)
static inline unsigned int mhd_response_status(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS);
    return info ? info->http_status : 0;
}

/// poll's "the peer has closed or half-closed". POLLRDHUP hides behind _GNU_SOURCE, which Swift's import of glibc
/// does not define; Linux gives epoll's flag the same value.
static inline short poll_peer_closed(void) { return (short)EPOLLRDHUP; }
