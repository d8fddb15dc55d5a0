/* Runs a fuzz target over its corpus, the vectors of the same name and changed copies of both,
 * without libFuzzer: the part of fuzzing that every `make test` does. TARGET is its name. */
#include "fuzz.h"

#include "vectors.h"

enum { MUTANTS = 50 };

static uint32_t seed = 20261123;
static long inputs;

static void feed(const char *bytes, size_t len)
{
    char *copy = fuzz_copy(bytes, len);
    LLVMFuzzerTestOneInput((const uint8_t *)copy, len);
    free(copy);
    inputs++;
}

static void feed_with_mutants(const struct vector *v)
{
    static char bytes[VECTOR_ROOM];
    feed(v->input, v->len);
    for (int i = 0; i < MUTANTS && v->len < 4000; i++) {
        memcpy(bytes, v->input, v->len);
        feed(bytes, vector_mutate(bytes, v->len, &seed));
    }
}

/* One input a line, escaped as in vectors. */
static void replay_corpus(void)
{
    static struct vector v;
    static char line[4 * VECTOR_ROOM];
    FILE *from = fopen("spec/fuzz/corpus/" TARGET ".txt", "r");
    CHECK(from != NULL);
    while (from && fgets(line, sizeof line, from)) {
        if (line[0] == '#')
            continue;
        line[strcspn(line, "\n")] = '\0';
        v.len = vector_bytes(line, '\0', v.input, NULL);
        feed_with_mutants(&v);
    }
    if (from)
        fclose(from);
    CHECK(inputs > 0);
}

static void replay_vectors(void)
{
    FILE *there = fopen("spec/vectors/" TARGET ".txt", "r");
    if (!there)
        return;
    fclose(there);
    vectors_run("spec/vectors/" TARGET ".txt", 1, feed_with_mutants);
}

static const struct unit_test tests[] = {
    { "stands its corpus", replay_corpus },
    { "stands the vectors", replay_vectors },
};

UNIT_MAIN(tests)
