#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "os/fault.h"
#include "os/net.h"
#include "os/sys.h"

enum { DEADLINE_S = 60, SOON_MS = 5000 };

static char folder[] = "/tmp/luaserve-net-XXXXXX";

static bool without_openat2(void) /* as valgrind is */
{
    return getenv("VALGRIND") != NULL;
}

static struct ls_address parsed(const char *text)
{
    struct ls_address address;
    CHECK_INT(ls_address_parse(ls_slice_of(text), &address), 0);
    return address;
}

static struct ls_address in_folder(const char *name)
{
    char text[LS_ADDRESS_TEXT];
    snprintf(text, sizeof text, "unix:%s/%s", folder, name);
    return parsed(text);
}

static void check_text(const struct ls_address *address, const char *expected)
{
    char text[LS_ADDRESS_TEXT];
    ls_address_text(address, text);
    CHECK_TEXT(ls_slice_of(text), expected);
}

static void plan(const char *text)
{
    struct ls_slice bad;
    CHECK_INT(ls_fault_plan(ls_slice_of(text), &bad), 0);
}

/* ---- listening ---- */

static int listening(const char *text, struct ls_address *bound)
{
    struct ls_address address = parsed(text);
    int fd = ls_net_listen(&address, 16, bound);
    CHECK(fd >= 0);
    return fd;
}

/* A client gets through to the listener: one byte each way, and both sides know one another. */
static void check_serves(int listener, const struct ls_address *bound)
{
    struct ls_address peer, self = { .len = sizeof self.name };
    char byte = 0;
    int client = ls_net_connect(bound, NULL, SOON_MS);
    CHECK(client >= 0);
    poll(&(struct pollfd) { .fd = listener, .events = POLLIN }, 1, SOON_MS);
    int served = ls_net_accept(listener, &peer, 0);
    CHECK(served >= 0);
    CHECK_INT(ls_sys_write(served, "s", 1), 1);
    CHECK_INT(ls_sys_read(client, &byte, 1), 1);
    CHECK_INT(byte, 's');
    CHECK_INT(ls_sys_getsockname(client, &self.name.any, &self.len), 0);
    CHECK_INT(ls_address_port(&peer), ls_address_port(&self));
    CHECK_INT(peer.len, self.len);
    CHECK_INT(fcntl(served, F_GETFL) & O_NONBLOCK, 0);
    CHECK_INT(fcntl(client, F_GETFL) & O_NONBLOCK, 0);
    CHECK_INT(fcntl(served, F_GETFD), FD_CLOEXEC);
    CHECK_INT(fcntl(client, F_GETFD), FD_CLOEXEC);
    close(client);
    close(served);
}

static void port_zero_gives_the_port_really_bound(void)
{
    struct ls_address bound, peer;
    int fd = listening("127.0.0.1:0", &bound);
    CHECK(ls_address_port(&bound) != 0);
    CHECK_INT(bound.len, sizeof bound.name.ip4);
    CHECK_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    CHECK_INT(ls_net_accept(fd, &peer, 0), -EAGAIN);
    check_serves(fd, &bound);
    close(fd);
}

struct watch {
    struct ls_sys_gate gate;
    bool bound, only; /* what was asked for: a bind, and before it IPV6_V6ONLY */
};

static long watch_v6only(struct ls_sys_gate *gate, long nr, const long args[6])
{
    struct watch *watch = (struct watch *)gate;
    watch->bound |= nr == SYS_bind;
    if (nr == SYS_setsockopt && (int)args[1] == IPPROTO_IPV6 && (int)args[2] == IPV6_V6ONLY)
        watch->only = !watch->bound && *(const int *)args[3] == 1;
    return ls_sys_raw(nr, args);
}

/* Asked of the gate: a socket that is bound to ::1 has the option in any case. */
static void ipv6_takes_no_mapped_ipv4(void)
{
    struct ls_address bound, address = parsed("[::1]:0");
    struct watch watch = { .gate = { watch_v6only } };
    ls_sys_gate = &watch.gate;
    int fd = ls_net_listen(&address, 16, &bound);
    ls_sys_gate = NULL;
    CHECK(watch.only);
    if (fd == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT) {
        fprintf(stderr, "no IPv6 here\n");
        return;
    }
    CHECK_INT(bound.len, sizeof bound.name.ip6);
    check_serves(fd, &bound);
    close(fd);
}

static void an_address_in_use_says_so(void)
{
    struct ls_address bound, again;
    int fd = listening("127.0.0.1:0", &bound);
    CHECK_INT(ls_net_listen(&bound, 16, &again), -EADDRINUSE);
    close(fd);
    fd = ls_net_listen(&bound, 16, &again); /* free again: its own past does not hold it */
    CHECK(fd >= 0);
    CHECK_INT(ls_address_port(&again), ls_address_port(&bound));
    close(fd);
}

static void a_foreign_address_cannot_be_bound(void)
{
    struct ls_address address = parsed("192.0.2.1:0"), bound;
    CHECK_INT(ls_net_listen(&address, 16, &bound), -EADDRNOTAVAIL);
}

static void a_failed_listen_leaves_nothing_open(void)
{
    static const char *const plans[] = { "socket:1:EMFILE",     "setsockopt:1:EMFILE",
                                         "setsockopt:2:EMFILE", "bind:1:EMFILE",
                                         "listen:1:EMFILE",     "getsockname:1:EMFILE" };
    struct ls_address address = parsed("[::1]:0"), bound;
    int next = dup(0);
    close(next);
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        plan(plans[i]);
        int got = ls_net_listen(&address, 16, &bound);
        CHECK(got == -EMFILE || got == -EADDRNOTAVAIL || got == -EAFNOSUPPORT);
        plan("");
        int same = dup(0);
        CHECK_INT(same, next);
        close(same);
    }
}

/* ---- Unix sockets ---- */

static void a_unix_socket_serves(void)
{
    struct ls_address address = in_folder("serves"), bound;
    int fd = ls_net_listen(&address, 16, &bound);
    char text[LS_ADDRESS_TEXT];
    ls_address_text(&address, text);
    check_text(&bound, text);
    check_serves(fd, &bound);
    close(fd);
}

static void a_stale_unix_socket_is_replaced(void)
{
    struct ls_address address = in_folder("stale"), bound;
    if (without_openat2())
        return;
    int dead = ls_net_listen(&address, 16, &bound);
    CHECK(dead >= 0);
    close(dead);
    CHECK_INT(ls_net_connect(&address, NULL, SOON_MS), -ECONNREFUSED);
    int fd = ls_net_listen(&address, 16, &bound);
    CHECK(fd >= 0);
    check_serves(fd, &bound);
    close(fd);
}

static void a_live_unix_socket_is_in_use(void)
{
    struct ls_address address = in_folder("live"), bound, again;
    if (without_openat2())
        return;
    int fd = ls_net_listen(&address, 16, &bound);
    struct ls_address probe;
    CHECK_INT(ls_net_listen(&address, 16, &again), -EADDRINUSE);
    int asked = ls_net_accept(fd, &probe, 0); /* by the second one, whether it lives */
    CHECK(asked >= 0);
    close(asked);
    check_serves(fd, &bound);
    close(fd);
}

static void other_files_stay_where_they_are(void)
{
    struct ls_address file = in_folder("file"), folder_itself = in_folder("."), link, bound;
    struct stat status;
    int fd = open(file.name.local.sun_path, O_WRONLY | O_CREAT, 0600);
    CHECK_INT(write(fd, "keep", 4), 4);
    close(fd);
    CHECK_INT(ls_net_listen(&file, 16, &bound), -EADDRINUSE);
    CHECK_INT(stat(file.name.local.sun_path, &status), 0);
    CHECK_INT(status.st_size, 4);
    CHECK_INT(ls_net_listen(&folder_itself, 16, &bound), -EADDRINUSE);
    link = in_folder("link");
    CHECK_INT(symlink("stale", link.name.local.sun_path), 0); /* a dead socket, by another test */
    CHECK_INT(ls_net_listen(&link, 16, &bound), -EADDRINUSE);
    CHECK_INT(lstat(link.name.local.sun_path, &status), 0);
    CHECK(S_ISLNK(status.st_mode));
}

static void a_missing_folder_says_so(void)
{
    struct ls_address address = in_folder("missing/x"), bound;
    CHECK_INT(ls_net_listen(&address, 16, &bound), -ENOENT);
}

/* ---- connecting ---- */

static void a_closed_port_refuses(void)
{
    struct ls_address bound;
    int fd = listening("127.0.0.1:0", &bound);
    close(fd);
    CHECK_INT(ls_net_connect(&bound, NULL, SOON_MS), -ECONNREFUSED);
    CHECK_INT(ls_net_connect(&bound, NULL, -1), -ECONNREFUSED);
}

static void a_local_port_is_kept(void)
{
    struct ls_address bound, from, peer;
    int fd = listening("127.0.0.1:0", &bound), other = listening("127.0.0.1:0", &from);
    close(other); /* its port is free now */
    int client = ls_net_connect(&bound, &from, SOON_MS);
    CHECK(client >= 0);
    int served = ls_net_accept(fd, &peer, 0);
    CHECK(served >= 0);
    CHECK_INT(ls_address_port(&peer), ls_address_port(&from));
    CHECK_INT(ls_net_connect(&bound, &from, SOON_MS), -EADDRNOTAVAIL); /* that pair exists */
    close(client);
    close(served);
    close(fd);
}

/* A listener whose backlog is full drops what comes: connect can only wait. */
static void connecting_has_a_deadline(void)
{
    struct ls_address bound, address = parsed("127.0.0.1:0");
    int fd = ls_net_listen(&address, 0, &bound), queued[4], got = 0;
    for (int i = 0; i < 4; i++) {
        queued[i] = ls_net_connect(&bound, NULL, 50);
        got = queued[i] < 0 ? queued[i] : got;
    }
    CHECK_INT(got, -ETIMEDOUT);
    for (int i = 0; i < 4; i++)
        close(queued[i]);
    close(fd);
}

static void a_failed_connect_leaves_nothing_open(void)
{
    static const char *const plans[] = { "socket:1:EIO", "bind:1:EIO",  "connect:1:EIO",
                                         "fcntl:1:EIO",  "fcntl:2:EIO", "setsockopt:1:EIO" };
    struct ls_address bound, from = parsed("127.0.0.1:0");
    int fd = listening("127.0.0.1:0", &bound);
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        plan(plans[i]);
        CHECK_INT(ls_net_connect(&bound, &from, SOON_MS), -EIO);
        plan("");
        int same = dup(0);
        CHECK_INT(same, fd + 1);
        close(same);
    }
    close(fd);
}

static void waiting_can_be_interrupted(void)
{
    struct ls_address bound;
    int fd = listening("127.0.0.1:0", &bound);
    plan("connect:1:EINPROGRESS,ppoll:1:EINTR");
    CHECK_INT(ls_net_connect(&bound, NULL, SOON_MS), -EINTR);
    plan("");
    close(fd);
}

static void a_failed_accept_says_why(void)
{
    struct ls_address bound, peer;
    int fd = listening("127.0.0.1:0", &bound), client = ls_net_connect(&bound, NULL, SOON_MS);
    plan("accept4:1:ECONNABORTED");
    CHECK_INT(ls_net_accept(fd, &peer, 0), -ECONNABORTED);
    int served = ls_net_accept(fd, &peer, 0);
    CHECK(served >= 0);
    plan("");
    close(served);
    close(client);
    close(fd);
}

/* Drops what comes in, as a cable does that was pulled: nothing is acknowledged any more. */
static void pull_the_cable(int fd)
{
    struct sock_filter nothing = { .code = BPF_RET | BPF_K, .k = 0 };
    const struct sock_fprog program = { .len = 1, .filter = &nothing };
    CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
}

static void patience_ends_with_who_acknowledges_nothing(void)
{
    struct ls_address bound, peer;
    int fd = listening("127.0.0.1:0", &bound), client = ls_net_connect(&bound, NULL, SOON_MS);
    int served = ls_net_accept(fd, &peer, 0);
    struct pollfd left = { .fd = served };
    ls_net_patience(served, 250001);
    pull_the_cable(client);
    CHECK_INT(ls_sys_write(served, "x", 1), 1);
    CHECK_INT(poll(&left, 1, SOON_MS), 1);
    CHECK(left.revents & POLLERR);
    CHECK_INT(ls_sys_write(served, "x", 1), -ETIMEDOUT);
    close(served);
    close(client);
    close(fd);
}

static const struct unit_test tests[] = {
    { "port 0 gives the port really bound", port_zero_gives_the_port_really_bound },
    { "IPv6 takes no mapped IPv4", ipv6_takes_no_mapped_ipv4 },
    { "an address in use says so", an_address_in_use_says_so },
    { "a foreign address cannot be bound", a_foreign_address_cannot_be_bound },
    { "a failed listen leaves nothing open", a_failed_listen_leaves_nothing_open },
    { "a Unix socket serves", a_unix_socket_serves },
    { "a stale Unix socket is replaced", a_stale_unix_socket_is_replaced },
    { "a live Unix socket is in use", a_live_unix_socket_is_in_use },
    { "other files stay where they are", other_files_stay_where_they_are },
    { "a missing folder says so", a_missing_folder_says_so },
    { "a closed port refuses", a_closed_port_refuses },
    { "a local port is kept", a_local_port_is_kept },
    { "connecting has a deadline", connecting_has_a_deadline },
    { "a failed connect leaves nothing open", a_failed_connect_leaves_nothing_open },
    { "waiting can be interrupted", waiting_can_be_interrupted },
    { "a failed accept says why", a_failed_accept_says_why },
    { "patience ends with who acknowledges nothing", patience_ends_with_who_acknowledges_nothing },
};

static void remove_folder(void)
{
    static const char *const names[] = { "serves", "stale", "live", "file", "link" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct ls_address address = in_folder(names[i]);
        unlink(address.name.local.sun_path);
    }
    rmdir(folder);
}

int main(void)
{
    alarm(DEADLINE_S);
    if (!mkdtemp(folder))
        return 1;
    int failed = unit_main(tests, sizeof tests / sizeof *tests);
    remove_folder();
    return failed;
}
