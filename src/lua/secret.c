#include "lua/secret.h"

#include <crypt.h>
#include <dlfcn.h>
#include <errno.h>
#include <nettle/base64.h>
#include <nettle/hmac.h>
#include <stdlib.h>

#include "lua/held.h"
#include "os/sys.h"

enum { RANDOM_MOST = 1 << 20, TAG = BASE64_ENCODE_RAW_LENGTH(SHA256_DIGEST_SIZE) };

static struct ls_slice check_text(lua_State *L, int index)
{
    size_t len;
    const char *text = luaL_checklstring(L, index, &len);
    return (struct ls_slice) { text, len };
}

/* Takes the same time wherever they differ. */
static bool same(struct ls_slice a, struct ls_slice b)
{
    unsigned differ = a.len != b.len;
    for (size_t i = 0; i < a.len; i++)
        differ |= (unsigned char)a.at[i] ^ (b.len > 0 ? (unsigned char)b.at[i % b.len] : 1u);
    return differ == 0;
}

/* ---- base64url, without padding (RFC 4648 5) ---- */

static int core_encode64(lua_State *L)
{
    struct ls_slice text = check_text(L, 1);
    struct base64_encode_ctx ctx;
    luaL_Buffer b;
    char *out =
        luaL_buffinitsize(L, &b, BASE64_ENCODE_LENGTH(text.len) + BASE64_ENCODE_FINAL_LENGTH);
    base64url_encode_init(&ctx);
    size_t len = base64_encode_update(&ctx, out, text.len, (const uint8_t *)text.at);
    len += base64_encode_final(&ctx, out + len);
    while (len > 0 && out[len - 1] == '=')
        len--;
    luaL_pushresultsize(&b, len);
    return 1;
}

/* The text, or nil. With true as the second argument the other alphabet's, with its padding. */
static int core_decode64(lua_State *L)
{
    struct ls_slice text = check_text(L, 1);
    struct base64_decode_ctx ctx;
    bool plain = lua_toboolean(L, 2);
    static const char padding[] = "==";
    luaL_Buffer b;
    size_t len = BASE64_DECODE_LENGTH(text.len + 3), more = 0;
    char *out = luaL_buffinitsize(L, &b, len + 8);
    if (plain)
        base64_decode_init(&ctx);
    else
        base64url_decode_init(&ctx);
    bool sound = base64_decode_update(&ctx, &len, (uint8_t *)out, text.len, text.at);
    size_t missing = plain ? 0 : (4 - text.len % 4) % 4;
    if (sound && missing > 0)
        sound = missing < 3 &&
                base64_decode_update(&ctx, &more, (uint8_t *)out + len, missing, padding);
    if (!sound || !base64_decode_final(&ctx))
        return 0;
    luaL_pushresultsize(&b, len + more);
    return 1;
}

/* ---- signatures ---- */

static void sign(struct ls_slice secret, struct ls_slice text, char tag[TAG])
{
    struct hmac_sha256_ctx ctx;
    uint8_t digest[SHA256_DIGEST_SIZE];
    hmac_sha256_set_key(&ctx, secret.len, (const uint8_t *)secret.at);
    hmac_sha256_update(&ctx, text.len, (const uint8_t *)text.at);
    hmac_sha256_digest(&ctx, sizeof digest, digest);
    base64_encode_raw(tag, sizeof digest, digest);
}

/* Once for a server: sessions that nobody can read after its end surprise whoever restarts it. */
static void tell_made_up(const struct ls_lua *lua)
{
    const struct ls_site *site = lua->current ? lua->current->site : NULL;
    if (!lua->secrets->made_up || !site || !site->secret_told ||
        atomic_exchange(site->secret_told, 1) != 0)
        return;
    ls_log(
        lua->log, LS_LOG_WARN,
        "sessions are signed with a secret of this start alone; set secret in config.lua for them "
        "to outlive it");
}

/* sign(text): its signature. */
static int core_sign(lua_State *L)
{
    const struct ls_lua *lua = ls_lua_of(L);
    char tag[TAG];
    tell_made_up(lua);
    sign(lua->secrets->all[0], check_text(L, 1), tag);
    lua_pushlstring(L, tag, sizeof tag);
    return 1;
}

/* signed(text, signature): was it made here? The number of the secret, or nil. */
static int core_signed(lua_State *L)
{
    const struct ls_secrets *secrets = ls_lua_of(L)->secrets;
    struct ls_slice text = check_text(L, 1), given = check_text(L, 2);
    for (size_t i = 0; i < secrets->count; i++) {
        char tag[TAG];
        sign(secrets->all[i], text, tag);
        if (same((struct ls_slice) { tag, sizeof tag }, given)) {
            lua_pushinteger(L, (lua_Integer)i + 1);
            return 1;
        }
    }
    return 0;
}

/* equal(a, b) */
static int core_equal(lua_State *L)
{
    lua_pushboolean(L, same(check_text(L, 1), check_text(L, 2)));
    return 1;
}

/* random(n): n bytes. */
static int core_random(lua_State *L)
{
    lua_Integer n = luaL_checkinteger(L, 1);
    luaL_argcheck(L, n >= 1 && n <= RANDOM_MOST, 1, "from 1 to 1048576 bytes");
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, (size_t)n);
    for (size_t have = 0; have < (size_t)n;) {
        long got = ls_sys_getrandom(out + have, (size_t)n - have, 0);
        if (got < 0 && got != -EINTR)
            return luaL_error(L, "no random bytes");
        have += got > 0 ? (size_t)got : 0;
    }
    luaL_pushresultsize(&b, (size_t)n);
    return 1;
}

/* ---- passwords ---- */

struct crypt { /* libcrypt, loaded when it is first needed: few programs have passwords */
    char *(*gensalt)(const char *prefix, unsigned long count, const char *bytes, int len, char *out,
                     int size);
    char *(*crypt)(const char *phrase, const char *setting, void *data, int size);
};

static struct crypt load_crypt(lua_State *L)
{
    struct crypt c = { NULL, NULL };
    void *library = dlopen("libcrypt.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library) {
        *(void **)&c.gensalt = dlsym(library, "crypt_gensalt_rn");
        *(void **)&c.crypt = dlsym(library, "crypt_rn");
    }
    if (!c.gensalt || !c.crypt)
        luaL_error(L,
                   "needs libcrypt.so.1, which cannot be loaded (Debian: apt install libcrypt1)");
    return c;
}

static const char *check_phrase(lua_State *L)
{
    struct ls_slice phrase = check_text(L, 1);
    luaL_argcheck(L, phrase.len <= CRYPT_MAX_PASSPHRASE_SIZE - 1, 1,
                  "a password has at most 511 bytes");
    luaL_argcheck(L, strlen(phrase.at) == phrase.len, 1, "a password cannot hold a NUL");
    return phrase.at;
}

/* Pushes the hash of the phrase. False: the setting is none. */
static bool push_hash(lua_State *L, const struct crypt *c, const char *phrase, const char *setting)
{
    struct crypt_data *data = lua_newuserdatauv(L, sizeof *data, 0);
    memset(data, 0, sizeof *data);
    const char *hash = c->crypt(phrase, setting, data, sizeof *data);
    bool made = hash && hash[0] != '*';
    if (made)
        lua_pushstring(L, hash);
    explicit_bzero(data, sizeof *data);
    return made;
}

/* hash(password): with a salt of its own, by the best method that this libcrypt has. */
static int core_hash(lua_State *L)
{
    const char *phrase = check_phrase(L);
    struct crypt c = load_crypt(L);
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    if (!c.gensalt(NULL, 0, NULL, 0, setting, sizeof setting) || !push_hash(L, &c, phrase, setting))
        return luaL_error(L, "the password could not be hashed");
    return 1;
}

/* verify(password, hash) */
static int core_verify(lua_State *L)
{
    const char *phrase = check_phrase(L);
    struct ls_slice hash = check_text(L, 2);
    struct crypt c = load_crypt(L);
    if (strlen(hash.at) != hash.len || !push_hash(L, &c, phrase, hash.at)) {
        lua_pushboolean(L, 0);
        return 1;
    }
    lua_pushboolean(L, same(check_text(L, -1), hash));
    return 1;
}

void ls_secret_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        { "encode64", core_encode64 }, { "decode64", core_decode64 }, { "sign", core_sign },
        { "signed", core_signed },     { "equal", core_equal },       { "random", core_random },
        { "hash", core_hash },         { "verify", core_verify },     { NULL, NULL }
    };
    luaL_setfuncs(L, functions, 0);
}
