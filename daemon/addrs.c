/* Address forms: see addrs.h. */
#include <config.h>

#include "daemon/addrs.h"

#include <arpa/inet.h>
#include <stdio.h>

struct trk_addr trk_addrs_engine(const union trk_sockaddr *sa)
{
    union trk_sockaddr m = trk_sockaddr_mapped(sa);
    struct trk_addr a = {.port = trk_sockaddr_port(sa)};
    if (m.sa.sa_family == AF_INET6)
        memcpy(a.ip, &m.in6.sin6_addr, sizeof a.ip);
    return a;
}

union trk_sockaddr trk_addrs_socket(const struct trk_addr *a)
{
    union trk_sockaddr m = {.in6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)}};
    memcpy(&m.in6.sin6_addr, a->ip, sizeof a->ip);
    return trk_sockaddr_unmapped(&m);
}

union trk_sockaddr trk_addrs_from_storage(const struct sockaddr_storage *ss)
{
    union trk_sockaddr sa = {.sa = {.sa_family = AF_UNSPEC}};
    if (ss->ss_family == AF_INET)
        memcpy(&sa.in, ss, sizeof sa.in);
    else if (ss->ss_family == AF_INET6)
        memcpy(&sa.in6, ss, sizeof sa.in6);
    return trk_sockaddr_unmapped(&sa);
}

union trk_sockaddr trk_addrs_from_ipc(const struct trk_ipc_addr *a)
{
    struct sockaddr_storage ss;
    union trk_sockaddr none = {.sa = {.sa_family = AF_UNSPEC}};
    if (a->family == 0)
        return none;
    memset(&ss, 0, sizeof ss);
    trk_ipc_addr_to_sockaddr(a, a->family == 6, &ss);
    return trk_addrs_from_storage(&ss);
}

struct trk_ipc_addr trk_addrs_to_ipc(const union trk_sockaddr *sa)
{
    struct trk_ipc_addr a;
    memset(&a, 0, sizeof a);
    if (sa->sa.sa_family == AF_UNSPEC || trk_ipc_addr_from_sockaddr(&a, &sa->sa, trk_sockaddr_len(sa)) != 0)
        memset(&a, 0, sizeof a);
    return a;
}

int trk_addrs_fit(const union trk_sockaddr *bound, bool v6only, const union trk_sockaddr *to)
{
    struct trk_ipc_addr a = trk_addrs_to_ipc(bound);
    if (!trk_ipc_addr_is_any(&a))
        return trk_sockaddr_same_host(bound, to) ? 3 : 0;
    if (bound->sa.sa_family == to->sa.sa_family)
        return 2;
    return bound->sa.sa_family == AF_INET6 && !v6only;
}

const char *trk_addrs_text(const union trk_sockaddr *sa, char *text)
{
    char ip[INET6_ADDRSTRLEN] = "";
    if (sa->sa.sa_family == AF_INET) {
        inet_ntop(AF_INET, &sa->in.sin_addr, ip, sizeof ip);
        snprintf(text, TRK_ADDRS_TEXT_BYTES, "%s:%u", ip, trk_sockaddr_port(sa));
    } else if (sa->sa.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &sa->in6.sin6_addr, ip, sizeof ip);
        snprintf(text, TRK_ADDRS_TEXT_BYTES, "[%s]:%u", ip, trk_sockaddr_port(sa));
    } else {
        snprintf(text, TRK_ADDRS_TEXT_BYTES, "-");
    }
    return text;
}
