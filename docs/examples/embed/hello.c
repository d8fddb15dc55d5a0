/* cc -o hello hello.c $(pkg-config --cflags --libs luaserve) && ./hello 3000 */
#include <luaserve.h>
#include <stdio.h>

static int hello(struct luaserve_request *request, struct luaserve_response *response, void *name)
{
    (void)request;
    luaserve_response_write(response, "Hello ", 6);
    return luaserve_response_write(response, name, 5);
}

int main(int argc, char **argv)
{
    struct luaserve_error error = { LUASERVE_OK, "" };
    struct luaserve *server = luaserve_new(&error);
    if (server && luaserve_set(server, "port", argc > 1 ? argv[1] : "3000", &error) == 0 &&
        luaserve_route(server, "GET", "/", hello, "world", &error) == 0 &&
        luaserve_listen(server, &error) == 0) {
        luaserve_handle_signals(server);
        printf("%s\n", luaserve_address(server, 0));
        luaserve_run(server, &error);
    }
    luaserve_free(&server);
    if (error.code != LUASERVE_OK)
        fprintf(stderr, "hello: %s\n", error.text);
    return (int)error.code;
}
