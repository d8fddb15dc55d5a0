/* config.lua and luaserve_set: every kind of fault with its line, defaults. Runs from the
 * root of the repo, whose config.lua it reads. What a file's Lua may do: configfile_test.c. */
#include "configs.h"

#include "server/schema.h"

static void check_set(const char *key, const char *value, const char *fault)
{
    struct ls_config c;
    struct ls_buffer faults = { 0 };
    CHECK_INT(ls_config_init(&c), 0);
    CHECK_INT(ls_config_set(&c, key, value, &faults), *fault ? -EINVAL : 0);
    CHECK_TEXT(said(&faults), fault);
    ls_config_free(&c);
    ls_buffer_free(&faults);
}

/* ---- what is set ---- */

static void check_defaults(const struct ls_config *c)
{
    CHECK_TEXT(ls_slice_of(c->host), "0.0.0.0");
    CHECK_INT(c->port, 3000);
    CHECK_INT(c->listen_count, 0);
    CHECK_INT(c->backlog, 4096);
    CHECK_TEXT(ls_slice_of(c->www), "www");
    CHECK_TEXT(ls_slice_of(c->scripts), "scripts");
    CHECK_TEXT(ls_slice_of(c->index), "index.html");
    CHECK(!c->www_named && !c->scripts_named && !c->dev);
    CHECK_INT(c->processes.mode, LS_MODE_FORK);
    CHECK_INT(c->processes.max_clients, 1024);
    CHECK_INT(c->limits.request_line, 8192);
    CHECK_INT(c->limits.headers, 32768);
    CHECK_INT(c->limits.header_count, 100);
    CHECK_INT(c->limits.body, 1048576);
    CHECK_INT(c->limits.head_timeout, 10000000);
    CHECK_INT(c->limits.body_timeout, 30000000);
    CHECK_INT(c->limits.idle_timeout, 15000000);
    CHECK_INT(c->limits.send_timeout, 30000000);
    CHECK_INT(c->limits.wall, 30000000);
    CHECK_INT(c->limits.drain_timeout, 10000000);
    CHECK_INT(c->limits.memory, 67108864);
    CHECK_INT(c->limits.requests_per_client, 100000);
    CHECK_INT(c->log.level, LS_LOG_INFO);
    CHECK_TEXT(ls_slice_of(c->log.file), "-");
}

static void init_gives_defaults(void)
{
    struct ls_config c, zero = { .file = NULL };
    CHECK_INT(ls_config_init(&c), 0);
    check_defaults(&c);
    CHECK(!c.file && !c.dir);
    ls_config_free(&c);
    CHECK(memcmp(&c, &zero, sizeof c) == 0);
    ls_config_free(&c);
}

static void each_default_is_in_range(void)
{
    size_t count;
    const struct ls_key *keys = ls_schema(&count);
    for (size_t i = 0; i < count; i++) {
        if (keys[i].kind == LS_KEY_MAP)
            continue;
        const char *other = keys[i].kind == LS_KEY_LIST ? "[::1]:0"
                            : strcmp(keys[i].name, "secret") == 0
                                ? "0123456789abcdef0123456789abcdef"
                                : "10.0.0.0/8";
        check_set(keys[i].name, *keys[i].fallback ? keys[i].fallback : other, "");
        CHECK(keys[i].about && strlen(keys[i].about) > 10);
        CHECK(ls_schema_find(ls_slice_of(keys[i].name)) == &keys[i]);
    }
}

static void files_set_every_kind(void)
{
    static const char source[] =
        "return { port = 80.0, dev = true, host = '::1', index = 'a.html', www = '/srv',\n"
        "  limits = { wall = '250ms', body_timeout = 2.5, head_timeout = 3, body = 0,\n"
        "    headers = '1K', memory = 65536.0, drain_timeout = 0 }, log = { level = 'error' } }";
    struct ls_config c;
    struct ls_buffer faults = { 0 };
    CHECK_INT(read_bytes(&c, source, strlen(source), &faults), 0);
    CHECK_INT(faults.len, 0);
    CHECK_INT(c.port, 80);
    CHECK(c.dev && c.www_named && !c.scripts_named);
    CHECK_TEXT(ls_slice_of(c.host), "::1");
    CHECK_TEXT(ls_slice_of(c.index), "a.html");
    CHECK_INT(c.limits.wall, 250000);
    CHECK_INT(c.limits.body_timeout, 2500000);
    CHECK_INT(c.limits.head_timeout, 3000000);
    CHECK_INT(c.limits.body, 0);
    CHECK_INT(c.limits.headers, 1024);
    CHECK_INT(c.limits.memory, 65536);
    CHECK_INT(c.limits.drain_timeout, 0);
    CHECK_INT(c.log.level, LS_LOG_ERROR);
    ls_config_free(&c);
    ls_buffer_free(&faults);
}

static void listen_takes_a_list(void)
{
    static const char source[] = "return { listen = { '0.0.0.0:80', '[::]:80', 'unix:/run/x' } }";
    struct ls_config c;
    struct ls_buffer faults = { 0 };
    CHECK_INT(read_bytes(&c, source, strlen(source), &faults), 0);
    CHECK_INT(c.listen_count, 3);
    CHECK_TEXT(ls_slice_of(c.listen[0]), "0.0.0.0:80");
    CHECK_TEXT(ls_slice_of(c.listen[2]), "unix:/run/x");
    CHECK_INT(ls_config_set(&c, "listen", "[::1]:0, 127.0.0.1:0", &faults), 0);
    CHECK_INT(c.listen_count, 2);
    CHECK_TEXT(ls_slice_of(c.listen[1]), "127.0.0.1:0");
    CHECK_INT(ls_config_set(&c, "listen", "[::1]:1,nonsense", &faults), -EINVAL);
    CHECK_INT(ls_config_set(&c, "port", "80", &faults), -EINVAL);
    CHECK_INT(c.listen_count, 2);
    CHECK_INT(c.port, 3000);
    CHECK_TEXT(said(&faults),
               "listen[2]: expected an address such as \"0.0.0.0:80\", \"[::]:80\" or "
               "\"unix:/run/luaserve.sock\", found \"nonsense\"\n"
               "port: listen stands instead of host and port: expected one of the two, found "
               "both\n");
    ls_config_free(&c);
    ls_buffer_free(&faults);
}

static void texts_are_one_or_a_list(void)
{
    static const char source[] =
        "return { secret = { ('a'):rep(32), ('b'):rep(32) }, trusted_proxies = '10.0.0.0/8' }";
    struct ls_config c;
    struct ls_buffer faults = { 0 };
    CHECK_INT(read_bytes(&c, source, strlen(source), &faults), 0);
    CHECK_INT(c.secret.count, 2);
    CHECK(c.secret.all[1][0] == 'b');
    CHECK_INT(c.trusted_proxies.count, 1);
    CHECK_INT(ls_config_set(&c, "trusted_proxies", "127.0.0.1, fd00::/8 unix", &faults), 0);
    CHECK_INT(c.trusted_proxies.count, 3);
    CHECK_INT(ls_config_set(&c, "trusted_proxies", "10.0.0.1/8", &faults), -EINVAL);
    CHECK_INT(ls_config_set(&c, "secret", "too short to be secret", &faults), -EINVAL);
    CHECK_INT(c.trusted_proxies.count, 3);
    CHECK_INT(c.secret.count, 2);
    CHECK_TEXT(said(&faults),
               "trusted_proxies: expected an address or a network such as \"10.0.0.0/8\", or "
               "\"unix\", or a list of up to 16 of them, found \"10.0.0.1/8\"\n"
               "secret: expected a text of 32 bytes or more, found a shorter one\n"
               "secret: expected a text of 32 bytes or more, found a shorter one\n"
               "secret: expected a text of 32 bytes or more, found a shorter one\n"
               "secret: expected a text of 32 bytes or more, found a shorter one\n"
               "secret: expected a text of 32 bytes or more, found a shorter one\n");
    ls_config_free(&c);
    ls_buffer_free(&faults);
}

static void paths_start_from_the_file(void)
{
    static const char source[] = "return { www = 'site', log = { file = 'a.log' },\n"
                                 "  listen = { 'unix:x.sock', 'unix:/abs' } }";
    struct ls_config c;
    struct ls_buffer faults = { 0 };
    char expected[100];
    CHECK_INT(read_bytes(&c, source, strlen(source), &faults), 0);
    CHECK_TEXT(ls_slice_of(c.dir), folder);
    snprintf(expected, sizeof expected, "%s/site", folder);
    CHECK_TEXT(ls_slice_of(c.www), expected);
    snprintf(expected, sizeof expected, "%s/scripts", folder);
    CHECK_TEXT(ls_slice_of(c.scripts), expected);
    snprintf(expected, sizeof expected, "%s/a.log", folder);
    CHECK_TEXT(ls_slice_of(c.log.file), expected);
    snprintf(expected, sizeof expected, "unix:%s/x.sock", folder);
    CHECK_TEXT(ls_slice_of(c.listen[0]), expected);
    CHECK_TEXT(ls_slice_of(c.listen[1]), "unix:/abs");
    CHECK_INT(ls_config_set(&c, "www", "here", &faults), 0);
    CHECK_TEXT(ls_slice_of(c.www), "here");
    ls_config_free(&c);
    ls_buffer_free(&faults);
}

static void named_folders_must_exist(void)
{
    static const char source[] = "return { www = 'none', scripts = 'config.lua' }";
    struct ls_config c;
    struct ls_buffer faults = { 0 };
    CHECK_INT(read_bytes(&c, source, strlen(source), &faults), 0);
    CHECK_INT(ls_config_finish(&c, &faults), -EINVAL);
    shorten(&faults);
    CHECK_TEXT(said(&faults),
               "config.lua: www: expected a folder, found none at \"none\": No such file or "
               "directory\n"
               "config.lua: scripts: expected a folder, found none at \"config.lua\": Not a "
               "directory\n");
    ls_buffer_clear(&faults);
    CHECK_INT(ls_config_set(&c, "www", folder, &faults), 0);
    CHECK_INT(ls_config_set(&c, "scripts", "/nowhere", &faults), 0);
    CHECK_INT(ls_config_finish(&c, &faults), -EINVAL);
    CHECK_TEXT(
        said(&faults),
        "scripts: expected a folder, found none at \"/nowhere\": No such file or directory\n");
    ls_config_free(&c);
    ls_buffer_clear(&faults);
    CHECK_INT(read_bytes(&c, "return {}", 9, &faults), 0);
    CHECK_INT(ls_config_finish(&c, &faults), 0); /* its folder has neither; nobody named them */
    ls_config_free(&c);
    ls_buffer_free(&faults);
}

static void set_takes_text(void)
{
    check_set("port", "80", "");
    check_set("dev", "true", "");
    check_set("limits.wall", "2.5", "");
    check_set("log.level", "debug", "");
    check_set("host", "::", "");
    check_set("port", "80a", "port: expected an integer from 0 to 65535, found \"80a\"\n");
    check_set("port", "65536", "port: expected an integer from 0 to 65535, found 65536\n");
    check_set("port", "-1", "port: expected an integer from 0 to 65535, found \"-1\"\n");
    check_set("dev", "yes", "dev: expected true or false, found \"yes\"\n");
    check_set("limits", "1", "limits: this is a table: set one of its keys\n");
    check_set("limits.wal", "1", "limits.wal: unknown key (did you mean \"limits.wall\"?)\n");
    check_set("a\nb", "1", "a\\x0Ab: unknown key\n");
    check_set("listen", "", "listen: expected at least one address, found an empty list\n");
}

/* ---- faults ---- */

static void wrong_types_are_faults(void)
{
    check_fault("return { port = '80a' }",
                "port: expected an integer from 0 to 65535, found \"80a\"");
    check_fault("return { port = '80' }",
                "port: expected an integer from 0 to 65535, found \"80\"");
    check_fault("return { port = {} }", "port: expected an integer from 0 to 65535, found a table");
    check_fault("return { port = type }",
                "port: expected an integer from 0 to 65535, found a function");
    check_fault("return { www = true }", "www: expected a path such as \"www\", found true");
    check_fault("return { limits = { memory = false } }",
                "limits.memory: expected a size from 64K to 1T such as \"64M\", found false");
}

static void unsound_numbers_are_faults(void)
{
    check_fault("return { port = -1 }", "port: expected an integer from 0 to 65535, found -1");
    check_fault("return { port = 80.5 }", "port: expected an integer from 0 to 65535, found 80.5");
    check_fault("return { port = 0/0 }", "port: expected an integer from 0 to 65535, found nan");
    check_fault("return { port = 1/0 }", "port: expected an integer from 0 to 65535, found inf");
    check_fault("return { limits = { wall = 0 } }",
                "limits.wall: expected a duration from 10ms to 24h such as \"30s\", found 0");
    check_fault("return { limits = { wall = -0.5 } }",
                "limits.wall: expected a duration from 10ms to 24h such as \"30s\", found -0.5");
    check_fault("return { limits = { wall = 1e300 } }",
                "limits.wall: expected a duration from 10ms to 24h such as \"30s\", found 1e+300");
    check_fault("return { limits = { wall = math.maxinteger } }",
                "limits.wall: expected a duration from 10ms to 24h such as \"30s\", found "
                "9223372036854775807");
    check_fault(
        "return { limits = { wall = 'soon' } }",
        "limits.wall: expected a duration from 10ms to 24h such as \"30s\", found \"soon\"");
    check_fault("return { limits = { headers = 63 } }",
                "limits.headers: expected a size from 64 to 1M such as \"32K\", found 63");
    check_fault("return { limits = { body = 0.5 } }",
                "limits.body: expected a size from 0 to 1T such as \"1M\", found 0.5");
    check_fault("return { limits = { drain_timeout = '25h' } }",
                "limits.drain_timeout: expected a duration from 0 to 24h such as \"10s\", found "
                "\"25h\"");
}

static void unsound_texts_are_faults(void)
{
    check_fault("return { host = 'localhost' }",
                "host: expected a numeric IPv4 or IPv6 address such as \"0.0.0.0\", found "
                "\"localhost\"");
    check_fault("return { index = '' }",
                "index: expected a name of a file (no folder) such as \"index.html\", found \"\"");
    check_fault("return { www = 'a\\0b' }",
                "www: expected a path such as \"www\", found \"a\\x00b\"");
    check_fault("return { dev = 'true' }", "dev: expected true or false, found \"true\"");
    check_fault("return { log = { level = 'loud' } }",
                "log.level: expected one of \"debug\", \"info\", \"warn\", \"error\", \"off\", "
                "found \"loud\"");
    check_fault("return { processes = { mode = 'threads' } }",
                "processes.mode: expected one of \"fork\", \"pool\", found \"threads\"");
    check_fault("return { host = ('\\n'):rep(70) }",
                "host: expected a numeric IPv4 or IPv6 address such as \"0.0.0.0\", found "
                "\"\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A"
                "\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A"
                "\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A"
                "\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A\\x0A...\"");
}

static void types_are_taken_by_extension(void)
{
    static const char source[] = "return { mime = { glb = 'model/gltf-binary', ['7z'] = 'a/b',\n"
                                 "  txt = 'text/plain; charset=latin1' }, max_age = '8760h' }";
    struct ls_config c;
    struct ls_buffer faults = { 0 };
    CHECK_INT(read_bytes(&c, source, strlen(source), &faults), 0);
    CHECK_TEXT(said(&faults), "");
    CHECK_INT(c.mime_count, 3);
    CHECK_INT(ls_config_set(&c, "mime.glb", "a/c", &faults), 0);
    CHECK_INT(c.mime_count, 3);
    const struct ls_mime_map map = { c.mime, c.mime_count };
    CHECK_TEXT(ls_mime_of(&map, LS_SLICE("x.GLB")), "a/c");
    CHECK_TEXT(ls_mime_of(&map, LS_SLICE("x.7z")), "a/b");
    CHECK_TEXT(ls_mime_of(&map, LS_SLICE("x.txt")), "text/plain; charset=latin1");
    CHECK_TEXT(ls_mime_of(&map, LS_SLICE("x.png")), "image/png");
    ls_config_free(&c);
    ls_buffer_free(&faults);
}

static void unsound_types_are_faults(void)
{
    static const char type[] = "expected a media type such as \"model/gltf-binary\", found ";
    static const char *const bad[][2] = { { "'text'", "\"text\"" },
                                          { "'text/'", "\"text/\"" },
                                          { "'/html'", "\"/html\"" },
                                          { "'a/b c'", "\"a/b c\"" },
                                          { "'a/b\\n'", "\"a/b\\x0A\"" },
                                          { "1", "1" },
                                          { "''", "\"\"" },
                                          { "{}", "a table" } };
    char source[100], fault[200];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(source, sizeof source, "return { mime = { x = %s } }", bad[i][0]);
        snprintf(fault, sizeof fault, "mime.x: %s%s", type, bad[i][1]);
        check_fault(source, fault);
    }
    static const char key[] = "expected an extension of 1 to 11 bytes, in lower case and without a "
                              "point, as key";
    static const char *const keys[] = { "A", "twelve_bytes", ".txt", "a b", "" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        bool plain = i < 2;
        snprintf(source, sizeof source, "return { mime = { ['%s'] = 'a/b' } }", keys[i]);
        snprintf(fault, sizeof fault, plain ? "mime.%s: %s" : "mime[\"%s\"]: %s", keys[i], key);
        check_fault(source, fault);
    }
    check_fault("return { mime = 'a/b' }", "mime: expected a table of media types such as "
                                           "{ glb = \"model/gltf-binary\" }, found \"a/b\"");
    check_fault("return { mime = { 'a/b' } }", "mime[1]: unknown key");
    check_fault("local t = {} for i = 1, 201 do t['x' .. i] = 'a/b' end return { mime = t }",
                "mime.x99: expected at most 200 types, found more");
}

static void unsound_lists_are_faults(void)
{
    check_fault("return { listen = 'x:80' }",
                "listen: expected a list of 1 to 16 addresses such as { \"0.0.0.0:80\", "
                "\"[::]:80\" }, found \"x:80\"");
    check_fault("return { listen = {} }",
                "listen: expected at least one address, found an empty list");
    check_fault("return { listen = { 80 } }",
                "listen[1]: expected an address such as \"0.0.0.0:80\", \"[::]:80\" or "
                "\"unix:/run/luaserve.sock\", found 80");
    check_fault("return { listen = { '[::]:0', [3] = '[::]:0' } }", "listen[3]: unknown key");
    check_fault("local t = {} for i = 1, 20 do t[i] = '[::]:' .. i end return { listen = t }",
                "listen: expected at most 16 addresses, found more");
    check_fault("return { port = 80, listen = { '[::]:0' } }",
                "listen: listen stands instead of host and port: expected one of the two, found "
                "both");
    check_fault("return { listen = { 'unix:' .. ('x'):rep(108) } }",
                "listen[1]: expected a path of at most 107 bytes, found "
                "\"unix:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\"");
}

static void unknown_keys_name_the_nearest(void)
{
    check_fault("return { prot = 80 }", "prot: unknown key (did you mean \"port\"?)");
    check_fault("return { limit = { wall = 1 } }", "limit: unknown key (did you mean \"limits\"?)");
    check_fault("return { limits = { boddy = 1 } }",
                "limits.boddy: unknown key (did you mean \"limits.body\"?)");
    check_fault("return { idle_timeuot = 1 }",
                "idle_timeuot: unknown key (did you mean \"limits.idle_timeout\"?)");
    check_fault("return { wall = '5s' }", "wall: unknown key (it belongs in limits: limits.wall)");
    check_fault("return { limits = { port = 1 } }",
                "limits.port: unknown key (it belongs at the top level: port)");
    check_fault("return { banana = 1 }", "banana: unknown key");
    check_fault("return { 'x' }", "[1]: unknown key");
    check_fault("return { limits = { 'x' } }", "limits[1]: unknown key");
    check_fault("return { [true] = 1 }", "<boolean key>: unknown key");
    check_fault("return { limits = { [0.5] = {} } }", "limits.<number key>: unknown key");
    check_fault("return { ['limits.wall'] = 1 }", "[\"limits.wall\"]: unknown key");
    check_fault("return { ['port\\0'] = 1 }", "[\"port\\x00\"]: unknown key");
    check_fault("return { ['a\\nb'] = 1 }", "[\"a\\x0Ab\"]: unknown key");
    check_fault("return { limits = 5 }", "limits: expected a table, found 5");
    check_fault("return { limits = { limits = {} } }", "limits.limits: unknown key");
}

static void all_faults_come_at_once(void)
{
    check_faults("return { prot = 1, dev = 1, limits = { wall = 'x', body = -1 }, 'y' }",
                 "config.lua: [1]: unknown key\n"
                 "config.lua: dev: expected true or false, found 1\n"
                 "config.lua: limits.body: expected a size from 0 to 1T such as \"1M\", found -1\n"
                 "config.lua: limits.wall: expected a duration from 10ms to 24h such as \"30s\", "
                 "found \"x\"\n"
                 "config.lua: prot: unknown key (did you mean \"port\"?)\n");
}

static void many_faults_are_counted(void)
{
    struct ls_config c;
    struct ls_buffer faults = { 0 };
    const char *source = "local t = {} for i = 1, 1000 do t[i] = i end return t";
    CHECK_INT(read_bytes(&c, source, strlen(source), &faults), -EINVAL);
    struct ls_slice lines = { faults.at, faults.len };
    CHECK(ls_slice_ends(lines,
                        LS_SLICE("config.lua: [50]: unknown key\nconfig.lua: and 950 more\n")));
    ls_config_free(&c);
    ls_buffer_free(&faults);
}

/* ---- the file in the root of the repo ---- */

static void the_repos_file_says_the_defaults(void)
{
    struct ls_config c;
    struct ls_buffer faults = { 0 };
    CHECK_INT(ls_config_init(&c), 0);
    CHECK_INT(ls_config_read(&c, "config.lua", &faults), 0);
    CHECK_TEXT(said(&faults), "");
    check_defaults(&c);
    ls_config_free(&c);
    ls_buffer_free(&faults);
}

static size_t read_text(const char *name, char *text, size_t size)
{
    FILE *file = fopen(name, "r");
    size_t len = file ? fread(text, 1, size - 1, file) : 0;
    text[len] = '\0';
    if (file)
        fclose(file);
    return len;
}

/* Each key stands with its default, commented out or not; taking all dashes away changes nothing. */
static void the_repos_file_shows_every_key(void)
{
    static char text[20000], bare[20000];
    size_t count, out = 0;
    const struct ls_key *keys = ls_schema(&count);
    CHECK(read_text("config.lua", text, sizeof text) > 0);
    for (size_t i = 0; i < count; i++) {
        const char *point = strrchr(keys[i].name, '.');
        char line[60];
        snprintf(line, sizeof line, "  %s = ", point ? point + 1 : keys[i].name);
        const char *found = strstr(text, line);
        snprintf(line, sizeof line, " -- %s = ", point ? point + 1 : keys[i].name);
        if (!found && !strstr(text, line))
            fprintf(stderr, "config.lua does not show %s\n", keys[i].name);
        CHECK(found || strstr(text, line));
    }
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n") + 1, indent = strspn(line, " ");
        size_t word = strspn(line + indent, "- ") + indent;
        size_t name = strspn(line + word, "abcdefghijklmnopqrstuvwxyz_");
        bool shows = word > indent && memcmp(line + word + name, " = ", 3) == 0 &&
                     line[len - 2] == ',' && strncmp(line + word, "listen", 6) != 0;
        size_t from = shows ? word : 0;
        memcpy(bare + out, line + from, len - from);
        out += len - from;
        line += len;
    }
    struct ls_config c;
    struct ls_buffer faults = { 0 };
    write_file("log", "", 0);
    CHECK_INT(read_bytes(&c, bare, out, &faults), 0);
    CHECK_TEXT(said(&faults), "");
    CHECK(c.www_named && c.scripts_named);
    c.www_named = c.scripts_named = false;
    memmove(c.www, c.www + strlen(folder) + 1, strlen(c.www) - strlen(folder));
    memmove(c.scripts, c.scripts + strlen(folder) + 1, strlen(c.scripts) - strlen(folder));
    check_defaults(&c);
    ls_config_free(&c);
    ls_buffer_free(&faults);
}

static const struct unit_test tests[] = {
    { "init gives the defaults", init_gives_defaults },
    { "each default is in range", each_default_is_in_range },
    { "files set every kind of key", files_set_every_kind },
    { "media types are taken by extension", types_are_taken_by_extension },
    { "unsound media types are faults", unsound_types_are_faults },
    { "listen takes a list", listen_takes_a_list },
    { "texts are one or a list", texts_are_one_or_a_list },
    { "paths start from the file", paths_start_from_the_file },
    { "named folders must exist", named_folders_must_exist },
    { "set takes text", set_takes_text },
    { "wrong types are faults", wrong_types_are_faults },
    { "unsound numbers are faults", unsound_numbers_are_faults },
    { "unsound texts are faults", unsound_texts_are_faults },
    { "unsound lists are faults", unsound_lists_are_faults },
    { "unknown keys name the nearest", unknown_keys_name_the_nearest },
    { "all faults come at once", all_faults_come_at_once },
    { "many faults are counted", many_faults_are_counted },
    { "the repo's config.lua says the defaults", the_repos_file_says_the_defaults },
    { "the repo's config.lua shows every key", the_repos_file_shows_every_key },
};

int main(void)
{
    return config_main(tests, sizeof tests / sizeof *tests);
}
