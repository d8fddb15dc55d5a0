# What both generated pages need: text and code as mdoc(7) wants them. Variables: version, date.

function page_begins(source, title, section, name) {
    print ".\\\" Made of " source "."
    print ".Dd " date
    print ".Dt " title " " section
    print ".Os luaserve " version
    print ".Sh NAME\n.Nm " name
}

# Bytes that roff would take for something else, or for a typographic cousin.
function code(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    gsub(/'/, "\\(aq", text)
    gsub(/`/, "\\(ga", text)
    gsub(/\^/, "\\(ha", text)
    gsub(/~/, "\\(ti", text)
    return text
}

# A sentence, in lines of at most 80 bytes, each of which is text whatever it begins with.
function say(text,   words, count, i, line) {
    count = split(text, words, " ")
    for (i = 1; i <= count; i++) {
        if (line != "" && length(line) + length(words[i]) > 76) { print line; line = "" }
        if (line == "" && words[i] ~ /^[.']/) words[i] = "\\&" words[i]
        line = line (line == "" ? "" : " ") words[i]
    }
    if (line != "") print line
}

# A paragraph: `code` in bold, and each sentence on a line of its own.
function prose(text,   parts, count, i, out) {
    gsub(/\\`/, "\003", text)
    count = split(text, parts, "`")
    for (i = 1; i <= count; i++) {
        if (i % 2 == 0) { out = out "\\fB" code(parts[i]) "\\fR"; continue }
        gsub(/\\[*_|<`]/, "\001&", parts[i])
        gsub(/\001\\/, "\002", parts[i])
        gsub(/\\/, "\\e", parts[i])
        gsub(/\002/, "", parts[i])
        gsub(/~/, "\\(ti", parts[i])
        gsub(/\^/, "\\(ha", parts[i])
        gsub(/\003/, "\\(ga", parts[i])
        gsub(/[.:?!] /, "&\n", parts[i])
        gsub(/:\n|: \n/, ": ", parts[i])
        out = out parts[i]
    }
    count = split(out, parts, "\n")
    for (i = 1; i <= count; i++) say(parts[i])
}

function example_begins() { print ".Bd -literal -offset indent" }
function example_line(line) {
    line = code(line)
    print line ~ /^[.']/ ? "\\&" line : line
}
function example_ends() { print ".Ed" }
