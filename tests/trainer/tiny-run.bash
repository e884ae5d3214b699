# A tiny run's configuration, and what two runs must share. Sourced by the scripts beside it.
tiny=()
for set in run.threads=1 model.hidden=16 model.layers=1 model.heads=2 model.kv_heads=1 \
  model.head_dim=8 model.ff=24 model.max_positions=16 \
  task.held_out=8 sft.steps=40 sft.batch=8 sft.warmup=2 sft.eval_every=7 sft.stop_success=1 \
    rl.steps=60 rl.prompts=4 rl.group=3 rl.updates=2 \
  rl.epochs=2 rl.beta=0.01 rl.entropy_bonus=0.001 eval.every=7 checkpoint.every=9; do
  tiny+=(--set "$set")
done

# What bits decide of a run's metrics (spec F4.3).
metrics() { sed -E 's/,"(seconds|tokens_per_second|backend)":[^,}]*//g' "$1/metrics.jsonl"; }

same_run() { # run, run
  cmp <(metrics "$1") <(metrics "$2") && cmp "$1/ledger.jsonl" "$2/ledger.jsonl" &&
    cmp "$1/samples.jsonl" "$2/samples.jsonl" &&
    cmp "$1/model/model.safetensors" "$2/model/model.safetensors"
}

# Exit code and text of a command: expect CODE TEXT COMMAND...
expect() {
  local code=0 want=$1 text=$2
  shift 2
  "$@" >"$work/out" 2>&1 </dev/null || code=$?
  if [ "$code" -ne "$want" ] || ! grep -qF -- "$text" "$work/out"; then
    echo "$*: wanted exit $want and '$text', got exit $code and:"
    cat "$work/out"
    exit 1
  fi
}

# The same, and no file under FOLDER changes: expect_kept FOLDER CODE TEXT COMMAND...
# a write would show in the time, a replacement in the inode
inventory() { find "$1" -type f -printf '%p %i %s %T@\n' | sort; }
expect_kept() {
  local folder=$1
  shift
  inventory "$folder" >"$work/before"
  expect "$@"
  inventory "$folder" | cmp "$work/before" - || { echo "$*: changed files of $folder"; exit 1; }
}

# Sets all numbers of a tensor in a model folder, or the first N of them:
# set_weights FOLDER TENSOR NUMBER [N]
set_weights() {
  python3 - "$1/model.safetensors" "$2" "$3" "${4:-0}" <<'END'
import json, struct, sys
path, tensor, number, count = sys.argv[1:]
data = bytearray(open(path, "rb").read())
header = 8 + struct.unpack("<Q", data[:8])[0]
begin, end = (header + at for at in json.loads(data[8:header])[tensor]["data_offsets"])
count = int(count) or (end - begin) // 4
data[begin:begin + 4 * count] = struct.pack("<f", float(number)) * count
open(path, "wb").write(data)
END
}
