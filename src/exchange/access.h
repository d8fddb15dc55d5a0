/* The access log: a line for every request. */
#ifndef LS_EXCHANGE_ACCESS_H
#define LS_EXCHANGE_ACCESS_H

enum ls_access_format { LS_ACCESS_NONE, LS_ACCESS_COMBINED, LS_ACCESS_JSON };

#endif
