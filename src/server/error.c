#include "server/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int ls_error_set(struct luaserve_error *error, enum luaserve_code code, const char *format, ...)
{
    va_list args;
    if (!error)
        return -1;
    error->code = code;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return -1;
}

int ls_error_os(struct luaserve_error *error, const char *what, int err)
{
    return ls_error_set(error, LUASERVE_OS, "%s: %s", what, strerror(-err));
}

int ls_error_config(struct luaserve_error *error, struct ls_buffer *faults, int err)
{
    size_t len = faults->len;
    if (err == -ENOMEM || faults->failed)
        ls_error_os(error, "configuration", -ENOMEM);
    else
        ls_error_set(error, LUASERVE_CONFIG, "%.*s",
                     (int)(len && faults->at[len - 1] == '\n' ? len - 1 : len),
                     faults->at ? faults->at : "");
    ls_buffer_free(faults);
    return -1;
}
