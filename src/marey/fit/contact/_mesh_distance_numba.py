"""The compiled half of `mesh_distance`: boxes around triangles, and the closest place to a point.

Boxes are worked out anew for every pose (`fit_boxes`), the tree they hang in is that of the rest
pose. Children have larger numbers than their parents.
"""

import numpy as np

from marey.geometry._compile import compile_kernel

_STACK = 64
_RAY = (0.5331, 0.6047, 0.5917)
"""Direction of the rays that tell inside from outside: along no edge that anybody would draw."""
_ON_EDGE = 1e-9
"""A corner's share below this is none: the place lies on the opposite edge."""


@compile_kernel
def fit_boxes(vertices, faces, order, child, span, low, high):
    """Write the boxes of all nodes.

    Args:
        vertices: V 3.
        faces: F 3.
        order: Faces in the order of the leaves, F.
        child: Two children of each node, M 2; -1 for a leaf.
        span: First and last-but-one of a leaf's faces in `order`, M 2.
        low: Result, M 3.
        high: Result, M 3.
    """
    for m in range(len(child) - 1, -1, -1):
        for i in range(3):
            low[m, i], high[m, i] = np.inf, -np.inf
        if child[m, 0] >= 0:
            for c in child[m]:
                for i in range(3):
                    low[m, i] = min(low[m, i], low[c, i])
                    high[m, i] = max(high[m, i], high[c, i])
            continue
        for row in range(span[m, 0], span[m, 1]):
            for corner in range(3):
                v = faces[order[row], corner]
                for i in range(3):
                    low[m, i] = min(low[m, i], vertices[v, i])
                    high[m, i] = max(high[m, i], vertices[v, i])


@compile_kernel
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@compile_kernel
def _away(low, high, x, y, z):
    """Squared distance of a point from a box."""
    dx = max(low[0] - x, 0.0, x - high[0])
    dy = max(low[1] - y, 0.0, y - high[1])
    dz = max(low[2] - z, 0.0, z - high[2])
    return dx * dx + dy * dy + dz * dz


@compile_kernel
def _share(value, total):
    return value / total if total > 0.0 else 0.0


@compile_kernel
def _in_triangle(x, y, z, a, b, c):  # noqa: PLR0911
    """Shares of the corners at the closest place.

    Ericson, Real-Time Collision Detection, 5.1.5: a corner's, an edge's or the inside's region.
    """
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    px, py, pz = x - a[0], y - a[1], z - a[2]
    d1, d2 = ux * px + uy * py + uz * pz, vx * px + vy * py + vz * pz
    if d1 <= 0.0 and d2 <= 0.0:
        return 1.0, 0.0, 0.0
    px, py, pz = x - b[0], y - b[1], z - b[2]
    d3, d4 = ux * px + uy * py + uz * pz, vx * px + vy * py + vz * pz
    if d3 >= 0.0 and d4 <= d3:
        return 0.0, 1.0, 0.0
    vc = d1 * d4 - d3 * d2
    if vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        t = _share(d1, d1 - d3)
        return 1.0 - t, t, 0.0
    px, py, pz = x - c[0], y - c[1], z - c[2]
    d5, d6 = ux * px + uy * py + uz * pz, vx * px + vy * py + vz * pz
    if d6 >= 0.0 and d5 <= d6:
        return 0.0, 0.0, 1.0
    vb = d5 * d2 - d1 * d6
    if vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        t = _share(d2, d2 - d6)
        return 1.0 - t, 0.0, t
    va = d3 * d6 - d5 * d4
    if va <= 0.0 and d4 - d3 >= 0.0 and d5 - d6 >= 0.0:
        t = _share(d4 - d3, (d4 - d3) + (d5 - d6))
        return 0.0, 1.0 - t, t
    total = va + vb + vc
    return _share(va, total), _share(vb, total), _share(vc, total)


@compile_kernel
def _normal(vertices, face, out):
    """Add a triangle's unit normal to `out`; returns nothing for one without area."""
    a, b, c = vertices[face[0]], vertices[face[1]], vertices[face[2]]
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    length = np.sqrt(x * x + y * y + z * z)
    if length > 1e-30:
        out[0] += x / length
        out[1] += y / length
        out[2] += z / length


@compile_kernel
def _angle(vertices, face, corner):
    """Angle of a triangle at one of its corners."""
    a = vertices[face[corner]]
    b, c = vertices[face[(corner + 1) % 3]], vertices[face[(corner + 2) % 3]]
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    uu, vv = ux * ux + uy * uy + uz * uz, vx * vx + vy * vy + vz * vz
    if uu * vv <= 0.0:
        return 0.0
    cosine = (ux * vx + uy * vy + uz * vz) / np.sqrt(uu * vv)
    return np.arccos(min(1.0, max(-1.0, cosine)))


@compile_kernel
def _outward(vertices, faces, neighbour, first_face, vertex_face, f, shares, out):
    """Write the pseudo-normal of a place: of its triangle, its edge or its corner.

    The sum of both triangles' normals on an edge, of all triangles' by their angles at a corner: so
    its sign tells inside from outside everywhere (Baerentzen and Aanaes, 2005).
    """
    out[:] = 0.0
    face, none, last = faces[f], 0, 0
    for i in range(3):
        if shares[i] < _ON_EDGE:
            none += 1
        else:
            last = i
    _normal(vertices, face, out)
    if none == 1:
        for i in range(3):
            # The edge opposite to corner i runs from corner i + 1.
            across = neighbour[f, (i + 1) % 3]
            if shares[i] < _ON_EDGE and across >= 0:
                _normal(vertices, faces[across], out)
    elif none == 2:
        v, own = face[last], np.zeros(3)
        out[:] = 0.0
        for row in range(first_face[v], first_face[v + 1]):
            other = faces[vertex_face[row]]
            own[:] = 0.0
            _normal(vertices, other, own)
            corner = 0
            for i in range(3):
                if other[i] == v:
                    corner = i
            angle = _angle(vertices, other, corner)
            for i in range(3):
                out[i] += angle * own[i]


@compile_kernel
def _winding(x, y, z, vertices, faces, order, child, span, low, high, stack):
    """How often the mesh winds around a point: faces a ray leaves through, less those it enters.

    A fold that is turned inside out does not make what is around it inside, as pseudo-normals do.
    """
    dx, dy, dz = _RAY
    total, height = 0, 1
    stack[0] = 0
    while height > 0:
        height -= 1
        m = stack[height]
        near = max((low[m, 0] - x) / dx, (low[m, 1] - y) / dy, (low[m, 2] - z) / dz, 0.0)
        far = min((high[m, 0] - x) / dx, (high[m, 1] - y) / dy, (high[m, 2] - z) / dz)
        if near > far:
            continue
        if child[m, 0] >= 0:
            stack[height], stack[height + 1] = child[m, 0], child[m, 1]
            height += 2
            continue
        for k in range(span[m, 0], span[m, 1]):
            face = faces[order[k]]
            a, b, c = vertices[face[0]], vertices[face[1]], vertices[face[2]]
            ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
            vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
            # Moeller and Trumbore, Fast, Minimum Storage Ray-Triangle Intersection, 1997.
            px, py, pz = dy * vz - dz * vy, dz * vx - dx * vz, dx * vy - dy * vx
            volume = ux * px + uy * py + uz * pz
            if volume == 0.0:
                continue
            sx, sy, sz = x - a[0], y - a[1], z - a[2]
            one = (sx * px + sy * py + sz * pz) / volume
            qx, qy, qz = sy * uz - sz * uy, sz * ux - sx * uz, sx * uy - sy * ux
            two = (dx * qx + dy * qy + dz * qz) / volume
            along = (vx * qx + vy * qy + vz * qz) / volume
            if one >= 0.0 and two >= 0.0 and one + two < 1.0 and along > 0.0:
                # Against the normal the ray enters, along it the ray leaves.
                total += -1 if volume > 0.0 else 1
    return total


@compile_kernel
def measure_kernel(
    points,
    chosen,
    part,
    meets,
    vertices,
    faces,
    face_part,
    order,
    child,
    span,
    low,
    high,
    neighbour,
    first_face,
    vertex_face,
    reach,
    confirm,
    face,
    shares,
    distance,
    normal,
):
    """Find the closest places of a closed mesh and on which side of it points lie.

    Args:
        points: P 3.
        chosen: Which of them to ask for, A.
        part: Part of the body each point belongs to, P.
        meets: Whether points of a part are asked about faces of another, N N.
        vertices: Of the mesh, V 3.
        faces: F 3.
        face_part: F.
        order: As in `fit_boxes`, and the next four.
        child: Children.
        span: Faces of leaves.
        low: Boxes.
        high: Boxes.
        neighbour: Face across the edge from corner i to i + 1, F 3; -1 for none.
        first_face: Where each vertex's faces start in `vertex_face`, V + 1.
        vertex_face: Faces of the vertices.
        reach: Farthest that a place is looked for, m.
        confirm: Whether points are inside only if the mesh winds around them as well.
        face: Result: the face of the closest place, A; -1 where none is in reach.
        shares: Result: shares of its corners, A 3.
        distance: Result: m, negative inside, A.
        normal: Result: unit vector out of the mesh, A 3.
    """
    stack, away = np.empty(_STACK, np.int64), np.empty(_STACK)
    outward = np.empty(3)
    for row in range(len(chosen)):
        x, y, z = points[chosen[row], 0], points[chosen[row], 1], points[chosen[row], 2]
        own = meets[part[chosen[row]]]
        best, found = reach * reach, -1
        b0 = b1 = b2 = 0.0
        stack[0], away[0], height = 0, _away(low[0], high[0], x, y, z), 1
        while height > 0:
            height -= 1
            m = stack[height]
            if away[height] >= best:
                continue
            if child[m, 0] >= 0:
                near, far = child[m, 0], child[m, 1]
                dn, df = _away(low[near], high[near], x, y, z), _away(low[far], high[far], x, y, z)
                if dn > df:
                    near, far, dn, df = far, near, df, dn
                if df < best:
                    stack[height], away[height] = far, df
                    height += 1
                if dn < best:
                    stack[height], away[height] = near, dn
                    height += 1
                continue
            for k in range(span[m, 0], span[m, 1]):
                f = order[k]
                if not own[face_part[f]]:
                    continue
                a, b, c = vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]]
                s0, s1, s2 = _in_triangle(x, y, z, a, b, c)
                dx = x - (s0 * a[0] + s1 * b[0] + s2 * c[0])
                dy = y - (s0 * a[1] + s1 * b[1] + s2 * c[1])
                dz = z - (s0 * a[2] + s1 * b[2] + s2 * c[2])
                squared = dx * dx + dy * dy + dz * dz
                if squared < best:
                    best, found = squared, f
                    b0, b1, b2 = s0, s1, s2
        face[row] = found
        if found < 0:
            continue
        shares[row, 0], shares[row, 1], shares[row, 2] = b0, b1, b2
        _outward(vertices, faces, neighbour, first_face, vertex_face, found, shares[row], outward)
        a, b, c = vertices[faces[found, 0]], vertices[faces[found, 1]], vertices[faces[found, 2]]
        dx = x - (b0 * a[0] + b1 * b[0] + b2 * c[0])
        dy = y - (b0 * a[1] + b1 * b[1] + b2 * c[1])
        dz = z - (b0 * a[2] + b1 * b[2] + b2 * c[2])
        side = dx * outward[0] + dy * outward[1] + dz * outward[2]
        sign, length = (1.0 if side >= 0.0 else -1.0), np.sqrt(best)
        if confirm and sign < 0.0:
            turns = _winding(x, y, z, vertices, faces, order, child, span, low, high, stack)
            sign = -1.0 if turns > 0 else 1.0
        distance[row] = sign * length
        if length > 1e-9:
            normal[row, 0] = sign * dx / length
            normal[row, 1] = sign * dy / length
            normal[row, 2] = sign * dz / length
        else:
            size = max(np.sqrt(_dot(outward, outward)), 1e-30)
            for i in range(3):
                normal[row, i] = outward[i] / size
