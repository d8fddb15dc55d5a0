# luaserve.h(3), of the comments of src/luaserve.h: each stands above what it is about, up to an empty line.
#
#   awk -v version=V -v date=D -f install/man/mdoc.awk -f install/man/header.awk src/luaserve.h

function finish_example() {
    if (in_example) { example_ends(); wants_pp = 1 }
    in_example = 0
}

function finish_paragraph() {
    if (paragraph != "") { if (wants_pp) print ".Pp"; prose(paragraph); wants_pp = 1 }
    paragraph = ""
}

# A comment's text: paragraphs, and what is indented as it stands.
function show_comment(   i, line) {
    for (i = 1; i <= comment_lines; i++) {
        line = comment[i]
        if (line ~ /^  /) {
            finish_paragraph()
            if (!in_example) { example_begins(); in_example = 1 }
            sub(/^  (  )?/, "", line)
            example_line(line)
            continue
        }
        if (line == "" && in_example && comment[i + 1] ~ /^  /) { print ""; continue }
        finish_example()
        if (line == "") finish_paragraph()
        else paragraph = paragraph (paragraph == "" ? "" : " ") line
    }
    finish_paragraph()
    finish_example()
    wants_pp = 1
}

# The names that a declaration is about, for a heading.
function heading(   i, names) {
    for (i = 1; i <= code_lines; i++) {
        if (match(declaration[i], /luaserve_[a-z0-9_]+\(/))
            names = names (names == "" ? "" : ", ") substr(declaration[i], RSTART, RLENGTH - 1)
        else if (names == "" && match(declaration[i], /^(struct|enum) luaserve[a-z_]*/))
            names = substr(declaration[i], RSTART, RLENGTH)
    }
    return names
}

# Prints a comment and what stands below it; keeps what functions there are for the synopsis.
function finish_block(   i, name) {
    name = heading()
    if (code_lines > 0 && name == "") { comment_lines = code_lines = 0; return }
    if (name != "") {
        print ".Ss " name
        example_begins()
        for (i = 1; i <= code_lines; i++) example_line(declaration[i])
        example_ends()
        wants_pp = 1
    }
    show_comment()
    comment_lines = code_lines = 0
}

# "   text", " * text " or " * text */" without what makes it a comment.
function comment_text(line) {
    sub(/^ *\/\* ?/, "", line)
    sub(/ *\*\/ *$/, "", line)
    sub(/^ \* ?/, "", line)
    return line
}

BEGIN {
    page_begins("src/luaserve.h", "LUASERVE.H", "3", "luaserve.h")
}

NR == 1 {
    line = comment_text($0)
    sub(/^luaserve: /, "", line)
    sub(/\.$/, "", line)
    print ".Nd " line
    print ".Sh SYNOPSIS\n.In luaserve.h\n.Sh DESCRIPTION"
    in_comment = 1
    next
}

# The comment at the head of the file has nothing below it.
in_comment || /^\/\*/ {
    in_comment = $0 !~ /\*\/ *$/
    comment[++comment_lines] = comment_text($0)
    if (!in_comment && !past_head) { finish_block(); past_head = 1; print ".Sh DECLARATIONS" }
    next
}

/^#/ || /^extern "C"/ || (/^}$/ && !code_lines) { next }

# A structure may hold empty lines.
/^$/ && open_braces <= 0 {
    if (comment_lines + code_lines > 0) finish_block()
    next
}

{
    line = $0
    sub(/^LUASERVE_API /, "", line)
    if (substr(line, 1, 13) ~ /^ +$/) line = substr(line, 14) # as far as LUASERVE_API has moved it
    declaration[++code_lines] = line
    open_braces += gsub(/{/, "{", line) - gsub(/}/, "}", line)
}

END {
    if (comment_lines + code_lines > 0) finish_block()
    print ".Sh SEE ALSO\n.Xr luaserve 1 ,\n.Xr config.lua 5"
}
