"""Make an asset of a finished training.

    .venv/bin/python tools/ship_hanet.py joints runs/joints src/marey/assets/hanet-joints

The folder gets `model.safetensors` (float32), `config.json` and `card.md` with origin, licence, how
it was made and the digests.
"""

# ruff: noqa: E501 - prose wrapped a little wider

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from marey.models.hanet import HANet, save_hanet
from marey.recipes import hanet_mocap
from marey.train.loop import STATE

RECIPES = {"joints": hanet_mocap.hanet_joints, "rotations": hanet_mocap.hanet_rotations}
WHAT = {
    "joints": "COCO's 17 keypoints and six of the feet in metres from the middle of the hips, with\n"
    "+Z up and, where one camera filmed, +Y away from it",
    "rotations": "SMPL-H's 22 body rotations, each from the T-pose to the world, as 6D (interleaved);\n"
    "+Z is up and, where one camera filmed, +Y away from it",
}

CARD = """# hanet-{name}

A HANet (`marey.models.hanet`) that refines {what}, at {fps:g} frames per second in windows of
{window}; version 1. `docs/refine.md` says how good it is and where it is used.

## Origin and licence

Trained by this project on recordings of the CMU Graphics Lab Motion Capture Database: "The data used
in this project was obtained from mocap.cs.cmu.edu. The database was created with funding from NSF
EIA-0196217." Free for research and commercial use; the raw data may not be resold, also not
converted. The file holds weights only, no recording. It is under the licence of marey, Apache-2.0.
Noise: numbers fitted to Pose2Sim's demo recording (BSD-3-Clause), `marey/train/detector_noise.toml`.

Kept out by subject: {test} (measuring), {validation} (choosing settings), {left_out}
(unknown subject). Trained on all others of `cmu_train`, `cmu_bvh`, `cmu_bvh_misc`, `cmu_amc`,
`cmu_expmap`, `cmu_fbx`, `cmu_salsa_pairs`.

## How it was made

```
.venv/bin/python tools/build_clean_motion.py ../shared/data clean.npz
{commands}
```

Steps are of {batch} windows, on one CPU thread, seed {seed}. Last figures on the validation
subjects (windows of the fitted noise, before damping): {figures}.
What the network adds beside its choice of filters was multiplied by {damp:g} after training, chosen
on the validation subjects: learned corrections are less sure of people never seen.
"""


def main() -> None:
    """Ship."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("asset", type=Path)
    parser.add_argument(
        "--phases", nargs="+", required=True, help="options of each training, one string each"
    )
    parser.add_argument("--damp", type=float, default=1.0, help="factor of learned corrections")
    arguments = parser.parse_args()
    lines = [json.loads(x) for x in (arguments.folder / "metrics.jsonl").read_text().splitlines()]
    figures = [line for line in lines if "mpjpe_mm" in line][-1]
    recipe = RECIPES[arguments.recipe](steps=lines[-1]["step"])
    network = HANet(recipe.train.network)
    state = load_file(arguments.folder / STATE)
    weights = {k.removeprefix("network."): v for k, v in state.items() if k.startswith("network.")}
    network.load_state_dict(weights)
    with torch.no_grad():
        for layer in (network.encoder_joints_embed, network.decoder_joints_embed):
            layer.weight.mul_(arguments.damp)
            layer.bias.mul_(arguments.damp)
    card = CARD.format(
        name=arguments.recipe,
        what=WHAT[arguments.recipe],
        fps=recipe.pairs.rate,
        window=recipe.pairs.window,
        test=", ".join(hanet_mocap.TEST),
        validation=", ".join(hanet_mocap.VALIDATION),
        left_out=", ".join(hanet_mocap.LEFT_OUT),
        commands=_commands(arguments.recipe, arguments.phases),
        damp=arguments.damp,
        batch=recipe.pairs.batch,
        seed=recipe.train.seed,
        figures=", ".join(f"{name} {value:.4g}" for name, value in figures.items()),
    )
    save_hanet(network.eval(), arguments.asset, card=card, overwrite=True)
    for path in arguments.asset.iterdir():
        path.chmod(0o644)


def _commands(name: str, phases: list[str]) -> str:
    """Return what to run: each training begins with the weights of the one before."""
    lines, before = [], ""
    for number, phase in enumerate(phases, start=1):
        run = f"runs/{name}-{number}"
        lines.append(
            f".venv/bin/python tools/train_hanet.py {name} clean.npz {run} {phase}{before}"
        )
        before = f" --begin {run}/state.safetensors"
    told = " ".join(f'"{phase}"' for phase in phases)
    asset = f"src/marey/assets/hanet-{name}"
    lines.append(f".venv/bin/python tools/ship_hanet.py {name} {run} {asset} --phases {told}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
