#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fault.h"
#include "os/notation.h"

enum { RINGS = 3, SIZE = 16, REQUEST = 77 };

static struct ls_ledgers *all;
static struct ls_recorder recorder;

static void begin(void)
{
    size_t size = ls_ledgers_size(RINGS, SIZE);
    all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ls_ledgers_init(all, RINGS, SIZE);
    ls_recorder_begin(&recorder, all, 1);
    ls_recorder_about(REQUEST);
}

static void end(void)
{
    ls_recorder_end(&recorder);
    munmap(all, ls_ledgers_size(RINGS, SIZE));
}

/* The newest call of ring 1, in strace's notation. */
static struct ls_slice last(void)
{
    static struct ls_buffer text;
    struct ls_ledger_entry e;
    ls_buffer_clear(&text);
    if (ls_ledgers_read(all, 1, ls_ledgers_end(all, 1) - 1, &e))
        ls_notation_call(&text, &e);
    return (struct ls_slice) { text.at, text.len };
}

static void nothing_is_recorded_before_and_after(void)
{
    begin();
    ls_sys_getpid();
    end();
    CHECK(ls_sys_gate == NULL);
    begin();
    CHECK_INT(ls_ledgers_end(all, 1), 0);
    ls_sys_getpid();
    CHECK_INT(ls_ledgers_end(all, 1), 1);
    end();
}

static void a_ring_keeps_the_last_calls(void)
{
    struct ls_ledger_entry e;
    begin();
    for (int i = 0; i < 3 * SIZE; i++)
        ls_sys_dup(-1 - i);
    CHECK_INT(ls_ledgers_end(all, 1), 3 * SIZE);
    CHECK_INT(ls_ledgers_oldest(all, 1), 2 * SIZE + 1);
    CHECK(!ls_ledgers_read(all, 1, 2 * SIZE, &e));
    CHECK(!ls_ledgers_read(all, 1, 3 * SIZE, &e));
    for (int i = 2 * SIZE + 1; i < 3 * SIZE; i++) {
        CHECK(ls_ledgers_read(all, 1, (uint64_t)i, &e));
        CHECK_INT((int)e.args[0], -1 - i);
        CHECK_INT(e.about, REQUEST);
        CHECK(e.from > 0 && atomic_load(&e.to) >= e.from);
    }
    CHECK_TEXT(last(), "dup(-48) = -1 EBADF (Bad file descriptor)");
    end();
}

static void bytes_are_cut_and_escaped(void)
{
    int ends[2];
    char got[64];
    begin();
    ls_sys_pipe2(ends, O_CLOEXEC);
    CHECK(ls_slice_starts(last(), LS_SLICE("pipe2([")));
    ls_sys_write(ends[1],
                 "a\0"
                 "1\"\\\x80\n",
                 7);
    CHECK(memmem(last().at, last().len, ", \"a\\0001\\\"\\\\\\200\\n\", 7) = 7", 28));
    ls_sys_read(ends[0], got, sizeof got);
    CHECK(memmem(last().at, last().len, ", \"a\\0001\\\"\\\\\\200\\n\", 64) = 7", 29));
    ls_sys_write(ends[1], "0123456789012345678901234567890123", 34);
    CHECK(memmem(last().at, last().len, "\"01234567890123456789012345678901\"..., 34) = 34", 47));
    ls_sys_write(ends[1], "", 0);
    CHECK(memmem(last().at, last().len, ", \"\", 0) = 0", 12));
    ls_sys_close(ends[0]);
    ls_sys_close(ends[1]);
    end();
}

static void names_stand_for_numbers(void)
{
    struct sockaddr_in any = { .sin_family = AF_INET,
                               .sin_port = ls_htons(80),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct pollfd fds[4] = { { -1, POLLIN | POLLOUT, 0 }, { -2, POLLRDHUP, 0 } };
    struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = 5 };
    const struct timespec now = { 0, 5 };
    const uint64_t set = 1 << (SIGHUP - 1) | 1 << (SIGTERM - 1), most = ~set;
    int on = 1;
    struct stat status;
    begin();
    ls_sys_setsockopt(-1, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    CHECK_TEXT(last(),
               "setsockopt(-1, SOL_SOCKET, SO_REUSEADDR, [1], 4) = -1 EBADF (Bad file descriptor)");
    ls_sys_connect(-1, (struct sockaddr *)&any, sizeof any);
    CHECK_TEXT(last(), "connect(-1, {sa_family=AF_INET, sin_port=htons(80), "
                       "sin_addr=inet_addr(\"127.0.0.1\")}, 16) = -1 EBADF (Bad file descriptor)");
    ls_sys_ppoll(fds, 2, &now, NULL);
    CHECK_TEXT(last(), "ppoll([{fd=-1, events=POLLIN|POLLOUT}, {fd=-2, events=POLLRDHUP}], 2, "
                       "{tv_sec=0, tv_nsec=5}, NULL, 8) = 0");
    ls_sys_ppoll(fds, 4, &now, NULL);
    CHECK(memmem(last().at, last().len, ", ...], 4", 9));
    ls_sys_epoll_ctl(-1, EPOLL_CTL_ADD, 3, &event);
    CHECK_TEXT(last(), "epoll_ctl(-1, EPOLL_CTL_ADD, 3, {events=EPOLLIN|EPOLLET, data=0x5}) = "
                       "-1 EBADF (Bad file descriptor)");
    ls_sys_rt_sigprocmask(99, &set, NULL);
    CHECK_TEXT(last(), "rt_sigprocmask(99, [HUP TERM], NULL, 8) = -1 EINVAL (Invalid argument)");
    ls_sys_rt_sigprocmask(99, &most, NULL);
    CHECK_TEXT(last(), "rt_sigprocmask(99, ~[HUP TERM], NULL, 8) = -1 EINVAL (Invalid argument)");
    ls_sys_newfstatat(AT_FDCWD, "/", &status, AT_SYMLINK_NOFOLLOW);
    CHECK(ls_slice_starts(last(), LS_SLICE("newfstatat(AT_FDCWD, \"/\", {st_mode=S_IFDIR|0")));
    ls_sys_mmap(NULL, 0, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK_TEXT(last(), "mmap(NULL, 0, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = -1 EINVAL "
                       "(Invalid argument)");
    ls_sys_kill(0, 99);
    CHECK_TEXT(last(), "kill(0, 99) = -1 EINVAL (Invalid argument)");
    ls_sys_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | 1 << 20, 0);
    CHECK(
        ls_slice_starts(last(), LS_SLICE("socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC|0x100000, 0)")));
    end();
}

static void long_paths_are_cut(void)
{
    char path[71] = { 0 };
    struct ls_open_how how = { .flags = O_RDONLY };
    begin();
    memset(path, 'p', 63);
    ls_sys_openat2(-1, path, &how, sizeof how);
    CHECK(memmem(last().at, last().len, "ppp\", {flags=O_RDONLY, resolve=0}, 24)", 38));
    memset(path, 'p', 70);
    ls_sys_openat2(-1, path, &how, sizeof how);
    CHECK(memmem(last().at, last().len, "ppp\"..., {flags=O_RDONLY", 24));
    end();
}

/* At the end of the page there is nothing that a look beyond a text's NUL could read. */
static void nothing_is_read_behind_what_an_argument_points_to(void)
{
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + 4096, 4096);
    memcpy(page + 4092, "abc", 4);
    begin();
    ls_sys_unlink(page + 4092);
    CHECK_TEXT(last(), "unlink(\"abc\") = -1 ENOENT (No such file or directory)");
    ls_sys_write(-1, page + 4093, 3);
    CHECK_TEXT(last(), "write(-1, \"bc\\0\", 3) = -1 EBADF (Bad file descriptor)");
    end();
    munmap(page, 4096);
}

static void a_failure_that_was_planned_is_recorded(void)
{
    struct ls_slice bad;
    CHECK_INT(ls_fault_plan(LS_SLICE("worker/getppid:2:EIO"), &bad), 0);
    begin();
    ls_fault_become(LS_FAULT_WORKER);
    CHECK(ls_sys_getppid() >= 0);
    CHECK_INT(ls_sys_getppid(), -EIO);
    CHECK_TEXT(last(), "getppid() = -1 EIO (Input/output error)");
    end();
    CHECK(ls_sys_getppid() >= 0);
    CHECK(ls_sys_gate != NULL);
    CHECK_INT(ls_fault_plan(LS_SLICE(""), &bad), 0);
    CHECK(ls_sys_gate == NULL);
}

/* Forks by the stub; the child makes one call, and ends. */
static int fork_once(void)
{
    int pid = ls_sys_clone(SIGCHLD, NULL, NULL, NULL, 0), status = -1;
    if (pid == 0) {
        ls_sys_getppid();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return status;
}

static void a_child_records_where_it_is_told_to(void)
{
    struct ls_ledger_entry e;
    begin();
    CHECK_INT(fork_once(), 0);
    CHECK_INT(ls_ledgers_end(all, 1), 1); /* the clone; the child has written nothing */
    CHECK_INT(ls_ledgers_end(all, 2), 0);
    ls_recorder_bequeath(&recorder, 2, REQUEST + 1);
    CHECK_INT(fork_once(), 0);
    ls_recorder_bequeath(&recorder, LS_LEDGER_NONE, 0);
    CHECK_INT(ls_ledgers_end(all, 2), 2);
    CHECK(ls_ledgers_read(all, 2, 0, &e));
    CHECK_INT(e.nr, SYS_clone);
    CHECK_INT(e.result, 0);
    CHECK(ls_ledgers_read(all, 2, 1, &e));
    CHECK_INT(e.nr, SYS_getppid);
    CHECK_INT(e.about, REQUEST + 1);
    end();
}

static void a_call_that_never_returned_shows(void)
{
    struct ls_buffer text = { 0 };
    begin();
    ls_recorder_bequeath(&recorder, 2, REQUEST + 1);
    int pid = ls_sys_clone(SIGCHLD, NULL, NULL, NULL, 0), status;
    if (pid == 0)
        ls_sys_exit_group(3);
    waitpid(pid, &status, 0);
    CHECK_INT(ls_notation_request(&text, all, REQUEST + 1), 2);
    CHECK(memmem(text.at, text.len, "exit_group(3) <unfinished ...>\n", 31));
    ls_buffer_free(&text);
    end();
}

int main(void)
{
    static const struct unit_test tests[] = {
        { "nothing is recorded before and after", nothing_is_recorded_before_and_after },
        { "a ring keeps the last calls", a_ring_keeps_the_last_calls },
        { "bytes are cut and escaped", bytes_are_cut_and_escaped },
        { "names stand for numbers", names_stand_for_numbers },
        { "long paths are cut", long_paths_are_cut },
        { "nothing is read behind what an argument points to",
          nothing_is_read_behind_what_an_argument_points_to },
        { "a failure that was planned is recorded", a_failure_that_was_planned_is_recorded },
        { "a child records where it is told to", a_child_records_where_it_is_told_to },
        { "a call that never returned shows", a_call_that_never_returned_shows },
    };
    return unit_main(tests, sizeof tests / sizeof *tests);
}
