# config.lua(5), of docs/configuration.md, which is made of the table of keys and the comments of config.lua.
#
#   awk -v version=V -v date=D -f install/man/mdoc.awk -f install/man/configuration.awk docs/configuration.md

# The paragraph, list or example that is open ends.
function finish() {
    if (paragraph != "") {
        if (wants_pp) print ".Pp"
        prose(paragraph)
        wants_pp = 1
    }
    if (in_list) { print ".El"; wants_pp = 1 }
    if (in_example) { example_ends(); wants_pp = 1 }
    paragraph = ""
    in_list = in_example = 0
}

# Links and bold text of Markdown as text.
function plain(line) {
    while (match(line, /\[[^]]*\]\([^)]*\)/)) {
        link = substr(line, RSTART, RLENGTH)
        sub(/^\[/, "", link)
        sub(/\]\(.*/, "", link)
        line = substr(line, 1, RSTART - 1) link substr(line, RSTART + RLENGTH)
    }
    gsub(/\*\*/, "`", line)
    return line
}

function item(line,   at) {
    if (!in_list) { finish(); print ".Bl -tag -width Ds"; in_list = 1 }
    line = plain(line)
    at = index(substr(line, 2), "`")
    print ".It Ic " code(substr(line, 2, at - 1))
    sub(/^: /, "", line)
    prose(substr(line, at + 4))
}

BEGIN {
    page_begins("docs/configuration.md", "CONFIG.LUA", "5", "config.lua")
    print ".Nd what luaserve does"
    print ".Sh DESCRIPTION"
}

/^# / || /^\|/ || /^<!--/ || /^Next: / { finish(); next }

/^## / {
    finish()
    name = substr($0, 4)
    print ".Sh " (name == "At the top level" ? "KEYS" : "KEYS OF " toupper(name))
    wants_pp = 0
    next
}

/^### / {
    finish()
    print ".Ss " substr($0, 5)
    wants_pp = 0
    next
}

/^\* / { item(substr($0, 3)); next }

/^    / && paragraph == "" {
    if (!in_example) { finish(); example_begins(); in_example = 1 }
    example_line(substr($0, 5))
    next
}

/^$/ { finish(); next }
{
    if (in_list) finish()
    line = plain($0)
    paragraph = paragraph (paragraph == "" ? "" : " ") line
}

END {
    finish()
    print ".Sh SEE ALSO\n.Xr luaserve 1"
}
