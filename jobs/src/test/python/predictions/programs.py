"""Each program as its users load an adapter with it: a golden case in, the base model with the adapter at work out."""

import contextlib
import importlib.util
import sys
import tempfile
import types
from pathlib import Path

import torch
from golden import Part
from safetensors.torch import save_file
from torch import nn


def lycoris(case):
    """kohya's loader for lora_ names, the wrapper's for the others; what forward computes, not merge_to."""
    model, adapter = case.model(), case.adapter()
    if any(key.startswith("lora_") for key in adapter):
        from lycoris.kohya import create_network_from_weights

        unet, text_encoder = model, Part()
        if case.components:
            unet, text_encoder = (model.get_submodule(case.components[name]) for name in ("lora_unet", "lora_te"))
        network, _ = create_network_from_weights(1.0, None, None, text_encoder, unet, weights_sd=adapter)
        loaded = network.unet_loras + network.text_encoder_loras
        network.apply_to(text_encoder, unet, True, True)
    else:
        from lycoris import create_lycoris_from_weights

        network, _ = create_lycoris_from_weights(1.0, None, model, weights_sd=adapter)
        loaded = network.loras
        network.apply_to()
    network.eval()
    told = [] if len(loaded) == len(case.facts["modules"]) else [f"{len(loaded)} Modules Loaded"]
    return model, told


def peft(case):
    """PeftModel.from_pretrained on the adapter's folder, or on one that holds the file under PEFT's name."""
    from peft import PeftModel

    if case.is_peft_directory:
        return PeftModel.from_pretrained(case.model(), case.adapter_file.parent).get_base_model(), []
    with saved(case, "adapter_model.safetensors") as folder:
        return PeftModel.from_pretrained(case.model(), folder).get_base_model(), []


def diffusers(case):
    """load_lora_weights of Stable Diffusion's pipelines, of SD3's for `transformer.`; PEFT's own files as its guide says."""
    from diffusers.loaders.lora_pipeline import SD3LoraLoaderMixin, StableDiffusionLoraLoaderMixin
    from diffusers.loaders.peft import PeftAdapterMixin
    from diffusers.models.modeling_utils import ModelMixin

    class Denoiser(ModelMixin, PeftAdapterMixin):
        def __init__(self):
            nn.Module.__init__(self)

    # PEFT knows by the class's name how to scale a model's layers
    Denoiser.__name__ = "UNet2DConditionModel"
    if case.components:
        return NotImplemented
    denoiser, first = case.model(Denoiser()), case.first_module_key
    name = "pytorch_lora_weights.safetensors"
    with saved(case, name) as folder:
        if first.startswith("base_model.model."):
            denoiser.load_lora_adapter(folder, prefix="base_model.model", weight_name=name, use_safetensors=True)
        elif first.startswith("transformer."):
            Denoiser.__name__ = "SD3Transformer2DModel"
            pipeline(SD3LoraLoaderMixin, transformer=denoiser).load_lora_weights(folder, weight_name=name)
        elif first.startswith(("lora_unet_", "lycoris_")):
            pipeline(StableDiffusionLoraLoaderMixin, unet=denoiser).load_lora_weights(folder, weight_name=name)
        else:
            return NotImplemented
    return denoiser, []


@contextlib.contextmanager
def saved(case, name):
    """A folder with the case's adapter as its one file."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, "adapter")
        folder.mkdir()
        save_file(case.adapter(), folder / name, case.metadata())
        yield folder


def pipeline(loader, **components):
    """The part of a diffusers pipeline that loads adapters, with these components."""

    class Pipeline(loader):
        hf_device_map = None
        text_encoder = text_encoder_2 = None
        lora_scale = 1.0

    made = Pipeline()
    made.components = components
    for name, component in components.items():
        setattr(made, name, component)
    return made


def invokeai(case):
    """Stable Diffusion's conversion and the layer patcher, patching directly as on a GPU; dotted names are for others."""
    if not case.first_module_key.startswith(("lora_", "lycoris_")):
        return NotImplemented
    patcher, convert = invokeai_parts()
    model = case.model()
    patch = convert(case.adapter())
    targets = [(f"{name}_", model.get_submodule(path)) for name, path in case.components.items()]
    patching = contextlib.ExitStack()
    for prefix, target in targets or [("lora_unet_", model)]:
        patching.enter_context(
            patcher.apply_smart_model_patches(
                target, [(patch, 1.0)], prefix, torch.float32, force_direct_patching=True
            )
        )
    model.patching = patching  # if that were dropped, the patches would be taken back
    return model, []


def invokeai_parts():
    """InvokeAI's patcher without the rest of its model manager, which would bring its whole dependency tree."""
    root = Path(importlib.util.find_spec("invokeai").submodule_search_locations[0])
    manager = "invokeai.backend.model_manager"
    cache = f"{manager}.load.model_cache"
    for name in (manager, f"{manager}.load", cache, f"{cache}.torch_module_autocast"):
        package = types.ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package

    class Lock:
        read_lock = staticmethod(contextlib.nullcontext)

    locks = types.ModuleType(f"{cache}.model_cache")
    locks.MODEL_LOAD_LOCK = Lock()
    sys.modules[locks.__name__] = locks
    from invokeai.backend.patches.layer_patcher import LayerPatcher
    from invokeai.backend.patches.lora_conversions.sd_lora_conversion_utils import lora_model_from_sd_state_dict

    return LayerPatcher, lora_model_from_sd_state_dict


PROGRAMS = {
    "lycoris@3.1": lycoris,
    "lycoris@4.1": lycoris,
    "peft@0.21": peft,
    "diffusers@0.42": diffusers,
    "invokeai@6.14": invokeai,
}
