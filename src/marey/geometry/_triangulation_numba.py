"""The compiled half of `triangulation`: the largest set of views that agree, and their point.

The rule tries every pair of views. Three facts keep the number of pairs from deciding the cost
without changing the result, because a later pair wins with strictly more views only:

- once all views agree, no pair can win;
- a pair is given up when so many views disagree with it that it cannot win any more, and the views
  that disagree with the best pair so far are asked first;
- of two views that agree with the best point X*, the pair's own point X lies in a ball around X*:
  it minimises |A X| / |X|, so that |A X| is at most |A X*| (1 + |X - X*| / |X*|), which bounds its
  distance from both rays, hence from X* by their angle. Where no dissenter can agree with any
  point of the ball, the pair cannot win and is not solved (`_certify`, `_find_hopeless`).

The pairs of one view are solved side by side so that the processor's vector units serve: the null
vector of the 4 x 4 normal matrix is a column of a high power of its inverse.
"""

from functools import partial

import numpy as np

from marey.geometry._compile import compile_kernel

_vectorized = partial(compile_kernel, error_model="numpy")

NUM_STEPS = 30
_TINY = 1e-17
"""Smallest pivot relative to the trace."""
_LANES = 8
"""Pairs are solved in whole groups of this many; what is left over would be slow."""


@_vectorized
def _null_vectors(m, count, x):
    """Solve `count` symmetric 4 x 4 matrices (rows: 00 01 02 03 11 12 13 22 23 33) at once.

    The arrays have room for whole groups of `_LANES`.
    """
    for p in range(count // _LANES * _LANES):
        m00, m01, m02, m03 = m[0, p], m[1, p], m[2, p], m[3, p]
        m11, m12, m13 = m[4, p], m[5, p], m[6, p]
        m22, m23, m33 = m[7, p], m[8, p], m[9, p]
        floor = _TINY * (m00 + m11 + m22 + m33)
        # M = L D L^T.
        d0 = max(m00, floor)
        l10, l20, l30 = m01 / d0, m02 / d0, m03 / d0
        d1 = max(m11 - l10 * m01, floor)
        t21, t31 = m12 - l20 * m01, m13 - l30 * m01
        l21, l31 = t21 / d1, t31 / d1
        d2 = max(m22 - l20 * m02 - l21 * t21, floor)
        t32 = m23 - l30 * m02 - l31 * t21
        l32 = t32 / d2
        d3 = max(m33 - l30 * m03 - l31 * t31 - l32 * t32, floor)
        # K = L^-1 and N = K^T D^-1 K, the inverse, scaled to a largest entry of about one.
        k20 = l10 * l21 - l20
        k31 = l21 * l32 - l31
        k30 = l10 * l31 + l20 * l32 - l30 - l10 * l21 * l32
        k10, k21, k32 = -l10, -l21, -l32
        e0, e1, e2 = d3 / d0, d3 / d1, d3 / d2
        n00 = e0 + k10 * k10 * e1 + k20 * k20 * e2 + k30 * k30
        n01 = k10 * e1 + k20 * k21 * e2 + k30 * k31
        n02 = k20 * e2 + k30 * k32
        n03 = k30
        n11 = e1 + k21 * k21 * e2 + k31 * k31
        n12 = k21 * e2 + k31 * k32
        n13 = k31
        n22 = e2 + k32 * k32
        n23 = k32
        n33 = 1.0
        scale = 1.0 / (n00 + n11 + n22 + n33)
        n00, n01, n02, n03 = n00 * scale, n01 * scale, n02 * scale, n03 * scale
        n11, n12, n13 = n11 * scale, n12 * scale, n13 * scale
        n22, n23, n33 = n22 * scale, n23 * scale, n33 * scale
        # Five squarings: the largest eigenvalue of N outgrows the others by the 32nd power.
        for _ in range(5):
            s00 = n00 * n00 + n01 * n01 + n02 * n02 + n03 * n03
            s01 = n00 * n01 + n01 * n11 + n02 * n12 + n03 * n13
            s02 = n00 * n02 + n01 * n12 + n02 * n22 + n03 * n23
            s03 = n00 * n03 + n01 * n13 + n02 * n23 + n03 * n33
            s11 = n01 * n01 + n11 * n11 + n12 * n12 + n13 * n13
            s12 = n01 * n02 + n11 * n12 + n12 * n22 + n13 * n23
            s13 = n01 * n03 + n11 * n13 + n12 * n23 + n13 * n33
            s22 = n02 * n02 + n12 * n12 + n22 * n22 + n23 * n23
            s23 = n02 * n03 + n12 * n13 + n22 * n23 + n23 * n33
            s33 = n03 * n03 + n13 * n13 + n23 * n23 + n33 * n33
            n00, n01, n02, n03, n11 = s00, s01, s02, s03, s11
            n12, n13, n22, n23, n33 = s12, s13, s22, s23, s33
        x[0, p] = n03 / n33
        x[1, p] = n13 / n33
        x[2, p] = n23 / n33


@_vectorized
def _count_misses(x, count, row, partner, view, limit, in_front, strict, misses):
    """Add one to the misses of every candidate point that a view does not agree with."""
    a0, a1, a2, a3 = row[0], row[1], row[2], row[3]
    b0, b1, b2, b3 = row[4], row[5], row[6], row[7]
    c0, c1, c2, c3 = row[8], row[9], row[10], row[11]
    for p in range(count):
        u = a0 * x[0, p] + a1 * x[1, p] + a2 * x[2, p] + a3
        v = b0 * x[0, p] + b1 * x[1, p] + b2 * x[2, p] + b3
        z = c0 * x[0, p] + c1 * x[1, p] + c2 * x[2, p] + c3
        agrees = (u * u + v * v < limit * z * z) & ((z > 0.0) | (not in_front))
        misses[p] += 0.0 if agrees or ((partner[p] == view) & (not strict)) else 1.0


@_vectorized
def _stay_behind(x, count, rows, partner, own, misses):
    """Rule out points that lie behind one of the two cameras that made them."""
    for p in range(count):
        for row in (rows[own], rows[partner[p]]):
            z = row[8] * x[0, p] + row[9] * x[1, p] + row[10] * x[2, p] + row[11]
            if not z > 0.0:
                misses[p] += 1e6


@_vectorized
def _certify(point, rows, confidence, rays, agreed, num, limit, quality):
    """Find how far another point may lie from this one before a dissenter could agree with it.

    Writes per view: its scale, its distance from the point in m, and its weighted residual.
    """
    reach = np.inf
    x, y, w = point
    tolerance = np.sqrt(limit)
    for k in range(num):
        row = rows[k]
        scale = np.sqrt(row[8] * row[8] + row[9] * row[9] + row[10] * row[10])
        u = row[0] * x + row[1] * y + row[2] * w + row[3]
        v = row[4] * x + row[5] * y + row[6] * w + row[7]
        z = row[8] * x + row[9] * y + row[10] * w + row[11]
        apart = np.sqrt(u * u + v * v)
        quality[0, k] = scale
        quality[1, k] = apart / scale
        quality[2, k] = (confidence[k] * apart) ** 2
        if not agreed[k]:
            depth = z / scale
            # Where the view sees the point: its ray plus the residual.
            off = apart / abs(z)
            place = np.sqrt(rays[k, 0] ** 2 + rays[k, 1] ** 2) + off
            slack = off - tolerance
            safe = slack * depth / (1.0 + place + slack) if depth > 0.0 and slack > 0.0 else 0.0
            reach = min(reach, safe)
    return reach


@_vectorized
def _find_hopeless(i, num, direction, quality, confidence, size, reach, hopeless):
    """Mark the views whose point with view i stays so near that no dissenter can join."""
    d0, d1, d2 = direction[0, i], direction[1, i], direction[2, i]
    scaled = confidence[i] * quality[0, i]
    for j in range(num):
        cross0 = d1 * direction[2, j] - d2 * direction[1, j]
        cross1 = d2 * direction[0, j] - d0 * direction[2, j]
        cross2 = d0 * direction[1, j] - d1 * direction[0, j]
        sine = np.sqrt(cross0 * cross0 + cross1 * cross1 + cross2 * cross2)
        residual = np.sqrt(quality[2, i] + quality[2, j])
        from_i = residual / scaled
        from_j = residual / (confidence[j] * quality[0, j])
        near_i, near_j = from_i + quality[1, i], from_j + quality[1, j]
        constant = (near_i + near_j) / sine + near_i
        slope = ((from_i + from_j) / sine + from_i) / size
        hopeless[j] = (slope < 1.0) & (constant < reach * (1.0 - slope))


@_vectorized
def _select_pairs(i, start, stop, best, hopeless, normal, matrix, partner):
    """Lay out the pairs of view i that have to be solved, in whole groups; return their number."""
    count = 0
    for j in range(start, stop):
        if best[i] and best[j] and hopeless[j]:
            continue
        partner[count] = j
        count += 1
    if count == 0:
        return 0
    used = count
    while used % _LANES:
        partner[used] = partner[count - 1]
        used += 1
    for entry in range(10):
        own = normal[entry, i]
        for p in range(used):
            matrix[entry, p] = own + normal[entry, partner[p]]
    return count


@_vectorized
def _list_dissenters_first(best, num, order):
    """They end a hopeless pair soonest."""
    front, back = 0, num - 1
    for k in range(num):
        if best[k]:
            order[back] = k
            back -= 1
        else:
            order[front] = k
            front += 1


@_vectorized
def _solve_linear(normal, num, best, weigh, confidence, matrix, x):
    """Least squares over all agreeing views: the start of the refinement."""
    for entry in range(10):
        total = 0.0
        for k in range(num):
            if best[k]:
                scale = 1.0 if weigh else 1.0 / (confidence[k] * confidence[k])
                total += scale * normal[entry, k]
        matrix[entry, :_LANES] = total
    _null_vectors(matrix, _LANES, x)


@_vectorized
def _mark_agreeing(x, p, rows, num, i, j, limit, in_front, strict, best):
    for k in range(num):
        row = rows[k]
        u = row[0] * x[0, p] + row[1] * x[1, p] + row[2] * x[2, p] + row[3]
        v = row[4] * x[0, p] + row[5] * x[1, p] + row[6] * x[2, p] + row[7]
        z = row[8] * x[0, p] + row[9] * x[1, p] + row[10] * x[2, p] + row[11]
        agrees = u * u + v * v < limit * z * z and (z > 0.0 or not in_front)
        best[k] = agrees or (k in (i, j) and not strict)


@_vectorized
def _find_best(
    rows, normal, rays, direction, confidence, num, limit, in_front, strict, prune, work, best
):
    """Fill `best` with the views of the largest agreeing set; the first pair wins ties."""
    matrix, x, misses, partner, quality, order, hopeless = work
    size, reach, distance = 0, 0.0, 1.0
    hopeless[:num] = False
    _list_dissenters_first(best, num, order)
    for i in range(num):
        if prune and best[i]:
            _find_hopeless(i, num, direction, quality, confidence, distance, reach, hopeless)
        start = i + 1
        while start < num:
            # The first pair alone: most often it has everybody's agreement.
            stop = start + 1 if i == 0 and start == 1 else num
            count = _select_pairs(i, start, stop, best, hopeless, normal, matrix, partner)
            start = stop
            if count == 0:
                continue
            used = (count + _LANES - 1) // _LANES * _LANES
            _null_vectors(matrix, used, x)
            misses[:used] = 0.0
            if in_front:
                _stay_behind(x, used, rows, partner, i, misses)
            for place in range(num):
                k = order[place]
                if k == i and not strict:
                    continue
                _count_misses(x, used, rows[k], partner, k, limit, in_front, strict, misses)
                if prune:
                    fewest = np.inf
                    for p in range(count):
                        fewest = min(fewest, misses[p])
                    if fewest >= num - size:
                        break
            improved = False
            for p in range(count):
                if num - misses[p] > size:
                    size = num - int(misses[p])
                    _mark_agreeing(x, p, rows, num, i, partner[p], limit, in_front, strict, best)
                    improved = True
            if improved and prune:
                if size == num:
                    return size
                _list_dissenters_first(best, num, order)
                _solve_linear(normal, num, best, True, confidence, matrix, x)
                distance = np.sqrt(1.0 + x[0, 0] ** 2 + x[1, 0] ** 2 + x[2, 0] ** 2)
                reach = _certify(x[:, 0], rows, confidence, rays, best, num, limit, quality)
    return size


@_vectorized
def _accumulate(point, extrinsics, rays, weight, variance, chosen, h, g, c):
    """Sum H = J^T W J, g = J^T W r and J^T W V W J over the chosen views; return r^T W r."""
    h[:] = 0.0
    g[:] = 0.0
    c[:] = 0.0
    loss = 0.0
    jacobian = np.empty((2, 3))
    for k in range(len(chosen)):
        if not chosen[k]:
            continue
        e = extrinsics[k]
        z = e[2, 0] * point[0] + e[2, 1] * point[1] + e[2, 2] * point[2] + e[2, 3]
        inverse = 1.0 / z
        for r in range(2):
            image = e[r, 0] * point[0] + e[r, 1] * point[1] + e[r, 2] * point[2] + e[r, 3]
            plane = image * inverse
            residual = plane - rays[k, r]
            loss += weight[k] * residual * residual
            for axis in range(3):
                jacobian[r, axis] = (e[r, axis] - plane * e[2, axis]) * inverse
                g[axis] += weight[k] * residual * jacobian[r, axis]
        noise = weight[k] * weight[k] * variance[k]
        entry = 0
        for row in range(3):
            for column in range(row, 3):
                product = (
                    jacobian[0, row] * jacobian[0, column] + jacobian[1, row] * jacobian[1, column]
                )
                h[entry] += weight[k] * product
                c[entry] += noise * product
                entry += 1
    return loss


@_vectorized
def _invert(h, damping, inverse):
    """Invert a symmetric 3 x 3 matrix (00 01 02 11 12 22) with its diagonal raised by a share."""
    raised = 1.0 + damping
    a, b, c, d, e, f = h[0] * raised, h[1], h[2], h[3] * raised, h[4], h[5] * raised
    inverse[0] = d * f - e * e
    inverse[1] = c * e - b * f
    inverse[2] = b * e - c * d
    inverse[3] = a * f - c * c
    inverse[4] = b * c - a * e
    inverse[5] = a * d - b * b
    determinant = a * inverse[0] + b * inverse[1] + c * inverse[2]
    for entry in range(6):
        inverse[entry] /= determinant
    return determinant > 0.0


@_vectorized
def _times(m, v, result):
    result[0] = m[0] * v[0] + m[1] * v[1] + m[2] * v[2]
    result[1] = m[1] * v[0] + m[3] * v[1] + m[4] * v[2]
    result[2] = m[2] * v[0] + m[4] * v[1] + m[5] * v[2]


@_vectorized
def _refine(point, extrinsics, rays, weight, variance, chosen, spread):
    """Damped Gauss-Newton on the plane z = 1.

    Writes the point and its covariance; returns r^T W r.
    """
    h, g, c, inverse = np.empty(6), np.empty(3), np.empty(6), np.empty(6)
    h2, g2, c2 = np.empty(6), np.empty(3), np.empty(6)
    step, trial = np.empty(3), np.empty(3)
    damping = 0.0
    loss = _accumulate(point, extrinsics, rays, weight, variance, chosen, h, g, c)
    for _ in range(NUM_STEPS):
        _invert(h, damping, inverse)
        _times(inverse, g, step)
        length, size = 0.0, 1.0
        for axis in range(3):
            trial[axis] = point[axis] - step[axis]
            length += step[axis] * step[axis]
            size += point[axis] * point[axis]
        new = _accumulate(trial, extrinsics, rays, weight, variance, chosen, h2, g2, c2)
        if new < loss:
            gained = loss - new
            loss, damping = new, damping * 0.1
            for axis in range(3):
                point[axis], g[axis] = trial[axis], g2[axis]
            for entry in range(6):
                h[entry], c[entry] = h2[entry], c2[entry]
            if length < 1e-18 * size or gained < 1e-14 * loss:
                break
        elif length < 1e-18 * size:
            break
        else:
            damping = max(10.0 * damping, 1e-3)
    # Covariance of weighted least squares: H^-1 (J^T W V W J) H^-1.
    sound = _invert(h, 0.0, inverse)
    column, moved = np.empty(3), np.empty(3)
    full = np.empty((3, 3))
    place = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])
    for j in range(3):
        for row in range(3):
            column[row] = inverse[place[row, j]]
        _times(c, column, moved)
        _times(inverse, moved, column)
        for row in range(3):
            full[row, j] = column[row]
    entry = 0
    for row in range(3):
        for j in range(row, 3):
            spread[entry] = full[row, j] if sound else np.nan
            entry += 1
    return loss


@_vectorized
def triangulate_kernel(
    rays,
    confidence,
    variance,
    extrinsics,
    moment,
    secondary,
    min_confidence,
    max_error,
    weigh_fit,
    by_variance,
    in_front,
    strict,
    prune,
    position,
    covariance,
    error,
    misfit,
    inlier,
):
    """Triangulate P points; the arrays are those of `triangulation`, the point first.

    rays: [P, C, 2]; confidence, variance (of a coordinate on the plane z = 1), inlier: [P, C];
    extrinsics: [M, C, 3, 4]; moment: [P], which of the M poses; secondary: [C];
    position: [P, 3], covariance: [P, 6], error and misfit: [P] are NaN on entry.
    """
    num_points, num_views = confidence.shape
    rows = np.empty((num_views, 12))
    normal = np.empty((10, num_views))
    direction = np.empty((3, num_views))
    room = num_views + _LANES
    matrix, x = np.empty((10, room)), np.empty((3, room))
    misses, partner = np.empty(room), np.empty(room, np.int64)
    quality, order = np.empty((3, num_views)), np.empty(num_views, np.int64)
    hopeless = np.empty(num_views, np.bool_)
    work = (matrix, x, misses, partner, quality, order, hopeless)
    views = np.empty(num_views, np.int64)
    best = np.empty(num_views, np.bool_)
    sure = np.empty(num_views)
    ray, pose = np.empty((num_views, 2)), np.empty((num_views, 3, 4))
    weight, noise = np.empty(num_views), np.empty(num_views)
    limit = (2.0 * max_error) ** 2
    for point in range(num_points):
        poses = extrinsics[moment[point]]
        primary, everyone = 0, 0
        for view in range(num_views):
            if confidence[point, view] > min_confidence:
                everyone += 1
                if not secondary[view]:
                    primary += 1
        use_all = primary < 2 and everyone >= 3
        if primary < 2 and not use_all:
            continue
        num = 0
        for view in range(num_views):
            if confidence[point, view] > min_confidence and (use_all or not secondary[view]):
                views[num] = view
                num += 1
        for k in range(num):
            view = views[k]
            e = poses[view]
            sure[k] = confidence[point, view]
            ray[k, 0], ray[k, 1] = rays[point, view, 0], rays[point, view, 1]
            noise[k] = variance[point, view]
            weight[k] = 1.0 / noise[k] if by_variance else 1.0
            for r in range(3):
                for column in range(4):
                    pose[k, r, column] = e[r, column]
            for column in range(4):
                rows[k, column] = ray[k, 0] * e[2, column] - e[0, column]
                rows[k, 4 + column] = ray[k, 1] * e[2, column] - e[1, column]
                rows[k, 8 + column] = e[2, column]
            entry, squared = 0, sure[k] * sure[k]
            for r in range(4):
                for column in range(r, 4):
                    normal[entry, k] = squared * (
                        rows[k, r] * rows[k, column] + rows[k, 4 + r] * rows[k, 4 + column]
                    )
                    entry += 1
            length = 0.0
            for axis in range(3):
                direction[axis, k] = ray[k, 0] * e[0, axis] + ray[k, 1] * e[1, axis] + e[2, axis]
                length += direction[axis, k] ** 2
            length = np.sqrt(length)
            for axis in range(3):
                direction[axis, k] /= length
            best[k] = False
        size = _find_best(
            rows,
            normal,
            ray,
            direction,
            sure,
            num,
            limit,
            in_front,
            strict,
            prune,
            work,
            best[:num],
        )
        if size < 2:
            continue
        _solve_linear(normal, num, best, weigh_fit, sure, matrix, x)
        for axis in range(3):
            position[point, axis] = x[axis, 0]
        misfit[point] = _refine(
            position[point],
            pose[:num],
            ray[:num],
            weight[:num],
            noise[:num],
            best[:num],
            covariance[point],
        )
        total = 0.0
        for k in range(num):
            if not best[k]:
                continue
            inlier[point, views[k]] = True
            e, p = pose[k], position[point]
            z = e[2, 0] * p[0] + e[2, 1] * p[1] + e[2, 2] * p[2] + e[2, 3]
            u = (e[0, 0] * p[0] + e[0, 1] * p[1] + e[0, 2] * p[2] + e[0, 3]) / z - ray[k, 0]
            v = (e[1, 0] * p[0] + e[1, 1] * p[1] + e[1, 2] * p[2] + e[1, 3]) / z - ray[k, 1]
            total += 0.5 * np.sqrt(u * u + v * v)
        error[point] = total / size
