/* What a sandbox forbids and what it leaves: each test enters one in a process of its own. */
#include "unit.h"

#include <asm/unistd_64.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "os/sys.h"
#include "server/sandbox.h"

enum { DEADLINE_S = 60, X32 = 0x40000000, I386_GETPID = 20 };

#define GARBAGE (0x7eedL << 32) /* in the upper half of an int */

static char folder[] = "/tmp/luaserve-sandbox-XXXXXX", there[64], fresh[64];

static const struct ls_sandbox_rules all = { true, true, LS_FILES_WRITE },
                                     no_processes = { false, true, LS_FILES_WRITE },
                                     no_connect = { true, false, LS_FILES_WRITE },
                                     only_read = { true, true, LS_FILES_READ },
                                     no_files = { true, true, LS_FILES_NONE },
                                     nothing = { false, false, LS_FILES_NONE };

#define CALL(name, ...) ls_sys_raw(__NR_##name, (const long[6]) { __VA_ARGS__ })

#define CHECK_ERRNO(condition, error)                                                              \
    do {                                                                                           \
        errno = 0;                                                                                 \
        CHECK(condition);                                                                          \
        CHECK_INT(errno, error);                                                                   \
    } while (0)

static struct ls_sandbox *made(const struct ls_sandbox_rules *rules)
{
    struct ls_sandbox *sandbox = NULL;
    CHECK_INT(ls_sandbox_new(rules, &sandbox), 0);
    return sandbox;
}

static void enter_and_run(const struct ls_sandbox *sandbox, void (*run)(void))
{
    unit_failed_checks = 0;
    alarm(DEADLINE_S);
    CHECK_INT(ls_sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    CHECK_INT(ls_sandbox_enter(sandbox), 0);
    if (unit_failed_checks == 0)
        run();
    ls_sys_exit_group(unit_failed_checks > 0);
}

static void inside(const struct ls_sandbox_rules *rules, void (*run)(void))
{
    int status = 0;
    struct ls_sandbox *sandbox = made(rules);
    CHECK(sandbox != NULL);
    if (!sandbox)
        return;
    pid_t pid = fork();
    if (pid == 0)
        enter_and_run(sandbox, run);
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(status, 0);
    ls_sandbox_free(&sandbox);
}

/* ---- building ---- */

static void what_allows_everything_is_no_sandbox(void)
{
    struct ls_sandbox *sandbox = (void *)folder;
    CHECK_INT(ls_sandbox_new(&all, &sandbox), 0);
    CHECK(sandbox == NULL);
    ls_sandbox_free(&sandbox);
}

static void two_sandboxes_are_made_and_freed(void)
{
    struct ls_sandbox *one = made(&no_processes), *two = made(&nothing);
    CHECK(one && two && one != two);
    ls_sandbox_free(&one);
    ls_sandbox_free(&two);
    CHECK(!one && !two);
}

/* ---- processes ---- */

static void *add_one(void *number)
{
    ++*(int *)number;
    return NULL;
}

static void check_thread(void)
{
    pthread_t thread;
    int number = 41;
    CHECK_INT(pthread_create(&thread, NULL, add_one, &number), 0);
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK_INT(number, 42);
}

static void try_processes(void)
{
    char *const none[] = { NULL };
    pid_t pid;
    CHECK_ERRNO(fork() == -1, EPERM);
    CHECK(popen("true", "r") == NULL);
    CHECK(errno == EPERM || errno == ENOMEM); /* as glibc 2.36 says for every reason */
    CHECK(system("true") != 0);
    CHECK_INT(posix_spawn(&pid, "/bin/true", NULL, NULL, none, none), EPERM);
    CHECK_ERRNO(execve("/bin/true", none, none) == -1, EPERM);
    CHECK_INT(CALL(fork), -EPERM);
    CHECK_INT(CALL(vfork), -EPERM);
    CHECK_INT(CALL(execveat, -1, 0, 0, 0, 0), -EPERM);
    CHECK_INT(ls_sys_clone(SIGCHLD, NULL, NULL, NULL, 0), -EPERM);
    CHECK_INT(ls_sys_clone(CLONE_VM | CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, 0), -EPERM);
    CHECK_INT(ls_sys_clone(CLONE_THREAD, NULL, NULL, NULL, 0), -EINVAL);
    check_thread();
    CHECK_INT(ls_sys_kill(ls_sys_getpid(), 0), 0);
    CHECK_INT(ls_sys_wait4(-1, NULL, 0, NULL), -ECHILD);
}

static void new_processes_fail_and_threads_start(void)
{
    inside(&no_processes, try_processes);
}

static void try_allowed(void)
{
    CHECK_INT(system("true"), 0);
    check_thread();
    CHECK(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
}

static void what_is_not_forbidden_works(void)
{
    inside(&only_read, try_allowed);
}

/* ---- sockets ---- */

static int pair[2];

static void check_pair(void)
{
    char bytes[8] = "";
    int value = 0;
    socklen_t len = sizeof value;
    CHECK_INT(ls_sys_write(pair[0], "ab", 2), 2);
    CHECK_INT(ls_sys_sendto(pair[0], "cd", 2, MSG_NOSIGNAL, NULL, 0), 2);
    CHECK_INT(ls_sys_read(pair[1], bytes, 4), 4);
    CHECK(strcmp(bytes, "abcd") == 0);
    CHECK_INT(ls_sys_getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &value, &len), 0);
    CHECK_INT(ls_sys_shutdown(pair[0], SHUT_WR), 0);
    CHECK_INT(ls_sys_recvfrom(pair[1], bytes, 4, 0, NULL, NULL), 0);
}

static void check_new_pairs(void)
{
    int fds[2];
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
    CHECK_ERRNO(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds) == -1, EPERM);
    CHECK_ERRNO(socketpair(AF_UNIX, SOCK_RAW, 0, fds) == -1, EPERM);
    CHECK_INT(CALL(socketpair, AF_TIPC | GARBAGE, SOCK_STREAM, 0, (long)fds), -EPERM);
}

static void try_sockets(void)
{
    const struct sockaddr address = { .sa_family = AF_UNIX };
    CHECK_ERRNO(socket(AF_INET, SOCK_STREAM, 0) == -1, EPERM);
    CHECK_ERRNO(socket(AF_UNIX, SOCK_DGRAM, 0) == -1, EPERM);
    CHECK_INT(ls_sys_connect(pair[0], &address, sizeof address), -EPERM);
    CHECK_INT(ls_sys_bind(pair[0], &address, sizeof address), -EPERM);
    CHECK_INT(ls_sys_listen(pair[0], 1), -EPERM);
    CHECK_INT(ls_sys_sendto(pair[0], "x", 1, 0, &address, sizeof address), -EPERM);
    CHECK_INT(CALL(sendto, pair[0], (long)"x", 1, 0, 1L << 32, 0), -EPERM);
    check_new_pairs();
    check_pair();
}

static void new_sockets_fail_and_old_ones_work(void)
{
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    inside(&no_connect, try_sockets);
    close(pair[0]);
    close(pair[1]);
}

/* ---- files ---- */

static int opened; /* for writing, before the sandbox */

static void check_opening(long flags)
{
    CHECK_INT(CALL(openat, AT_FDCWD, (long)there, flags, 0600), -EPERM);
    CHECK_INT(CALL(open, (long)there, flags, 0600), -EPERM);
    CHECK_INT(CALL(openat, AT_FDCWD, (long)there, flags | GARBAGE, 0600), -EPERM);
}

static void check_openings(void)
{
    check_opening(O_WRONLY);
    check_opening(O_RDWR);
    check_opening(O_WRONLY | O_RDWR);
    check_opening(O_RDONLY | O_CREAT);
    check_opening(O_RDONLY | O_TRUNC);
    check_opening(O_TMPFILE & ~O_DIRECTORY);
    check_opening(O_TMPFILE | O_RDWR);
    CHECK_ERRNO(fopen(there, "w") == NULL, EPERM);
    CHECK_ERRNO(fopen(there, "r+") == NULL, EPERM);
    CHECK_ERRNO(tmpfile() == NULL, EPERM);
}

/* With arguments that are wrong in any case: those that a sandbox lets pass say something else. */
static void check_numbers(const int *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        long result = ls_sys_raw(numbers[i], (const long[6]) { -1, -1, -1, -1, -1, -1 });
        if (result != -EPERM)
            fprintf(stderr, "syscall %d:\n", numbers[i]);
        CHECK_INT(result, -EPERM);
    }
}

/* clang-format off */
static const int always[] = {
    __NR_ptrace, __NR_process_vm_readv, __NR_process_vm_writev, __NR_pidfd_getfd,
    __NR_io_uring_setup, __NR_io_uring_enter, __NR_io_uring_register, __NR_bpf, __NR_init_module,
    __NR_finit_module, __NR_delete_module, __NR_mount, __NR_umount2, __NR_pivot_root, __NR_chroot,
    __NR_setns, __NR_unshare, __NR_kexec_load, __NR_kexec_file_load, __NR_open_by_handle_at,
    __NR_userfaultfd, __NR_perf_event_open, __NR_add_key, __NR_keyctl, __NR_request_key,
    __NR_open_tree, __NR_move_mount, __NR_fsopen, __NR_fsconfig, __NR_fsmount, __NR_fspick,
    __NR_mount_setattr, 467 /* open_tree_attr */,
};

static const int changes[] = {
    __NR_creat, __NR_truncate, __NR_unlink, __NR_unlinkat, __NR_rmdir, __NR_mkdir, __NR_mkdirat,
    __NR_rename, __NR_renameat, __NR_renameat2, __NR_link, __NR_linkat, __NR_symlink,
    __NR_symlinkat, __NR_mknod, __NR_mknodat, __NR_chmod, __NR_fchmod, __NR_fchmodat,
    452 /* fchmodat2 */, __NR_chown, __NR_fchown, __NR_lchown, __NR_fchownat, __NR_utime,
    __NR_utimes, __NR_utimensat, __NR_futimesat, __NR_setxattr, __NR_lsetxattr, __NR_fsetxattr,
    __NR_removexattr, __NR_lremovexattr, __NR_fremovexattr, 463 /* setxattrat */,
    466 /* removexattrat */, 469 /* file_setattr */,
};
/* clang-format on */

static void check_changes(void)
{
    CHECK_ERRNO(remove(there) == -1, EPERM);
    CHECK_ERRNO(rename(there, fresh) == -1, EPERM);
    CHECK_ERRNO(truncate(there, 0) == -1, EPERM);
    CHECK_ERRNO(mkdir(fresh, 0700) == -1, EPERM);
    CHECK_ERRNO(fchmod(opened, 0644) == -1, EPERM);
    check_numbers(changes, sizeof changes / sizeof *changes);
}

static void check_old_descriptor(void)
{
    CHECK_INT(ls_sys_write(opened, "x", 1), 1);
    CHECK_INT(CALL(ftruncate, opened, 0), 0);
    CHECK(CALL(fallocate, opened, 0, 0, 1) != -EPERM);
}

static void try_to_write(void)
{
    char byte = 0;
    check_openings();
    check_changes();
    check_old_descriptor();
    FILE *file = fopen("/proc/self/comm", "r");
    CHECK(file && fread(&byte, 1, 1, file) == 1 && fclose(file) == 0);
    CHECK(CALL(open, (long)folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) >= 0);
}

static void with_a_file(const struct ls_sandbox_rules *rules, void (*run)(void))
{
    opened = open(there, O_RDWR | O_CREAT, 0600);
    CHECK(opened >= 0);
    inside(rules, run);
    CHECK_INT(access(there, F_OK), 0);
    CHECK_INT(access(fresh, F_OK), -1);
    unlink(there);
    close(opened);
}

static void files_are_read_and_not_changed(void)
{
    with_a_file(&only_read, try_to_write);
}

static void try_to_open(void)
{
    const struct ls_open_how how = { .flags = O_RDONLY };
    check_openings();
    check_changes();
    check_opening(O_RDONLY);
    check_opening(O_PATH);
    CHECK_ERRNO(fopen("/proc/self/comm", "r") == NULL, EPERM);
    CHECK(ls_sys_openat2(AT_FDCWD, there, &how, sizeof how) >= 0);
    check_old_descriptor();
}

static void no_file_is_opened_but_by_the_server(void)
{
    with_a_file(&no_files, try_to_open);
}

/* ---- in every sandbox ---- */

static void check_namespaces(void)
{
    const unsigned long kinds[] = { CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                    CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        CHECK_INT(ls_sys_clone(kinds[i] | SIGCHLD, NULL, NULL, NULL, 0), -EPERM);
    CHECK_INT(CALL(clone3, 0, 0), -ENOSYS);
}

static void try_ways_around(void)
{
    check_numbers(always, sizeof always / sizeof *always);
    check_namespaces();
    CHECK_INT(CALL(ioctl, -1, TIOCSTI | GARBAGE, (long)"x"), -EPERM);
    CHECK_INT(CALL(ioctl, -1, TIOCLINUX, (long)"x"), -EPERM);
    CHECK_INT(CALL(ioctl, -1, FIONREAD, 0), -EBADF);
    check_thread();
}

static void ways_around_are_closed_in_every_sandbox(void)
{
    const struct ls_sandbox_rules *rules[] = { &no_processes, &no_connect, &only_read, &no_files,
                                               &nothing };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        inside(rules[i], try_ways_around);
}

static long by_interrupt(long nr) /* of i386 */
{
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(nr), "b"(1)
                     : "memory", "cc", "r8", "r9", "r10", "r11");
    return (int)result;
}

static void try_x32(void)
{
    for (int nr = X32; nr < X32 + 1024; nr++)
        CHECK_INT(ls_sys_raw(nr, (const long[6]) { -1, -1, -1, -1, -1, -1 }), -EPERM);
    CHECK_INT(ls_sys_raw(X32 | __NR_getpid, (const long[6]) { 0 }), -EPERM);
}

static void try_i386(void)
{
    for (int nr = 1; nr < 1024; nr++)
        CHECK_INT(by_interrupt(nr), -EPERM);
}

static bool kernel_has_i386(void) /* it can be built without */
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL); /* sanitizers catch it */
        ls_sys_exit_group(by_interrupt(I386_GETPID) == ls_sys_getpid() ? 0 : 1);
    }
    CHECK_INT(waitpid(pid, &status, 0), pid);
    return status == 0;
}

static void other_architectures_are_refused(void)
{
    inside(&no_processes, try_x32);
    if (kernel_has_i386())
        inside(&no_processes, try_i386);
}

static void try_a_second_one(void)
{
    struct ls_sandbox *second = made(&no_connect);
    CHECK_INT(ls_sandbox_enter(second), 0);
    ls_sandbox_free(&second);
    CHECK_ERRNO(socket(AF_INET, SOCK_STREAM, 0) == -1, EPERM);
    CHECK_ERRNO(fork() == -1, EPERM);
    CHECK_INT(CALL(execve, 0, 0, 0), -EPERM);
}

static void a_second_one_only_takes_away(void)
{
    inside(&no_processes, try_a_second_one);
}

static const struct unit_test tests[] = {
    { "what allows everything is no sandbox", what_allows_everything_is_no_sandbox },
    { "two sandboxes are made and freed", two_sandboxes_are_made_and_freed },
    { "new processes fail and threads start", new_processes_fail_and_threads_start },
    { "what is not forbidden works", what_is_not_forbidden_works },
    { "new sockets fail and old ones work", new_sockets_fail_and_old_ones_work },
    { "files are read and not changed", files_are_read_and_not_changed },
    { "no file is opened but by the server", no_file_is_opened_but_by_the_server },
    { "ways around are closed in every sandbox", ways_around_are_closed_in_every_sandbox },
    { "other architectures are refused", other_architectures_are_refused },
    { "a second one only takes away", a_second_one_only_takes_away },
};

enum { WITHOUT_ENTERING = 2 }; /* so many of the tests come first */

static bool kernel_has_filters(void)
{
    uint32_t action = SECCOMP_RET_ERRNO;
    return ls_sys_seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static int run_all(void)
{
    alarm(DEADLINE_S);
    if (!mkdtemp(folder))
        return 1;
    snprintf(there, sizeof there, "%s/there", folder);
    snprintf(fresh, sizeof fresh, "%s/fresh", folder);
    int failed = unit_main(tests, sizeof tests / sizeof *tests);
    rmdir(folder);
    return failed;
}

/* Valgrind knows no seccomp: a filter would be its own. */
int main(void)
{
    if (getenv("VALGRIND"))
        return unit_main(tests, WITHOUT_ENTERING);
    if (!kernel_has_filters()) {
        puts("0 passed, 0 failed (skipped: the kernel has no seccomp filters)");
        return 0;
    }
    return run_all();
}
