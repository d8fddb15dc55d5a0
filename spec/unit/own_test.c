#include "unit.h"

#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/own.h"
#include "os/sys.h"

enum { SIZE = 100000 };

/* Whether this process has it: what the kernel says when it is to read there. */
static bool is_there(const char *at)
{
    int ends[2];
    if (pipe(ends) < 0)
        return false;
    bool there = ls_sys_write(ends[1], at, 1) == 1;
    close(ends[0]);
    close(ends[1]);
    return there;
}

static void is_zeroed_and_writable(void)
{
    char *at = ls_own_new(SIZE);
    CHECK(at != NULL);
    for (size_t i = 0; i < SIZE; i++)
        CHECK(at[i] == 0);
    at[SIZE - 1] = 'x';
    CHECK(at[SIZE - 1] == 'x');
    ls_own_free(at, SIZE);
    ls_own_free(NULL, SIZE);
}

static void is_not_there_in_a_child(void)
{
    char *at = ls_own_new(SIZE);
    int status = 0;
    at[0] = 'x';
    pid_t child = fork();
    if (child == 0)
        _exit(is_there(at) || is_there(at + SIZE - 1));
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(is_there(at) && at[0] == 'x');
    ls_own_free(at, SIZE);
}

static void fails_where_there_is_no_memory(void)
{
    CHECK(ls_own_new((size_t)1 << 60) == NULL);
}

static const struct unit_test tests[] = {
    { "is zeroed and writable", is_zeroed_and_writable },
    { "is not there in a child", is_not_there_in_a_child },
    { "fails where there is no memory", fails_where_there_is_no_memory },
};

UNIT_MAIN(tests)
