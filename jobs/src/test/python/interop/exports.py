"""Exports by the launcher, loaded into the real PEFT: every golden adapter in every form that it has.

    exports.py [--launcher deploy/bin/doraxis]

Each case is exported with its base by a plan, once for each choice of --input-axis that makes a difference, and loaded as
a user would load it: adapters in folders that are numbered one after the other, each merged before the next. What the
loaded layers compute, and what they merge to, is compared with the weights that the library which made the adapter is
worth; a warning of PEFT's about keys counts as an error. Exit 1 if one differs.
Needs the packages of ../predictions/requirements.txt.
"""

import argparse
import csv
import logging
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "predictions"))
from golden import cases  # noqa: E402
from observe import RESOURCES  # noqa: E402
from probe import weights  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from table import LAUNCHER  # noqa: E402

TOLERANCE = 1e-5
WEIGHTS = "adapter_model.safetensors"
# what --assume-axis says in the run, should a case leave it open; auto is ia3-lora where a layer has that form
RUNS = {"auto": "output", "glora": "input", "full-weights": "input"}
# T-LoRA is no adapter without the base product that it was trained against
IMPOSSIBLE = {"tlora_unsupported"}


def golden_cases():
    """Each file once, and those whose axis is open."""
    for case in cases(RESOURCES / "golden"):
        if case.renamed is None and case.name not in IMPOSSIBLE:
            yield case


def expected(case, axis):
    """The weights that it is worth, with the axis that is assumed where the file leaves it open."""
    if case.facts["axis"] == "AMBIGUOUS":
        return load_file(case.folder / f"merged_if_{axis}.safetensors")
    return case.worth


def adapters(folder):
    """The directories to load, in order."""
    return [folder] if (folder / WEIGHTS).exists() else sorted(path.parent for path in folder.glob(f"*/{WEIGHTS}"))


def loaded(model, folder):
    """The model with the last adapter at work; whatever PEFT warned of."""
    from peft import PeftModel

    warned = []
    steps = adapters(folder)
    for number, step in enumerate(steps):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = PeftModel.from_pretrained(model, step)
        warned += [str(each.message) for each in caught if "key" in str(each.message)]
        model.eval()
        if number < len(steps) - 1:
            model = model.merge_and_unload(safe_merge=True)
    return model, warned


def parts(case, folder):
    """(path in the base, folder of its adapter) for each component; the path is empty where the base is all one."""
    if not case.components:
        return [("", folder)]
    folders = {"unet": "unet", "te": "text_encoder"}
    return [
        (path, folder / next(made for name, made in folders.items() if prefix.startswith(f"lora_{name}")))
        for prefix, path in case.components.items()
    ]


@torch.no_grad()
def differences(case, folder, worth):
    """Errors of forward and of the merged weights, the worst; and what PEFT warned of."""
    base = {key: value.float() for key, value in case.base().items()}
    model = case.model()
    forward, merged, warned = {}, {}, []
    for path, place in parts(case, folder):
        part = model.get_submodule(path) if path else model
        wrapped, said = loaded(part, place)
        warned += said
        inside = f"{path}." if path else ""
        for spec in case.facts["base_modules"]:
            if not spec["path"].startswith(inside):
                continue
            layer = wrapped.get_base_model().get_submodule(spec["path"][len(inside) :])
            forward[f"{spec['path']}.weight"], bias = weights(layer, spec, base[f"{spec['path']}.weight"])
            if bias is not None:
                forward[f"{spec['path']}.bias"] = bias
        merged |= {inside + key: value for key, value in wrapped.merge_and_unload(safe_merge=True).state_dict().items()}
    untouched = [key for key in base if key not in worth and not torch.equal(merged[key], base[key])]
    warned += [f"{key} changed" for key in untouched]
    case.__dict__["worth"] = worth
    return case.error(forward), case.error(merged), warned


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--launcher", default=LAUNCHER)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)  # the layers are small
    right = total = 0
    with tempfile.TemporaryDirectory() as scratch:
        for form, axis in RUNS.items():
            out = Path(scratch) / form
            out.mkdir()
            chosen = [case for case in golden_cases() if form == "auto" or case.facts["axis"] not in ("NONE", "OUTPUT")]
            plan = out / "plan.csv"
            with plan.open("w", newline="") as file:
                rows = [(case.adapter_file.parent if case.is_peft_directory else case.adapter_file,
                         case.folder / "base.safetensors", out / case.name) for case in chosen]
                csv.writer(file).writerows([("adapter", "base", "output"), *rows])
            call = [arguments.launcher, "export", "--plan", plan, "--output", out, "--allow-unmatched"]
            done = subprocess.run(call + ["--input-axis", form, "--assume-axis", axis], capture_output=True, text=True)
            print(f"{form}: {done.stdout.splitlines()[0] if done.stdout else done.stderr}")
            for case in chosen:
                total += 1
                try:
                    forward, merged, warned = differences(case, out / case.name, expected(case, axis))
                except Exception as error:  # whatever PEFT says to what was written
                    print(f"{form} {case.name}: {type(error).__name__}: {str(error)[:300]}")
                    continue
                if warned or not (forward <= TOLERANCE and merged <= TOLERANCE):
                    print(f"{form} {case.name}: forward {forward:.2e}, merged {merged:.2e} off {warned[:2]}")
                    continue
                right += 1
    print(f"{right} of {total} exports are worth in PEFT what the adapters are")
    sys.exit(0 if right == total else 1)


if __name__ == "__main__":
    main()
