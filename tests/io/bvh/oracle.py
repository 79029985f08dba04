"""A BVH reader that shares nothing with marey's: plain words, matrices and one joint at a time."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np


def turn(axis: str, degrees: float) -> np.ndarray:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array(
        {
            "X": [[1, 0, 0], [0, c, -s], [0, s, c]],
            "Y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
            "Z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
        }[axis]
    )


def read_nodes(hierarchy: str) -> list[dict]:
    """Name, parent, offset and channels of each node, in the order of the file."""
    words, nodes, open_nodes = iter(hierarchy.split()[1:]), [], []
    for word in words:
        if word in ("ROOT", "JOINT", "End"):
            name, parent = next(words), open_nodes[-1] if open_nodes else None
            name = f"{nodes[parent]['name']}_end" if word == "End" else name
            nodes.append({"name": name, "parent": parent, "channels": []})
        elif word == "{":
            open_nodes.append(len(nodes) - 1)
        elif word == "}":
            open_nodes.pop()
        elif word == "OFFSET":
            nodes[open_nodes[-1]]["offset"] = np.array([float(next(words)) for _ in range(3)])
        elif word == "CHANNELS":
            nodes[open_nodes[-1]]["channels"] = [next(words) for _ in range(int(next(words)))]
    return nodes


def place(node: dict, values: Iterator[str], base: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Rotation and position of one node in one frame; takes the values of its channels."""
    offset, rotation = node["offset"].copy(), np.eye(3)
    for channel in node["channels"]:
        value = float(next(values))
        if channel.endswith("position"):
            offset["XYZ".index(channel[0])] = value
        else:
            rotation = rotation @ turn(channel[0], value)
    return base[0] @ rotation, base[1] + base[0] @ offset


def read_positions(path: Path, frames: slice = slice(None)) -> tuple[dict[str, np.ndarray], float]:
    """Positions (T, 3) of all joints and ends (`<name>_end`) in the file's axes and unit."""
    head, motion = path.read_text().split("MOTION")
    nodes, (header, *rows) = read_nodes(head), motion.strip().split("\n")[1:]
    placed: dict[str, list[np.ndarray]] = {node["name"]: [] for node in nodes}
    for row in rows[frames]:
        values, poses = iter(row.split()), {None: (np.eye(3), np.zeros(3))}
        for k, node in enumerate(nodes):
            poses[k] = place(node, values, poses[node["parent"]])
            placed[node["name"]].append(poses[k][1])
    frame_time = float(header.split()[-1])
    return {name: np.array(points) for name, points in placed.items()}, frame_time
