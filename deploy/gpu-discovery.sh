#!/bin/sh
# Tells Spark which GPUs this machine has, as spark.worker.resource.gpu.discoveryScript and
# spark.executor.resource.gpu.discoveryScript want it: {"name": "gpu", "addresses": ["0", "1"]}.
#
# An address is the number by which CUDA knows the device. CUDA_VISIBLE_DEVICES, where it is set, hides devices from CUDA
# and has it count the others from 0; nvidia-smi does not follow it.
set -eu

fail() {
  printf 'gpu-discovery: %s\n' "$1" >&2
  exit 1
}

command -v nvidia-smi >/dev/null 2>&1 ||
  fail "nvidia-smi is not on the PATH ($PATH): install NVIDIA's driver here, or leave spark.*.resource.gpu.* out of the settings"
numbers=$(nvidia-smi --query-gpu=index --format=csv,noheader) || fail "nvidia-smi failed: $numbers"

if [ -n "${CUDA_VISIBLE_DEVICES+set}" ]; then
  visible=0
  set -f
  old_ifs=$IFS
  IFS=,
  for device in $CUDA_VISIBLE_DEVICES; do
    [ "$device" != -1 ] || break # CUDA sees what stands before it
    visible=$((visible + 1))
  done
  IFS=$old_ifs
  numbers=$(n=0; while [ "$n" -lt "$visible" ]; do echo "$n"; n=$((n + 1)); done)
fi
[ -n "$numbers" ] || fail "there is no GPU that CUDA sees (CUDA_VISIBLE_DEVICES=${CUDA_VISIBLE_DEVICES-unset})"

list=
for number in $numbers; do
  list="$list${list:+, }\"$number\""
done
printf '{"name": "gpu", "addresses": [%s]}\n' "$list"
