# Reads the PTX of one source: the true one and the marked one (ci/ptx/marks.h), each twice, first
# for the names of its files.
# awk -v root=DIR/ -v source=NAME -f rules.awk what=files T.ptx what=true T.ptx what=files M.ptx
# what=marked M.ptx Prints, separated by tabs: bad PLACE KERNEL INSTRUCTION REASON; count KERNEL
# FMA32 FMA64; site FILE LINE KERNEL, for each written fma.

# Does the opcode have this part? has("add.rn.f32", "rn").
function has(op, part) { return index("." op ".", "." part ".") > 0 }
function has_any(op, parts,    list, n, i) {
  n = split(parts, list, " ")
  for (i = 1; i <= n; i++) if (has(op, list[i])) return 1
  return 0
}

# A place in the project: out of the toolkit's headers and of marks.h, to where they were called.
function ours(f, l, c,    key, step, part) {
  for (step = 0; step < 32; step++) {
    if (index(file[f], root) == 1 && file[f] !~ /\/ci\/ptx\/marks\.h$/ && l > 0) break
    key = f " " l " " c
    if (!(key in called_at)) break
    split(called_at[key], part, " ")
    f = part[1]; l = part[2]; c = part[3]
  }
  if (l == 0 || !(f in file)) return source ":" 0
  return (index(file[f], root) == 1 ? substr(file[f], length(root) + 1) : file[f]) ":" l
}

function bad(op, reason) {
  print "bad\t" ours(at_file, at_line, at_column) "\t" kernel "\t" op "\t" reason
}

# cvt[.rounding].to.from
function conversion(op,    part, n, to, from) {
  n = split(op, part, ".")
  to = part[n - 1]; from = part[n]
  if (has(op, "sat")) return "saturates"
  if (to ~ /^f/ && from ~ /^f/) {
    if (to == from)
      return has_any(op, "rmi rpi") ? "" : \
        "rounds to an integer otherwise than by floor or ceil (spec N5.5)"
    return to == "f64" || has(op, "rn") ? "" : "narrows without rounding to nearest (spec N1.1)"
  }
  if (to ~ /^f/)
    return has(op, "rn") ? "" : "converts an integer without rounding to nearest (spec N1.1)"
  if (from ~ /^f/)
    return has_any(op, "rzi rmi rpi") ? "" : \
      "converts to an integer otherwise than by truncation, floor or ceil (spec N5.5)"
  return ""
}

# Why an instruction is refused; "" if it is not.
function refused(op,    base) {
  base = op
  sub(/\..*/, "", base)
  if (has(op, "ftz")) return "flushes subnormals to zero (spec N1.1)"
  if (has_any(op, "approx full") || base ~ /^(ex2|lg2|sin|cos|tanh|rsqrt)$/)
    return "is an approximation (spec N2.1)"
  if (base ~ /^(mma|wmma|wgmma|tcgen05)$/) return "sums in an order of its own (spec N3.2)"
  if (base !~ /^(ld|st|mov)$/ && op ~ /\.(f16|f16x2|bf16|bf16x2|tf32|e4m3x2|e5m2x2)(\.|$)/)
    return "is not binary32 or binary64 (spec N1.1)"
  if (base ~ /^(atom|red|redux|multimem)$/ && (op ~ /\.f(32|64)(\.|$)/ || has(op, "cas")))
    return has(op, "cas") ? "may be a float atomic in disguise (spec N1.3)" : \
      "is a float atomic (spec N1.3)"
  if (base == "cvt") return conversion(op)
  if (op !~ /\.f(32|64|32x2)(\.|$)/) return ""
  if (base == "mad") return "is a contraction (spec N1.3)"
  if (base !~ /^(add|sub|mul|fma|div|sqrt|rcp)$/ || has(op, "rn")) return ""
  if (what == "marked" && base == "fma" && has(op, "rz")) return ""
  return has_any(op, "rz rm rp") ? "is not rounded to nearest (spec N1.1)" : \
    "has no .rn, so that the assembler may contract it (spec N1.3)"
}

function instruction(op,    reason) {
  reason = refused(op)
  if (what == "true") {
    if (reason != "") bad(op, reason)
    if (op ~ /^fma\.rn\.f(32|64)$/) count[kernel, op]++
  } else if (op ~ /^fma\.rn\./)
    bad(op, "is a product and a sum that the compiler fused: no fma is written here (spec N1.3)")
  else if (op ~ /^fma\.rz\./) {
    written[kernel, op]++
    place = ours(at_file, at_line, at_column)
    sub(/:/, "\t", place)
    print "site\t" place "\t" kernel
  }
}

FNR == 1 && what == "files" { delete file }
what == "files" {
  if ($1 == ".file") { gsub(/[",]/, "", $3); file[$2] = $3 }
  next
}
{ sub(/\/\/.*/, "") }
/^[ \t]*\.loc[ \t]/ {
  at_file = $2; at_line = $3; at_column = $4
  sub(/,/, "", at_column)
  if (match($0, /inlined_at /)) {
    from = substr($0, RSTART + RLENGTH)
    gsub(/[ \t]+/, " ", from)
    called_at[at_file " " at_line " " at_column] = from
  }
  if (at_line > 0) { seen_file = at_file; seen_line = at_line; seen_column = at_column }
  else { at_file = seen_file; at_line = seen_line; at_column = seen_column }
  next
}
/^[ \t]*(\.(visible|weak|extern|common)[ \t]+)*\.(entry|func)[ \t(]/ {
  line = $0
  sub(/^.*\.(entry|func)[ \t]*/, "", line)
  sub(/^\([^)]*\)[ \t]*/, "", line)
  sub(/[ \t(].*$/, "", line)
  kernel = line
  kernels[kernel]
  next
}
kernel != "" {
  n = split($0, statement, ";")
  for (i = 1; i <= n; i++) {
    gsub(/^[ \t{}]+/, "", statement[i])
    sub(/^@!?%?[A-Za-z0-9_]+[ \t]+/, "", statement[i])
    sub(/[ \t].*$/, "", statement[i])
    if (statement[i] ~ /^[a-z][a-z0-9_]*\./) instruction(statement[i])
  }
}
END {
  for (k in kernels) {
    f32 = count[k, "fma.rn.f32"] + 0; f64 = count[k, "fma.rn.f64"] + 0
    w32 = written[k, "fma.rz.f32"] + 0; w64 = written[k, "fma.rz.f64"] + 0
    print "count\t" k "\t" f32 "\t" f64
    if (f32 != w32 || f64 != w64)
      print "bad\t" source ":0\t" k "\tfma.rn\tstands there " f32 + f64 " times, but " \
        w32 + w64 " times if only those written count (spec N1.3)"
  }
}
