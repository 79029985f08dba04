"""The compiled half of `view_residuals` and `pair_lag`: distances from epipolar lines at many lags.

A search for a clock looks at hundreds of lags for every two people of every two views; in plain
numpy the calls alone take longer than the arithmetic.
"""

import numpy as np

from marey.geometry._compile import compile_kernel


def _measure_lines(E, one, time, other, own, lags, out):
    """Fill `out` (G T K) with Sampson distances of `one` (T K 2) from `other` (L K 2) at lags."""
    last = len(own) - 1
    for g in range(len(lags)):
        after = 1
        for t in range(len(time)):
            wanted = time[t] + lags[g]
            # Moments grow, so the frames around them do.
            while after < last and own[after] < wanted:
                after += 1
            share = (wanted - own[after - 1]) / (own[after] - own[after - 1])
            if not 0.0 <= share <= 1.0:
                out[g, t] = np.nan
                continue
            for k in range(one.shape[1]):
                x, y = one[t, k, 0], one[t, k, 1]
                u = (1 - share) * other[after - 1, k, 0] + share * other[after, k, 0]
                v = (1 - share) * other[after - 1, k, 1] + share * other[after, k, 1]
                a = E[0, 0] * x + E[0, 1] * y + E[0, 2]
                b = E[1, 0] * x + E[1, 1] * y + E[1, 2]
                c = E[2, 0] * x + E[2, 1] * y + E[2, 2]
                p = E[0, 0] * u + E[1, 0] * v + E[2, 0]
                q = E[0, 1] * u + E[1, 1] * v + E[2, 1]
                out[g, t, k] = (u * a + v * b + c) / np.sqrt(a * a + b * b + p * p + q * q)


def _measure_costs(table, cost, count):
    """Fill `cost` (G) with the root mean square of a table (G T K), cut at four medians."""
    kept = np.empty(table.shape[1] * table.shape[2])
    for g in range(table.shape[0]):
        num = 0
        for t in range(table.shape[1]):
            for k in range(table.shape[2]):
                value = abs(table[g, t, k])
                if value < np.inf:
                    kept[num] = value
                    num += 1
        count[g], cost[g] = num, np.inf
        if num:
            limit, total = 4 * np.median(kept[:num]), 0.0
            for row in range(num):
                total += min(kept[row], limit) ** 2
            cost[g] = np.sqrt(total / num)


measure_lines = compile_kernel(_measure_lines, error_model="numpy")
measure_costs = compile_kernel(_measure_costs, error_model="numpy")
