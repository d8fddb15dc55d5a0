/* The stubs for files, memory, sockets and waiting: a result, an error, and what order the arguments
 * have. All tests run twice, the second time through a gate. */
#include "stubs.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

__asm__(".section .rodata\n"
        "nr_text: .incbin \"asm/nr.inc\"\n"
        ".byte 0\n"
        ".previous\n");
extern const char nr_text[];

static const struct ls_open_how for_reading = { .flags = O_RDONLY | O_CLOEXEC };
static const struct ls_open_how nameless = { .flags = O_RDWR | O_TMPFILE, .mode = 0600 };

/* A nameless file that holds 0123456789, its offset at 0. */
static int digits_file(void)
{
    int fd = ls_sys_openat2(AT_FDCWD, "/tmp", &nameless, sizeof nameless);
    if (fd < 0) /* valgrind knows no openat2, some file systems no O_TMPFILE */
        fd = dup(fileno(tmpfile()));
    CHECK_INT(ls_sys_write(fd, "0123456789", 10), 10);
    CHECK_INT(ls_sys_lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = ls_htons(port) };
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return name;
}

/* A socket bound to a free port of the loopback; *name gets it. */
static int bound_socket(int type, struct sockaddr_in *name)
{
    socklen_t len = sizeof *name;
    int fd = ls_sys_socket(AF_INET, type, 0);
    *name = loopback(0);
    CHECK(fd >= 0);
    CHECK_INT(ls_sys_bind(fd, (struct sockaddr *)name, len), 0);
    CHECK_INT(ls_sys_getsockname(fd, (struct sockaddr *)name, &len), 0);
    CHECK_INT(len, sizeof *name);
    CHECK(name->sin_port != 0);
    return fd;
}

/* ---- the numbers and the bytes ---- */

static int number_of(const char *name)
{
    for (int i = 0; i < STUBS; i++) {
        if (strcmp(stubs[i].name, name) == 0)
            return stubs[i].number;
    }
    return strcmp(name, "rt_sigreturn") == 0 ? __NR_rt_sigreturn
                                             : -1; /* no stub's: the restorer's */
}

static void numbers_are_the_kernels(void)
{
    char name[64];
    int number;
    size_t found = 0;
    for (const char *line = nr_text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (sscanf(line, "NR_%63s equ %d", name, &number) != 2)
            continue;
        CHECK_INT(number, number_of(name));
        found++;
    }
    CHECK_INT(found, STUBS + 1);
}

unsigned wide_htons(unsigned port) __asm__("ls_htons"); /* all of the register, in and out */

static void ports_change_their_byte_order(void)
{
    CHECK_INT(ls_htons(3000), 0xB80B);
    CHECK_INT(wide_htons(0xFFFF0BB8), 0xB80B);
    for (unsigned port = 0; port <= UINT16_MAX; port++) {
        if (ls_htons((uint16_t)port) != htons((uint16_t)port) ||
            ls_ntohs((uint16_t)port) != ntohs((uint16_t)port))
            CHECK_INT(port, -1);
    }
}

/* ---- files ---- */

static void reads_and_writes_move_bytes(void)
{
    char a[4] = "", b[8] = "";
    struct iovec parts[] = { { a, 3 }, { b, 4 } };
    int fd = digits_file();
    CHECK_INT(ls_sys_lseek(fd, 2, SEEK_SET), 2);
    CHECK_INT(ls_sys_readv(fd, parts, 2), 7);
    CHECK(strcmp(a, "234") == 0 && strcmp(b, "5678") == 0);
    CHECK_INT(ls_sys_read(fd, a, 3), 1);
    CHECK_INT(ls_sys_read(fd, a, 3), 0);
    CHECK_INT(ls_sys_pread64(fd, a, 3, 4), 3);
    CHECK(strcmp(a, "456") == 0);
    memcpy(a, "234", 3);
    CHECK_INT(ls_sys_writev(fd, parts, 2), 7);
    CHECK_INT(ls_sys_lseek(fd, 0, SEEK_END), 17);
    CHECK_INT(ls_sys_close(fd), 0);
    CHECK_FAILS(ls_sys_read(CLOSED, a, 1), EBADF);
    CHECK_FAILS(ls_sys_readv(CLOSED, parts, 2), EBADF);
    CHECK_FAILS(ls_sys_pread64(CLOSED, a, 1, 0), EBADF);
    CHECK_FAILS(ls_sys_write(CLOSED, a, 1), EBADF);
    CHECK_FAILS(ls_sys_writev(CLOSED, parts, 2), EBADF);
    CHECK_FAILS(ls_sys_lseek(CLOSED, 0, SEEK_SET), EBADF);
    CHECK_FAILS(ls_sys_close(CLOSED), EBADF);
}

static void folders_are_made_and_removed(void)
{
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/tmp/luaserve-sys-test-%d.d", getpid());
    CHECK_INT(ls_sys_mkdir(path, 0700), 0);
    CHECK_INT(ls_sys_newfstatat(AT_FDCWD, path, &status, 0), 0);
    CHECK_INT(status.st_mode, S_IFDIR | 0700);
    CHECK_FAILS(ls_sys_mkdir(path, 0700), EEXIST);
    CHECK_INT(ls_sys_rmdir(path), 0);
    CHECK_FAILS(ls_sys_rmdir(path), ENOENT);
}

static void files_are_opened_described_and_unlinked(void)
{
    char path[64];
    const struct ls_open_how make = { .flags = O_WRONLY | O_CREAT | O_EXCL, .mode = 0640 };
    struct stat status, named;
    if (under_valgrind())
        return;
    snprintf(path, sizeof path, "/tmp/luaserve-sys-test-%d", getpid());
    int fd = ls_sys_openat2(AT_FDCWD, path, &make, sizeof make);
    CHECK(fd >= 0);
    CHECK_INT(ls_sys_write(fd, "abc", 3), 3);
    CHECK_INT(ls_sys_fstat(fd, &status), 0);
    CHECK_INT(status.st_size, 3);
    CHECK(S_ISREG(status.st_mode));
    CHECK_FAILS(ls_sys_openat2(AT_FDCWD, path, &make, sizeof make), EEXIST);
    CHECK_FAILS(ls_sys_openat2(CLOSED, "x", &for_reading, sizeof for_reading), EBADF);
    CHECK_FAILS(ls_sys_openat2(AT_FDCWD, path, &for_reading, 1), EINVAL);
    CHECK_FAILS(ls_sys_fstat(CLOSED, &status), EBADF);
    CHECK_INT(ls_sys_newfstatat(AT_FDCWD, path, &named, 0), 0);
    CHECK(named.st_ino == status.st_ino && named.st_size == 3);
    CHECK_INT(ls_sys_newfstatat(fd, "", &named, AT_EMPTY_PATH), 0);
    CHECK_INT(ls_sys_unlink(path), 0);
    CHECK_FAILS(ls_sys_newfstatat(AT_FDCWD, path, &named, 0), ENOENT);
    CHECK_FAILS(ls_sys_unlink(path), ENOENT);
    ls_sys_close(fd);
}

static void directories_are_listed(void)
{
    char entries[1024];
    int root = open("/", O_RDONLY | O_DIRECTORY);
    CHECK_FAILS(ls_sys_getdents64(root, entries, 1), EINVAL);
    CHECK(ls_sys_getdents64(root, entries, sizeof entries) > 0);
    CHECK_FAILS(ls_sys_getdents64(CLOSED, entries, sizeof entries), EBADF);
    ls_sys_close(root);
}

static void descriptors_are_duplicated_and_closed(void)
{
    int fd = digits_file();
    int again = ls_sys_dup(fd);
    CHECK(again > fd);
    CHECK_INT(ls_sys_fcntl(again, F_GETFD, 0), 0);
    CHECK_INT(ls_sys_dup3(fd, 600, O_CLOEXEC), 600);
    CHECK_INT(ls_sys_fcntl(600, F_GETFD, 0), FD_CLOEXEC);
    CHECK_INT(ls_sys_fcntl(fd, F_DUPFD, 601), 601);
    CHECK_FAILS(ls_sys_dup(CLOSED), EBADF);
    CHECK_FAILS(ls_sys_dup3(fd, fd, 0), EINVAL);
    CHECK_FAILS(ls_sys_fcntl(CLOSED, F_GETFD, 0), EBADF);
    ls_sys_close(again);
    ls_sys_close(fd);
    if (under_valgrind()) {
        CHECK_INT(ls_sys_close(600) + ls_sys_close(601), 0);
        return;
    }
    CHECK_INT(ls_sys_close_range(600, 601, CLOSE_RANGE_CLOEXEC), 0);
    CHECK_INT(ls_sys_fcntl(601, F_GETFD, 0), FD_CLOEXEC);
    CHECK_INT(ls_sys_close_range(600, 601, 0), 0);
    CHECK_FAILS(ls_sys_fcntl(601, F_GETFD, 0), EBADF);
    CHECK_FAILS(ls_sys_close_range(2, 1, 0), EINVAL);
}

static void mmap_takes_six_arguments(void)
{
    enum { PAGE = 4096 };
    int fd = digits_file();
    CHECK_INT(ls_sys_lseek(fd, PAGE, SEEK_SET), PAGE);
    CHECK_INT(ls_sys_write(fd, "second", 6), 6);
    char *page = ls_sys_mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, PAGE);
    CHECK_INT(ls_sys_bad(page), 0);
    CHECK(memcmp(page, "second", 6) == 0);
    page[0] = 'S';
    CHECK_INT(ls_sys_madvise(page, PAGE, MADV_DONTFORK), 0);
    CHECK_FAILS(ls_sys_madvise(page, PAGE, -1), EINVAL);
    CHECK_INT(ls_sys_munmap(page, PAGE), 0);
    CHECK_FAILS(ls_sys_bad(ls_sys_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, CLOSED, 0)), EBADF);
    CHECK_FAILS(ls_sys_munmap((void *)1, PAGE), EINVAL);
    ls_sys_close(fd);
}

/* ---- sockets ---- */

static void stream_sockets_connect(void)
{
    struct sockaddr_in name, peer = { 0 }, here = { 0 };
    socklen_t len = sizeof peer;
    int listener = bound_socket(SOCK_STREAM, &name),
        client = ls_sys_socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(ls_sys_listen(listener, 5), 0);
    CHECK_INT(ls_sys_connect(client, (struct sockaddr *)&name, sizeof name), 0);
    int fd = ls_sys_accept4(listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);
    CHECK_INT(ls_sys_fcntl(fd, F_GETFD, 0), FD_CLOEXEC);
    CHECK_INT(len, sizeof peer);
    CHECK_INT(ls_sys_getsockname(client, (struct sockaddr *)&here, &len), 0);
    CHECK_INT(peer.sin_port, here.sin_port);
    CHECK_INT(ls_sys_shutdown(client, SHUT_WR), 0);
    CHECK_INT(ls_sys_read(fd, &(char) { 0 }, 1), 0);
    CHECK_FAILS(ls_sys_socket(AF_INET, SOCK_STREAM, 250), EPROTONOSUPPORT);
    CHECK_FAILS(ls_sys_bind(client, (struct sockaddr *)&name, 1), EINVAL);
    CHECK_FAILS(ls_sys_getsockname(CLOSED, (struct sockaddr *)&here, &len), EBADF);
    CHECK_FAILS(ls_sys_listen(CLOSED, 1), EBADF);
    CHECK_FAILS(ls_sys_accept4(fd, NULL, NULL, 0), EINVAL);
    CHECK_FAILS(ls_sys_connect(client, (struct sockaddr *)&name, sizeof name), EISCONN);
    CHECK_FAILS(ls_sys_shutdown(listener, 99), EINVAL);
    ls_sys_close(fd);
    ls_sys_close(client);
    ls_sys_close(listener);
}

static void socket_options_are_set_and_read(void)
{
    const struct linger linger = { 1, 5 };
    struct linger got = { 0, 0 };
    int on = 1, value = 0, fd = ls_sys_socket(AF_INET, SOCK_STREAM, 0);
    socklen_t len = sizeof got;
    CHECK_INT(ls_sys_setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    CHECK_INT(ls_sys_getsockopt(fd, SOL_SOCKET, SO_LINGER, &got, &len), 0);
    CHECK(len == sizeof got && got.l_onoff == 1 && got.l_linger == 5);
    len = sizeof value;
    CHECK_INT(ls_sys_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    CHECK_INT(ls_sys_getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
    CHECK_INT(value != 0, 1);
    CHECK_FAILS(ls_sys_setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, 1), EINVAL);
    CHECK_FAILS(ls_sys_getsockopt(fd, SOL_SOCKET, 9999, &value, &len), ENOPROTOOPT);
    ls_sys_close(fd);
}

static void sendto_and_recvfrom_take_six_arguments(void)
{
    struct sockaddr_in name_a, name_b, from = { 0 };
    socklen_t len = sizeof from;
    char bytes[8] = "";
    int a = bound_socket(SOCK_DGRAM, &name_a), b = bound_socket(SOCK_DGRAM, &name_b);
    CHECK_INT(ls_sys_sendto(a, "hello", 4, MSG_DONTWAIT, (struct sockaddr *)&name_b, len), 4);
    CHECK_INT(ls_sys_recvfrom(b, bytes, 7, MSG_PEEK, (struct sockaddr *)&from, &len), 4);
    CHECK(strcmp(bytes, "hell") == 0);
    CHECK(len == sizeof from && from.sin_port == name_a.sin_port);
    CHECK_INT(ls_sys_recvfrom(b, bytes, 2, MSG_TRUNC, NULL, NULL), 4);
    CHECK_FAILS(ls_sys_recvfrom(b, bytes, 7, MSG_DONTWAIT, NULL, NULL), EAGAIN);
    CHECK_FAILS(ls_sys_sendto(a, "x", 1, 0, (struct sockaddr *)&name_b, 3), EINVAL);
    CHECK_FAILS(ls_sys_sendto(a, "x", 1, 0, NULL, 0), EDESTADDRREQ);
    ls_sys_close(a);
    ls_sys_close(b);
}

static void sendfile_moves_from_an_offset(void)
{
    int pair[2], file = digits_file();
    int64_t offset = 3;
    char bytes[8] = "";
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_INT(ls_sys_sendfile(pair[0], file, &offset, 4), 4);
    CHECK_INT(offset, 7);
    CHECK_INT(ls_sys_read(pair[1], bytes, 7), 4);
    CHECK(strcmp(bytes, "3456") == 0);
    CHECK_FAILS(ls_sys_sendfile(pair[0], CLOSED, &offset, 4), EBADF);
    ls_sys_close(pair[0]);
    ls_sys_close(pair[1]);
    ls_sys_close(file);
}

/* ---- waiting ---- */

static void ppoll_waits_with_a_mask(void)
{
    int ends[2];
    const struct timespec now = { 0, 0 }, bad = { 0, -1 };
    const uint64_t all = ~0ULL;
    CHECK_INT(pipe(ends), 0);
    struct pollfd fds[] = { { ends[0], POLLIN, 0 }, { ends[1], POLLOUT, 0 } };
    CHECK_INT(ls_sys_ppoll(fds, 1, &now, &all), 0);
    CHECK_INT(ls_sys_ppoll(fds, 2, NULL, &all), 1);
    CHECK_INT(fds[1].revents, POLLOUT);
    CHECK_INT(ls_sys_kill(ls_sys_getpid(), 0), 0);
    CHECK_FAILS(ls_sys_ppoll(fds, 2, &bad, NULL), EINVAL);
    ls_sys_close(ends[0]);
    ls_sys_close(ends[1]);
}

static void an_eventfd_counts(void)
{
    int fd = ls_sys_eventfd2(2, EFD_CLOEXEC | EFD_NONBLOCK);
    uint64_t count = 1;
    CHECK_INT(ls_sys_fcntl(fd, F_GETFD, 0), FD_CLOEXEC);
    CHECK_INT(ls_sys_write(fd, &count, sizeof count), sizeof count);
    CHECK_INT(ls_sys_read(fd, &count, sizeof count), sizeof count);
    CHECK_INT(count, 3);
    CHECK_FAILS(ls_sys_read(fd, &count, sizeof count), EAGAIN);
    CHECK_FAILS(ls_sys_eventfd2(0, 2), EINVAL);
    ls_sys_close(fd);
}

static void epoll_reports_events(void)
{
    int ends[2], epoll = ls_sys_epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { EPOLLIN, { .u64 = 0x1122334455667788 } }, got[2];
    const uint64_t all = ~0ULL;
    CHECK_INT(pipe(ends), 0);
    CHECK_INT(ls_sys_fcntl(epoll, F_GETFD, 0), FD_CLOEXEC);
    CHECK_INT(ls_sys_epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), 0);
    CHECK_INT(ls_sys_epoll_pwait(epoll, got, 2, 0, &all), 0);
    CHECK_INT(ls_sys_write(ends[1], "x", 1), 1);
    CHECK_INT(ls_sys_epoll_pwait(epoll, got, 2, -1, &all), 1);
    CHECK(got[0].data.u64 == event.data.u64);
    CHECK_FAILS(ls_sys_epoll_create1(1), EINVAL);
    CHECK_FAILS(ls_sys_epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), EEXIST);
    CHECK_FAILS(ls_sys_epoll_pwait(epoll, got, 0, 0, NULL), EINVAL);
    ls_sys_close(ends[0]);
    ls_sys_close(ends[1]);
    ls_sys_close(epoll);
}

/* ---- the same through a gate ---- */

static void all_hold_through_a_gate(void);

static void pipes_carry_packets(void)
{
    int ends[2];
    char got[8];
    CHECK_INT(ls_sys_pipe2(ends, O_CLOEXEC | O_NONBLOCK | O_DIRECT), 0);
    CHECK_INT(ls_sys_fcntl(ends[0], F_GETFD, 0), FD_CLOEXEC);
    CHECK_INT(ls_sys_write(ends[1], "one", 3), 3);
    CHECK_INT(ls_sys_write(ends[1], "two", 3), 3);
    CHECK_INT(ls_sys_read(ends[0], got, sizeof got), 3); /* not both */
    CHECK_INT(ls_sys_read(ends[0], got, sizeof got), 3);
    CHECK_FAILS(ls_sys_read(ends[0], got, sizeof got), EAGAIN);
    ls_sys_close(ends[1]);
    CHECK_INT(ls_sys_read(ends[0], got, sizeof got), 0);
    ls_sys_close(ends[0]);
    CHECK_FAILS(ls_sys_pipe2(ends, 1), EINVAL);
}

static const struct unit_test tests[] = {
    { "pipes carry packets", pipes_carry_packets },
    { "the numbers in nr.inc are the kernel's", numbers_are_the_kernels },
    { "ports change their byte order", ports_change_their_byte_order },
    { "reads and writes move bytes", reads_and_writes_move_bytes },
    { "folders are made and removed", folders_are_made_and_removed },
    { "files are opened, described and unlinked", files_are_opened_described_and_unlinked },
    { "directories are listed", directories_are_listed },
    { "descriptors are duplicated and closed", descriptors_are_duplicated_and_closed },
    { "stream sockets connect", stream_sockets_connect },
    { "socket options are set and read", socket_options_are_set_and_read },
    { "sendto and recvfrom take six arguments", sendto_and_recvfrom_take_six_arguments },
    { "sendfile moves from an offset", sendfile_moves_from_an_offset },
    { "ppoll waits with a mask", ppoll_waits_with_a_mask },
    { "epoll reports events", epoll_reports_events },
    { "an eventfd counts", an_eventfd_counts },
    { "mmap takes six arguments", mmap_takes_six_arguments },
    { "all of that holds through a gate", all_hold_through_a_gate },
};

static void all_hold_through_a_gate(void)
{
    check_through_gate(tests, all_hold_through_a_gate, SYS_TEST);
}

int main(void)
{
    alarm(DEADLINE_S);
    return unit_main(tests, sizeof tests / sizeof *tests);
}
