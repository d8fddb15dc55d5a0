#include "exchange/hint.h"

void ls_hint_at_tls(const struct ls_engine *e, struct ls_slice input)
{
    const char handshake[] = { 0x16, 0x03 };
    const struct ls_site *site = e->site;
    if (input.len < 2 || memcmp(input.at, handshake, 2) != 0 || !site->tls_told ||
        atomic_exchange(site->tls_told, 1) != 0)
        return;
    ls_log(site->log, LS_LOG_WARN,
           "%s %s speaks TLS to a port of plain HTTP (https:// for http://?); not told again",
           e->id, e->peer.ip);
}
