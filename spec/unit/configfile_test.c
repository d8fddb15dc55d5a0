/* The Lua of a config file: what it sees, what bounds it, what its errors say. */
#include "configs.h"

static void files_that_return_no_table_are_faults(void)
{
    check_fault("", "the file returns nothing: it must end with return { ... }");
    check_fault("return", "the file returns nothing: it must end with return { ... }");
    check_fault("return 5", "expected the file to return a table, found a number");
    check_faults("port = 3000\n",
                 "config.lua:1: port is assigned as a global, which sets nothing: the file must "
                 "return a table, return { port = 3000 }\n");
    check_faults("\n\nhost = 'x'\n",
                 "config.lua:3: host is assigned as a global, which sets nothing: the file must "
                 "return a table, return { host = \"x\" }\n");
    check_faults("limits = {}\n",
                 "config.lua:1: limits is assigned as a global, which sets nothing: the file must "
                 "return a table, return { limits = ... }\n");
}

static void lua_errors_are_faults(void)
{
    check_faults("return {\n  port = = 1\n}", "config.lua:2: unexpected symbol near '='\n");
    check_faults("\nerror 'oops'", "config.lua:2: oops\n");
    check_fault("error('no place', 0)", "no place");
    check_fault("error {}", "the file raised an error that is no text but a table");
    check_fault("error()", "the file raised an error that is no text but a nil");
    check_faults("error 'two\\nlines\\1'", "config.lua:1: two\\x0Alinesconfig.lua\n");
    check_faults("return { dev = x }",
                 "config.lua:1: unknown global x (there is env and the pure standard library)\n");
    check_fault("\x1bLua", "attempt to load a binary chunk (mode is 't')");
}

static void the_library_is_pure(void)
{
    static const char *const absent[] = {
        "load",    "loadstring",     "loadfile",  "dofile", "require", "io", "os",  "debug",
        "package", "collectgarbage", "coroutine", "print",  "xpcall",  "_G", "warn"
    };
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        char source[100], line[200];
        snprintf(source, sizeof source, "return { port = %s }", absent[i]);
        snprintf(line, sizeof line,
                 "config.lua:1: unknown global %s (there is env and the pure standard library)\n",
                 absent[i]);
        check_faults(source, line);
    }
    check_faults("local ok = pcall(error, 'x')\nassert(not ok and _VERSION and select('#') == 0)\n"
                 "return { index = ('%s.html'):format(utf8.char(0xe9) .. table.concat { 'a' }),\n"
                 "  port = math.max(80, tonumber '81', #string.rep('x', 5)) }",
                 "");
    check_faults("string = nil",
                 "config.lua:1: string is assigned as a global, which sets nothing: the file must "
                 "return a table, return { string = ... }\n");
}

static void env_shows_the_environment(void)
{
    struct ls_config c;
    struct ls_buffer faults = { 0 };
    const char *source =
        "return { port = tonumber(env.CONFIG_TEST_PORT), dev = env.NONE_X == nil }";
    setenv("CONFIG_TEST_PORT", "8081", 1);
    CHECK_INT(read_bytes(&c, source, strlen(source), &faults), 0);
    CHECK_INT(c.port, 8081);
    CHECK(c.dev);
    ls_config_free(&c);
    ls_buffer_free(&faults);
    check_faults("env.X = 1", "config.lua:1: env is read-only\n");
    check_faults("setmetatable(env, {})", "config.lua:1: cannot change a protected metatable\n");
}

static void endless_files_are_ended(void)
{
    const char *line = "config.lua:1: the file does not come to an end (an endless loop?)\n";
    check_faults("while true do end", line);
    check_faults("while true do pcall(function() while true do end end) end", line);
    check_faults("local t = setmetatable({}, { __close = function() while true do end end })\n"
                 "local x <close> = t\nwhile true do end",
                 line);
    check_faults("local function f() return f() end f()", line);
    check_faults("setmetatable({}, { __gc = function() while true do end end })",
                 "config.lua:1: a config file cannot have finalizers (__gc)\n");
}

static void greedy_files_are_ended(void)
{
    const char *fault = "the file asks for more than 16 MiB of memory";
    check_fault("return { index = ('x'):rep(1 << 30) }", fault);
    check_fault("local t = {} while true do t[#t + 1] = {} end", fault);
    check_fault("local s = 'x' while true do s = s .. s end", fault);
    check_faults("pcall(string.rep, 'x', 1 << 30) return {}", "");
    static char big[17 << 20];
    struct ls_config c;
    struct ls_buffer faults = { 0 };
    memset(big, ' ', sizeof big);
    CHECK_INT(read_bytes(&c, big, sizeof big, &faults), -EFBIG);
    CHECK_TEXT(said(&faults), "config.lua: cannot read the file: File too large\n");
    ls_config_free(&c);
    ls_buffer_free(&faults);
}

static void metatables_do_no_harm(void)
{
    check_faults("return setmetatable({ dev = true }, { __index = function() error 'no' end,\n"
                 "  __pairs = error, __len = error, __metatable = 5 })",
                 "");
    check_faults("local t = setmetatable({}, {}) getmetatable(t).__index = t return t", "");
    check_faults("local t = setmetatable({}, { __index = function(t, k) return t[k] end })\n"
                 "return { port = pcall(function() return t.x end) and 1 or 2 }",
                 "");
    check_faults("table.sort = error string.rep = nil return { dev = true, port = 1 }", "");
    check_faults("local t = {} t.limits = t return t", "config.lua: limits.limits: unknown key\n");
    check_faults(
        "getmetatable('').__index = function() while true do end end\nreturn { a = ('').x }",
        "config.lua:1: the file does not come to an end (an endless loop?)\n");
    check_faults("local function f() return 1 + f() end return { dev = pcall(f) }", "");
}

static void first_lines_for_others_are_skipped(void)
{
    check_faults("\xEF\xBB\xBFreturn {}", "");
    check_faults("#!/usr/bin/env luaserve\nreturn {}", "");
    check_faults("#!/usr/bin/env luaserve\nx = 1",
                 "config.lua:2: x is assigned as a global, which sets nothing: the file must "
                 "return a table, return { x = 1 }\n");
}

static void files_that_cannot_be_read_are_faults(void)
{
    struct ls_config c;
    struct ls_buffer faults = { 0 };
    CHECK_INT(ls_config_init(&c), 0);
    CHECK_INT(ls_config_read(&c, "/nowhere/config.lua", &faults), -ENOENT);
    CHECK_INT(ls_config_read(&c, "/", &faults), -EISDIR);
    CHECK_TEXT(said(&faults),
               "/nowhere/config.lua: cannot read the file: No such file or directory\n"
               "/: cannot read the file: Is a directory\n");
    ls_config_free(&c);
    ls_buffer_free(&faults);
}

static void long_paths_stand_whole_in_errors(void)
{
    char dir[200], expected[400];
    struct ls_config c;
    struct ls_buffer faults = { 0 };
    snprintf(dir, sizeof dir, "%s/%0100d", folder, 0);
    CHECK_INT(mkdir(dir, 0700), 0);
    snprintf(expected, sizeof expected, "%s/c.lua", dir);
    FILE *file = fopen(expected, "w");
    CHECK(file && fputs("error 'here'", file) >= 0);
    if (file)
        fclose(file);
    CHECK_INT(ls_config_init(&c), 0);
    CHECK_INT(ls_config_read(&c, expected, &faults), -EINVAL);
    unlink(expected);
    rmdir(dir);
    snprintf(expected, sizeof expected, "%s/c.lua:1: here\n", dir);
    CHECK_TEXT(said(&faults), expected);
    ls_config_free(&c);
    ls_buffer_free(&faults);
}

static const struct unit_test tests[] = {
    { "files that return no table are faults", files_that_return_no_table_are_faults },
    { "Lua errors are faults", lua_errors_are_faults },
    { "the library is pure", the_library_is_pure },
    { "env shows the environment", env_shows_the_environment },
    { "endless files are ended", endless_files_are_ended },
    { "greedy files are ended", greedy_files_are_ended },
    { "metatables do no harm", metatables_do_no_harm },
    { "first lines for others are skipped", first_lines_for_others_are_skipped },
    { "files that cannot be read are faults", files_that_cannot_be_read_are_faults },
    { "long paths stand whole in errors", long_paths_stand_whole_in_errors },
};

int main(void)
{
    return config_main(tests, sizeof tests / sizeof *tests);
}
