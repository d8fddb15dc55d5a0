#include "server/census.h"

#include <stdlib.h>
#include <string.h>
#include "unit.h"

static struct ls_address at(const char *text)
{
    struct ls_address address;
    CHECK_INT(ls_address_parse(ls_slice_of(text), &address), 0);
    return address;
}

static void counts_by_address_and_not_by_port(void)
{
    struct ls_census c;
    struct ls_address one = at("10.0.0.1:1"), same = at("10.0.0.1:2"), other = at("10.0.0.2:1");
    CHECK_INT(ls_census_init(&c, 10), 0);
    ls_census_add(&c, &one);
    ls_census_add(&c, &same);
    ls_census_add(&c, &other);
    CHECK_INT(ls_census_count(&c, &one), 2);
    CHECK_INT(ls_census_count(&c, &other), 1);
    ls_census_remove(&c, &one);
    ls_census_remove(&c, &other);
    CHECK_INT(ls_census_count(&c, &same), 1);
    CHECK_INT(ls_census_count(&c, &other), 0);
    ls_census_remove(&c, &other); /* nobody is there any more */
    CHECK_INT(ls_census_count(&c, &other), 0);
    ls_census_free(&c);
}

static void six_counts_by_its_first_half_and_unix_not_at_all(void)
{
    struct ls_census c;
    struct ls_address one = at("[2001:db8::1]:1"), near = at("[2001:db8::ffff:2]:1"),
                      far = at("[2001:db8:0:1::1]:1"), local = at("unix:/tmp/x"),
                      four = at("32.1.13.184:1");
    CHECK_INT(ls_census_init(&c, 10), 0);
    ls_census_add(&c, &one);
    ls_census_add(&c, &local);
    CHECK_INT(ls_census_count(&c, &near), 1);
    CHECK_INT(ls_census_count(&c, &far), 0);
    CHECK_INT(ls_census_count(&c, &four), 0);
    CHECK_INT(ls_census_count(&c, &local), 0);
    CHECK(ls_census_same(&one, &near) && !ls_census_same(&one, &far));
    CHECK(!ls_census_same(&local, &local));
    ls_census_free(&c);
}

enum { ADDRESSES = 500, STEPS = 200000 };

/* Many come and go in no order; a plain table says what has to come out. */
static void many_come_and_go(void)
{
    struct ls_census c;
    uint32_t here[ADDRESSES] = { 0 }, count = 0;
    unsigned seed = 1;
    CHECK_INT(ls_census_init(&c, 64), 0);
    for (int i = 0; i < STEPS; i++) {
        uint32_t who = (uint32_t)rand_r(&seed) % ADDRESSES;
        struct ls_address address = { .name.ip4 = { .sin_family = AF_INET } };
        address.name.ip4.sin_addr.s_addr = who * 2654435761u;
        bool comes = count == 0 || (count < 64 && rand_r(&seed) % 2);
        CHECK_INT(ls_census_count(&c, &address), here[who]);
        if (comes) {
            ls_census_add(&c, &address);
            here[who]++, count++;
        } else if (here[who] > 0) {
            ls_census_remove(&c, &address);
            here[who]--, count--;
        }
    }
    ls_census_free(&c);
}

static const struct unit_test tests[] = {
    { "counts by address and not by port", counts_by_address_and_not_by_port },
    { "IPv6 counts by its first half, Unix not at all",
      six_counts_by_its_first_half_and_unix_not_at_all },
    { "many come and go", many_come_and_go },
};

int main(void)
{
    return unit_main(tests, sizeof tests / sizeof *tests);
}
