#include "unit.h"

#include "base/siphash.h"

static void the_vector_of_its_paper_holds(void)
{
    unsigned char key[16];
    char input[15];
    for (int i = 0; i < 16; i++)
        key[i] = (unsigned char)i;
    for (int i = 0; i < 15; i++)
        input[i] = (char)i;
    CHECK(ls_siphash(key, (struct ls_slice) { input, 15 }) == 0xa129ca6149be45e5);
}

static const struct unit_test tests[] = {
    { "the vector of its paper holds", the_vector_of_its_paper_holds },
};

UNIT_MAIN(tests)
