/* multipart/form-data: what browsers send is taken apart, what is malformed is refused. */
#include "unit.h"

#include <stdlib.h>

#include "http/multipart.h"

#define TYPE        "multipart/form-data; boundary=b"
#define DISPOSITION "Content-Disposition: form-data; name="

/* Events as text: "[name|filename|type:content]" for each part, "." at the end. */
static int64_t take_apart(const char *type, struct ls_slice body, size_t step, char *out,
                          size_t room)
{
    struct ls_multipart m;
    struct ls_multipart_part p;
    struct ls_slice run;
    enum ls_multipart_event event = LS_MULTIPART_MORE;
    size_t at = 0, len = 0, given = 0;
    int err = ls_multipart_init(&m, ls_slice_of(type));
    out[0] = '\0';
    if (err < 0)
        return err;
    while (event != LS_MULTIPART_END && (event != LS_MULTIPART_MORE || given < body.len)) {
        if (event == LS_MULTIPART_MORE)
            given = body.len - given < step ? body.len : given + step;
        int64_t got =
            ls_multipart_feed(&m, (struct ls_slice) { body.at + at, given - at }, &event, &run, &p);
        if (got < 0)
            return got;
        at += (size_t)got;
        if (event == LS_MULTIPART_PART)
            len += (size_t)snprintf(out + len, room - len, "[%.*s|%s%.*s|%.*s:", (int)p.name.len,
                                    p.name.at, p.is_file ? "=" : "", (int)p.filename.len,
                                    p.filename.at ? p.filename.at : "", (int)p.type.len,
                                    p.type.at ? p.type.at : "");
        else if (event == LS_MULTIPART_CONTENT)
            len += (size_t)snprintf(out + len, room - len, "%.*s", (int)run.len, run.at);
        else if (event != LS_MULTIPART_MORE)
            len += (size_t)snprintf(out + len, room - len, event == LS_MULTIPART_END ? "." : "]");
    }
    return event == LS_MULTIPART_END ? 1 : 0;
}

static void check_parts(const char *type, const char *body, const char *expected)
{
    static const size_t steps[] = { 1, 2, 7, 1 << 20 };
    char out[1024];
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        CHECK_INT(take_apart(type, ls_slice_of(body), steps[i], out, sizeof out), 1);
        CHECK_TEXT(ls_slice_of(out), expected);
    }
}

static void check_refused(const char *type, const char *body, int64_t expected)
{
    char out[1024];
    CHECK_INT(take_apart(type, ls_slice_of(body), 1 << 20, out, sizeof out), expected);
    CHECK_INT(take_apart(type, ls_slice_of(body), 1, out, sizeof out), expected);
}

static void takes_parts_apart(void)
{
    check_parts(TYPE, "--b--", ".");
    check_parts(TYPE, "--b--\r\nepilogue", ".");
    check_parts(TYPE, "--b\r\n" DISPOSITION "a\r\n\r\n1\r\n--b--\r\n", "[a||:1].");
    check_parts(TYPE, "--b\r\n" DISPOSITION "a\r\n\r\n\r\n--b--", "[a||:].");
    check_parts(TYPE,
                "--b \t\r\n" DISPOSITION
                "\"a b\"; filename=\"x.txt\"\r\nContent-Type: text/plain\r\n"
                "X: y\r\n\r\none\r\n--b\r\n" DISPOSITION "c; filename=\"\"\r\n\r\n\r\n--b--",
                "[a b|=x.txt|text/plain:one][c|=|:].");
}

static void content_may_look_like_a_boundary(void)
{
    check_parts(TYPE, "--b\r\n" DISPOSITION "a\r\n\r\n--b\r\n-\r\n--\r\n--c\r\r\n--b--",
                "[a||:--b\r\n-\r\n--\r\n--c\r].");
    check_parts(TYPE, "--b\r\n" DISPOSITION "a\r\n\r\n\r\n\r\n\r\n--b--", "[a||:\r\n\r\n].");
}

static void knows_boundaries(void)
{
    check_parts("Multipart/Form-Data;charset=x; Boundary=\"b ' c\"", "--b ' c--", ".");
    check_parts("multipart/form-data; "
                "boundary=0123456789012345678901234567890123456789012345678901234567890123456789",
                "--0123456789012345678901234567890123456789012345678901234567890123456789--", ".");
    check_refused(
        "multipart/form-data; "
        "boundary=01234567890123456789012345678901234567890123456789012345678901234567890",
        "", -400);
    check_refused("multipart/mixed; boundary=b", "", -415);
    check_refused("text/plain", "", -415);
    check_refused("", "", -415);
    check_refused("multipart/form-data", "", -400);
    check_refused("multipart/form-data; boundary=", "", -400);
    check_refused("multipart/form-data; boundary=\"\"", "", -400);
    check_refused("multipart/form-data; boundary=\"b ", "", -400);
    check_refused("multipart/form-data; boundary=\"b \"", "", -400);
    check_refused("multipart/form-data; boundary=b; boundary=c", "", -400);
    check_refused("multipart/form-data; boundary=\"a\\\"b\"", "", -400);
    check_refused("multipart/form-data boundary=b", "", -415);
}

static void refuses_what_is_malformed(void)
{
    static const char *const bodies[] = {
        "x--b--",
        "\r\n--b--",
        "--c--",
        "--b\n" DISPOSITION "a\n\n1\n--b--",
        "--bx\r\n",
        "--b-\r\n",
        "--b -\r\n",
        "--b\rx",
        "--b\r\n\r\nx\r\n--b--",
        "--b\r\nX: y\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: attachment; name=a\r\n\r\nx",
        "--b\r\nContent-Disposition: form-data\r\n\r\nx",
        "--b\r\nContent-Disposition: form-data; filename=a\r\n\r\nx",
        "--b\r\n" DISPOSITION "a; name=b\r\n\r\nx",
        "--b\r\n" DISPOSITION "\"a\r\n\r\nx",
        "--b\r\n" DISPOSITION "\xff\r\n\r\nx",
        "--b\r\n" DISPOSITION "\"\xff\"\r\n\r\nx",
        "--b\r\n" DISPOSITION "\"a\tb\"\r\n\r\nx",
        "--b\r\n" DISPOSITION "a x\r\n\r\nx",
        "--b\r\n" DISPOSITION "a\r\n" DISPOSITION "b\r\n\r\nx",
        "--b\r\n" DISPOSITION "a\r\n: x\r\n\r\nx",
        "--b\r\n" DISPOSITION "a\r\nX y\r\n\r\nx",
        "--b\r\n" DISPOSITION "a\r\n folded\r\n\r\nx",
        "--b\r\n" DISPOSITION "a\r\nX: a\rb\r\n\r\nx",
        "--b\r\n" DISPOSITION "a\r\nX: a\nb\r\n\r\nx",
        "--b\r\n" DISPOSITION "a\r\nContent-Transfer-Encoding: base64\r\n\r\nx",
        "--b\r\n" DISPOSITION "a\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n\r\nx",
        "--b\r\n" DISPOSITION "a; filename=x; filename=y\r\n\r\nx",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        check_refused(TYPE, bodies[i], -400);
}

static void asks_for_more_until_the_end(void)
{
    check_refused(TYPE, "", 0);
    check_refused(TYPE, "--b", 0);
    check_refused(TYPE, "--b\r\n" DISPOSITION "a\r\n\r\n1\r\n--b-", 0);
    check_refused(TYPE, "--b\r\n" DISPOSITION "a\r\n\r\n1", 0);
}

static void bounds_heads_and_names(void)
{
    static char body[16 << 10];
    char *at = body + sprintf(body, "--b\r\n" DISPOSITION "a\r\nX: ");
    memset(at, 'x', 9000);
    strcpy(at + 9000, "\r\n\r\n1\r\n--b--");
    check_refused(TYPE, body, -431);
    at = body + sprintf(body, "--b\r\n" DISPOSITION);
    memset(at, 'n', LS_MULTIPART_NAME + 1);
    strcpy(at + LS_MULTIPART_NAME + 1, "\r\n\r\n1\r\n--b--");
    check_refused(TYPE, body, -431);
}

static void unescapes_names(void)
{
    char out[64];
    struct ls_slice text = LS_SLICE("a%22b%0D%0Ac\\\"d\\\\e\\f%zz%");
    size_t len = ls_multipart_unescape(text, out);
    CHECK_TEXT(((struct ls_slice) { out, len }), "a\"b\r\nc\"d\\e\\f%zz%");
}

static void takes_folders_off_names(void)
{
    CHECK_TEXT(ls_multipart_basename(LS_SLICE("x.txt")), "x.txt");
    CHECK_TEXT(ls_multipart_basename(LS_SLICE("../../x.txt")), "x.txt");
    CHECK_TEXT(ls_multipart_basename(LS_SLICE("C:\\dir\\x.txt")), "x.txt");
    CHECK_TEXT(ls_multipart_basename(LS_SLICE("a/..")), "");
    CHECK_TEXT(ls_multipart_basename(LS_SLICE(".")), "");
    CHECK_TEXT(ls_multipart_basename(LS_SLICE("")), "");
}

static const struct unit_test tests[] = {
    { "takes parts apart, however they come", takes_parts_apart },
    { "content may look like a boundary", content_may_look_like_a_boundary },
    { "knows boundaries", knows_boundaries },
    { "refuses what is malformed", refuses_what_is_malformed },
    { "asks for more until the end", asks_for_more_until_the_end },
    { "bounds heads and names", bounds_heads_and_names },
    { "unescapes names", unescapes_names },
    { "takes folders off names", takes_folders_off_names },
};

UNIT_MAIN(tests)
