"""The renderer of the embedded world: 64 x 64 RGB drawings from independent factors.

One picture shows one shape, filled with one texture, in front of a background. Everything that
varies is a *factor* that we draw ourselves, so it is known exactly for each picture, and a probe
can be asked how well a layer still knows it. NumPy only.
"""

from collections.abc import Callable, Sequence

import numpy as np

SIZE = 64  # pixels, width and height of every drawing

Factors = dict[str, np.ndarray]
Plane = np.ndarray  # float32 coordinates or distances, shape (n, SIZE, SIZE)


def _half_planes(u: Plane, v: Plane, n: int, apothem: float) -> Plane:
    """Signed distance to a regular polygon with n sides: the largest of n half-plane distances."""
    turns = np.float32(np.pi / 2) + np.arange(n, dtype=np.float32) * np.float32(2 * np.pi / n)
    distance = u * np.cos(turns[0]) + v * np.sin(turns[0])
    for turn in turns[1:]:
        np.maximum(distance, u * np.cos(turn) + v * np.sin(turn), out=distance)
    return distance - np.float32(apothem)


def _star(u: Plane, v: Plane, n: int, inner: float) -> Plane:
    """Signed distance to a star with n points, by folding the plane into one half point."""
    r = np.hypot(u, v)
    wedge = np.float32(np.pi / n)
    a = np.abs(np.mod(np.arctan2(u, -v), 2 * wedge) - wedge)
    x, y = r * np.cos(a), r * np.sin(a)
    # The edge runs from the notch (inner, 0) to the tip at angle `wedge` and radius 1.
    ex, ey = np.cos(wedge) - inner, np.sin(wedge)
    return (ey * (x - inner) - ex * y) / np.float32(np.hypot(ex, ey))


def _box(u: Plane, v: Plane, x: float, y: float, w: float, h: float) -> Plane:
    """Signed distance to a box with centre (x, y) and half sides w and h."""
    return np.maximum(np.abs(u - np.float32(x)) - np.float32(w), np.abs(v - np.float32(y)) - np.float32(h))


def _disc(u: Plane, v: Plane, x: float, y: float, r: float) -> Plane:
    return np.hypot(u - np.float32(x), v - np.float32(y)) - np.float32(r)


def _heart(u: Plane, v: Plane) -> Plane:
    turned = np.maximum(np.abs(u + v), np.abs(u - v)) * np.float32(0.7071) - np.float32(0.53)
    lobes = np.minimum(_disc(u, v, -0.375, -0.375, 0.53), _disc(u, v, 0.375, -0.375, 0.53))
    return np.minimum(turned, lobes)


def _arrow(u: Plane, v: Plane) -> Plane:
    head = np.maximum(_half_planes(u, v + np.float32(0.12), 3, 0.4), v - np.float32(0.28))
    return np.minimum(head, _box(u, v, 0, 0.55, 0.2, 0.4))


def _drop(u: Plane, v: Plane) -> Plane:
    tip = np.maximum((np.abs(u) * np.float32(0.87) - (v + np.float32(0.95)) * np.float32(0.49)), v - np.float32(0.1))
    return np.minimum(_disc(u, v, 0, 0.35, 0.58), tip)


# Each takes coordinates in units of the shape's radius, and gives a distance: negative is inside.
_DISTANCE: dict[str, Callable[[Plane, Plane], Plane]] = {
    "disc": lambda u, v: _disc(u, v, 0, 0, 0.85),
    "square": lambda u, v: _box(u, v, 0, 0, 0.74, 0.74),
    "bar": lambda u, v: _box(u, v, 0, 0, 0.95, 0.34),
    "triangle": lambda u, v: _half_planes(u, v, 3, 0.52),
    "pentagon": lambda u, v: _half_planes(u, v, 5, 0.75),
    "star": lambda u, v: _star(u, v, 5, 0.42),
    "ring": lambda u, v: np.abs(_disc(u, v, 0, 0, 0.66)) - np.float32(0.24),
    "cross": lambda u, v: np.minimum(_box(u, v, 0, 0, 0.92, 0.3), _box(u, v, 0, 0, 0.3, 0.92)),
    "crescent": lambda u, v: np.maximum(_disc(u, v, 0, 0, 0.9), -_disc(u, v, 0.42, 0, 0.72)),
    "heart": _heart,
    "half disc": lambda u, v: np.maximum(_disc(u, v, 0, 0.4, 0.95), v - np.float32(0.4)),
    "ell": lambda u, v: np.minimum(_box(u, v, -0.42, 0, 0.3, 0.9), _box(u, v, 0, 0.6, 0.72, 0.3)),
    "diamond": lambda u, v: (np.abs(u) * np.float32(1.6) + np.abs(v)) * np.float32(0.53) - np.float32(0.5),
    "four-point star": lambda u, v: _star(u, v, 4, 0.36),
    "tee": lambda u, v: np.minimum(_box(u, v, 0, -0.6, 0.8, 0.28), _box(u, v, 0, 0.2, 0.28, 0.72)),
    "arrow": _arrow,
    "drop": _drop,
    "frame": lambda u, v: np.abs(_box(u, v, 0, 0, 0.62, 0.62)) - np.float32(0.18),
    "zed": lambda u, v: np.minimum(
        np.minimum(_box(u, v, -0.3, -0.62, 0.55, 0.24), _box(u, v, 0.3, 0.62, 0.55, 0.24)),
        _box(u, v, 0, 0, 0.24, 0.8),
    ),
    "wedge": lambda u, v: np.maximum(_disc(u, v, 0, 0, 0.88), u * np.float32(0.8) - np.abs(v) * np.float32(0.6)),
}

SOURCE_SHAPES = tuple(_DISTANCE)[:12]
UNSEEN_SHAPES = tuple(_DISTANCE)[12:]


def _wave(x: Plane) -> Plane:
    """A square wave with soft edges, period 1, from 0 to 1."""
    return np.clip(np.float32(0.5) + np.float32(1.6) * np.sin(np.float32(2 * np.pi) * x), 0, 1)


def _checks(x: Plane, y: Plane) -> Plane:
    product = np.sin(np.float32(2 * np.pi) * x) * np.sin(np.float32(2 * np.pi) * y)
    return np.clip(np.float32(0.5) + np.float32(2.5) * product, 0, 1)


def _dots(x: Plane, y: Plane) -> Plane:
    s = np.sin(np.float32(np.pi) * x) ** 2 * np.sin(np.float32(np.pi) * y) ** 2
    return np.clip((s - np.float32(0.35)) * np.float32(4), 0, 1)


# Each takes coordinates in units of the texture's period, and gives the share of the second colour.
_PATTERN: dict[str, Callable[[Plane, Plane], Plane]] = {
    "solid": lambda x, y: np.zeros_like(x),
    "stripes": lambda x, y: _wave(x),
    "checks": lambda x, y: _checks(x * np.float32(0.7), y * np.float32(0.7)),
    "dots": lambda x, y: _dots(x, y),
    "rings": lambda x, y: _wave(np.hypot(x, y)),
    "waves": lambda x, y: _wave(x + np.float32(0.35) * np.sin(np.float32(np.pi) * y)),
    "grid": lambda x, y: np.maximum(_wave(x) * 1, _wave(y) * 1),
}

SOURCE_TEXTURES = tuple(_PATTERN)[:4]
UNSEEN_TEXTURES = tuple(_PATTERN)[4:]


def class_names(shapes: Sequence[str] = SOURCE_SHAPES, textures: Sequence[str] = SOURCE_TEXTURES) -> tuple[str, ...]:
    """Names of the source classes, "texture shape", in the order of `source_labels`."""
    return tuple(f"{texture} {shape}" for shape in shapes for texture in textures)


def source_labels(factors: Factors) -> np.ndarray:
    """Class of each drawing in the source task: int64, shape (n,), 0 … 47 (12 shapes x 4 textures)."""
    return factors["shape"] * len(SOURCE_TEXTURES) + factors["texture"]


def sample_factors(
    n: int,
    rng: np.random.Generator,
    shapes: Sequence[str] = SOURCE_SHAPES,
    textures: Sequence[str] = SOURCE_TEXTURES,
    **fixed: np.ndarray | float,
) -> Factors:
    """Draw the factors of n drawings, each factor independently of the others.

    `fixed` sets a factor by name, to one value for all or to an array of shape (n, …).

    Factors: `shape`, `texture` (index into `shapes`, `textures`); `x`, `y` (centre, -1 … 1 from the
    left and top edge); `size` (radius in pixels); `angle`, `texture_angle` (radians); `period`
    (pixels); `phase`; `colours` (n, 4, 3) in 0 … 1: shape, its second colour, background, its
    second colour; `clutter` (strength of the background's pattern, 0 … 1); `light` (n, 2) slope of
    the shading; `blur` 0 … 1; `noise` (standard deviation, 0 … 1).
    """

    def uniform(low, high, *shape):
        return rng.uniform(low, high, (n, *shape)).astype("float32")

    colours = uniform(0, 1, 4, 3)
    # A shape that cannot be seen teaches nothing: push the shape's colours away from the background's.
    for front in (0, 1):
        gap = colours[:, front] - colours[:, 2]
        push = np.where(gap >= 0, 0.28, -0.28) * (np.abs(gap).max(axis=1, keepdims=True) < 0.45)
        colours[:, front] = np.clip(colours[:, front] + push, 0, 1)
    gap = colours[:, 1] - colours[:, 0]
    weak = np.abs(gap).max(axis=1, keepdims=True) < 0.45
    colours[:, 1] = np.where(weak, (colours[:, 0] + 0.5) % 1, colours[:, 1])
    colours[:, 3] = colours[:, 2] + 0.35 * (colours[:, 3] - colours[:, 2])

    factors = {
        "shape": rng.integers(0, len(shapes), n),
        "texture": rng.integers(0, len(textures), n),
        "x": uniform(-0.35, 0.35),
        "y": uniform(-0.35, 0.35),
        "size": uniform(14, 25),
        "angle": uniform(0, 2 * np.pi),
        "texture_angle": uniform(0, np.pi),
        "period": uniform(5, 8.5),
        "phase": uniform(0, 1, 2),
        "colours": colours,
        "clutter": uniform(0, 1),
        "light": uniform(-0.3, 0.3, 2),
        "blur": uniform(0, 0.8),
        "noise": uniform(0, 0.06),
    }
    for name, value in fixed.items():
        factors[name] = np.broadcast_to(np.asarray(value, factors[name].dtype), factors[name].shape).copy()
    factors["shape_name"] = np.asarray(shapes)[factors["shape"]]
    factors["texture_name"] = np.asarray(textures)[factors["texture"]]
    return factors


_AXIS = (np.arange(SIZE, dtype=np.float32) - (SIZE - 1) / 2)[None, :]


def _column(values: np.ndarray) -> np.ndarray:
    return values.astype("float32")[:, None, None]


def _turned(angle: np.ndarray, x: Plane, y: Plane) -> tuple[Plane, Plane]:
    c, s = _column(np.cos(angle)), _column(np.sin(angle))
    return c * x + s * y, c * y - s * x


def _grid(factors: Factors) -> tuple[Plane, Plane]:
    """Pixel coordinates relative to each drawing's centre, as broadcastable (n, 1, SIZE) and (n, SIZE, 1)."""
    half = SIZE / 2
    return _AXIS[:, None, :] - _column(factors["x"] * half), _AXIS[:, :, None] - _column(factors["y"] * half)


def _background(factors: Factors, rng: np.random.Generator) -> np.ndarray:
    n = len(factors["x"])
    k = rng.uniform(-0.16, 0.16, (2, 2, n))
    phase = rng.uniform(0, 2 * np.pi, (2, n))
    pattern = sum(
        np.sin(_column(k[i, 0]) * _AXIS[:, None, :] + _column(k[i, 1]) * _AXIS[:, :, None] + _column(phase[i]))
        for i in range(2)
    )
    share = (np.float32(0.5) + np.float32(0.25) * pattern) * _column(factors["clutter"])
    back, other = factors["colours"][:, 2, :, None, None], factors["colours"][:, 3, :, None, None]
    return back + (other - back) * share[:, None]


def _paint(canvas: np.ndarray, factors: Factors) -> None:
    """Lay one textured shape onto each picture of `canvas` (n, 3, SIZE, SIZE), in place."""
    x, y = _grid(factors)
    u, v = _turned(factors["angle"], x, y)
    radius = _column(factors["size"])
    u, v = u / radius, v / radius
    cover = np.empty_like(u)
    for name in np.unique(factors["shape_name"]):
        at = factors["shape_name"] == name
        cover[at] = _DISTANCE[name](u[at], v[at])
    cover = np.clip(np.float32(0.5) - cover * radius, 0, 1)

    s, t = _turned(factors["texture_angle"], x, y)
    s = s / _column(factors["period"]) + _column(factors["phase"][:, 0])
    t = t / _column(factors["period"]) + _column(factors["phase"][:, 1])
    share = np.empty_like(s)
    for name in np.unique(factors["texture_name"]):
        at = factors["texture_name"] == name
        share[at] = _PATTERN[name](s[at], t[at])

    front, other = factors["colours"][:, 0, :, None, None], factors["colours"][:, 1, :, None, None]
    canvas += cover[:, None] * (front + (other - front) * share[:, None] - canvas)


def _finish(canvas: np.ndarray, factors: Factors, rng: np.random.Generator) -> np.ndarray:
    """Light, blur, noise, then 8 bits with channels last."""
    light = _column(factors["light"][:, 0]) * (_AXIS[:, None, :] / 32) + _column(factors["light"][:, 1]) * (
        _AXIS[:, :, None] / 32
    )
    canvas *= (1 + light)[:, None]
    blur = factors["blur"].astype("float32")[:, None, None, None] / 4
    for axis in (2, 3):
        padded = np.concatenate([canvas.take([0], axis), canvas, canvas.take([-1], axis)], axis)
        before, after = (padded[:, :, :-2], padded[:, :, 2:]) if axis == 2 else (padded[..., :-2], padded[..., 2:])
        canvas += blur * (before + after - 2 * canvas)
    noise = rng.standard_normal(canvas.shape, dtype=np.float32)
    canvas += factors["noise"].astype("float32")[:, None, None, None] * noise
    return (np.clip(canvas, 0, 1) * 255 + 0.5).astype("uint8").transpose(0, 2, 3, 1)


_BATCH = 128  # the working set of one batch stays in the processor's cache


def render(factors: Factors | Sequence[Factors], rng: np.random.Generator) -> np.ndarray:
    """Render drawings from their factors: uint8, shape (n, 64, 64, 3), RGB.

    With several sets of factors, each adds one more shape to the same n pictures; background, light,
    blur and noise are the first set's. `rng` gives the background's pattern and the noise.
    """
    layers = [factors] if isinstance(factors, dict) else list(factors)
    n = len(layers[0]["x"])
    pictures = np.empty((n, SIZE, SIZE, 3), "uint8")
    for start in range(0, n, _BATCH):
        part = slice(start, start + _BATCH)
        batch = [{name: values[part] for name, values in layer.items()} for layer in layers]
        canvas = _background(batch[0], rng)
        for layer in batch:
            _paint(canvas, layer)
        pictures[part] = _finish(canvas, batch[0], rng)
    return pictures


def render_source(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """n drawings of the source task: pictures uint8 (n, 64, 64, 3), and labels int64 (n,), 0 … 47."""
    rng = np.random.default_rng(seed)
    factors = sample_factors(n, rng)
    return render(factors, rng), source_labels(factors)
