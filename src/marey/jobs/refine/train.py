"""Train a HANet on files of estimated and true poses."""

import hashlib
from pathlib import Path

from marey.core.files import refuse_existing
from marey.core.progress import Progress, silent
from marey.models.hanet import save_hanet
from marey.recipes.hanet_published import EPOCHS, find_published, hanet_published
from marey.train.corpus_pairs import CorpusPairs, read_corpus_pairs
from marey.train.loop import train

_CARD = """# A HANet trained by marey

Recipe `{recipe}`, {epochs} epochs, seed {seed}, on

- {detected} (sha256 {first})
- {truth} (sha256 {second})

The weights are under whatever terms these data are.
"""


def train_hanet(
    recipe: str,
    detected: str | Path,
    truth: str | Path,
    folder: str | Path,
    *,
    epochs: int = EPOCHS,
    tensorboard: bool = False,
    progress: Progress = silent,
) -> Path:
    """Train by a published recipe, or go on with a training that was stopped.

    Args:
        recipe: One of `marey.recipes.hanet_published.PUBLISHED`.
        detected: Estimated poses in the layout of DeciWatch.
        truth: True poses of the same sequences.
        folder: Where state, log and at last the network (`model`) are kept.
        epochs: The published number unless said.
        tensorboard: Whether to write figures for TensorBoard too.
        progress: Called after every step.

    Returns:
        The folder of the network.

    Raises:
        InputError: If a file or the recipe cannot be used, or the folder holds another training.
        OutputExistsError: If the network is finished already.
    """
    row, target = find_published(recipe), Path(folder) / "model"
    refuse_existing(target, overwrite=False)
    pairs = read_corpus_pairs(detected, truth, representation=row.representation)
    drawn = CorpusPairs(sequences=pairs, window=row.interval * row.intervals + 1, batch=row.batch)
    channels = pairs[0].noisy.shape[1]
    options = hanet_published(recipe, num_frames=drawn.num_frames, epochs=epochs)
    per_joint = options.network.joint_channels
    options = hanet_published(
        recipe, num_frames=drawn.num_frames, num_joints=channels // per_joint, epochs=epochs
    )
    digests = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in (detected, truth)]
    network = train(
        options,
        drawn,
        Path(folder),
        data=" ".join(digests),
        progress=progress,
        tensorboard=tensorboard,
    )
    card = _CARD.format(
        recipe=recipe,
        epochs=epochs,
        seed=options.seed,
        detected=Path(detected).name,
        truth=Path(truth).name,
        first=digests[0],
        second=digests[1],
    )
    save_hanet(network, target, card=card)
    return target
