"""The small MLP's training step as straight-line NumPy: what NumPy itself costs, without a library.

    python benchmarks/floor.py

Every array operation that the step needs, written out for fixed shapes into preallocated buffers:
no tape, no modules, no checks. Rushlight on NumPy kernels cannot be faster than this.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

F = np.float32
N, WIDTHS = 64, (8, 128, 64, 2)
ONES, ZEROS = np.ones(N, F), np.zeros(N * max(WIDTHS), F)
BITS = np.random.SFC64(0)


class Flat:
    """Arrays laid one behind the other in one vector."""

    def __init__(self, shapes: list[tuple[int, ...]]) -> None:
        ends = np.cumsum([0, *(int(np.prod(s)) for s in shapes)])
        self.all = np.zeros(ends[-1], F)
        self.parts = [
            self.all[a:b].reshape(s) for a, b, s in zip(ends, ends[1:], shapes, strict=False)
        ]


def normalize(h: Any, w: Any, b: Any, mean: Any, var: Any) -> tuple[Any, Any]:
    """Batch norm in place of the deviations, running statistics included."""
    m = ONES.dot(h)
    m /= N
    h -= m
    y = np.square(h)
    v = ONES.dot(y)
    v /= N
    r = np.sqrt(v + 1e-5)
    np.divide(1.0, r, out=r)
    np.multiply(h, r * w, out=y)
    y += b
    mean *= 0.9
    m *= 0.1
    mean += m
    var *= 0.9
    v *= 0.1 * N / (N - 1)
    var += v
    return y, r


def normalize_grad(g: Any, h: Any, r: Any, w: Any, dw: Any, db: Any) -> Any:
    """Gradient of batch norm by its input; those by w and b are written."""
    np.dot(ONES, g, out=db)
    along = ONES.dot(g * h)
    along *= r
    dw[:] = along
    d = h * (along * (r / -N))
    d += g
    d -= db / N
    d *= r * w
    return d


def activate(y: Any) -> Any:
    """ReLU and dropout in place; returns the factor of both for the gradient."""
    flat = y.reshape(-1)
    np.maximum(flat, ZEROS[: flat.size], out=flat)
    mask = np.not_equal(y, 0, out=np.empty_like(y))
    keep = BITS.random_raw(flat.size // 4).view(np.uint16) < 52429
    factor = np.multiply(keep, 1.25, dtype=F).reshape(y.shape)
    y *= factor
    factor *= mask
    return factor


class Step:
    """The net 8-128-64-2 with batch norm, ReLU, dropout, mean squared error and Adam."""

    def __init__(self) -> None:
        i, a, b, o = WIDTHS
        shapes = [(a, i), (a,), (a,), (a,), (b, a), (b,), (b,), (b,), (o, b), (o,)]
        self.p, self.g, self.m, self.v, self.t = (Flat(shapes) for _ in range(5))
        rng = np.random.default_rng(0)
        self.p.all[:] = rng.standard_normal(self.p.all.size) * 0.1
        self.x, self.y = rng.random((N, i), F), rng.random((N, o), F)
        self.running = [np.zeros(a, F), np.ones(a, F), np.zeros(b, F), np.ones(b, F)]
        self.steps = 0

    def __call__(self) -> float:
        """Train once and return the loss."""
        w1, b1, s1, c1, w2, b2, s2, c2, w3, b3 = self.p.parts
        dw1, db1, ds1, dc1, dw2, db2, ds2, dc2, dw3, db3 = self.g.parts
        h1 = self.x.dot(w1.T)
        h1 += b1
        y1, r1 = normalize(h1, s1, c1, *self.running[:2])
        f1 = activate(y1)
        h2 = y1.dot(w2.T)
        h2 += b2
        y2, r2 = normalize(h2, s2, c2, *self.running[2:])
        f2 = activate(y2)
        error = y2.dot(w3.T)
        error += b3
        error -= self.y
        flat = error.reshape(-1)
        loss = float(flat.dot(flat)) / flat.size

        error *= 2.0 / flat.size
        np.dot(error.T, y2, out=dw3)
        np.dot(ONES, error, out=db3)
        d = error.dot(w3)
        d *= f2
        d = normalize_grad(d, h2, r2, s2, ds2, dc2)
        np.dot(d.T, y1, out=dw2)
        np.dot(ONES, d, out=db2)
        d = d.dot(w2)
        d *= f1
        d = normalize_grad(d, h1, r1, s1, ds1, dc1)
        np.dot(d.T, self.x, out=dw1)
        np.dot(ONES, d, out=db1)
        self.adam()
        return loss

    def adam(self) -> None:
        """Step all parameters as one vector."""
        self.steps += 1
        p, g, m, v, t = (flat.all for flat in (self.p, self.g, self.m, self.v, self.t))
        m *= 0.9
        np.multiply(g, 0.1, out=t)
        m += t
        v *= 0.999
        np.multiply(g, g, out=t)
        t *= 0.001
        v += t
        np.sqrt(v, out=t)
        t /= (1 - 0.999**self.steps) ** 0.5
        t += 1e-8
        np.divide(m, t, out=t)
        t *= 1e-3 / (1 - 0.9**self.steps)
        p -= t


def main() -> None:
    """Print the median and the best of many steps."""
    step, times = Step(), []
    for _ in range(5000):
        start = time.perf_counter()
        step()
        times.append((time.perf_counter() - start) * 1e3)
    times = times[1000:]
    print(f"straight-line NumPy step {statistics.median(times):.3f} ms (best {min(times):.3f})")


if __name__ == "__main__":
    main()
