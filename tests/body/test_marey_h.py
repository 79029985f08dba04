"""The body we ship: its card, its symmetry, its surface, and that it looks like a person."""

import hashlib
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from marey.body import Body, load_body
from marey.body.layouts import SMPLH
from marey.body.load import Mesh
from marey.core import load_skeleton
from marey.core.skeleton import mirror_name
from marey.geometry.rotation import quaternion_to_matrix, rotvec_to_quaternion
from tests.body.test_model import random_pose

FOLDER = Path(str(files("marey") / "assets" / "marey-h"))
FLIP = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module", params=["full", "light"])
def body(request: pytest.FixtureRequest) -> Body:
    mesh: Mesh = request.param
    return load_body("marey-h", mesh=mesh)


def test_files_are_those_of_the_card() -> None:
    rows = re.findall(
        r"^\| (\S+\.npz) \| (\d+) \| `([0-9a-f]{64})` \|$",
        (FOLDER / "card.md").read_text(encoding="utf-8"),
        re.M,
    )
    assert {name for name, _, _ in rows} == {path.name for path in FOLDER.glob("*.npz")}
    for name, size, digest in rows:
        content = (FOLDER / name).read_bytes()
        assert len(content) == int(size)
        assert hashlib.sha256(content).hexdigest() == digest
    assert sum(int(size) for _, size, _ in rows) < 1_600_000


def test_tree_is_smplhs(body: Body) -> None:
    assert body.joint_names == SMPLH.joints
    assert body.parents == SMPLH.parents
    assert body.num_shape == 10
    assert body.posedirs is None


def test_every_point_of_coco_wholebody_exists(body: Body) -> None:
    for name in (
        "coco-wholebody-133",
        "halpe-26",
        "openpose-25",
        "blazepose-33",
        "smpl-45",
        "smplh-52",
    ):
        missing = set(load_skeleton(name).keypoints) - set(body.points)
        assert not missing, name


def test_surfaces_are_closed(body: Body) -> None:
    """Every edge belongs to two triangles that run along it in opposite directions."""
    f = body.faces.numpy()
    edges = np.concatenate([f[:, [0, 1]], f[:, [1, 2]], f[:, [2, 0]]])
    assert len(np.unique(edges, axis=0)) == len(edges)
    assert {tuple(e) for e in edges} == {tuple(e) for e in edges[:, ::-1]}


def test_volume_is_a_persons(body: Body) -> None:
    a, b, c = body.v_template.double().numpy()[body.faces.numpy()].transpose(1, 0, 2)
    volume = np.einsum("fi,fi->f", np.cross(a, b), c).sum() / 6
    # About 76 kg in the mean at 985 kg/m3; positive means that the triangles face outwards.
    assert volume == pytest.approx(0.076, abs=0.004)


def test_left_and_right_are_mirror_images(body: Body) -> None:
    name = "body.npz" if len(body.v_template) > 5000 else "body_light.npz"
    with np.load(FOLDER / name) as data:
        mirror = data["vertex_mirror"].astype(int)
    joints = [body.joint_names.index(mirror_name(n)) for n in body.joint_names]
    assert (mirror[mirror] == np.arange(len(mirror))).all()
    v, d = body.v_template.numpy(), body.shapedirs.numpy()
    np.testing.assert_allclose(v[mirror] * FLIP, v, atol=1e-7)
    np.testing.assert_allclose(d[mirror] * FLIP[:, None], d, atol=1e-7)
    np.testing.assert_allclose(body.weights.numpy()[mirror][:, joints], body.weights, atol=1e-7)
    np.testing.assert_allclose(
        body.joint_template.numpy()[joints] * FLIP, body.joint_template, atol=1e-7
    )
    faces = {tuple(np.roll(t, -t.argmin())) for t in body.faces.numpy()}
    flipped = {tuple(np.roll(t, -t.argmin())) for t in mirror[body.faces.numpy()][:, ::-1]}
    assert faces == flipped


def test_a_mirrored_pose_gives_a_mirrored_person(body: Body) -> None:
    shape, root, q = random_pose(body)
    joints = [body.rig.joints.index(mirror_name(n)) for n in body.rig.joints]
    # Mirroring in x keeps the rotation about x and reverses those about y and z.
    sign = torch.tensor([1.0, 1.0, -1.0, -1.0])
    other_root = torch.cat([root[:4] * sign, root[4:] * torch.tensor([-1.0, 1, 1])])
    one, two = body.pose(shape, root, q), body.pose(shape, other_root, q[joints] * sign)
    names = body.points
    partner = [mirror_name(n) for n in names]
    expected = body.landmark_positions(one, names).numpy() * FLIP
    np.testing.assert_allclose(body.landmark_positions(two, partner).numpy(), expected, atol=2e-6)


def test_weights_are_convex_and_sparse(body: Body) -> None:
    assert (body.weights >= 0).all()
    np.testing.assert_allclose(body.weights.sum(1), 1, atol=1e-6)
    assert int((body.weights > 0).sum(1).max()) <= 4
    assert body.sparse is not None


def test_landmarks_lie_on_the_skin_and_move_rigidly() -> None:
    body = load_body("marey-h")
    carried = [body.joint_names[j] for j in body.landmarks.joint.tolist()]
    inner = {"mid_hip", "mid_shoulder", "upper_neck"} | {
        n for n in body.landmarks.names if "hand" in n
    }
    for name, point in zip(body.landmarks.names, body.landmarks.template, strict=True):
        if name not in inner:
            assert (body.v_template - point).norm(dim=1).min() < 1e-6, name
    assert carried[body.landmarks.index("left_index4")] == "left_index3"
    assert carried[body.landmarks.index("right_heel")] == "right_ankle"
    shape, root, q = random_pose(body)
    posed = body.pose(shape, root, q)
    rest = body.landmarks.template + body.landmarks.shapedirs @ shape
    j = body.landmarks.joint
    rigid = posed.joints[j] + (
        posed.R_world_joint[j] @ (rest - body.rest_joints(shape)[j])[..., None]
    ).squeeze(-1)
    np.testing.assert_allclose(body.landmark_positions(posed), rigid, atol=1e-6)


def test_it_stands_like_a_person() -> None:
    body = load_body("marey-h")
    where = dict(
        zip(body.points, body.landmark_positions(_rest(body), body.points).numpy(), strict=True)
    )
    x, y, z = range(3)
    np.testing.assert_array_equal(where["pelvis"], 0)
    for above, below in (
        ("head_top", "left_eye"),
        ("left_eye", "nose"),
        ("nose", "upper_lip_inner"),
        ("lower_lip_inner", "chin"),
        ("chin", "left_shoulder"),
        ("left_shoulder", "pelvis"),
        ("pelvis", "left_knee"),
        ("left_knee", "left_ankle"),
        ("left_ankle", "left_heel"),
    ):
        assert where[above][y] > where[below][y], (above, below)
    for front, back in (
        ("nose", "left_eye"),
        ("left_eye", "left_ear"),
        ("left_big_toe", "left_small_toe"),
        ("left_small_toe", "left_foot"),
        ("left_foot", "left_heel"),
        ("left_thumb4", "left_index4"),
        ("left_index4", "left_pinky4"),
    ):
        assert where[front][z] > where[back][z], (front, back)
    for outer, inner in (
        ("left_middle4", "left_middle3"),
        ("left_wrist", "left_elbow"),
        ("left_elbow", "left_shoulder"),
        ("left_small_toe", "left_big_toe"),
        ("left_eye_outer", "left_eye_inner"),
        ("left_ear", "left_jaw1"),
    ):
        assert where[outer][x] > where[inner][x] > 0, (outer, inner)
    arm = np.stack([where[f"left_{n}"] for n in ("shoulder", "elbow", "wrist", "middle1")])
    assert np.ptp(arm[:, y]) < 0.006, "the arms of a T-pose are level"
    assert np.ptp(arm[:, z]) < 0.006


def test_knees_and_elbows_bend_the_way_of_smpl() -> None:
    body = load_body("marey-h", mesh="light")

    def bend(**degrees: tuple[float, float, float]) -> dict[str, np.ndarray]:
        rotvec = torch.zeros(body.num_joints, 3)
        for joint, angle in degrees.items():
            rotvec[body.rig.index(joint)] = torch.tensor(angle) * torch.pi / 180
        posed = body.pose(
            torch.zeros(10), torch.tensor([1.0, 0, 0, 0, 0, 0, 0]), rotvec_to_quaternion(rotvec)
        )
        return dict(
            zip(body.points, body.landmark_positions(posed, body.points).numpy(), strict=True)
        )

    rest = bend()
    assert bend(left_elbow=(0, -90, 0))["left_wrist"][2] > rest["left_wrist"][2] + 0.2
    assert bend(right_elbow=(0, 90, 0))["right_wrist"][2] > rest["right_wrist"][2] + 0.2
    assert bend(left_knee=(90, 0, 0))["left_ankle"][2] < rest["left_ankle"][2] - 0.3
    assert bend(left_hip=(-90, 0, 0))["left_knee"][2] > rest["left_knee"][2] + 0.3
    assert bend(left_index1=(0, 0, -90))["left_index4"][1] < rest["left_index4"][1] - 0.04


def test_random_people_have_human_heights() -> None:
    """The card's distribution: 1.69 +- 0.09 m for coefficients from N(0, 1)."""
    body = load_body("marey-h", mesh="light")
    shape = torch.randn(2000, 10, generator=torch.Generator().manual_seed(1))
    ends = [int(f(body.v_template[:, 1])) for f in (torch.argmax, torch.argmin)]
    rows = body.v_template[ends, 1] + shape @ body.shapedirs[ends, 1].T
    stature = rows[:, 0] - rows[:, 1]
    # The standard error of the mean is 2 mm; which vertex is highest hardly depends on the shape.
    assert float(stature.mean()) == pytest.approx(1.69, abs=0.012)
    assert float(stature.std()) == pytest.approx(0.089, abs=0.008)
    taller = body.v_template[ends, 1] + body.shapedirs[ends, 1, 0]
    assert taller[0] - taller[1] > 1.75


def test_regressor_for_other_programs_gives_the_same_joints() -> None:
    body = load_body("marey-h")
    with np.load(FOLDER / "body.npz") as data:
        regressor = data["J_regressor"]
    shape = torch.randn(5, 10, generator=torch.Generator().manual_seed(2))
    shaped = body.v_template + (body.shapedirs @ shape.T).permute(2, 0, 1)
    # float16 shape directions limit the agreement.
    np.testing.assert_allclose(regressor @ shaped.numpy(), body.rest_joints(shape), atol=1e-3)


def test_light_mesh_is_the_same_person() -> None:
    full, light = load_body("marey-h"), load_body("marey-h", mesh="light")
    assert len(light.v_template) < 3200
    assert torch.equal(full.joint_shapedirs, light.joint_shapedirs)
    shape, root, q = random_pose(full, 1, seed=3, angle=0.2)
    dense = full.vertices(full.pose(shape, root, q))[0]
    thin = light.vertices(light.pose(shape, root, q))[0]
    cloud = torch.cat([dense, dense[full.faces].mean(1)])
    distance = torch.cdist(thin, cloud).min(1).values
    # Vertices and centres of the largest triangles (on the back) are 3 cm apart, so the nearest
    # of them may be half of that away along the surface.
    assert float(distance.max()) < 0.02
    assert float(distance.mean()) < 0.003


def _rest(body: Body):
    q = torch.zeros(body.num_joints, 4)
    q[:, 0] = 1
    assert torch.equal(quaternion_to_matrix(q)[0], torch.eye(3))
    return body.pose(torch.zeros(10), torch.tensor([1.0, 0, 0, 0, 0, 0, 0]), q)
