# Every written fma must be in some kernel's PTX: reads sites (FILE tab LINE tab KERNEL), then
# sources; prints what is not there as rules.awk prints it. A statement's PTX carries its first
# line: the lines up to the fma since the last one that ends a statement.
#   awk -f written.awk SITES SOURCE...

FILENAME == ARGV[1] { site[$1 ":" $2]; next }
FNR == 1 { comment = 0; start = 1; macro = 0 }
# A macro's text is in the lines that use it.
macro || /^[ \t]*#/ { macro = /\\$/; start = FNR + 1; next }
{
  text = $0
  if (comment) { if (!sub(/^.*\*\//, "", text)) next; comment = 0 }
  gsub(/\/\*([^*]|\*[^\/])*\*\//, "", text)
  if (sub(/\/\*.*$/, "", text)) comment = 1
  sub(/\/\/.*$/, "", text)
  sub(/[ \t]+$/, "", text)
  if (text == "") next
  if (text ~ /(^|[^A-Za-z0-9_])(__fmaf_rn|__fma_rn|fmaf|fma|SLC_FMA)[ \t]*\(/) {
    found = 0
    for (l = start; l <= FNR; l++) if ((FILENAME ":" l) in site) found = 1
    if (!found)
      print "bad\t" FILENAME ":" FNR "\t-\tfma\tis written here and in no kernel's PTX (spec N1.3)"
    total++
  }
  if (text ~ /[;{}:]$/) start = FNR + 1
}
END { print "lines\t" total + 0 }
