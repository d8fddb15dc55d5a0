#include "vectors.h"

#include "http/mime.h"
#include "http/status.h"

static struct ls_slice type_of(const char *name)
{
    static const struct ls_mime_map none = { NULL, 0 };
    struct ls_slice text = ls_slice_of(name);
    return ls_mime_of(&none, (struct ls_slice) { vector_guard(text.at, text.len), text.len });
}

static void knows_common_types(void)
{
    CHECK_TEXT(type_of("index.html"), "text/html; charset=utf-8");
    CHECK_TEXT(type_of("a.css"), "text/css; charset=utf-8");
    CHECK_TEXT(type_of("a.js"), "text/javascript; charset=utf-8");
    CHECK_TEXT(type_of("a.mjs"), "text/javascript; charset=utf-8");
    CHECK_TEXT(type_of("a.txt"), "text/plain; charset=utf-8");
    CHECK_TEXT(type_of("a.json"), "application/json");
    CHECK_TEXT(type_of("a.js.map"), "application/json");
    CHECK_TEXT(type_of("a.svg"), "image/svg+xml");
    CHECK_TEXT(type_of("a.png"), "image/png");
    CHECK_TEXT(type_of("a.jpeg"), "image/jpeg");
    CHECK_TEXT(type_of("a.woff2"), "font/woff2");
    CHECK_TEXT(type_of("a.wasm"), "application/wasm");
    CHECK_TEXT(type_of("a.pdf"), "application/pdf");
    CHECK_TEXT(type_of("a.7z"), "application/x-7z-compressed");
    CHECK_TEXT(type_of("a.zip"), "application/zip");
}

/* Each must be found: the table is searched by halves, so one out of order would be lost. */
static void finds_each_extension(void)
{
    static const char all[] =
        "7z aac apng atom avi avif bmp bz2 c conf css csv deb doc docx eot epub flac geojson gif "
        "gz h "
        "heic htm html ico ics jar jpeg jpg js json jsonld jxl log lua m3u8 m4a m4v map md mid mjs "
        "mkv mov mp3 mp4 mpd mpeg ods odt oga ogg ogv opus otf pdf png ppt pptx ps rss rtf svg tar "
        "text tgz tif tiff ts tsv ttf txt vcf vtt wasm wav webm webmanifest webp woff woff2 xhtml "
        "xls xlsx xml xz zip zst";
    char name[32];
    int count = 0;
    for (const char *at = all; *at; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        snprintf(name, sizeof name, "a.%.*s", (int)len, at);
        if (ls_slice_equal(type_of(name), LS_SLICE("application/octet-stream"))) {
            fprintf(stderr, "%s\n", name);
            vector_fail("not known");
        }
        at += len;
        count++;
    }
    CHECK(count >= 70);
}

static void goes_by_the_last_extension_in_any_case(void)
{
    CHECK_TEXT(type_of("a.tar.GZ"), "application/gzip");
    CHECK_TEXT(type_of("PAGE.HtMl"), "text/html; charset=utf-8");
    CHECK_TEXT(type_of("a.html.bak"), "application/octet-stream");
    CHECK_TEXT(type_of("x.html/readme"), "application/octet-stream");
    CHECK_TEXT(type_of(""), "application/octet-stream");
    CHECK_TEXT(type_of("."), "application/octet-stream");
    CHECK_TEXT(type_of("html"), "application/octet-stream");
    CHECK_TEXT(type_of("a."), "application/octet-stream");
    CHECK_TEXT(type_of("a.htmlx"), "application/octet-stream");
    CHECK_TEXT(type_of("a.ht"), "application/octet-stream");
    CHECK_TEXT(type_of("a.averyveryverylongextension"), "application/octet-stream");
    const struct ls_mime_map none = { NULL, 0 };
    CHECK_TEXT(ls_mime_of(&none, (struct ls_slice) { "a.js\0n", 6 }), "application/octet-stream");
    CHECK_TEXT(ls_mime_of(&none, (struct ls_slice) { "a.js\0", 5 }), "application/octet-stream");
}

static void names_statuses(void)
{
    CHECK_TEXT(ls_status_reason(200), "OK");
    CHECK_TEXT(ls_status_reason(404), "Not Found");
    CHECK_TEXT(ls_status_reason(505), "HTTP Version Not Supported");
    CHECK_INT(ls_status_reason(299).len, 0);
    CHECK_INT(ls_status_reason(-1).len, 0);
    static const int refusals[] = { 400, 408, 413, 414, 417, 431, 500, 501, 503, 505 };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        CHECK(ls_status_reason(refusals[i]).len > 0);
    CHECK(!ls_status_has_content(100));
    CHECK(!ls_status_has_content(204));
    CHECK(!ls_status_has_content(304));
    CHECK(ls_status_has_content(200));
    CHECK(ls_status_has_content(404));
}

static const struct unit_test tests[] = {
    { "knows common types", knows_common_types },
    { "finds each extension of its table", finds_each_extension },
    { "goes by the last extension, in any case", goes_by_the_last_extension_in_any_case },
    { "names statuses, and those without content", names_statuses },
};

UNIT_MAIN(tests)
