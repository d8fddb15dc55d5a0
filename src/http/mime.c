#include "http/mime.h"

#include <string.h>

struct type {
    char extension[LS_MIME_EXTENSION]; /* lower case */
    struct ls_slice name;
};

#define TYPE(extension, name)                                                                      \
    {                                                                                              \
        extension,                                                                                 \
        {                                                                                          \
            name, sizeof(name) - 1                                                                 \
        }                                                                                          \
    }
#define TEXT(extension, name) TYPE(extension, name "; charset=utf-8")

/* In order of the extensions: searched by halves. */
static const struct type types[] = {
    TYPE("3gp", "video/3gpp"),
    TYPE("7z", "application/x-7z-compressed"),
    TYPE("aac", "audio/aac"),
    TYPE("apng", "image/apng"),
    TYPE("atom", "application/atom+xml"),
    TYPE("avi", "video/x-msvideo"),
    TYPE("avif", "image/avif"),
    TYPE("bmp", "image/bmp"),
    TYPE("br", "application/x-brotli"),
    TYPE("bz2", "application/x-bzip2"),
    TEXT("c", "text/x-c"),
    TYPE("cbor", "application/cbor"),
    TEXT("cjs", "text/javascript"),
    TEXT("conf", "text/plain"),
    TEXT("css", "text/css"),
    TEXT("csv", "text/csv"),
    TYPE("deb", "application/vnd.debian.binary-package"),
    TYPE("doc", "application/msword"),
    TYPE("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    TYPE("eot", "application/vnd.ms-fontobject"),
    TYPE("epub", "application/epub+zip"),
    TYPE("flac", "audio/flac"),
    TYPE("geojson", "application/geo+json"),
    TYPE("gif", "image/gif"),
    TYPE("gz", "application/gzip"),
    TEXT("h", "text/x-c"),
    TYPE("heic", "image/heic"),
    TEXT("htm", "text/html"),
    TEXT("html", "text/html"),
    TYPE("ico", "image/vnd.microsoft.icon"),
    TEXT("ics", "text/calendar"),
    TEXT("ini", "text/plain"),
    TYPE("jar", "application/java-archive"),
    TYPE("jpeg", "image/jpeg"),
    TYPE("jpg", "image/jpeg"),
    TEXT("js", "text/javascript"),
    TYPE("json", "application/json"),
    TYPE("jsonld", "application/ld+json"),
    TYPE("jxl", "image/jxl"),
    TEXT("log", "text/plain"),
    TEXT("lua", "text/x-lua"),
    TYPE("m3u8", "application/vnd.apple.mpegurl"),
    TYPE("m4a", "audio/mp4"),
    TYPE("m4v", "video/mp4"),
    TYPE("map", "application/json"),
    TEXT("md", "text/markdown"),
    TYPE("mid", "audio/midi"),
    TYPE("midi", "audio/midi"),
    TEXT("mjs", "text/javascript"),
    TYPE("mkv", "video/x-matroska"),
    TYPE("mov", "video/quicktime"),
    TYPE("mp3", "audio/mpeg"),
    TYPE("mp4", "video/mp4"),
    TYPE("mpd", "application/dash+xml"),
    TYPE("mpeg", "video/mpeg"),
    TYPE("mpg", "video/mpeg"),
    TYPE("odp", "application/vnd.oasis.opendocument.presentation"),
    TYPE("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    TYPE("odt", "application/vnd.oasis.opendocument.text"),
    TYPE("oga", "audio/ogg"),
    TYPE("ogg", "audio/ogg"),
    TYPE("ogv", "video/ogg"),
    TYPE("opus", "audio/ogg"),
    TYPE("otf", "font/otf"),
    TYPE("pdf", "application/pdf"),
    TYPE("png", "image/png"),
    TYPE("ppt", "application/vnd.ms-powerpoint"),
    TYPE("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    TYPE("ps", "application/postscript"),
    TEXT("py", "text/plain"),
    TYPE("rar", "application/vnd.rar"),
    TYPE("rss", "application/rss+xml"),
    TYPE("rtf", "application/rtf"),
    TEXT("sh", "text/plain"),
    TYPE("sql", "application/sql"),
    TYPE("svg", "image/svg+xml"),
    TYPE("svgz", "image/svg+xml"),
    TYPE("tar", "application/x-tar"),
    TEXT("text", "text/plain"),
    TYPE("tgz", "application/gzip"),
    TYPE("tif", "image/tiff"),
    TYPE("tiff", "image/tiff"),
    TYPE("toml", "application/toml"),
    TYPE("ts", "video/mp2t"),
    TEXT("tsv", "text/tab-separated-values"),
    TYPE("ttf", "font/ttf"),
    TEXT("txt", "text/plain"),
    TEXT("vcf", "text/vcard"),
    TEXT("vtt", "text/vtt"),
    TYPE("wasm", "application/wasm"),
    TYPE("wav", "audio/wav"),
    TYPE("weba", "audio/webm"),
    TYPE("webm", "video/webm"),
    TYPE("webmanifest", "application/manifest+json"),
    TYPE("webp", "image/webp"),
    TYPE("woff", "font/woff"),
    TYPE("woff2", "font/woff2"),
    TYPE("xhtml", "application/xhtml+xml"),
    TYPE("xls", "application/vnd.ms-excel"),
    TYPE("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    TYPE("xml", "application/xml"),
    TYPE("xsl", "application/xslt+xml"),
    TYPE("xz", "application/x-xz"),
    TYPE("yaml", "application/yaml"),
    TYPE("yml", "application/yaml"),
    TYPE("zip", "application/zip"),
    TYPE("zst", "application/zstd"),
};

/* What stands behind the last "." of the last part of the path, in lower case and padded with
 * NUL; empty when there is none or it is longer than any we know. */
static void extension_of(struct ls_slice name, char out[LS_MIME_EXTENSION])
{
    size_t at = name.len;
    memset(out, 0, LS_MIME_EXTENSION);
    while (at > 0 && name.at[at - 1] != '.' && name.at[at - 1] != '/')
        at--;
    if (at == 0 || name.at[at - 1] == '/' || name.len - at >= LS_MIME_EXTENSION ||
        memchr(name.at + at, '\0', name.len - at))
        return;
    for (size_t i = at; i < name.len; i++) {
        char c = name.at[i];
        out[i - at] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
}

static struct ls_slice find(const char extension[LS_MIME_EXTENSION])
{
    size_t low = 0, high = sizeof types / sizeof *types;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = memcmp(extension, types[middle].extension, LS_MIME_EXTENSION);
        if (order == 0)
            return types[middle].name;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return LS_SLICE("application/octet-stream");
}

struct ls_slice ls_mime_of(const struct ls_mime_map *more, struct ls_slice file_name)
{
    char extension[LS_MIME_EXTENSION];
    extension_of(file_name, extension);
    for (size_t i = 0; i < more->count; i++)
        if (strcmp(more->at[i].extension, extension) == 0)
            return ls_slice_of(more->at[i].name);
    return find(extension);
}

bool ls_mime_compressible(struct ls_slice type)
{
    static const char *const others[] = {
        "application/javascript",
        "application/json",
        "application/postscript",
        "application/rtf",
        "application/sql",
        "application/toml",
        "application/wasm",
        "application/xml",
        "application/yaml",
        "font/otf",
        "font/ttf",
        "application/vnd.apple.mpegurl",
        "image/bmp",
        "image/vnd.microsoft.icon",
        "application/vnd.ms-fontobject",
    };
    type.len = ls_slice_find(type, 0, ';');
    if (ls_slice_starts(type, LS_SLICE("text/")) || ls_slice_ends(type, LS_SLICE("+xml")) ||
        ls_slice_ends(type, LS_SLICE("+json")))
        return true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (ls_slice_equal(type, ls_slice_of(others[i])))
            return true;
    return false;
}
