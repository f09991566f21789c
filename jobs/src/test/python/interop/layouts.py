"""Exports in other layouts than PEFT's, loaded into the libraries whose layouts they are.

    layouts.py [--launcher deploy/bin/doraxis]

The way back: every golden PEFT directory as one LyCORIS file, and every golden LyCORIS adapter that is one PEFT directory
without --input-axis, there and back. LyCORIS loads the files as a user would; what the layers then compute is compared
with the weights that the library which made the adapter is worth. There and back, factors that had not to be changed must
have kept their bytes. And PEFT loads its own directories again, with their alphas in the factors. Exit 1 if one differs, or is refused and not in the lists below.
Needs the packages of ../predictions/requirements.txt.
"""

import argparse
import csv
import json
import logging
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "predictions"))
from exports import differences  # noqa: E402
from golden import Part, cases  # noqa: E402
from observe import RESOURCES  # noqa: E402
from probe import weights  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from table import LAUNCHER  # noqa: E402

TOLERANCE = 1e-5
LYCORIS = "lycoris.safetensors"
CONFIG = "adapter_config.json"
LORA_KEYS = re.compile(r"\.(lora_(up|down|A|B)\.weight|dora_scale|lora_magnitude_vector(\.weight)?)$")
# of the base of extra_unknown_keys no layer
UNPLACED = "lycoris_not_in_base_module"
# factors that its loader does not find again come back as LoRA
PRODUCTS = {"lokr_tucker"}
# what LyCORIS has nothing for
REFUSED = {
    "peft_bias_lora_only": "biases",
    "peft_dora_embedding": "embeddings",
    "peft_dora_gpt2_conv1d": "transposed layers",
    "peft_lokr_both_factor": "factors that its loader does not find again, of a kernel that no base tells",
    "peft_lora_bias": "biases",
    "peft_lora_embedding": "embeddings",
    "peft_lora_gpt2_conv1d": "transposed layers",
    "peft_modules_to_save": "whole layers",
}


def export(launcher, scratch, name, rows, *options):
    """One run of the launcher for all (adapter, base, output)."""
    plan = scratch / f"{name}.csv"
    with plan.open("w", newline="") as file:
        csv.writer(file).writerows([("adapter", "base", "output"), *rows])
    call = [launcher, "export", "--plan", plan, "--output", scratch / name, "--allow-unmatched", *options]
    done = subprocess.run(call, capture_output=True, text=True)
    print(f"{name}: {done.stdout.splitlines()[0] if done.stdout else done.stderr}")


@torch.no_grad()
def lycoris_error(case, file):
    """The error of what LyCORIS computes with the file: by its loader for sd-scripts where it has their names."""
    model, wanted = case.model(), {key.split(".")[0] for key in load_file(file)}
    if all(name.startswith("lora_unet_") for name in wanted):
        from lycoris.kohya import create_network_from_weights

        network, _ = create_network_from_weights(1.0, str(file), None, Part(), model)
        found = network.unet_loras
        network.apply_to(Part(), model, True, True)
    else:
        from lycoris import create_lycoris_from_weights

        network, _ = create_lycoris_from_weights(1.0, str(file), model)
        found = network.loras
        network.apply_to()
    if len(found) != len(wanted):
        raise AssertionError(f"LyCORIS made {len(found)} of {len(wanted)} modules")
    network.eval()
    return case.error(computed(case, model))


def computed(case, model):
    base = {key: value.float() for key, value in case.base().items()}
    values = {}
    for spec in case.facts["base_modules"]:
        key = f"{spec['path']}.weight"
        values[key], bias = weights(model.get_submodule(spec["path"]), spec, base[key])
        if bias is not None:
            values[f"{spec['path']}.bias"] = bias
    return values


def lost(case, peft, file):
    """Factors that did not keep their bytes though PEFT has them as they are."""
    factors = {key: value for key, value in case.adapter().items() if not key.endswith(".alpha")}
    factors = {key: value for key, value in factors.items() if "." in key and not key.startswith(UNPLACED)}
    computed = any(part in key for key in factors for part in (".hada_", ".lokr_", ".lora_mid"))
    if computed and json.loads((peft / CONFIG).read_text())["peft_type"] == "LORA":
        return []
    factors = {key: value for key, value in factors.items() if LORA_KEYS.search(key) or ".hada_" in key or ".lokr_" in key}
    there = {content(value) for value in load_file(file).values()}
    return [key for key, value in factors.items() if content(value) not in there]


def is_factors(config):
    """Whether it is one directory, without whole layers."""
    return config.exists() and not json.loads(config.read_text())["modules_to_save"]


def content(tensor):
    return tensor.dtype, tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--launcher", default=LAUNCHER)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    wrong = right = worst = 0
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        chosen = [case for case in cases(RESOURCES / "golden") if case.renamed is None]
        peft = [case for case in chosen if case.is_peft_directory]
        others = [case for case in chosen if not case.is_peft_directory]
        there = [(case.adapter_file, case.folder / "base.safetensors", scratch / "there" / case.name) for case in others]
        export(arguments.launcher, scratch, "to PEFT", there)
        others = [case for case in others if is_factors(scratch / "there" / case.name / CONFIG)]
        back = [(case.adapter_file.parent, "", scratch / "back" / case.name) for case in peft]
        back += [(scratch / "there" / case.name, "", scratch / "back" / case.name) for case in others]
        export(arguments.launcher, scratch, "back to LyCORIS", back, "--layout", "lycoris")
        kohya = [(adapter, base, scratch / "kohya" / Path(out).name) for adapter, base, out in back[: len(peft)]]
        export(arguments.launcher, scratch, "kohya", kohya, "--layout", "lycoris", "--names", "kohya")
        for names, loaded in (("back", peft + others), ("kohya", peft)):
            for case in loaded:
                file = scratch / names / case.name / LYCORIS
                if not file.exists():
                    wrong += case.name not in REFUSED
                    print(f"{names} {case.name}: refused ({REFUSED.get(case.name, 'nobody knows why')})")
                    continue
                try:
                    error = lycoris_error(case, file)
                    kept = case in others and case.name not in PRODUCTS
                    gone = lost(case, scratch / "there" / case.name, file) if kept else []
                except Exception as raised:  # whatever LyCORIS says to what was written
                    print(f"{names} {case.name}: {type(raised).__name__}: {str(raised)[:300]}")
                    wrong += 1
                    continue
                if gone or not error <= TOLERANCE:
                    print(f"{names} {case.name}: {error:.2e} off, other bytes in {gone}")
                    wrong += 1
                    continue
                worst, right = max(worst, error), right + 1
        again = [(case.adapter_file.parent, case.folder / "base.safetensors", scratch / "folded" / case.name)
                 for case in peft]
        export(arguments.launcher, scratch, "folded", again, "--fold-alpha")
        folded = [case for case in peft if (scratch / "folded" / case.name / CONFIG).exists()]
        for case in folded:
            config = json.loads((scratch / "folded" / case.name / CONFIG).read_text())
            forward, merged, warned = differences(case, scratch / "folded" / case.name, case.worth)
            if config["lora_alpha"] != config["r"] or warned or not max(forward, merged) <= TOLERANCE:
                print(f"folded {case.name}: forward {forward:.2e}, merged {merged:.2e} off {warned[:2]}")
                wrong += 1
        print(f"{len(folded)} directories with folded alphas, loaded into PEFT")
    print(f"{right} files are worth in LyCORIS what the adapters are, to {worst:.1e}; {wrong} are not")
    sys.exit(0 if wrong == 0 else 1)


if __name__ == "__main__":
    main()
