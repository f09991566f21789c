"""The weights that a layer computes with, whatever a program has wrapped it in: read off its answers to impulses."""

import torch
import torch.nn.functional as F

NORM_SAMPLES = 64


@torch.no_grad()
def weights(module, spec, base):
    """(weight, bias) that module.forward uses; the weight in the layout of the base weight.

    module: the layer, wrapped or not
    spec: its description in expected.json
    base: its weight before
    """
    kind = spec["type"]
    if kind == "Embedding":
        return module(torch.arange(spec["num_embeddings"])), None
    if kind in ("Linear", "GPT2Conv1D"):
        inputs = spec.get("in_features", spec.get("nx"))
        bias = module(torch.zeros(1, inputs))[0]
        by_input = module(torch.eye(inputs)) - bias
        return (by_input if kind == "GPT2Conv1D" else by_input.T), bias
    if kind in ("LayerNorm", "GroupNorm"):
        return _norm(module, spec)
    return _convolution(module, spec, base)


def _norm(module, spec):
    generator = torch.Generator().manual_seed(0)
    samples = torch.randn(NORM_SAMPLES, spec["dim"], generator=generator)
    if spec["type"] == "LayerNorm":
        normed = F.layer_norm(samples, (spec["dim"],))
    else:
        samples = samples.reshape(NORM_SAMPLES, spec["dim"], 1, 1).repeat(1, 1, 2, 2)
        samples[:, :, 0] *= 2
        normed = F.group_norm(samples, spec["groups"])[:, :, 0, 0]
    answers = module(samples)
    if spec["type"] == "GroupNorm":
        answers = answers[:, :, 0, 0]
    x, y = normed.double(), answers.double()
    centred = x - x.mean(0)
    slope = (centred * (y - y.mean(0))).sum(0) / (centred * centred).sum(0)
    return slope, y.mean(0) - slope * x.mean(0)


def _convolution(module, spec, base):
    """One image per input channel and kernel position, with an impulse where that position meets one output pixel."""
    kernel, padding = spec["kernel_size"], spec["padding"]
    stride = [spec["stride"]] * len(kernel) if isinstance(spec["stride"], int) else spec["stride"]
    pixel = [max(0, -(-p // s)) for p, s in zip(padding, stride)]  # the first whose window starts inside the image
    size = [q * s + k + p for q, s, k, p in zip(pixel, stride, kernel, padding)]
    channels, groups = spec["in_channels"], spec["groups"]
    at = (slice(None), slice(None), *pixel)
    bias = module(torch.zeros(1, channels, *size))[at][0]
    weight = torch.empty(base.shape)
    outputs, inputs = spec["out_channels"] // groups, channels // groups
    for position in torch.cartesian_prod(*[torch.arange(k) for k in kernel]).reshape(-1, len(kernel)).tolist():
        images = torch.zeros(channels, channels, *size)
        place = [q * s - p + t for q, s, p, t in zip(pixel, stride, padding, position)]
        for channel in range(channels):
            images[(channel, channel, *place)] = 1
        answers = module(images)[at] - bias
        for group in range(groups):
            rows = slice(group * outputs, (group + 1) * outputs)
            columns = slice(group * inputs, (group + 1) * inputs)
            weight[(rows, slice(None), *position)] = answers[columns, rows].T
    return weight, bias
