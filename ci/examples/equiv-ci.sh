#!/bin/sh
# Judges kernels of your own in CI: inputs from a seed, your kernel's answers, verdicts. For any CI;
# equiv-github.yml and equiv-gitlab.yml call it.
# Usage: equiv-ci.sh KERNEL [ARGUMENT...]
# It runs KERNEL ARGUMENT... INPUTS OUTPUTS for every op and kind of inputs; both files are
# safetensors. What it reads of the environment:
#   OPS       `linear rmsnorm`; with settings and sizes: `logprob,temperature=0.7 linear,k=512`
#   KINDS     `usual exact`: also cancelling, wide, subnormal, ties, masked
#   TYPE      f32, bf16, f16 or f64
#   CONTRACT  the arithmetic that the kernels may use, if not the default
#   SEED      the clock's, unless given; it is printed
#   SECONDS_EACH  what the kernel may take for one answer (60)
#   REPORTS   the folder for JUnit files and summary.md (equiv-reports)
#   SLUICE    the program (sluice)
# Exit codes: 1 something is different, or a kernel gave no answer; 4 something is inconclusive; 0
# all equal; 2, 3, 5 as `sluice equiv`.
set -eu
[ $# -ge 1 ] || { echo "usage: equiv-ci.sh KERNEL [ARGUMENT...]" >&2; exit 2; }
: "${OPS:?OPS: the ops to judge, for example linear}"
sluice=${SLUICE:-sluice} reports=${REPORTS:-equiv-reports}
seed=${SEED:-$(date +%s)} type=${TYPE:-f32}
mkdir -p "$reports"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
summary=$reports/summary.md
{
  echo "### sluice equiv: seed $seed, type $type"
  echo
  echo "| op | inputs | verdict | why |"
  echo "|---|---|---|---|"
} >"$summary"
echo "sluice equiv: SEED=$seed TYPE=$type repeats this run"

# 1 before 4 before 0; what is neither ends the run.
worst=0 number=0
note() { # CODE
  case $1 in
    0) ;;
    1) worst=1 ;;
    4) [ "$worst" -eq 1 ] || worst=4 ;;
    *) echo "equiv-ci.sh: sluice ended with exit code $1" >&2; exit "$1" ;;
  esac
}

# The kernel gave no answer: its own report. OP KIND CODE
no_answer() {
  cat >"$junit" <<XML
<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="sluice equiv" tests="1" failures="1" errors="0" skipped="0">
    <testcase classname="$1" name="$2">
      <failure message="the kernel ended with exit code $3"/>
    </testcase>
  </testsuite>
</testsuites>
XML
  echo "| $1 | $2 | different | the kernel ended with exit code $3 |" >>"$summary"
  note 1
}

# What the report for people says: the verdict, its reason, causes.
row() { # OP KIND
  verdict=$(sed -n 's/^  verdict *//p' "$work/report" | tr '|' '/')
  causes=$(sed -n '/^  explained by/,$s/^  \(explained by\)\{0,1\} *//p' "$work/report" |
    tr '|\n' '/;')
  echo "| $1 | $2 | ${verdict%%: *} | ${verdict#*: }${causes:+; explained by: ${causes%;}} |"
}

judge() { # OP KIND, then settings for --gen
  op=$1 kind=$2
  shift 2
  number=$((number + 1))
  junit=$reports/$number-$op-$kind.xml
  "$sluice" equiv --gen "$op" --seed "$seed" --type "$type" --kind "$kind" "$@" \
    ${CONTRACT:+--contract "$CONTRACT"} -o "$work/inputs" || { code=$?; note "$code"; return; }
  code=0
  rm -f "$work/outputs"
  # shellcheck disable=SC2086
  eval 'timeout "${SECONDS_EACH:-60}" '"$kernel"' "$work/inputs" "$work/outputs"' || code=$?
  if [ "$code" -ne 0 ] || [ ! -f "$work/outputs" ]; then no_answer "$op" "$kind" "$code"; return; fi
  # The page of the run gets one table, at the end.
  GITHUB_STEP_SUMMARY='' "$sluice" equiv --judge "$work/outputs" --inputs "$work/inputs" \
    --junit "$junit" >"$work/report" || code=$?
  cat "$work/report"
  [ "$code" -gt 4 ] || row "$op" "$kind" >>"$summary"
  note "$code"
}

# The command as words that eval reads back.
kernel=
for word; do
  kernel="$kernel '$(printf '%s' "$word" | sed "s/'/'\\\\''/g")'"
done

for spec in $OPS; do
  op=${spec%%,*} shape='' settings=''
  for item in $(echo "$spec" | tr ',' ' '); do
    case $item in
      ?=*) shape="$shape,$item" ;;
      *=*) settings="$settings --set $item" ;;
    esac
  done
  for kind in ${KINDS:-usual exact}; do
    # shellcheck disable=SC2086
    judge "$op" "$kind" ${shape:+--shape "${shape#,}"} $settings
  done
done
[ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat "$summary" >>"$GITHUB_STEP_SUMMARY"
cat "$summary"
exit "$worst"
