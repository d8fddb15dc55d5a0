#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "os/fault.h"
#include "os/sys.h"

enum { DEADLINE_S = 60 };

__asm__(".section .rodata\n"
        "nr_text: .incbin \"asm/nr.inc\"\n"
        ".byte 0\n"
        ".previous\n");
extern const char nr_text[];

static int plan(const char *text)
{
    struct ls_slice bad;
    return ls_fault_plan(ls_slice_of(text), &bad);
}

/* Of `calls` calls of getpid, which failed: "..x." */
static const char *failures(size_t calls)
{
    static char pattern[16];
    for (size_t i = 0; i < calls; i++)
        pattern[i] = ls_sys_getpid() == -EIO ? 'x' : '.';
    pattern[calls] = '\0';
    return pattern;
}

static void nothing_fails_without_a_plan(void)
{
    ls_fault_become(LS_FAULT_WORKER);
    CHECK(strcmp(failures(3), "...") == 0);
    CHECK(ls_sys_gate == NULL);
}

static void the_nth_call_fails(void)
{
    CHECK_INT(plan("getpid:2:EIO"), 0);
    CHECK(strcmp(failures(4), ".x..") == 0);
}

static void the_nth_and_all_later_calls_fail(void)
{
    CHECK_INT(plan("getpid:3+:EIO"), 0);
    CHECK(strcmp(failures(5), "..xxx") == 0);
}

static void other_calls_go_on(void)
{
    CHECK_INT(plan("getpid:1+:EIO"), 0);
    CHECK_INT(ls_sys_setpgid(-1, 0), -EINVAL);
}

static void several_items_each_count_every_call(void)
{
    CHECK_INT(plan(" getpid:1:EIO, getpid:3:EIO ,dup:1:EMFILE"), 0);
    CHECK(strcmp(failures(4), "x.x.") == 0);
    CHECK_INT(ls_sys_dup(0), -EMFILE);
}

static void the_first_item_that_is_due_holds(void)
{
    CHECK_INT(plan("dup:2:EMFILE,dup:1+:ENFILE"), 0);
    CHECK_INT(ls_sys_dup(0), -ENFILE);
    CHECK_INT(ls_sys_dup(0), -EMFILE);
    CHECK_INT(ls_sys_dup(0), -ENFILE);
}

static void a_failed_call_is_not_made(void)
{
    int ends[2];
    char byte;
    CHECK_INT(pipe2(ends, O_NONBLOCK), 0);
    CHECK_INT(plan("write:1:EPIPE,close:1:EINTR"), 0);
    CHECK_INT(ls_sys_write(ends[1], "x", 1), -EPIPE);
    CHECK_INT(ls_sys_read(ends[0], &byte, 1), -EAGAIN);
    CHECK_INT(ls_sys_close(ends[0]), -EINTR);
    CHECK_INT(ls_sys_close(ends[0]), 0);
    CHECK_INT(ls_sys_close(ends[1]), 0);
}

static void roles_have_faults_of_their_own(void)
{
    CHECK_INT(plan("worker/getpid:2:EIO,supervisor/getpid:1:EIO"), 0);
    CHECK(strcmp(failures(3), "...") == 0);
    ls_fault_become(LS_FAULT_SUPERVISOR);
    CHECK(strcmp(failures(3), "x..") == 0);
    ls_fault_become(LS_FAULT_WORKER);
    CHECK(strcmp(failures(3), ".x.") == 0);
}

static void a_child_counts_its_own_calls(void)
{
    int status = 0;
    CHECK_INT(plan("getpid:2:EIO"), 0);
    CHECK(strcmp(failures(1), ".") == 0);
    int pid = ls_sys_clone(SIGCHLD, NULL, NULL, NULL, 0);
    if (pid == 0) {
        ls_fault_become(LS_FAULT_WORKER);
        ls_sys_exit_group(strcmp(failures(3), ".x.") == 0 ? 42 : 1);
    }
    CHECK_INT(ls_sys_wait4(pid, &status, 0, NULL), pid);
    CHECK_INT(WEXITSTATUS(status), 42);
    CHECK(strcmp(failures(2), "x.") == 0);
}

static void clone_can_fail(void)
{
    CHECK_INT(plan("clone:1:EAGAIN"), 0);
    CHECK_INT(ls_sys_clone(SIGCHLD, NULL, NULL, NULL, 0), -EAGAIN);
    CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);
    CHECK_INT(errno, ECHILD);
}

/* What `read` gives at once from fd, as text. */
static const char *there(int fd)
{
    static char bytes[16];
    memset(bytes, 0, sizeof bytes);
    CHECK(recv(fd, bytes, sizeof bytes - 1, MSG_DONTWAIT) != 0);
    return bytes;
}

static void short_writes_move_one_byte(void)
{
    int pair[2];
    struct iovec parts[] = { { NULL, 0 }, { "abc", 3 }, { "def", 3 } };
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_INT(plan("write:1:short,writev:1:short,sendto:1:short"), 0);
    CHECK_INT(ls_sys_write(pair[0], "xyz", 3), 1);
    CHECK(strcmp(there(pair[1]), "x") == 0);
    CHECK_INT(ls_sys_write(pair[0], "xyz", 3), 3);
    CHECK(strcmp(there(pair[1]), "xyz") == 0);
    CHECK_INT(ls_sys_writev(pair[0], parts, 3), 1);
    CHECK(strcmp(there(pair[1]), "a") == 0);
    CHECK_INT(ls_sys_writev(pair[0], parts, 3), 6);
    CHECK(strcmp(there(pair[1]), "abcdef") == 0);
    CHECK_INT(ls_sys_sendto(pair[0], "uvw", 3, MSG_NOSIGNAL, NULL, 0), 1);
    CHECK(strcmp(there(pair[1]), "u") == 0);
    close(pair[0]);
    close(pair[1]);
}

static void short_reads_move_one_byte(void)
{
    int pair[2];
    char a[4] = "", b[4] = "";
    struct iovec parts[] = { { a, 0 }, { b, 3 }, { a, 3 } };
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_INT(send(pair[0], "0123456789", 10, 0), 10);
    CHECK_INT(plan("read:1:short,readv:1:short,recvfrom:1:short"), 0);
    CHECK_INT(ls_sys_read(pair[1], a, 3), 1);
    CHECK_INT(ls_sys_read(pair[1], a, 0), 0);
    CHECK_INT(ls_sys_readv(pair[1], parts, 3), 1);
    CHECK_INT(ls_sys_recvfrom(pair[1], a + 1, 3, 0, NULL, NULL), 1);
    CHECK(strcmp(a, "02") == 0 && strcmp(b, "1") == 0);
    CHECK_INT(ls_sys_readv(pair[1], parts, 3), 6);
    CHECK(strcmp(b, "345") == 0 && memcmp(a, "678", 3) == 0);
    close(pair[0]);
    close(pair[1]);
}

static void short_calls_with_nothing_to_move_are_made_as_they_are(void)
{
    struct iovec empty[] = { { NULL, 0 }, { NULL, 0 } };
    int pair[2];
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_INT(plan("writev:1+:short,write:1+:short"), 0);
    CHECK_INT(ls_sys_writev(pair[0], empty, 2), 0);
    CHECK_INT(ls_sys_writev(pair[0], empty, -1), -EINVAL);
    CHECK_INT(ls_sys_write(pair[0], "", 0), 0);
    close(pair[0]);
    close(pair[1]);
}

static void short_sendfile_moves_one_byte(void)
{
    int pair[2], file = fileno(tmpfile());
    int64_t offset = 2;
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_INT(write(file, "012345", 6), 6);
    CHECK_INT(plan("sendfile:2:short"), 0);
    CHECK_INT(ls_sys_sendfile(pair[0], file, &offset, 2), 2);
    CHECK_INT(ls_sys_sendfile(pair[0], file, &offset, 2), 1);
    CHECK_INT(offset, 5);
    CHECK(strcmp(there(pair[1]), "234") == 0);
    close(pair[0]);
    close(pair[1]);
}

static void bad_items_are_named(void)
{
    static const struct {
        const char *plan, *bad;
    } cases[] = {
        { "getpid", "getpid" },
        { "getpid:1", "getpid:1" },
        { "getpid:1:", "getpid:1:" },
        { "getpid:0:EIO", "getpid:0:EIO" },
        { "getpid:+:EIO", "getpid:+:EIO" },
        { "getpid:-1:EIO", "getpid:-1:EIO" },
        { "getpid:1x:EIO", "getpid:1x:EIO" },
        { "getpid:18446744073709551616:EIO", "getpid:18446744073709551616:EIO" },
        { "getpid:1:EWHAT", "getpid:1:EWHAT" },
        { "getpid:1:short", "getpid:1:short" },
        { "getpid:1:EIO:2", "getpid:1:EIO:2" },
        { "nothing:1:EIO", "nothing:1:EIO" },
        { "rt_sigreturn:1:EIO", "rt_sigreturn:1:EIO" },
        { "boss/getpid:1:EIO", "boss/getpid:1:EIO" },
        { "/getpid:1:EIO", "/getpid:1:EIO" },
        { "getpid:1:EIO,", "" },
        { "getpid:1:EIO, ,dup:1:EIO", "" },
        { "dup:1:EIO, getpid:1:eio ,dup:2:EIO", "getpid:1:eio" },
    };
    CHECK_INT(plan("getpid:1+:EIO"), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ls_slice bad = LS_SLICE("untouched");
        CHECK_INT(ls_fault_plan(ls_slice_of(cases[i].plan), &bad), -EINVAL);
        CHECK_TEXT(bad, cases[i].bad);
    }
    CHECK(strcmp(failures(1), "x") == 0); /* the earlier plan holds */
}

static void an_empty_plan_closes_the_gate(void)
{
    CHECK_INT(plan("getpid:1+:EIO"), 0);
    CHECK(ls_sys_gate != NULL);
    CHECK_INT(plan(" "), 0);
    CHECK(ls_sys_gate == NULL);
    CHECK(strcmp(failures(2), "..") == 0);
}

static void every_stub_can_be_named(void)
{
    char name[64], text[96];
    int stubs = 0;
    for (const char *line = nr_text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (sscanf(line, "NR_%63s equ", name) != 1 || strcmp(name, "rt_sigreturn") == 0)
            continue;
        snprintf(text, sizeof text, "worker/%s:1:ENOSYS", name);
        if (plan(text) != 0)
            fprintf(stderr, "not known: %s\n", name);
        CHECK_INT(plan(text), 0);
        stubs++;
    }
    CHECK(stubs > 40);
}

static void the_usual_errors_can_be_named(void)
{
    static const struct {
        const char *name;
        int number;
    } usual[] = {
        { "EINTR", EINTR },
        { "EAGAIN", EAGAIN },
        { "EMFILE", EMFILE },
        { "ENFILE", ENFILE },
        { "ENOMEM", ENOMEM },
        { "ECONNABORTED", ECONNABORTED },
        { "ECONNRESET", ECONNRESET },
        { "EPIPE", EPIPE },
        { "EIO", EIO },
        { "ENOSPC", ENOSPC },
        { "EACCES", EACCES },
        { "ENOENT", ENOENT },
        { "ELOOP", ELOOP },
        { "EINVAL", EINVAL },
        { "ENOSYS", ENOSYS },
        { "EPERM", EPERM },
        { "EADDRINUSE", EADDRINUSE },
        { "ECONNREFUSED", ECONNREFUSED },
        { "ETIMEDOUT", ETIMEDOUT },
        { "ENOBUFS", ENOBUFS },
        { "EPROTO", EPROTO },
        { "EBADF", EBADF },
        { "ENOTCONN", ENOTCONN },
    };
    char text[64];
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        snprintf(text, sizeof text, "getpid:1:%s", usual[i].name);
        CHECK_INT(plan(text), 0);
        CHECK_INT(ls_sys_getpid(), -usual[i].number);
    }
}

static const struct unit_test tests[] = {
    { "nothing fails without a plan", nothing_fails_without_a_plan },
    { "the Nth call fails", the_nth_call_fails },
    { "the Nth and all later calls fail", the_nth_and_all_later_calls_fail },
    { "other calls go on", other_calls_go_on },
    { "several items each count every call", several_items_each_count_every_call },
    { "the first item that is due holds", the_first_item_that_is_due_holds },
    { "a failed call is not made", a_failed_call_is_not_made },
    { "roles have faults of their own", roles_have_faults_of_their_own },
    { "a child counts its own calls", a_child_counts_its_own_calls },
    { "clone can fail", clone_can_fail },
    { "short writes move one byte", short_writes_move_one_byte },
    { "short reads move one byte", short_reads_move_one_byte },
    { "short calls with nothing to move are made as they are",
      short_calls_with_nothing_to_move_are_made_as_they_are },
    { "short sendfile moves one byte", short_sendfile_moves_one_byte },
    { "bad items are named", bad_items_are_named },
    { "an empty plan closes the gate", an_empty_plan_closes_the_gate },
    { "every stub can be named", every_stub_can_be_named },
    { "the usual errors can be named", the_usual_errors_can_be_named },
};

int main(void)
{
    alarm(DEADLINE_S);
    int failed = unit_main(tests, sizeof tests / sizeof *tests);
    plan("");
    return failed;
}
