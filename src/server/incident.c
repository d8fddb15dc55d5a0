#include "server/incident.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "os/sys.h"
#include "server/accounting.h"
#include "server/notice.h"

enum { TCP_STATE_CLOSE_WAIT = 8 }; /* the client's FIN has come; <netinet/tcp.h>'s number */

/* TCP counts for us, whatever became of the worker: what it wrote shows even when it died before
 * it could say so. A received FIN counts as one byte. */
static bool look_tcp(int fd, const struct ls_slot *slot, struct ls_traffic *t)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    memset(&info, 0, sizeof info);
    if (ls_sys_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
        len < offsetof(struct tcp_info, tcpi_bytes_retrans) + sizeof info.tcpi_bytes_retrans)
        return false;
    uint64_t sent = info.tcpi_bytes_sent - info.tcpi_bytes_retrans + info.tcpi_notsent_bytes;
    uint64_t received = info.tcpi_bytes_received - (info.tcpi_state == TCP_STATE_CLOSE_WAIT);
    t->whole = ls_slot_phase(atomic_load(&slot->word)) == LS_PHASE_SEND && sent > 0 &&
               sent == atomic_load(&slot->promised_out);
    t->answered = !t->whole && sent != atomic_load(&slot->settled_out);
    t->asked = received > atomic_load(t->whole ? &slot->promised_in : &slot->settled_in);
    t->counted = true;
    t->sent = sent;
    t->acknowledged = info.tcpi_bytes_acked;
    return true;
}

/* Elsewhere the worker's word decides: the phase is SEND before the first byte is written, and a
 * stream that goes on says so. (A reset cannot be sent there: a client of 1.0 that is told the end
 * of its answer by the end of the connection alone cannot see that it was torn.) */
static void look_phase(const struct ls_slot *slot, struct ls_traffic *t)
{
    uint64_t word = atomic_load(&slot->word);
    enum ls_phase phase = ls_slot_phase(word);
    t->answered = phase == LS_PHASE_SEND || phase == LS_PHASE_LIVE ||
                  atomic_load(&slot->begun) == ls_slot_seq(word);
    t->asked = phase != LS_PHASE_IDLE && phase != LS_PHASE_START;
}

void ls_traffic_look(const struct luaserve *s, uint32_t client, struct ls_traffic *t)
{
    const struct ls_slot *slot = ls_clients_slot(&s->clients, client);
    const struct ls_client *c = &s->clients.all[client];
    *t = (struct ls_traffic) { .sent = atomic_load(&s->shared->accounts[client].going) };
    if (c->peer.name.any.sa_family == AF_UNIX || !look_tcp(c->fd, slot, t))
        look_phase(slot, t);
    t->answered |= c->service > 0;
}

void ls_incident_id(const struct luaserve *s, uint32_t client, char id[17])
{
    const struct ls_slot *slot = ls_clients_slot(&s->clients, client);
    uint64_t word = atomic_load(&slot->word), seq = ls_slot_seq(word);
    enum ls_phase phase = ls_slot_phase(word);
    struct ls_traffic t;
    ls_traffic_look(s, client, &t);
    bool between = phase == LS_PHASE_IDLE || phase == LS_PHASE_START || t.whole;
    ls_request_id(s->now->site.nonce, slot->client, seq + between, id);
}

void ls_incident_answer(struct luaserve *s, uint32_t client, int status, const char *detail)
{
    struct ls_client *c = &s->clients.all[client];
    const struct ls_slot *slot = ls_clients_slot(&s->clients, client);
    struct ls_traffic t;
    char id[17];
    ls_incident_id(s, client, id);
    ls_traffic_look(s, client, &t);
    c->sent_before = t.sent;
    int64_t body = ls_notice_send(
        c->fd, &(struct ls_notice) { status, id, detail, strcmp(slot->method, "HEAD") == 0 });
    c->answered = true;
    if (body >= 0)
        ls_accounting_told(s, client, id, status, (uint64_t)body);
}
