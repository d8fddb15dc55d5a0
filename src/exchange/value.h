/* A value of Lua as it stands in memory that processes share. */
#ifndef LS_EXCHANGE_VALUE_H
#define LS_EXCHANGE_VALUE_H

#include "base/slice.h"

enum ls_value_type {
    LS_VALUE_STRING,
    LS_VALUE_INTEGER, /* integer */
    LS_VALUE_FLOAT,   /* number */
    LS_VALUE_BOOLEAN, /* integer is 0 or 1 */
    LS_VALUE_JSON     /* of a table */
};

struct ls_value {
    enum ls_value_type type;
    union {
        int64_t integer;
        double number;
    };
    struct ls_slice bytes; /* of STRING and JSON */
};

#endif
