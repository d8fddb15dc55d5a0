/* What processes use: texts of proc(5), and processes of our own. */
#include "os/usage.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static int ticks_of(const char *text, uint64_t *ticks)
{
    return ls_usage_parse_stat(text, strlen(text), ticks);
}

static void names_may_be_anything(void)
{
    uint64_t ticks;
    CHECK_INT(ticks_of("7 (lua) S 1 7 7 0 -1 4194560 99 0 0 0 1 2 4 8 20 0 1", &ticks), 0);
    CHECK_INT((int)ticks, 15);
    CHECK_INT(ticks_of("7 (a) R 9 9) S 1 7 7 0 -1 4194560 99 0 0 0 10 20 40 80 20", &ticks), 0);
    CHECK_INT((int)ticks, 150);
    CHECK_INT(ticks_of("7 ()) ( ) S 1 7 7 0 -1 4194560 99 0 0 0 1 0 0 0", &ticks), 0);
    CHECK_INT((int)ticks, 1);
}

static void what_is_cut_is_none(void)
{
    const char *text = "7 (lua) S 1 7 7 0 -1 4194560 99 0 0 0 1 2 4 8";
    uint64_t ticks;
    CHECK_INT(ticks_of("", &ticks), -EINVAL);
    CHECK_INT(ticks_of("7 (lua", &ticks), -EINVAL);
    CHECK_INT(ticks_of("7 (lua) S 1 7 7 0 -1 4194560 99 0 0 0 1 2 4 x", &ticks), -EINVAL);
    for (size_t len = 0; len < strlen(text); len++) { /* on a copy that ends there: ASan looks */
        char *cut = malloc(len + 1);
        memcpy(cut, text, len);
        CHECK_INT(ls_usage_parse_stat(cut, len, &ticks), -EINVAL);
        free(cut);
    }
}

static void private_memory_is_summed_up(void)
{
    const char *text =
        "5 [rollup]\nRss:   900 kB\nPrivate_Clean:        4 kB\nPrivate_Dirty:   12 kB\n"
        "Private_Hugetlb: 0 kB\n";
    uint64_t bytes;
    CHECK_INT(ls_usage_parse_own(text, strlen(text), &bytes), 0);
    CHECK_INT((int)bytes, 16 << 10);
    CHECK_INT(ls_usage_parse_own("Rss: 4 kB\n", 10, &bytes), -EINVAL);
    CHECK_INT(ls_usage_parse_own("\nPrivate_", 9, &bytes), -EINVAL);
    CHECK_INT(ls_usage_parse_own("\nPrivate_Dirty: x", 17, &bytes), -EINVAL);
}

static void our_own_process_is_known(void)
{
    uint64_t cpu, all, resident;
    for (volatile int i = 0; i < 50000000; i++)
        ;
    CHECK_INT(ls_usage_cpu(getpid(), &cpu), 0);
    CHECK_INT(ls_usage_cpu_of_all(getpid(), &all), 0);
    CHECK_INT(ls_usage_resident(getpid(), &resident), 0);
    CHECK(cpu > 1000 && resident > 100000);
    CHECK(all + 100000 > cpu);
}

static void who_has_gone_is_an_error(void)
{
    uint64_t value = 7;
    int pid = fork();
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    CHECK(ls_usage_cpu(pid, &value) < 0);
    CHECK(ls_usage_cpu_of_all(pid, &value) < 0);
    CHECK(ls_usage_resident(pid, &value) < 0);
    CHECK(ls_usage_own(pid, &value) < 0);
}

static const struct unit_test tests[] = {
    { "names may be anything", names_may_be_anything },
    { "what is cut is none", what_is_cut_is_none },
    { "private memory is summed up", private_memory_is_summed_up },
    { "our own process is known", our_own_process_is_known },
    { "who has gone is an error", who_has_gone_is_an_error },
};

int main(void)
{
    return unit_main(tests, sizeof tests / sizeof *tests);
}
