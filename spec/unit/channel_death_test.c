/* Death at any instruction of what is done with a channel: the memory as it stands there is copied and
 * mended, and whoever lives goes on with it. */
#include "unit.h"

#include <sys/signalfd.h>

#include <sys/mman.h>

#include "exchange/channel.h"
#include "exchange/engine.h"
#include "exchange/kin.h"
#include "stepping.h"

enum { DEAD = 1, READER = 2, WRITER = 3, PROCESSES = 4, RING = 512, DEADLINE = 110 /* seconds */ };
enum { LONG = 100 };

/* Channels and the processes that use them; hubs are a process's own, and point here. */
struct memory {
    struct ls_channels *channels;
    struct ls_kin *kin;
    size_t size; /* of all */
    struct ls_hub hub[PROCESSES];
    struct ls_subscription reader;
    struct ls_channel_place place;
};

static struct memory memory, copy, last;
static struct ls_bell bells[PROCESSES] = { { .fd = -1 }, { .fd = -1 }, { .fd = -1 }, { .fd = -1 } };
static const struct ls_slice name = { "room", 4 };

static void make(struct memory *m)
{
    size_t channels = ls_channels_size(PROCESSES, RING);
    m->size = channels + PROCESSES * sizeof(struct ls_kin);
    char *at = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED);
    m->channels = (void *)at;
    m->kin = (void *)(at + channels);
    ls_channels_init(m->channels, PROCESSES, RING);
    m->place = (struct ls_channel_place) { 0 };
    for (uint32_t i = 0; i < PROCESSES; i++)
        m->hub[i] = (struct ls_hub) {
            .channels = m->channels, .kin = m->kin, .number = i + 1, .bell = &bells[i]
        };
}

static struct ls_hub *hub_of(struct memory *m, uint32_t number)
{
    return &m->hub[number - 1];
}

static void write_over(struct memory *to, const struct memory *from)
{
    memcpy((void *)to->channels, (void *)from->channels, from->size);
    to->reader = from->reader;
    to->place = from->place;
}

static int64_t publish(struct memory *m, uint32_t number, struct ls_slice text)
{
    return ls_channel_publish(hub_of(m, number), name, &m->place, 0, text);
}

/* The reader's next message is that, and none was missed before it. */
static bool reads(struct memory *m, struct ls_slice text)
{
    struct ls_buffer out = { 0 };
    uint32_t kind;
    uint64_t missed = 0;
    int got = ls_channel_next(hub_of(m, READER), &m->reader, &out, &kind, &missed);
    bool same =
        got == 1 && missed == 0 && ls_slice_equal((struct ls_slice) { out.at, out.len }, text);
    ls_buffer_free(&out);
    return same;
}

static bool is_there(struct memory *m)
{
    struct ls_subscription was = m->reader;
    struct ls_buffer out = { 0 };
    uint32_t kind;
    uint64_t missed;
    int got = ls_channel_next(hub_of(m, READER), &m->reader, &out, &kind, &missed);
    ls_buffer_free(&out);
    m->reader = was;
    return got == 1;
}

static struct ls_slice message_of(char letter)
{
    static char texts[128][LONG];
    memset(texts[(int)letter], letter, LONG);
    return (struct ls_slice) { texts[(int)letter], LONG };
}

static bool was_rung(void)
{
    struct signalfd_siginfo ring;
    return ls_sys_read(bells[READER - 1].fd, &ring, sizeof ring) > 0;
}

static void prepare(int messages)
{
    make(&memory);
    make(&copy);
    make(&last);
    CHECK_INT(ls_channel_subscribe(hub_of(&memory, READER), name, &memory.reader), 0);
    for (int i = 0; i < messages; i++) {
        CHECK_INT(publish(&memory, WRITER, message_of('a')), 1);
        CHECK(reads(&memory, message_of('a')));
    }
    memory.place = (struct ls_channel_place) { 0 };
    ls_bell_silence(&bells[READER - 1]);
}

static void clean_up(void)
{
    munmap(memory.channels, memory.size);
    munmap(copy.channels, copy.size);
    munmap(last.channels, last.size);
}

/* What is wrong with the copy once it is mended; NULL: nothing. */
static const char *fault_of_publish(bool rung)
{
    ls_channels_recover(copy.channels, copy.kin, DEAD);
    bool there = is_there(&copy);
    rung = was_rung() || rung;
    if (rung) /* then it looks */
        atomic_store(&copy.kin[READER - 1].rung, 0);
    if (there && !rung)
        return "a message that nobody is told of";
    if (there && !reads(&copy, message_of('d')))
        return "a torn message, or one that was missed";
    if (publish(&copy, WRITER, message_of('w')) != 1 || !was_rung())
        return "it cannot be used any more";
    if (!reads(&copy, message_of('w')))
        return "another message than the next one, or one was missed";
    return NULL;
}

static void publish_and_die(void *ctx)
{
    (void)ctx;
    publish(&memory, DEAD, message_of('d'));
}

static void step_through_publish(int messages)
{
    int step = 0;
    bool rung = false;
    const char *fault = NULL;
    prepare(messages);
    int pid = step_begin(publish_and_die, NULL);
    do {
        rung = was_rung() || rung;
        if (step++ > 0 && memcmp((void *)last.channels, (void *)memory.channels, memory.size) == 0)
            continue;
        write_over(&last, &memory);
        write_over(&copy, &memory);
        fault = fault_of_publish(rung);
        if (fault)
            fprintf(stderr, "after %d instructions: %s\n", step, fault);
    } while (!fault && step_on(pid));
    CHECK(!fault);
    step_kill(pid);
    CHECK(is_there(&memory) && step > 100);
    clean_up();
}

static void death_in_publish(void)
{
    step_through_publish(0);
    step_through_publish(2);
    step_through_publish(RING / LONG);
}

static void subscribe_and_die(void *ctx)
{
    static struct ls_subscription s;
    (void)ctx;
    ls_channel_subscribe(hub_of(&memory, DEAD), (struct ls_slice) { "new", 3 }, &s);
    ls_channel_subscribe(hub_of(&memory, DEAD), name, &s);
}

/* Nobody but the reader is left, in the one or the other. */
static const char *fault_of_subscribe(void)
{
    static struct ls_subscription s;
    struct ls_channel_place place = { 0 };
    ls_channels_recover(copy.channels, copy.kin, DEAD);
    if (publish(&copy, WRITER, message_of('w')) != 1 || !reads(&copy, message_of('w')))
        return "the reader's channel is another one";
    struct ls_slice new = { "new", 3 };
    if (ls_channel_publish(hub_of(&copy, WRITER), new, &place, 0, message_of('w')) != 0)
        return "the dead one still subscribes";
    int err = ls_channel_subscribe(hub_of(&copy, READER), new, &s);
    if (err < 0 || ls_channel_publish(hub_of(&copy, WRITER), new, &place, 0, message_of('w')) != 1)
        return "nobody can subscribe";
    ls_channel_unsubscribe(hub_of(&copy, READER), &s);
    return NULL;
}

static void death_in_subscribe(void)
{
    int step = 0;
    const char *fault = NULL;
    prepare(1);
    int pid = step_begin(subscribe_and_die, NULL);
    do {
        if (step++ > 0 && memcmp((void *)last.channels, (void *)memory.channels, memory.size) == 0)
            continue;
        write_over(&last, &memory);
        write_over(&copy, &memory);
        fault = fault_of_subscribe();
        if (fault)
            fprintf(stderr, "after %d instructions: %s\n", step, fault);
    } while (!fault && step_on(pid));
    CHECK(!fault && step > 100);
    step_kill(pid);
    clean_up();
}

/* Of a process that had the number before, by one that was about to ring it and came late. */
static void a_late_note_of_a_ring(void)
{
    prepare(0);
    atomic_store(&memory.kin[READER - 1].rung, (uint32_t)ls_sys_getpid() + 1);
    publish(&memory, WRITER, message_of('w'));
    CHECK(was_rung());
    clean_up();
}

static const struct unit_test tests[] = {
    { "death in publish leaves all or nothing of it, and who reads is told", death_in_publish },
    { "death in subscribe leaves nobody", death_in_subscribe },
    { "a ring that was meant for another process holds up none", a_late_note_of_a_ring },
};

int main(void)
{
    if (!step_is_permitted()) {
        puts("0 passed, 0 failed (ptrace is not permitted)");
        return 0;
    }
    alarm(DEADLINE);
    return unit_main(tests, sizeof tests / sizeof *tests);
}
