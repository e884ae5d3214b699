# What ci/words looks for. Reads the list of idioms, then files; prints a finding a line:
#   wide FILE LINE COLUMNS, long FILE LINE WORDS, idiom FILE LINE TEXT INSTEAD,
#   link FILE LINE TARGET, and for links to check: heading FILE LINE ANCHOR
# separated by tabs. Run it with LC_ALL=C: mawk sees bytes, not characters.

# The idioms: kind, pattern, what to write instead.
FILENAME == ARGV[1] {
  if ($0 ~ /^#/ || $0 ~ /^[ \t]*$/) next
  if (split($0, field, /\t+/) != 3 || field[1] !~ /^(text|name)$/) {
    print FILENAME ":" FNR ": error: a line is KIND, PATTERN, INSTEAD, with tabs" >"/dev/stderr"
    failed = 1
    exit 5
  }
  if (field[1] == "name") {
    better[field[2]] = field[3]
  } else {
    pattern[++patterns] = "[^a-z0-9_](" field[2] ")[^a-z0-9_]"
    instead[patterns] = field[3]
  }
  next
}

FNR == 1 {
  finish()
  language = kind_of(FILENAME)
  if (language == "" && $0 ~ /^#!/) language = $0 ~ /python/ ? "python" : "hash"
  in_comment = in_fence = in_code = item = 0
  after_blank = 1
}

{ check_width() }
language == "prose" { prose() }
language == "c" || language == "coq" { code() }
language == "hash" { script($0) }
language == "python" { python() }

END { if (!failed) finish() }

function kind_of(file) {
  if (file ~ /\.md$/) return "prose"
  if (file ~ /\.(c|h|cpp|cu|cuh|def|sollya)$/) return "c"
  if (file ~ /\.v$/) return "coq"
  if (file ~ /\.py$/) return "python"
  if (file ~ /\.(cmake|in|awk|yaml|yml|gate|bash)$/) return "hash"
  if (file ~ /(CMakeLists\.txt|Makefile|\.clang-tidy|\.clang-format|\.gitignore)$/) return "hash"
  return ""
}

# Width. A table's row cannot be broken, nor can an address: the rest of its line counts.
function check_width(  text) {
  if (length($0) <= 100 || (language == "prose" && $0 ~ /^[ \t]*\|/)) return
  text = $0
  gsub(/https?:\/\/[^ \t)>"]*/, "", text)
  if (language == "prose") gsub(/\]\([^)]*\)/, "]", text)
  gsub(/[\200-\277]/, "", text) # the bytes that continue a UTF-8 character
  if (length(text) > 100) print "wide\t" FILENAME "\t" FNR "\t" length(text)
}

# A text of several lines, a paragraph or a comment, is gathered by add and judged by finish.
function add(text) {
  gsub(/[ \t]+/, " ", text)
  sub(/^ /, "", text)
  sub(/ $/, "", text)
  if (pieces == 0) {
    text_file = FILENAME
    buffer = " "
  }
  piece_start[++pieces] = length(buffer)
  piece_line[pieces] = FNR
  buffer = buffer text " "
}

function finish(  count, word) {
  if (pieces > 0) {
    count = split(buffer, word)
    if (is_paragraph && count > 60) print "long\t" text_file "\t" piece_line[1] "\t" count
    find_idioms(without_code(tolower(buffer)))
  }
  pieces = is_paragraph = is_string = 0
}

# `code` is not English: the same number of characters stands for it.
function without_code(text,  tildes) {
  while (match(text, /`[^`]+`/)) {
    tildes = sprintf("%" RLENGTH "s", "")
    gsub(/ /, "~", tildes)
    text = substr(text, 1, RSTART - 1) tildes substr(text, RSTART + RLENGTH)
  }
  return text
}

function find_idioms(text,  i, k, at, rest) {
  for (i = 1; i <= patterns; i++) {
    at = 0
    rest = text
    while (match(rest, pattern[i])) {
      k = pieces
      while (k > 1 && piece_start[k] > at + RSTART) k--
      print "idiom\t" text_file "\t" piece_line[k] "\t" \
        substr(rest, RSTART + 1, RLENGTH - 2) "\t" instead[i]
      at += RSTART + RLENGTH - 2
      rest = substr(text, at + 1)
    }
  }
}

# Markdown. Paragraphs and list items are counted; code, headings and tables are not.
function prose(  indent, line) {
  if ($0 ~ /^[ \t]*```/) {
    finish()
    in_fence = !in_fence
    return
  }
  if (in_fence) return
  if ($0 ~ /^[ \t]*(<!--.*-->)?[ \t]*$/) {
    finish()
    after_blank = 1
    return
  }
  match($0, /^ */)
  indent = RLENGTH
  if (after_blank && indent == 0) item = 0
  in_code = indent >= item + 4 && (in_code || after_blank)
  after_blank = 0
  if (in_code) return
  find_links()
  line = $0
  if (line ~ /^#+ /) {
    finish()
    print "heading\t" FILENAME "\t" FNR "\t" anchor_of(line)
    add(line)
    finish()
  } else if (line ~ /^[ \t]*\|/) {
    finish()
    add(line)
    finish()
  } else {
    if (match(line, /^ *([-*+]|[0-9]+\.) +/)) {
      item = RLENGTH
      finish()
      line = substr(line, item + 1)
    }
    add(line)
    is_paragraph = 1
  }
}

# As GitHub makes them: the second of the same name ends in -1.
function anchor_of(heading,  again) {
  heading = tolower(heading)
  sub(/^#+ +/, "", heading)
  gsub(/[!-,.\/:-@\[-^`{-~]/, "", heading)
  gsub(/ /, "-", heading)
  again = headings[FILENAME, heading]++
  return again ? heading "-" again : heading
}

function find_links(  rest, target) {
  rest = without_code($0)
  if (match(rest, /^ *\[[^]^][^]]*\]:[ \t]+/)) { # [name]: target
    rest = substr(rest, RLENGTH + 1)
    sub(/[ \t].*/, "", rest)
    link_to(rest)
    return
  }
  while (match(rest, /(\]\(|src=")[^)"]*/)) {
    target = substr(rest, RSTART, RLENGTH)
    rest = substr(rest, RSTART + RLENGTH)
    sub(/^(\]\(|src=")/, "", target)
    link_to(target)
  }
}

function link_to(target) {
  gsub(/^<|>$|[ \t]+$/, "", target)
  if (target !~ /^[a-z]+:/) print "link\t" FILENAME "\t" FNR "\t" target
}

# C, CUDA C, .def and Coq: comments are gathered, and strings, those that follow one another as one
# text; names are looked for in the rest.
function code(  line, plain, before, what, was_line_comment) {
  line = $0
  plain = ""
  while (line != "") {
    if (in_comment) {
      line = comment_line(line)
    } else if (!match(line, language == "c" ? "/[*/]|[\"']" : "[(][*]|\"")) {
      plain = plain between(line)
      line = ""
    } else {
      what = substr(line, RSTART, RLENGTH)
      before = substr(line, 1, RSTART - 1)
      line = substr(line, RSTART + RLENGTH)
      plain = plain between(before) " "
      if (what == "//") {
        if (is_string || plain !~ /^[ \t]*$/) finish()
        add(line)
        was_line_comment = 1
        line = ""
      } else if (what == "'") {
        if (is_string) finish()
        line = match(line, /^([^'\\]|\\.)*'/) ? substr(line, RLENGTH + 1) : ""
      } else if (what == "\"") {
        line = string(line, plain)
      } else {
        finish()
        in_comment = 1
      }
    }
  }
  if (!in_comment && !was_line_comment && !is_string) finish()
  if (language == "c") find_names(plain)
}

# What stands between strings ends their text, but for a line that goes on.
function between(plain) {
  if (is_string && plain !~ /^[ \t]*\\?$/) finish()
  return plain
}

function string(line, plain,  text, rest) {
  if (!match(line, /^([^"\\]|\\.)*"/)) return ""
  text = substr(line, 1, RLENGTH - 1)
  rest = substr(line, RLENGTH + 1)
  if (language == "c" && plain !~ /^[ \t]*#[ \t]*include/) {
    if (!is_string) finish()
    gsub(/\\[nt]/, " ", text)
    add(text)
    is_string = 1
  }
  return rest
}

function comment_line(line,  end) {
  sub(/^[ \t]*\*+[ \t]/, "", line)
  end = index(line, language == "c" ? "*/" : "*)")
  if (end == 0) {
    add(line)
    return ""
  }
  add(substr(line, 1, end - 1))
  finish()
  in_comment = 0
  return substr(line, end + 2)
}

function find_names(plain,  name) {
  if (plain ~ /^[ \t]*#[ \t]*(include|error|warning)/) return
  while (match(plain, /[A-Za-z_][A-Za-z0-9_]*/)) {
    name = substr(plain, RSTART, RLENGTH)
    plain = substr(plain, RSTART + RLENGTH)
    if (name in better) print "idiom\t" FILENAME "\t" FNR "\t" name "\t" better[name]
  }
}

# Shell, CMake, Python, awk, gate files: from # on, where a word may begin.
function script(line) {
  if (line ~ /^#!/) return
  if (line ~ /^[ \t]*#/) {
    sub(/^[ \t]*#+/, "", line)
    add(line)
    return
  }
  finish()
  if (match(line, /[ \t]#[ \t]/)) {
    add(substr(line, RSTART + 2))
    finish()
  }
}

# Python has texts between three quotes besides, of which the docstrings are most.
function python(  line, at) {
  line = $0
  if (!in_comment && line ~ /^[^#]*"""/) {
    at = index(line, "\"\"\"")
    script(substr(line, 1, at - 1))
    finish()
    line = substr(line, at + 3)
    in_comment = 1
  } else if (!in_comment) {
    script(line)
    return
  }
  at = index(line, "\"\"\"")
  add(at ? substr(line, 1, at - 1) : line)
  if (at) in_comment = 0
  if (at || line ~ /^[ \t]*$/) finish()
}
