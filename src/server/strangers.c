#include "server/strangers.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "os/sys.h"
#include "server/notice.h"

enum {
    PATIENCE = 1000000,  /* µs for a stranger to read why it was turned away */
    TOLD_EVERY = 1000000 /* µs between two lines of log */
};

static void forget_oldest(struct ls_strangers *s)
{
    ls_sys_close(s->all[s->first].fd);
    s->first = (s->first + 1) % LS_STRANGERS;
    s->count--;
}

static void tell(struct ls_strangers *s, uint64_t now, const struct ls_log *log)
{
    if (s->turned_away == 0 || now < s->told_at + TOLD_EVERY)
        return;
    ls_log(log, LS_LOG_WARN, "clients turned away with 503: %llu",
           (unsigned long long)s->turned_away);
    s->told_at = now;
    s->turned_away = 0;
}

void ls_strangers_turn_away(struct ls_strangers *s, int fd, const char *id,
                            const struct ls_log *log)
{
    uint64_t now = ls_clock_us();
    char request[4096];
    ls_notice_send(fd, &(struct ls_notice) { .status = 503, .id = id });
    ls_sys_shutdown(fd, SHUT_WR);
    ls_sys_recvfrom(fd, request, sizeof request, MSG_DONTWAIT, NULL, NULL); /* or a reset follows */
    if (s->count == LS_STRANGERS)
        forget_oldest(s);
    s->all[(s->first + s->count++) % LS_STRANGERS] = (struct ls_stranger) { fd, now + PATIENCE };
    s->turned_away++;
    tell(s, now, log);
}

uint64_t ls_strangers_look(struct ls_strangers *s, uint64_t now, const struct ls_log *log)
{
    while (s->count > 0 && now >= s->all[s->first].until)
        forget_oldest(s);
    tell(s, now, log);
    if (s->turned_away > 0)
        return s->told_at + TOLD_EVERY;
    return s->count > 0 ? s->all[s->first].until : 0;
}

void ls_strangers_close(struct ls_strangers *s)
{
    while (s->count > 0)
        forget_oldest(s);
}
