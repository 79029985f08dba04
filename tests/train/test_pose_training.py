"""SegPose2D's training: crops whose truth is known, published numbers, and a toy that learns."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from marey.core import load_skeleton
from marey.core.errors import FormatError, InputError, NothingFoundError
from marey.datasets.coco_instances import Instance, read_instances
from marey.io.masks._rle import find_runs
from marey.models.segpose import SegPose, SegPoseConfig, SegPoseEstimator
from marey.models.segpose.preprocess import find_peaks
from marey.recipes.segpose import segpose, segpose_tiny
from marey.train.pose_crops import PLAIN, CropBatch, CropOptions, PoseCrops, draw_heatmaps
from marey.train.pose_loop import (
    PoseTraining,
    find_layer,
    heatmap_loss,
    make_optimizer,
    train_pose,
)

COCO = load_skeleton("coco-17")
TOY = SegPoseConfig(
    width=48, depth=4, heads=4, mask_depth=2, first_mask_block=1, size=(48, 64), deconv_width=24,
    drop_path=0.0,
)  # fmt: skip


def make_people(folder: Path) -> tuple[Instance, ...]:
    """Two people in one box: a left and a right column of dots; only the mask tells whose."""
    image = np.full((128, 96, 3), 60, np.uint8)
    people = []
    for column, colour in ((30, (200, 40, 40)), (66, (40, 40, 200))):
        rows = np.linspace(20, 108, 17)
        points = np.stack([column + 8 * np.sin(np.arange(17)), rows], -1)
        mask = np.zeros((128, 96), bool)
        mask[14:114, column - 14 : column + 14] = True
        for x, y in points:
            cv2.circle(image, (round(x), round(y)), 2, colour, -1)
        runs = {"size": [128, 96], "counts": find_runs(mask).tolist()}
        people.append((points + 0.5, runs))
    cv2.imwrite(str(folder / "pair.png"), image)
    return tuple(
        Instance(
            image=folder / "pair.png",
            size=(96, 128),
            box=np.array([10.0, 14, 86, 114]),
            position=points,
            segmentation=runs,
        )
        for points, runs in people
    )


def test_crops_hold_the_labelled_points(tmp_path):
    """Mirrored, turned and scaled: the peaks lie where the picture shows the dots."""
    people = make_people(tmp_path)[:1]
    config = replace(TOY, size=(192, 256))
    options = CropOptions(batch=6, scale=(0.9, 1.1), without_mask=0, turned=1)
    batch = PoseCrops(people=people, network=config, options=options).draw(0, 0)
    assert batch.picture.shape == (6, 3, 256, 192) and batch.mask is not None
    for picture, mask, heatmaps, weight in zip(
        batch.picture, batch.mask, batch.heatmaps, batch.weight, strict=True
    ):
        for cell, counts in zip(find_peaks(heatmaps.numpy()), weight, strict=True):
            if not counts:
                continue
            # Heat maps and input share the window's ends: cells times (191 / 47, 255 / 63).
            x, y = cell * (191 / 47, 255 / 63)
            if not (4 < x < 187 and 4 < y < 251):
                continue
            near = picture[2, round(y) - 3 : round(y) + 4, round(x) - 3 : round(x) + 4]
            assert near.max() > picture[2].median() + 0.5
            assert mask[0, min(round(y), 255), min(round(x), 191)] > 0.3


def test_mirrored_crops_exchange_left_and_right(tmp_path):
    people = make_people(tmp_path)[:1]
    plain = PoseCrops(people=people, network=TOY, options=replace(PLAIN, batch=1)).draw(0, 0)
    turned = PoseCrops(people=people, network=TOY, options=replace(PLAIN, batch=1, mirror=1))
    mirrored = turned.draw(0, 0)
    assert torch.equal(mirrored.picture, plain.picture.flip(-1))
    torch.testing.assert_close(mirrored.heatmaps, plain.heatmaps.flip(-1)[:, list(COCO.mirror)])


def test_steps_draw_the_same_again_and_sometimes_no_mask(tmp_path):
    crops = PoseCrops(people=make_people(tmp_path), network=TOY, options=CropOptions(batch=2))
    one, again, other = crops.draw(3, 5), crops.draw(3, 5), crops.draw(3, 6)
    assert torch.equal(one.picture, again.picture) and not torch.equal(one.picture, other.picture)
    bare = sum(crops.draw(0, step).mask is None for step in range(60))
    assert 1 <= bare <= 15


def test_heat_maps_peak_at_points_and_leave_out_what_is_outside():
    cells = np.array([[3.25, 4.5], [-1, 2], [np.nan, 1], [11.4, 15.4]])
    heatmaps, weight = draw_heatmaps(cells, (12, 16))
    assert weight.tolist() == [1, 0, 0, 1]
    assert heatmaps[1:3].max() == 0
    assert heatmaps[0, 4, 3] == pytest.approx(np.exp(-(0.25**2 + 0.5**2) / 8))


def test_points_without_label_count_nowhere():
    truth = torch.rand(2, 3, 4, 4)
    weight = torch.tensor([[1.0, 0, 1], [0, 0, 1]])
    batch = CropBatch(picture=truth, mask=None, heatmaps=truth, weight=weight)
    wrong = truth.clone()
    wrong[0, 1], wrong[1, :2] = 9, 9
    assert heatmap_loss(wrong, batch) == 0
    wrong[0, 2] += 1
    assert heatmap_loss(wrong, batch).item() == pytest.approx(1 / 6)


def test_published_numbers():
    recipe = segpose(num_people=149_813)
    train = recipe.train
    assert (train.rate, train.weight_decay, train.layer_decay, train.clip) == (5e-4, 0.1, 0.8, 1)
    assert train.network == SegPoseConfig() and train.network.drop_path == 0.5
    assert train.milestones == (170, 200, 230) and train.epochs == 250
    epoch = train.steps_per_epoch
    assert train.rate_at(0) == pytest.approx(5e-7)
    assert train.rate_at(500) == train.rate_at(170 * epoch - 1) == pytest.approx(5e-4)
    assert train.rate_at(170 * epoch) == pytest.approx(5e-5)
    assert train.rate_at(249 * epoch) == pytest.approx(5e-7)
    with pytest.raises(InputError):
        segpose("giant", num_people=3)
    with pytest.raises(InputError):
        PoseTraining(network=TOY, steps_per_epoch=0)


def test_layers_decay_from_the_head_down():
    """Head 1, last block 0.8, mask blocks as the main blocks they join, patches 0.8^(depth + 1)."""
    network = SegPose(TOY)
    options = PoseTraining(network=TOY, steps_per_epoch=1)
    optimizer = make_optimizer(network, options)
    share, decay, count = {}, {}, 0
    for group in optimizer.param_groups:
        count += len(group["params"])
        for parameter in group["params"]:
            share[id(parameter)], decay[id(parameter)] = group["share"], group["weight_decay"]
    assert count == len(list(network.parameters()))
    named = dict(network.named_parameters())
    expected = {
        "keypoint_head.final_layer.weight": 0,
        "backbone.last_norm.weight": 0,
        "backbone.blocks.3.mlp.fc1.weight": 1,
        "backbone.blocks_seg.1.mlp.fc1.weight": 2,
        "backbone.blocks.0.norm1.bias": 4,
        "backbone.pos_embed_seg": 5,
        "backbone.patch_embed.proj.weight": 5,
    }
    for name, power in expected.items():
        assert share[id(named[name])] == pytest.approx(0.8**power), name
        assert find_layer(name, TOY) == 5 - power
    for name, parameter in named.items():
        bare = name.endswith("bias") or "norm" in name or "pos_embed" in name
        bare |= "deconv_layers.1" in name or "deconv_layers.4" in name
        assert decay[id(parameter)] == (0 if bare else 0.1), name


def toy(folder: Path, people, *, steps: int, **changes):
    options = PoseTraining(
        network=TOY,
        steps_per_epoch=steps,
        epochs=1,
        rate=3e-3,
        layer_decay=1.0,
        weight_decay=0.0,
        warmup_steps=10,
        milestones=(),
        save_every=5,
        **changes,
    )
    crops = PoseCrops(people=people, network=TOY, options=replace(PLAIN, batch=4))
    return train_pose(options, crops, folder, data="toy")


def test_a_toy_learns_whose_points_the_mask_means(tmp_path):
    """The same crop with two masks: only the mask branch can tell the two people apart."""
    people = make_people(tmp_path)
    network = toy(tmp_path / "run", people, steps=150)
    estimator = SegPoseEstimator(network, flip=False)
    image = cv2.cvtColor(cv2.imread(str(people[0].image)), cv2.COLOR_BGR2RGB)
    for person, other in ((0, 1), (1, 0)):
        mask = people[person].mask().astype(np.float32)
        found = estimator.locate_masked(image, people[person].box, None, mask)
        own, foreign = (
            np.linalg.norm(found.position[:17] - people[row].position, axis=-1)
            for row in (person, other)
        )
        # A cell of the heat map is 8 px here; the two people are 36 px apart.
        assert np.median(own) < 4
        assert (own < foreign).mean() > 0.9
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["loss"] < 0.3 * json.loads(lines[0])["loss"]


def test_a_stopped_training_ends_with_the_same_bits(tmp_path):
    people = make_people(tmp_path)
    whole = toy(tmp_path / "whole", people, steps=10)
    # What stands after five steps, under the settings of the whole.
    options = PoseTraining(
        network=TOY, steps_per_epoch=10, epochs=1, rate=3e-3, layer_decay=1.0, weight_decay=0.0,
        warmup_steps=10, milestones=(), save_every=5,
    )  # fmt: skip
    crops = PoseCrops(people=people, network=TOY, options=replace(PLAIN, batch=4))

    def stop(stage: str, done: int, total: int | None) -> None:
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_pose(options, crops, tmp_path / "part", data="toy", progress=stop)
    resumed = train_pose(options, crops, tmp_path / "part", data="toy")
    for key, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key
    with pytest.raises(InputError, match="another training"):
        train_pose(options, crops, tmp_path / "part", data="other")


def test_the_tiny_recipe_fits_a_real_pair(shared, tmp_path):
    """Three steps on OCHuman's pictures: data, recipe and network fit together."""
    folder = shared / "data" / "ochuman"
    people = read_instances(folder / "test_ochuman.json", folder)
    assert len(people) == 5
    recipe = segpose_tiny(steps=3, batch=2)
    crops = PoseCrops(people=people, network=recipe.train.network, options=recipe.crops)
    train_pose(recipe.train, crops, tmp_path, data="x")
    assert (tmp_path / "state.safetensors").is_file()


def test_cocos_polygons_are_read_and_crowds_left_out(shared):
    folder = shared / "data" / "coco_wholebody"
    people = read_instances(folder / "test_coco.json", folder, least_points=8)
    assert len(people) > 8
    inside = []
    for person in people:
        known = person.position[np.isfinite(person.position).all(-1)]
        inside += ((known >= person.box[:2]) & (known <= person.box[2:])).all(-1).tolist()
        assert person.mask().any()
    assert np.mean(inside) > 0.95


def test_bad_label_files(tmp_path):
    people = {"id": 1, "image_id": 1, "keypoints": [5, 5, 2] * 17, "bbox": [0, 0, 9, 9]}
    good = {"images": [{"id": 1, "file_name": "a.png", "width": 10, "height": 10}]}
    square = [[1, 1, 8, 1, 8, 8, 1, 8]]
    path = tmp_path / "labels.json"

    def write(**row):
        path.write_text(json.dumps(good | {"annotations": [people | row]}))
        return path

    with pytest.raises(NothingFoundError):
        read_instances(write(segmentation=square, iscrowd=1), tmp_path)
    with pytest.raises(FormatError, match="annotation 1"):
        read_instances(write(segmentation={"size": [3, 3], "counts": [9]}), tmp_path)
    with pytest.raises(InputError, match=r"a\.png is missing"):
        read_instances(write(segmentation=square), tmp_path)
