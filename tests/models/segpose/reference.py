"""The network in plain loops over tokens and heads, from the weights by name alone."""

import math

import numpy as np


def run_reference(weights: dict[str, np.ndarray], picture, mask, *, heads, first, rows, columns):
    """Return the features (D, rows, columns) of one picture (3, H, W) and mask (1, H, W) or None.

    Patches are cut out by hand from the padded picture, row by row.
    """
    tokens = embed(weights, "patch_embed", "pos_embed", picture, rows, columns)
    beside = None
    if mask is not None:
        beside = embed(weights, "patch_embed_seg", "pos_embed_seg", mask, rows, columns)
    depth = 1 + max(int(key.split(".")[2]) for key in weights if key.startswith("backbone.blocks."))
    seg = [int(key.split(".")[2]) for key in weights if key.startswith("backbone.blocks_seg.")]
    for index in range(depth):
        tokens = block(weights, f"backbone.blocks.{index}", tokens, heads)
        if beside is not None and first <= index < first + 1 + max(seg):
            beside = block(weights, f"backbone.blocks_seg.{index - first}", beside, heads)
            tokens = tokens + beside
    tokens = norm(weights, "backbone.last_norm", tokens)
    return tokens.T.reshape(-1, rows, columns)


def embed(weights, patch, position, picture, rows, columns):
    kernel = weights[f"backbone.{patch}.proj.weight"]
    bias = weights[f"backbone.{patch}.proj.bias"]
    where = weights[f"backbone.{position}"][0]
    padded = np.pad(picture, ((0, 0), (2, 2), (2, 2)))
    tokens = []
    for row in range(rows):
        for column in range(columns):
            cut = padded[:, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
            number = row * columns + column
            tokens.append((kernel * cut).sum((1, 2, 3)) + bias + where[1 + number] + where[0])
    return np.stack(tokens)


def block(weights, name, tokens, heads):
    width = tokens.shape[1]
    inner = norm(weights, f"{name}.norm1", tokens)
    mixed = inner @ weights[f"{name}.attn.qkv.weight"].T + weights[f"{name}.attn.qkv.bias"]
    query, key, value = mixed[:, :width], mixed[:, width : 2 * width], mixed[:, 2 * width :]
    each = width // heads
    gathered = []
    for head in range(heads):
        part = slice(head * each, (head + 1) * each)
        score = query[:, part] @ key[:, part].T / math.sqrt(each)
        score = np.exp(score - score.max(1, keepdims=True))
        gathered.append(score / score.sum(1, keepdims=True) @ value[:, part])
    out = np.concatenate(gathered, 1)
    tokens = (
        tokens + out @ weights[f"{name}.attn.proj.weight"].T + weights[f"{name}.attn.proj.bias"]
    )
    inner = norm(weights, f"{name}.norm2", tokens)
    hidden = inner @ weights[f"{name}.mlp.fc1.weight"].T + weights[f"{name}.mlp.fc1.bias"]
    hidden = hidden * 0.5 * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2)))
    return tokens + hidden @ weights[f"{name}.mlp.fc2.weight"].T + weights[f"{name}.mlp.fc2.bias"]


def norm(weights, name, tokens):
    centred = tokens - tokens.mean(1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-6)
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]
