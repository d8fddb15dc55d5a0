/* luaserve_new_project, when the system refuses. */
#include "luaserve.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fault.h"
#include "unit.h"

static char folder[] = "/tmp/luaserve-project-XXXXXX";
static char root[64]; /* in it */

static void plan(const char *text)
{
    struct ls_slice bad;
    CHECK_INT(ls_fault_plan(ls_slice_of(text), &bad), 0);
}

/* Makes it while call number `call` of that name fails; what is said names `what`. */
static int fails(const char *name, int call, const char *what)
{
    struct luaserve_error error = { .code = LUASERVE_OK };
    char text[64];
    snprintf(text, sizeof text, "%s:%d:ENOSPC", name, call);
    plan(text);
    int result = luaserve_new_project(root, &error);
    plan("");
    if (result < 0) {
        CHECK_INT(error.code, LUASERVE_CREATE);
        CHECK(strncmp(error.text, root, strlen(root)) == 0);
        CHECK(strstr(error.text, what) != NULL);
    }
    return result < 0;
}

static void nothing_is_left(bool own_root)
{
    CHECK_INT(rmdir(root), own_root ? -1 : 0); /* of the test, or gone; in any case empty */
    CHECK(!own_root || errno == ENOENT);
}

enum { MOST_CALLS = 20 };

/* Fails at each call in turn, until there are no more. */
static int fail_at_each(const char *name, bool own_root)
{
    for (int call = 1; call < MOST_CALLS; call++) {
        if (!own_root)
            mkdir(root, 0700);
        if (!fails(name, call, "No space left on device"))
            return call - 1;
        nothing_is_left(own_root);
    }
    return MOST_CALLS;
}

static void remove_project(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", root);
    CHECK_INT(system(command), 0);
}

static void a_failure_leaves_nothing(void)
{
    static const struct {
        const char *name;
        int calls;
    } each[] = { { "mkdir", 4 }, { "openat2", 7 }, { "write", 7 }, { "close", 7 } };
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        CHECK_INT(fail_at_each(each[i].name, true), each[i].calls);
        remove_project();
    }
}

static void a_failure_leaves_a_folder_that_was_there(void)
{
    CHECK_INT(fail_at_each("write", false), 7);
    remove_project();
}

static void short_writes_are_completed(void)
{
    struct stat status;
    char path[128];
    plan("write:1:short,write:2:EINTR");
    CHECK_INT(luaserve_new_project(root, NULL), 0);
    plan("");
    snprintf(path, sizeof path, "%s/config.lua", root);
    CHECK_INT(stat(path, &status), 0);
    CHECK(status.st_size > 100);
    remove_project();
}

static void what_is_there_is_left_alone(void)
{
    struct luaserve_error error;
    CHECK_INT(luaserve_new_project("/tmp", &error), -1);
    CHECK(strcmp(error.text, "/tmp: Directory not empty") == 0);
    CHECK_INT(luaserve_new_project("/etc/passwd", &error), -1);
    CHECK(strcmp(error.text, "/etc/passwd: Not a directory") == 0);
    CHECK_INT(luaserve_new_project("", &error), -1);
    char name[5000];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    CHECK_INT(luaserve_new_project(name, &error), -1);
    CHECK(strstr(error.text, "File name too long") || strlen(error.text) > 3000);
}

static const struct unit_test tests[] = {
    { "a failure leaves nothing", a_failure_leaves_nothing },
    { "a failure leaves a folder that was there", a_failure_leaves_a_folder_that_was_there },
    { "short writes are completed", short_writes_are_completed },
    { "what is there is left alone", what_is_there_is_left_alone },
};

int main(void)
{
    if (getenv("VALGRIND")) {
        printf("0 passed, 0 failed (valgrind does not know openat2)\n");
        return 0;
    }
    if (!mkdtemp(folder))
        return 1;
    snprintf(root, sizeof root, "%s/site", folder);
    int status = unit_main(tests, sizeof tests / sizeof *tests);
    rmdir(folder);
    return status;
}
