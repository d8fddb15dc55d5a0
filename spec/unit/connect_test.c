/* luaserve_connect, with a kernel that refuses, is interrupted and does things by halves. */
#include "luaserve.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "os/fault.h"
#include "os/net.h"
#include "os/sys.h"
#include "unit.h"

enum { DEADLINE_S = 60 };

static char folder[] = "/tmp/luaserve-connect-XXXXXX";

static void plan(const char *text)
{
    struct ls_slice bad;
    CHECK_INT(ls_fault_plan(ls_slice_of(text), &bad), 0);
}

static int descriptors(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* ---- a client and its peer, on one thread: what the peer does it does when they are connected ---- */

struct pair {
    int somebody_types, ends;
    bool closes; /* the peer, and not one half only */
    int listener, peer, input, typed, output, shown;
    struct ls_address met; /* the client, as its peer sees it */
    char address[LS_ADDRESS_TEXT], peer_name[LS_ADDRESS_TEXT], self_name[LS_ADDRESS_TEXT];
    struct luaserve_error error;
};

static void open_pair(struct pair *p, const char *address)
{
    struct ls_address wanted, bound;
    int in[2], out[2];
    memset(p, 0, sizeof *p);
    p->peer = -1;
    CHECK_INT(ls_address_parse(ls_slice_of(address), &wanted), 0);
    p->listener = ls_net_listen(&wanted, 4, &bound);
    CHECK(p->listener >= 0);
    ls_address_text(&bound, p->address);
    CHECK_INT(pipe(in), 0);
    CHECK_INT(pipe(out), 0);
    p->input = in[0], p->typed = in[1], p->shown = out[0], p->output = out[1];
}

static void open_local(struct pair *p)
{
    char address[LS_ADDRESS_TEXT];
    snprintf(address, sizeof address, "unix:%s/s", folder);
    open_pair(p, address);
}

static void close_pair(struct pair *p)
{
    if (strncmp(p->address, "unix:", 5) == 0)
        unlink(p->address + 5);
    const int all[] = { p->listener, p->peer, p->input, p->typed, p->output, p->shown };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] >= 0)
            close(all[i]);
}

static void answer(void *ctx, const char *peer, const char *self)
{
    struct pair *p = ctx;
    snprintf(p->peer_name, sizeof p->peer_name, "%s", peer);
    snprintf(p->self_name, sizeof p->self_name, "%s", self);
    p->met.len = sizeof p->met.name;
    p->peer = accept(p->listener, &p->met.name.any, &p->met.len);
    CHECK(p->peer >= 0);
    CHECK_INT(write(p->peer, "good day", 8), 8);
    CHECK_INT(shutdown(p->peer, SHUT_WR), 0);
    if (p->closes) {
        close(p->peer);
        p->peer = -1;
    }
}

static void end_output(void *ctx)
{
    struct pair *p = ctx;
    p->ends++;
    close(p->output);
    p->output = -1;
}

static int converse(struct pair *p, uint16_t local_port)
{
    const struct luaserve_client client = { .size = sizeof client,
                                            .address = p->address,
                                            .local_port = local_port,
                                            .timeout_ms = 100,
                                            .input = p->input,
                                            .output = p->output,
                                            .typed = p->somebody_types,
                                            .connected = answer,
                                            .peer_ended = end_output,
                                            .ctx = p };
    return luaserve_connect(&client, &p->error);
}

static void type(struct pair *p, const char *text)
{
    CHECK_INT(write(p->typed, text, strlen(text)), strlen(text));
    close(p->typed);
    p->typed = -1;
}

static void check_all_of(int fd, const char *expected)
{
    char bytes[64];
    size_t len = 0;
    long got;
    while ((got = read(fd, bytes + len, sizeof bytes - len)) > 0)
        len += (size_t)got;
    CHECK_INT(got, 0);
    CHECK_TEXT(((struct ls_slice) { bytes, len }), expected);
}

static void check_conversation(const char *faults)
{
    struct pair p;
    open_local(&p);
    type(&p, "hello");
    plan(faults);
    CHECK_INT(converse(&p, 0), 0);
    plan("");
    CHECK_INT(p.ends, 1);
    check_all_of(p.shown, "good day");
    check_all_of(p.peer, "hello");
    close_pair(&p);
}

/* ---- what passes ---- */

static void what_passes_is_not_seen(void)
{
    static const char *const plans[] = {
        "",
        "ppoll:1:EINTR,ppoll:2:EINTR",
        "read:1:EINTR,read:2:EAGAIN",
        "write:1:EINTR,write:2:EAGAIN",
        "sendto:1:EINTR,sendto:2:EAGAIN",
        "recvfrom:1:EINTR,recvfrom:2:EAGAIN",
        "read:1+:short,write:1+:short,sendto:1+:short,recvfrom:1+:short",
        "connect:1:EINPROGRESS,ppoll:1:EINTR",
    };
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++)
        check_conversation(plans[i]);
}

static void both_addresses_are_told(void)
{
    struct pair p;
    char text[LS_ADDRESS_TEXT];
    open_pair(&p, "127.0.0.1:0");
    type(&p, "");
    CHECK_INT(converse(&p, 0), 0);
    CHECK_TEXT(ls_slice_of(p.peer_name), p.address);
    ls_address_text(&p.met, text);
    CHECK_TEXT(ls_slice_of(p.self_name), text);
    close_pair(&p);
}

static void nothing_else_is_changed(void)
{
    struct pair p;
    struct sigaction before, after;
    open_local(&p);
    type(&p, "");
    signal(SIGPIPE, SIG_DFL);
    sigaction(SIGPIPE, NULL, &before);
    int twin = dup(p.output); /* shares the mode */
    int open = descriptors();
    CHECK_INT(converse(&p, 0), 0);
    CHECK_INT(descriptors(), open); /* one more, the peer's; one less, the output */
    CHECK_INT(fcntl(p.input, F_GETFL) & O_NONBLOCK, 0);
    CHECK_INT(fcntl(twin, F_GETFL) & O_NONBLOCK, 0);
    close(twin);
    sigaction(SIGPIPE, NULL, &after);
    CHECK(before.sa_handler == after.sa_handler);
    close_pair(&p);
}

static void somebody_who_types_leaves_with_the_peer(void)
{
    struct pair p;
    open_pair(&p, "127.0.0.1:0");
    p.somebody_types = 1;
    CHECK_INT(write(p.typed, "typed ahead", 11), 11);
    CHECK_INT(converse(&p, 0), 0);
    check_all_of(p.shown, "good day");
    check_all_of(p.peer, "typed ahead");
    close_pair(&p);
}

static void a_peer_that_closes_wholly_needs_no_end_of_input(void)
{
    struct pair p;
    open_local(&p);
    p.closes = true;
    CHECK_INT(converse(&p, 0), 0);
    check_all_of(p.shown, "good day");
    close_pair(&p);
}

/* ---- what does not ---- */

struct failure {
    const char *faults;
    uint16_t local_port;
    int code;
    const char *text; /* its end */
};

static void check_failure(struct pair *p, const struct failure *f)
{
    int open = descriptors();
    plan(f->faults);
    CHECK_INT(converse(p, f->local_port), -1);
    plan("");
    CHECK_INT(p->error.code, f->code);
    if (!ls_slice_ends(ls_slice_of(p->error.text), ls_slice_of(f->text)))
        CHECK_TEXT(ls_slice_of(p->error.text), f->text);
    CHECK_INT(descriptors(), open + (p->peer >= 0) - p->ends);
}

static void no_connection_says_why(void)
{
    static const struct failure failures[] = {
        { "socket:1:EMFILE", 0, LUASERVE_UNAVAILABLE, ": Too many open files" },
        { "connect:1:ENETUNREACH", 0, LUASERVE_UNAVAILABLE, ": Network is unreachable" },
        { "connect:1:EHOSTUNREACH", 0, LUASERVE_UNAVAILABLE, ": No route to host" },
        { "connect:1:ETIMEDOUT", 0, LUASERVE_UNAVAILABLE, ": timed out" },
        { "connect:1:EPERM", 0, LUASERVE_UNAVAILABLE, ": not permitted (a firewall?)" },
        { "connect:1:EACCES", 0, LUASERVE_UNAVAILABLE, ": Permission denied" },
        { "connect:1:EADDRNOTAVAIL", 0, LUASERVE_UNAVAILABLE, ": Cannot assign requested address" },
        { "bind:1:EACCES", 80, LUASERVE_UNAVAILABLE,
          " from port 80: no permission (local ports below 1024 need the privilege to bind them)" },
        { "bind:1:EADDRINUSE", 55556, LUASERVE_UNAVAILABLE,
          " from port 55556: the local port is in use, or lingers from an earlier connection "
          "(TIME_WAIT: a minute)" },
        { "bind:1:EADDRNOTAVAIL", 55556, LUASERVE_UNAVAILABLE, "(TIME_WAIT: a minute)" },
    };
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        struct pair p;
        open_pair(&p, "127.0.0.1:0");
        check_failure(&p, &failures[i]);
        close_pair(&p);
    }
}

static void a_broken_conversation_says_why(void)
{
    static const struct failure failures[] = {
        { "ppoll:1:ENOMEM", 0, LUASERVE_OS, "cannot wait: Cannot allocate memory" },
        { "read:1:EIO", 0, LUASERVE_IO, "cannot read the input: Input/output error" },
        { "write:1:ENOSPC", 0, LUASERVE_IO, "cannot write the output: No space left on device" },
        { "write:1:EPIPE", 0, LUASERVE_IO, "nobody reads the output any more" },
        { "sendto:1:ENOBUFS", 0, LUASERVE_IO, ": No buffer space available" },
        { "sendto:1:EPIPE", 0, LUASERVE_IO, ": the peer has closed and takes no more input" },
        { "sendto:1:ECONNRESET", 0, LUASERVE_IO, ": connection reset by the peer" },
        { "recvfrom:1:ECONNRESET", 0, LUASERVE_IO, ": connection reset by the peer" },
        { "recvfrom:1:ETIMEDOUT", 0, LUASERVE_IO, ": Connection timed out" },
    };
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        struct pair p;
        open_local(&p);
        type(&p, "hello");
        check_failure(&p, &failures[i]);
        close_pair(&p);
    }
}

static void an_answer_is_shown_though_no_more_is_taken(void)
{
    struct pair p;
    open_local(&p);
    type(&p, "hello");
    plan("recvfrom:1:EAGAIN,sendto:1:ECONNRESET");
    CHECK_INT(converse(&p, 0), -1);
    plan("");
    check_all_of(p.shown, "good day");
    close_pair(&p);
}

static void a_peer_that_has_closed_cannot_be_sent_more(void)
{
    struct pair p;
    open_local(&p);
    p.closes = true;
    type(&p, "hello");
    check_failure(&p,
                  &(struct failure) { "", 0, LUASERVE_IO, "has closed and takes no more input" });
    check_all_of(p.shown, "good day");
    close_pair(&p);
}

static void descriptors_that_are_none_say_so(void)
{
    struct pair p;
    open_local(&p);
    close(p.input);
    p.input = 1000;
    check_failure(&p, &(struct failure) { "", 0, LUASERVE_IO, "the input: Bad file descriptor" });
    p.input = -1;
    close_pair(&p);
    open_local(&p);
    close(p.output);
    p.output = 1000;
    check_failure(&p, &(struct failure) { "", 0, LUASERVE_IO, "the output: Bad file descriptor" });
    p.output = -1;
    close_pair(&p);
}

static void an_output_without_a_reader_ends_it(void)
{
    struct pair p;
    open_local(&p);
    close(p.shown);
    p.shown = -1;
    check_failure(&p, &(struct failure) { "", 0, LUASERVE_IO, "nobody reads the output any more" });
    close_pair(&p);
}

struct leaving {
    struct ls_sys_gate gate;
    struct pair *pair;
};

static long leave(struct ls_sys_gate *gate, long nr, const long args[6])
{
    struct pair *p = ((struct leaving *)gate)->pair;
    if (nr == SYS_write && p->shown >= 0) {
        close(p->shown);
        p->shown = -1;
    }
    return ls_sys_raw(nr, args);
}

/* Whoever would die of SIGPIPE does not. */
static void a_reader_that_leaves_at_the_last_moment_ends_it(void)
{
    struct pair p;
    struct leaving leaving = { { .pass = leave }, &p };
    signal(SIGPIPE, SIG_DFL);
    open_local(&p);
    ls_sys_gate = &leaving.gate;
    CHECK_INT(converse(&p, 0), -1);
    ls_sys_gate = NULL;
    CHECK_INT(p.error.code, LUASERVE_IO);
    CHECK_TEXT(ls_slice_of(p.error.text), "nobody reads the output any more");
    close_pair(&p);
}

/* A listener whose backlog is full drops what comes. */
static void connecting_has_a_deadline(void)
{
    struct ls_address bound, address;
    struct pair p;
    int queued[4];
    open_pair(&p, "127.0.0.1:0");
    close(p.listener);
    CHECK_INT(ls_address_parse(LS_SLICE("127.0.0.1:0"), &address), 0);
    p.listener = ls_net_listen(&address, 0, &bound);
    ls_address_text(&bound, p.address);
    for (int i = 0; i < 4; i++)
        queued[i] = ls_net_connect(&bound, NULL, 50);
    check_failure(&p, &(struct failure) { "", 0, LUASERVE_UNAVAILABLE, ": timed out" });
    for (int i = 0; i < 4; i++)
        if (queued[i] >= 0)
            close(queued[i]);
    close_pair(&p);
}

static void an_error_need_not_be_asked_for(void)
{
    struct luaserve_client client = { .size = sizeof client, .address = "nowhere" };
    CHECK_INT(luaserve_connect(&client, NULL), -1);
    client.address = "unix:/none/x";
    CHECK_INT(luaserve_connect(&client, NULL), -1);
    client.size--;
    struct luaserve_error error;
    CHECK_INT(luaserve_connect(&client, &error), -1);
    CHECK_INT(error.code, LUASERVE_USAGE);
}

static const struct unit_test tests[] = {
    { "what passes is not seen", what_passes_is_not_seen },
    { "both addresses are told", both_addresses_are_told },
    { "nothing else is changed", nothing_else_is_changed },
    { "somebody who types leaves with the peer", somebody_who_types_leaves_with_the_peer },
    { "a peer that closes wholly needs no end of input",
      a_peer_that_closes_wholly_needs_no_end_of_input },
    { "no connection says why", no_connection_says_why },
    { "a broken conversation says why", a_broken_conversation_says_why },
    { "an answer is shown though no more is taken", an_answer_is_shown_though_no_more_is_taken },
    { "a peer that has closed cannot be sent more", a_peer_that_has_closed_cannot_be_sent_more },
    { "descriptors that are none say so", descriptors_that_are_none_say_so },
    { "an output without a reader ends it", an_output_without_a_reader_ends_it },
    { "a reader that leaves at the last moment ends it",
      a_reader_that_leaves_at_the_last_moment_ends_it },
    { "connecting has a deadline", connecting_has_a_deadline },
    { "an error need not be asked for", an_error_need_not_be_asked_for },
};

int main(void)
{
    alarm(DEADLINE_S);
    if (!mkdtemp(folder))
        return 1;
    int failed = unit_main(tests, sizeof tests / sizeof *tests);
    rmdir(folder);
    return failed;
}
