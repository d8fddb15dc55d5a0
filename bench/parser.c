/* Nanoseconds and cycles that a request head costs: ls_head_parse beside a naive reader that
 * looks at a byte at a time (spec/unit/naive_head.h). Cycles are those of the time stamp counter,
 * which runs at the processor's nominal rate. The least of many rounds counts: what is above it
 * is the machine's other business. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include "naive_head.h"

enum { FIELDS = 100, ROUNDS = 200, REQUESTS = 2000 };

static const struct ls_head_limits limits = { 8 << 10, 32 << 10, FIELDS };
static struct ls_field fields[FIELDS];

static const char small[] = "GET /hello HTTP/1.1\r\n"
                            "Host: localhost:3000\r\n"
                            "User-Agent: curl/7.88.1\r\n"
                            "Accept: */*\r\n\r\n";

static const char browser[] =
    "GET /articles/2026/11/a-tiny-web-server?from=front-page&utm_source=feed HTTP/1.1\r\n"
    "Host: www.example.org\r\n"
    "Connection: keep-alive\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36\r\n"
    "Accept: "
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Referer: https://www.example.org/articles/2026/11/\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"
    "Cookie: session=k7Jv0mQ2wXyZ1aB3cD4eF5gH6iJ7kL8mN9oP0qR1sT2uV3wX4yZ5; theme=dark; "
    "consent=essential,statistics; seen=1764050400\r\n"
    "If-None-Match: \"3f80f-1b6-3e1cb03b0a5c0\"\r\n\r\n";

static size_t make_large(char *out, size_t size)
{
    size_t len = (size_t)snprintf(out, size,
                                  "POST /upload HTTP/1.1\r\nHost: www.example.org\r\n"
                                  "Content-Length: 12345\r\n");
    for (int i = 0; i < 40; i++)
        len += (size_t)snprintf(out + len, size - len,
                                "X-Field-Number-%d: %0*d some more of it\r\n", i, 20 + i * 5, i);
    return len + (size_t)snprintf(out + len, size - len, "\r\n");
}

static long ours(const char *bytes, size_t len)
{
    static struct ls_head h = { .fields = fields };
    ls_head_reset(&h);
    return ls_head_parse(&h, &limits, bytes, len);
}

static long naive(const char *bytes, size_t len)
{
    static struct naive n;
    return naive_head(&n, &limits, fields, bytes, len);
}

struct cost {
    double ns, cycles;
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct cost measure(long parse(const char *, size_t), const char *bytes, size_t len)
{
    struct cost least = { 1e18, 1e18 };
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t began = now_ns(), cycles = __rdtsc();
        for (int i = 0; i < REQUESTS; i++)
            if (parse(bytes, len) != (long)len)
                abort();
        cycles = __rdtsc() - cycles;
        uint64_t ns = now_ns() - began;
        least.ns = (double)ns < least.ns ? (double)ns : least.ns;
        least.cycles = (double)cycles < least.cycles ? (double)cycles : least.cycles;
    }
    return (struct cost) { least.ns / REQUESTS, least.cycles / REQUESTS };
}

static void report(const char *name, const char *bytes, size_t len)
{
    struct cost a = measure(ours, bytes, len), b = measure(naive, bytes, len);
    printf("%-8s %6zu bytes %8.1f ns %8.0f cycles   naive %8.1f ns %8.0f cycles   %4.1f times\n",
           name, len, a.ns, a.cycles, b.ns, b.cycles, b.ns / a.ns);
}

int main(void)
{
    static char large[16 << 10];
    report("small", small, sizeof small - 1);
    report("browser", browser, sizeof browser - 1);
    report("large", large, make_large(large, sizeof large));
    return 0;
}
