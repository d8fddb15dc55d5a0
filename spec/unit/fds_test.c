#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "os/fault.h"
#include "os/fds.h"
#include "os/process.h"
#include "os/sys.h"

enum { DEADLINE_S = 60, TABLE = 4096, OWN = 4, FOREIGN = 2000 };

/* A supervisor: OWN descriptors, the ring, and FOREIGN clients, all pipes' ends. */
struct scene {
    struct ls_fds fds;
    int placeholder, client, client_end;
    bool *open; /* TABLE entries, shared: what the child found */
    int *table_size;
};

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static int highest_open(void)
{
    int fd = TABLE;
    while (fd >= 0 && !is_open(fd))
        fd--;
    return fd;
}

static void set_up(struct scene *s)
{
    int ends[2];
    for (int fd = 3; fd < 10; fd++) /* what scripts opened */
        dup2(0, fd);
    s->fds.shared_end = 10;
    CHECK_INT(fcntl(0, F_DUPFD_CLOEXEC, 10), 10);
    s->placeholder = 10;
    for (int i = 1; i < OWN; i++)
        CHECK_INT(dup(0), 10 + i);
    CHECK_INT(ls_fds_make_ring(&s->fds, s->placeholder), 0);
    for (int i = 0; i < FOREIGN; i++)
        CHECK(dup(0) >= s->fds.ring + LS_FDS_RING);
    CHECK_INT(pipe(ends), 0);
    s->client = ends[0];
    s->client_end = ends[1];
    s->open = mmap(NULL, 2 * TABLE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    s->table_size = (int *)(void *)(s->open + TABLE);
}

static void tear_down(struct scene *s)
{
    munmap(s->open, 2 * TABLE);
    CHECK_INT(ls_sys_close_range(3, ~0U, 0), 0);
}

/* FDSize of /proc/self/status: entries the kernel holds for this process. */
static int table_size(void)
{
    char text[4096] = "";
    int fd = open("/proc/self/status", O_RDONLY), size = -1;
    CHECK(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
    const char *line = strstr(text, "FDSize:");
    CHECK(line && sscanf(line, "FDSize: %d", &size) == 1);
    close(fd);
    return size;
}

/* Forks a worker of `entry` that detaches and writes down what it holds. Its exit status. */
static int run_worker(struct scene *s, int entry)
{
    struct ls_fork f;
    int status = -1;
    CHECK_INT(ls_fork_prepare(&f), 0);
    int pid = ls_fork(&f, CLONE_FILES);
    if (pid == 0) {
        int fd = ls_fds_detach(&s->fds, entry);
        for (int i = 0; i < TABLE; i++)
            s->open[i] = is_open(i);
        *s->table_size = table_size();
        ls_sys_exit_group(fd == s->fds.ring + entry ? 42 : 1);
    }
    CHECK_INT(ls_sys_wait4(pid, &status, 0, NULL), pid);
    return WEXITSTATUS(status);
}

static void the_highest_descriptor_is_found(void)
{
    CHECK_INT(ls_fds_highest(), 2);
    int fd = fcntl(0, F_DUPFD, 777);
    CHECK_INT(ls_fds_highest(), 777);
    CHECK_INT(ls_sys_fcntl(778, F_GETFD, 0), -EBADF); /* the listing left nothing open */
    for (int i = 3; i < 300; i++)                     /* more than one getdents64 */
        dup2(0, i);
    CHECK_INT(ls_fds_highest(), 777);
    close(fd);
    CHECK_INT(ls_fds_highest(), 299);
    CHECK_INT(ls_sys_close_range(3, ~0U, 0), 0);
}

static void the_highest_descriptor_is_found_without_proc(void)
{
    struct ls_slice bad;
    int fd = fcntl(0, F_DUPFD, 333);
    CHECK_INT(ls_fault_plan(LS_SLICE("openat2:1+:ENOENT"), &bad), 0);
    CHECK_INT(ls_fds_highest(), 333);
    close(fd);
    CHECK_INT(ls_fds_highest(), 2);
    CHECK_INT(ls_fault_plan(LS_SLICE("getdents64:1:EIO"), &bad), 0);
    CHECK_INT(ls_fds_highest(), -EIO);
    CHECK_INT(ls_fault_plan(LS_SLICE(""), &bad), 0);
    CHECK_INT(highest_open(), 2);
}

static void moving_keeps_the_file_and_frees_the_number(void)
{
    int ends[2];
    CHECK_INT(pipe(ends), 0);
    int moved = ls_fds_move(ends[1], 100);
    CHECK_INT(moved, 100);
    CHECK(!is_open(ends[1]));
    CHECK_INT(fcntl(moved, F_GETFD), FD_CLOEXEC);
    CHECK_INT(write(moved, "x", 1), 1);
    CHECK_INT(read(ends[0], &(char) { 0 }, 1), 1);
    CHECK_INT(ls_fds_move(ends[0], 100), 101);
    CHECK_INT(ls_fds_move(999, 100), -EBADF);
    CHECK_INT(ls_fds_move(100, 1 << 30), -EINVAL);
    CHECK(is_open(100));
    CHECK_INT(ls_sys_close_range(3, ~0U, 0), 0);
}

static void the_ring_stands_above_the_highest_descriptor(void)
{
    struct ls_fds fds = { .shared_end = 3, .ring = -1 };
    int fd = fcntl(0, F_DUPFD, 500);
    CHECK_INT(ls_fds_make_ring(&fds, 0), 0);
    CHECK_INT(fds.ring, fd + 1);
    CHECK_INT(fds.shared_end, 3);
    for (int i = 0; i < LS_FDS_RING; i++)
        CHECK_INT(fcntl(fds.ring + i, F_GETFD), FD_CLOEXEC);
    CHECK_INT(highest_open(), fd + LS_FDS_RING);
    CHECK_INT(ls_sys_close_range(3, ~0U, 0), 0);
}

static void a_ring_that_does_not_fit_leaves_nothing_open(void)
{
    struct ls_fds fds = { 0 };
    struct ls_slice bad;
    CHECK_INT(ls_fault_plan(LS_SLICE("dup3:9:EMFILE"), &bad), 0);
    CHECK_INT(ls_fds_make_ring(&fds, 0), -EMFILE);
    CHECK_INT(highest_open(), 2);
    CHECK_INT(ls_fault_plan(LS_SLICE(""), &bad), 0);
    CHECK_INT(ls_fds_make_ring(&fds, 999), -EBADF);
    CHECK_INT(highest_open(), 2);
}

static void lending_and_clearing_change_one_entry(void)
{
    struct ls_fds fds = { 0 };
    int ends[2];
    CHECK_INT(ls_fds_make_ring(&fds, 0), 0);
    CHECK_INT(pipe(ends), 0);
    CHECK_INT(ls_fds_lend(&fds, 5, ends[1]), 0);
    CHECK_INT(write(fds.ring + 5, "x", 1), 1);
    CHECK_INT(read(ends[0], &(char) { 0 }, 1), 1);
    CHECK_INT(fcntl(fds.ring + 5, F_GETFD), FD_CLOEXEC);
    close(ends[1]);
    CHECK_INT(ls_fds_clear(&fds, 5, 0), 0);
    CHECK_INT(read(ends[0], &(char) { 0 }, 1), 0); /* no copy of the other end is left */
    CHECK_INT(ls_fds_lend(&fds, 5, 999), -EBADF);
    CHECK(is_open(fds.ring + 5));
    CHECK_INT(ls_sys_close_range(3, ~0U, 0), 0);
}

static void a_worker_keeps_shared_ones_and_its_client(void)
{
    struct scene s;
    set_up(&s);
    for (int entry = 0; entry < LS_FDS_RING; entry += 5) {
        CHECK_INT(ls_fds_lend(&s.fds, entry, s.client), 0);
        CHECK_INT(run_worker(&s, entry), 42);
        for (int fd = 0; fd < TABLE; fd++) {
            if (s.open[fd] != (fd < s.fds.shared_end || fd == s.fds.ring + entry))
                CHECK_INT(fd, -1);
        }
    }
    tear_down(&s);
}

static void the_supervisors_table_stays_as_it_is(void)
{
    struct scene s;
    set_up(&s);
    int highest = highest_open();
    CHECK_INT(ls_fds_lend(&s.fds, 3, s.client), 0);
    CHECK_INT(run_worker(&s, 3), 42);
    CHECK_INT(highest_open(), highest);
    for (int fd = 0; fd <= highest; fd++) {
        if (!is_open(fd))
            CHECK_INT(fd, -1);
    }
    tear_down(&s);
}

static void a_workers_table_is_small(void)
{
    struct scene s;
    set_up(&s);
    CHECK_INT(ls_fds_lend(&s.fds, 0, s.client), 0);
    CHECK_INT(run_worker(&s, 0), 42);
    CHECK(table_size() >= FOREIGN);
    CHECK(*s.table_size > 0 && *s.table_size <= 64);
    tear_down(&s);
}

static void a_worker_without_own_descriptors_below_detaches(void)
{
    struct scene s;
    set_up(&s);
    s.fds.shared_end = s.fds.ring; /* and so nothing to close between them */
    CHECK_INT(run_worker(&s, 0), 42);
    CHECK(s.open[s.fds.ring - 1] && s.open[s.fds.ring] && !s.open[s.fds.ring + 1]);
    tear_down(&s);
}

static void a_failed_detach_closes_nothing(void)
{
    struct scene s;
    struct ls_slice bad;
    set_up(&s);
    CHECK_INT(ls_fault_plan(LS_SLICE("close_range:1:ENOMEM"), &bad), 0);
    CHECK_INT(ls_fds_detach(&s.fds, 2), -ENOMEM);
    CHECK_INT(ls_fault_plan(LS_SLICE(""), &bad), 0);
    CHECK(is_open(s.client_end) && is_open(s.placeholder) && is_open(s.fds.ring));
    tear_down(&s);
}

static bool is_null(int fd)
{
    struct stat null, it;
    return stat("/dev/null", &null) == 0 && fstat(fd, &it) == 0 && it.st_rdev == null.st_rdev &&
           (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
}

static void in_place_of_what_was_not_noted_stands_nothing(void)
{
    static struct ls_fds fds = { .shared_end = 40 };
    int ends[2];
    CHECK_INT(pipe(ends), 0);
    int noted = fcntl(ends[0], F_DUPFD, 12), far, own, other, last;
    close(ends[0]);
    ls_fds_note(&fds);
    own = fcntl(ends[1], F_DUPFD, 20);
    other = fcntl(ends[1], F_DUPFD, 30);
    far = fcntl(ends[1], F_DUPFD, 500);
    last = fcntl(ends[1], F_DUPFD, 600);
    const int keep[] = { far, own };
    CHECK_INT(ls_fds_leave_but(&fds, keep, 2), 0);
    CHECK(!is_null(noted) && !is_null(own) && !is_null(far));
    CHECK(is_null(other) && is_null(last));
    CHECK_INT(ls_fds_highest(), last); /* the numbers are still taken */
    CHECK_INT(ls_sys_close_range(3, ~0U, 0), 0);
}

static const struct unit_test tests[] = {
    { "in place of what was not noted stands nothing",
      in_place_of_what_was_not_noted_stands_nothing },
    { "the highest descriptor is found", the_highest_descriptor_is_found },
    { "the highest descriptor is found without /proc",
      the_highest_descriptor_is_found_without_proc },
    { "moving keeps the file and frees the number", moving_keeps_the_file_and_frees_the_number },
    { "the ring stands above the highest descriptor",
      the_ring_stands_above_the_highest_descriptor },
    { "a ring that does not fit leaves nothing open",
      a_ring_that_does_not_fit_leaves_nothing_open },
    { "lending and clearing change one entry", lending_and_clearing_change_one_entry },
    { "a worker keeps the shared ones and its client", a_worker_keeps_shared_ones_and_its_client },
    { "the supervisor's table stays as it is", the_supervisors_table_stays_as_it_is },
    { "a worker's table is small", a_workers_table_is_small },
    { "a worker without own descriptors below detaches",
      a_worker_without_own_descriptors_below_detaches },
    { "a failed detach closes nothing", a_failed_detach_closes_nothing },
};

/* Valgrind knows neither CLONE_FILES alone nor openat2, and hides descriptors of its own. */
int main(void)
{
    if (getenv("VALGRIND")) {
        puts("0 passed, 0 failed (not under valgrind)");
        return 0;
    }
    alarm(DEADLINE_S);
    if (ls_sys_close_range(3, ~0U, 0) < 0 || ls_process_raise_descriptors() < TABLE) {
        fprintf(stderr, "needs Linux 5.9 and a hard limit of %d descriptors\n", TABLE);
        return 1;
    }
    return unit_main(tests, sizeof tests / sizeof *tests);
}
