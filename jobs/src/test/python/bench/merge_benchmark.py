#!/usr/bin/env python3
"""Time of a merge and of Python peers, from the base file on disk to the merged one, on the same files in the same run.

  merge_benchmark.py [--work DIR] [--params 305e6] [--rank 32] [--rounds 3] [--cores 1|2] [--only NAME,...]
                     [--launcher deploy/bin/doraxis]

The base has shapes of SDXL's UNet in fp16, the adapter is DoRA on the output axis on all of its layers. Doraxis merges
three times in one process: the first merge has the JIT's warm-up in it, the last is compared; its start-up (Java, Spark)
is what the process takes beyond its merges. Peers are timed inside their process, imports stand apart. Every process is
pinned to as many cores as --cores says. Needs torch, safetensors, pyarrow, psutil, and lycoris-lora, peft for those.
"""
import argparse
import json
import math
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time

NAMES = ("doraxis", "torch", "lycoris", "peft")


def shapes(params):
    """Layers of SDXL's UNet: convolutions, then transformer blocks of 640 and 1280 channels until there are enough."""
    layers = [("conv_in", (320, 4, 3, 3)), ("conv_320", (320, 320, 3, 3)), ("conv_640", (640, 640, 3, 3)),
              ("skip", (640, 320, 1, 1)), ("conv_1280", (1280, 1280, 3, 3)), ("conv_2560", (1280, 2560, 3, 3))]
    block = 0
    while sum(math.prod(shape) for _, shape in layers) < params:
        width, name = (640 if block < 2 else 1280), f"block_{block}"
        for attention, context in (("attn1", width), ("attn2", 2048)):
            layers += [(f"{name}_{attention}_to_q", (width, width)), (f"{name}_{attention}_to_k", (width, context)),
                       (f"{name}_{attention}_to_v", (width, context)), (f"{name}_{attention}_to_out", (width, width))]
        layers += [(f"{name}_ff_in", (8 * width, width)), (f"{name}_ff_out", (width, 4 * width))]
        block += 1
    return layers


def make(args):
    """The base and the adapter, seeded."""
    import torch
    from safetensors.torch import save_file

    random = torch.Generator().manual_seed(7)
    base, adapter = {}, {}
    for name, shape in shapes(args.params):
        weight = torch.randn(*shape, generator=random) / math.sqrt(math.prod(shape[1:]))
        base[f"{name}.weight"] = weight.half()
        module, ones = f"lora_unet_{name}", [1] * (len(shape) - 2)
        adapter[f"{module}.lora_down.weight"] = 0.02 * torch.randn(args.rank, *shape[1:], generator=random)
        adapter[f"{module}.lora_up.weight"] = 0.02 * torch.randn(shape[0], args.rank, *ones, generator=random)
        adapter[f"{module}.alpha"] = torch.tensor(float(args.rank))
        adapter[f"{module}.dora_scale"] = 1.01 * weight.flatten(1).norm(dim=1).reshape(shape[0], 1, *ones)
    save_file(base, args.base, metadata={"format": "pt"})
    save_file({name: tensor.half() for name, tensor in adapter.items()}, args.adapter)


class Net:
    """The base as a module that the libraries can wrap."""

    @staticmethod
    def of(base):
        import torch

        net = torch.nn.Module()
        for name, weight in base.items():
            out, inputs, *kernel = weight.shape
            layer = (torch.nn.Conv2d(inputs, out, kernel[0], padding=kernel[0] // 2, bias=False, device="meta")
                     if kernel else torch.nn.Linear(inputs, out, bias=False, device="meta"))
            layer.weight = torch.nn.Parameter(weight.float(), requires_grad=False)
            net.add_module(name.removesuffix(".weight"), layer)
        return net


def merge_torch(base, adapter):
    import torch

    for name, weight in base.items():
        module = "lora_unet_" + name.removesuffix(".weight")
        down = adapter[f"{module}.lora_down.weight"].float().flatten(1)
        up = adapter[f"{module}.lora_up.weight"].float().flatten(1)
        scale = adapter[f"{module}.alpha"].item() / len(down)
        direction = torch.addmm(weight.float().flatten(1), up, down, alpha=scale)
        magnitude = adapter[f"{module}.dora_scale"].float().reshape(-1, 1)
        direction *= magnitude / direction.norm(dim=1, keepdim=True)
        base[name] = direction.reshape(weight.shape).half()
    return base


def merge_lycoris(base, adapter):
    import contextlib
    import io
    from lycoris.utils import merge

    net = Net.of(base)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        merge([], net, {name: tensor.float() for name, tensor in adapter.items()}, 1.0, "cpu")
    return {name: net.get_parameter(name).data.half() for name in base}


def merge_peft(base, adapter):
    import warnings
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict

    warnings.filterwarnings("ignore")
    net = Net.of(base)
    names = [name.removesuffix(".weight") for name in base]
    rank = len(adapter[f"lora_unet_{names[0]}.lora_down.weight"])
    model = get_peft_model(net, LoraConfig(r=rank, lora_alpha=rank, target_modules=names, use_dora=True,
                                           init_lora_weights=False), low_cpu_mem_usage=True)
    state = {}
    for name in names:
        module, path = f"lora_unet_{name}", f"base_model.model.{name}"
        state[f"{path}.lora_A.weight"] = adapter[f"{module}.lora_down.weight"].float()
        state[f"{path}.lora_B.weight"] = adapter[f"{module}.lora_up.weight"].float()
        magnitude = adapter[f"{module}.dora_scale"].float()
        state[f"{path}.lora_magnitude_vector"] = (
            magnitude.flatten() if magnitude.dim() == 2 else magnitude.transpose(0, 1))
    set_peft_model_state_dict(model, state, low_cpu_mem_usage=True)
    merged = model.merge_and_unload()
    return {name: merged.get_parameter(name).data.half() for name in base}


def peer(args):
    """In a process of its own: one JSON line with the seconds of each merge, from file to file, and the peak memory."""
    import torch
    from safetensors.torch import load_file, save_file

    torch.set_grad_enabled(False)
    torch.set_num_threads(args.cores)
    merge = {"torch": merge_torch, "lycoris": merge_lycoris, "peft": merge_peft}[args.peer]
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        base = {name: tensor.clone() for name, tensor in load_file(args.base).items()}  # read, not mapped
        save_file(merge(base, load_file(args.adapter)), args.output, metadata={"format": "pt"})
        seconds.append(time.perf_counter() - start)
        os.remove(args.output)
    print(json.dumps({"seconds": seconds, "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10}))


def run(args, command, environment=None):
    start = time.perf_counter()
    cores = ",".join(str(core) for core in range(args.cores))
    process = subprocess.Popen(["taskset", "-c", cores, *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               env={**os.environ, **(environment or {})}, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} ended with {status}: {output}")
    return output, time.perf_counter() - start, usage.ru_maxrss >> 10


def doraxis(args):
    """Three merges in one process: seconds of the first, of the last, of all around them, and the peak memory."""
    import pyarrow.dataset

    folder = os.path.join(args.work, "merged")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    plan = os.path.join(folder, "plan.csv")
    with open(plan, "w") as file:
        file.write("adapter,base,output\n")
        file.writelines(f"{args.adapter},{args.base},{folder}/{i}.safetensors\n" for i in range(3))
    options = f"-Dspark.task.cpus={args.cores} -XX:ActiveProcessorCount={args.cores}"
    _, wall, rss = run(args, [args.launcher, "merge", "--plan", plan, "--output", folder, "--master",
                              f"local[{args.cores}]"], {"DORAXIS_JAVA_OPTS": options})
    table = pyarrow.dataset.dataset(f"{folder}/merges", format="parquet").to_table(["seconds", "status", "output"])
    rows = table.to_pylist()
    assert all(row["status"] == "DONE" for row in rows), rows
    each = sorted(sum(value for _, value in row["seconds"]) for row in rows)
    shutil.rmtree(folder)
    return {"last": each[0], "first": each[-1], "startup": wall - sum(each), "rss_mb": rss}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", default="benchmark-work")
    parser.add_argument("--params", type=float, default=305e6)
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--only", default=",".join(NAMES))
    parser.add_argument("--launcher", default="deploy/bin/doraxis")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.work = os.path.abspath(args.work)
    os.makedirs(args.work, exist_ok=True)
    name = f"{args.params:.0f}-{args.rank}"
    args.base = os.path.join(args.work, f"base-{name}.safetensors")
    args.adapter = os.path.join(args.work, f"adapter-{name}.safetensors")
    args.output = os.path.join(args.work, "peer.safetensors")
    if args.peer:
        return peer(args)
    if not os.path.exists(args.adapter):
        make(args)
    wanted = args.only.split(",")
    subprocess.run([args.launcher, "--version"], check=True, stdout=subprocess.DEVNULL)
    measured = {name: [] for name in wanted}
    for round_ in range(args.rounds):
        for name in wanted:
            if name == "doraxis":
                result = doraxis(args)
            else:
                command = [sys.executable, os.path.abspath(__file__), "--peer", name, "--work", args.work, "--params",
                           str(args.params), "--rank", str(args.rank), "--cores", str(args.cores)]
                output, wall, _ = run(args, command)
                line = json.loads(output)
                result = {"last": min(line["seconds"]), "first": line["seconds"][0],
                          "startup": wall - sum(line["seconds"]), "rss_mb": line["rss_mb"]}
            measured[name].append(result)
            print(f"round {round_ + 1}: {name}: " + ", ".join(f"{k} {v:.2f}" for k, v in result.items()),
                  file=sys.stderr)
    size = os.path.getsize(args.base) / 1e9
    print(f"{size:.2f} GB of base weights, rank {args.rank}, {args.cores} core(s), {args.rounds} rounds: the median [range]")
    print(f"{'':10} {'merge s':>18} {'GB/s':>6} {'first merge s':>14} {'start-up s':>11} {'peak RSS MB':>12}")
    for name, results in measured.items():
        last = sorted(result["last"] for result in results)
        middle = statistics.median(last)
        print(f"{name:10} {middle:7.2f} [{last[0]:.2f}-{last[-1]:.2f}] {size / middle:6.2f} "
              f"{statistics.median(result['first'] for result in results):14.2f} "
              f"{statistics.median(result['startup'] for result in results):11.2f} "
              f"{max(result['rss_mb'] for result in results):12d}")


if __name__ == "__main__":
    main()
