#include "http/mime.h"

#define UTF8 "; charset=utf-8"

static const struct {
    const char *extension, *type;
} types[] = {
    { "html", "text/html" UTF8 },
    { "htm", "text/html" UTF8 },
    { "css", "text/css" UTF8 },
    { "js", "text/javascript" UTF8 },
    { "mjs", "text/javascript" UTF8 },
    { "json", "application/json" },
    { "map", "application/json" },
    { "jsonld", "application/ld+json" },
    { "geojson", "application/geo+json" },
    { "webmanifest", "application/manifest+json" },
    { "svg", "image/svg+xml" },
    { "xml", "application/xml" },
    { "xhtml", "application/xhtml+xml" },
    { "atom", "application/atom+xml" },
    { "rss", "application/rss+xml" },
    { "txt", "text/plain" UTF8 },
    { "text", "text/plain" UTF8 },
    { "log", "text/plain" UTF8 },
    { "conf", "text/plain" UTF8 },
    { "md", "text/markdown" UTF8 },
    { "csv", "text/csv" UTF8 },
    { "tsv", "text/tab-separated-values" UTF8 },
    { "ics", "text/calendar" UTF8 },
    { "vcf", "text/vcard" UTF8 },
    { "vtt", "text/vtt" UTF8 },
    { "lua", "text/x-lua" UTF8 },
    { "c", "text/x-c" UTF8 },
    { "h", "text/x-c" UTF8 },
    { "png", "image/png" },
    { "jpg", "image/jpeg" },
    { "jpeg", "image/jpeg" },
    { "gif", "image/gif" },
    { "webp", "image/webp" },
    { "avif", "image/avif" },
    { "apng", "image/apng" },
    { "bmp", "image/bmp" },
    { "tif", "image/tiff" },
    { "tiff", "image/tiff" },
    { "ico", "image/vnd.microsoft.icon" },
    { "heic", "image/heic" },
    { "jxl", "image/jxl" },
    { "woff", "font/woff" },
    { "woff2", "font/woff2" },
    { "ttf", "font/ttf" },
    { "otf", "font/otf" },
    { "eot", "application/vnd.ms-fontobject" },
    { "wasm", "application/wasm" },
    { "pdf", "application/pdf" },
    { "ps", "application/postscript" },
    { "rtf", "application/rtf" },
    { "zip", "application/zip" },
    { "gz", "application/gzip" },
    { "tgz", "application/gzip" },
    { "bz2", "application/x-bzip2" },
    { "xz", "application/x-xz" },
    { "zst", "application/zstd" },
    { "tar", "application/x-tar" },
    { "7z", "application/x-7z-compressed" },
    { "jar", "application/java-archive" },
    { "deb", "application/vnd.debian.binary-package" },
    { "epub", "application/epub+zip" },
    { "mp4", "video/mp4" },
    { "m4v", "video/mp4" },
    { "webm", "video/webm" },
    { "ogv", "video/ogg" },
    { "mov", "video/quicktime" },
    { "avi", "video/x-msvideo" },
    { "mkv", "video/x-matroska" },
    { "mpeg", "video/mpeg" },
    { "ts", "video/mp2t" },
    { "m3u8", "application/vnd.apple.mpegurl" },
    { "mpd", "application/dash+xml" },
    { "mp3", "audio/mpeg" },
    { "m4a", "audio/mp4" },
    { "aac", "audio/aac" },
    { "ogg", "audio/ogg" },
    { "oga", "audio/ogg" },
    { "opus", "audio/ogg" },
    { "flac", "audio/flac" },
    { "wav", "audio/wav" },
    { "mid", "audio/midi" },
    { "doc", "application/msword" },
    { "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
    { "xls", "application/vnd.ms-excel" },
    { "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
    { "ppt", "application/vnd.ms-powerpoint" },
    { "pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation" },
    { "odt", "application/vnd.oasis.opendocument.text" },
    { "ods", "application/vnd.oasis.opendocument.spreadsheet" },
};

struct ls_slice ls_mime_of(struct ls_slice file_name)
{
    size_t dot = file_name.len;
    while (dot > 0 && file_name.at[dot - 1] != '.' && file_name.at[dot - 1] != '/')
        dot--;
    if (dot > 0 && file_name.at[dot - 1] == '.') {
        struct ls_slice extension = ls_slice_from(file_name, dot);
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            if (ls_slice_equal_nocase(extension, ls_slice_of(types[i].extension)))
                return ls_slice_of(types[i].type);
    }
    return LS_SLICE("application/octet-stream");
}
