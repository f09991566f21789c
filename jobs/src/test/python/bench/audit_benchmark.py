#!/usr/bin/env python3
"""Marginal CPU per file of the audit and of Python peers, on the same synthetic hubs in the same run.

  audit_benchmark.py [--work DIR] [--small 5000] [--large 15000] [--rounds 3] [--launcher deploy/bin/doraxis]

The marginal CPU is that of the large hub minus that of the small one, divided by the files between them, so that
start-up and the JIT's warm-up stand apart. Each round runs everything once, small before large; medians are printed.
Needs pyarrow, safetensors, numpy, orjson.
"""
import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = ("safe_open", "raw-json", "raw-orjson")


def hub(args, files):
    path = os.path.join(args.work, f"hub-{files}")
    if not os.path.exists(os.path.join(path, "truth.jsonl")):
        subprocess.run([sys.executable, os.path.join(HERE, "gen_hub.py"), "--output", path, "--files", str(files),
                        "--seed", "11"], check=True, stdout=subprocess.DEVNULL)
    for folder, _, names in os.walk(path):  # the same warm page cache for everyone
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                file.read(1 << 20)
    return path


def run(command):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - start


def audit(args, path, *options):
    output = os.path.join(args.work, "audit")
    shutil.rmtree(output, ignore_errors=True)
    return run([args.launcher, "audit", "--input", path, "--output", output, *options])


def peer(args, path, mode):
    return run([sys.executable, os.path.join(HERE, "peer_scan.py"), "--input", path,
                "--output", os.path.join(args.work, "peer"), "--mode", mode])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", default="benchmark-work")
    parser.add_argument("--small", type=int, default=5000)
    parser.add_argument("--large", type=int, default=15000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--launcher", default="deploy/bin/doraxis")
    args = parser.parse_args()
    args.launcher = os.path.abspath(args.launcher)
    os.makedirs(args.work, exist_ok=True)
    subprocess.run([args.launcher, "--version"], check=True, stdout=subprocess.DEVNULL)  # builds, should it have to
    contestants = {"doraxis, checkpoints only": lambda path: audit(args, path, "--no-modules"),
                   "doraxis, with modules": lambda path: audit(args, path)}
    for mode in PEERS:
        contestants[mode] = lambda path, mode=mode: peer(args, path, mode)
    small, large = hub(args, args.small), hub(args, args.large)
    marginal = {name: [] for name in contestants}
    whole = {name: [] for name in contestants}
    for round_ in range(args.rounds):
        for name, contestant in contestants.items():
            few, many = contestant(small), contestant(large)
            marginal[name].append(1000 * (many[0] - few[0]) / (args.large - args.small))
            whole[name].append(few)
            print(f"round {round_ + 1}: {name}: {marginal[name][-1]:.2f} ms per file", file=sys.stderr)
    best = min(statistics.median(marginal[peer]) for peer in PEERS)
    print(f"{'':28}{'marginal CPU ms/file':>22}{'of best peer':>14}{f'{args.small} files: CPU s':>20}{'wall s':>8}")
    for name in contestants:
        median = statistics.median(marginal[name])
        cpu = statistics.median(c for c, _ in whole[name])
        wall = statistics.median(w for _, w in whole[name])
        spread = f"{median:.2f} [{min(marginal[name]):.2f}-{max(marginal[name]):.2f}]"
        print(f"{name:28}{spread:>22}{median / best:>14.2f}{cpu:>20.1f}{wall:>8.1f}")
    print(json.dumps({"marginal_ms": marginal, "whole": whole}))


if __name__ == "__main__":
    main()
