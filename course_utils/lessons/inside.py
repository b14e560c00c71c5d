"""Lesson 03, inside the network: its pictures, its loops, what it shows and claims."""

from collections.abc import Callable

import numpy as np

from .. import figures
from ..charts import layers, widgets
from ..lesson import claim
from ..models.tokens import as_maps
from ..pictures.arrays import resized
from ..pictures.labelled import Target
from ..pictures.photographs import photographs, pieces
from ..sources import Source
from ..world import shapes

WINDOWS = 7  # in a row


def some_cuts(source: Source, count: int) -> tuple[str, ...]:
    """At most so many of the cuts that hold maps, evenly spaced, the first and the last among them.

    Raises `UnsuitableModel` where no cut holds maps.
    """
    return spread(source.map_cuts(), count)


def spread(names, count: int) -> tuple[str, ...]:
    """At most so many of the names, evenly spaced, the first and the last among them."""
    return tuple(names[k] for k in np.unique(np.linspace(0, len(names) - 1, count).round().astype(int)))


def depth_of(place: int, count: int) -> str:
    """In which third of `count` cuts the one at `place` lies: "shallow", "middle" or "deep"."""
    return ("shallow", "middle", "deep")[min(3 * place // count, 2)]


def named_pictures(source: Source, target: Target, seed: int) -> dict[str, np.ndarray]:
    """Some pictures to look at, uint8: photographs, or the target's where it brings its own, or drawings."""
    if source.name == "drawings":
        drawings, kinds = shapes.render_source(6, seed)
        return {f"{k + 1}: {source.class_names[kinds[k]]}": drawings[k] for k in range(6)}
    if target.name == "windows":
        return {name: picture for picture, name in zip(*photographs(source.input_size[0]), strict=True)}
    firsts = [target.pictures[np.flatnonzero(target.labels == k)[0]] for k in range(len(target.class_names))]
    return dict(zip(target.class_names, _at_size(firsts, source.input_size), strict=True))


def world_pictures(source: Source, target: Target, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures such as the source may have seen, uint8 (n, h, w, 3) at its size, and what each is a piece of, (n,).

    Says what pictures they are.
    """
    if source.name == "drawings":
        drawings, told = shapes.render_source(n, seed)[0], "new drawings"
        found = drawings, np.arange(n)
    elif target.name == "windows":
        found, told = pieces(n, source.input_size[0], seed), "pieces of 19 pictures of installed packages"
    else:
        some = np.random.default_rng([seed, 29]).permutation(len(target.pictures))[:n]
        found, told = (_at_size(target.pictures[some], source.input_size), some), f"pictures of {target.name}"
    print(f"{len(found[0])} pictures: {told}.")
    return found


def _at_size(pictures, size: tuple[int, int]) -> np.ndarray:
    return np.concatenate([resized(np.asarray(p)[None], size) for p in pictures]).clip(0, 255).astype("uint8")


def small_grey(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture (h, w, 3), 0 … 255, as `side` x `side` grey values, float32, 0 … 1."""
    return resized(picture[None], (side, side))[0].mean(-1) / 255


def colour_mixture(pictures: np.ndarray) -> np.ndarray:
    """How red, green and blue go together in pictures: the transposed Cholesky factor of their covariance, (3, 3)."""
    factor = np.linalg.cholesky(np.cov(pictures[:50, ::8, ::8].reshape(-1, 3).T))
    return (factor.T / factor.max()).astype("float32")


def show_convolution(grey: np.ndarray, kernel: np.ndarray, answer: np.ndarray) -> None:
    """The picture, the kernel and the map, with the window where the map is largest in a frame."""
    place = tuple(int(k) for k in np.unravel_index(answer.argmax(), answer.shape))
    title = "A convolution lays the same kernel on every window; each window becomes one number"
    alt = f"A grey picture, a 3 × 3 kernel, and their map; its largest value, {answer.max():.2f}, is framed."
    figures.show(layers.convolution_steps(grey, kernel, answer, place, title), alt)


def show_filters(trained: np.ndarray, untrained: np.ndarray, colour: Callable) -> None:
    """Both sets of kernels (h, w, 3, n) from grey to coloured, and the claim; `colour` gives the share (n,)."""
    sets, spread = {}, {}
    for label, kernels in (("trained", trained), ("never\ntrained", untrained)):
        norms = np.sqrt((kernels**2).sum((0, 1, 2)))
        alive = kernels[..., norms > 1e-3 * norms.max()]
        sets[label] = alive[..., np.argsort(colour(alive))]
        spread[label] = colour(alive).std()
    title = "The first filters, sorted by their share of colour: training makes both kinds"
    alt = "Kernels as small pictures. Trained: edges of little colour, then patches of colour. Never trained: noise."
    figures.show(layers.filters(sets, title), alt)
    one, other = spread.values()
    told = f"standard deviation of the share of colour: {one:.2f}, and {other:.2f} without training"
    claim("Training makes specialists: some filters for brightness, some for colour.", one > 1.3 * other, told)


def show_maps(picture: np.ndarray, maps: dict[str, np.ndarray]) -> None:
    """Six maps at each cut, without the axis of pictures: (h, w, channels)."""
    title = "Shallow maps are drawings of the picture, deep maps only say roughly where something is"
    sizes = ", ".join(f"{cut} {m.shape[0]} × {m.shape[1]}" for cut, m in maps.items())
    figures.show(layers.activation_maps(picture, maps, title), f"Maps of one picture at several depths: {sizes}.")


def map_view(source: Source) -> Callable:
    """What `widgets.explorer` draws: the maps of a picture at a cut, or its tokens laid out as maps, as PNG."""
    import keras

    def view(picture: np.ndarray, cut: str) -> bytes:
        prefix = source.prefix(cut)
        model = keras.Model(prefix.input, as_maps(prefix.output))
        maps = np.asarray(model(source.preprocess(picture[None]), training=False))[0]
        title = f"The six channels at {cut} that vary most over it"
        return widgets.drawn(layers.activation_maps(picture, {cut: maps}, title))

    return view


def core(influence: np.ndarray) -> int:
    """How wide a window, in pixels, holds nine tenths of a cut's influence (h, w)."""
    away = [np.abs(where - (np.min(seen) + np.max(seen)) / 2) for where, seen in _places(influence)]
    around = np.maximum(*away)  # from the middle of what is seen
    order = np.argsort(around.ravel(), kind="stable")
    share = np.cumsum(influence.ravel()[order]) / influence.sum()
    return int(2 * around.ravel()[order][np.searchsorted(share, 0.9)]) + 1


def _places(influence: np.ndarray):
    """For height and width: each pixel's place, and the places of the pixels that matter."""
    return zip(np.indices(influence.shape), np.nonzero(influence), strict=True)


def show_influence(picture: np.ndarray, influences: dict[str, np.ndarray], widths: dict[str, int]) -> None:
    """Which pixels the middle units see, the claim that the window grows, and what matters most of it."""
    size = next(iter(influences.values())).shape
    new = [cut for k, cut in enumerate(widths) if widths[cut] not in list(widths.values())[:k]]  # a window not yet seen
    shown = dict.fromkeys([*spread(new, 5), list(widths)[-1]])
    title = "What one unit in the middle sees: all that is in the frame, the bright part most"
    alt = "One picture, darkened where it does not matter: " + ", ".join(f"{c} {widths[c]} pixels" for c in shown)
    large = resized(picture[None], size)[0]
    figures.show(layers.influence_panels(large, {cut: influences[cut] for cut in shown}, title), alt + ".")
    told = ", ".join(f"{cut} {core(i)} of {widths[cut]}" for cut, i in influences.items())
    print(f"Pixels across that hold 90 % of the brightness, of all that are seen: {told}.")
    grown = list(widths.values())
    sentence = "The window grows with depth, and in the end it is at least half the picture."
    holds = grown == sorted(grown) and grown[-1] >= size[1] / 2
    claim(sentence, holds, ", ".join(f"{cut} {width}" for cut, width in widths.items()))


def best_of_each(values: np.ndarray, origins: np.ndarray) -> np.ndarray:
    """The largest of `values` (n, channels) over all pieces of one photograph: (photographs, channels)."""
    return np.stack([values[origins == k].max(0) for k in np.unique(origins)])


def show_windows(source: Source, strongest: dict, channels: dict, influences: dict, world: tuple) -> None:
    """The windows that excite the `channels` most, as far as their answers reach half of the highest.

    `strongest` holds at each cut the highest answers and their places in the map, counted row by row, each
    (pictures, channels); `world` is what `world_pictures` gave. Of each photograph there is one window at most.
    """
    pictures, origins = world
    rows = {}
    for cut in channels:
        side, width = source.prefix(cut).output.shape[1:3], max(core(influences[cut]), 9)
        for channel in channels[cut]:
            answers, places = (part[:, channel] for part in strongest[cut])
            order = np.argsort(-answers)
            firsts = order[np.sort(np.unique(origins[order], return_index=True)[1])]
            firsts = [n for n in firsts if answers[n] >= answers.max() / 2][:WINDOWS]
            spots = [(np.array(divmod(int(places[n]), side[1])) + 0.5) / side for n in firsts]
            found = [_window(pictures[n], width, spot) for n, spot in zip(firsts, spots, strict=True)]
            rows[f"{cut}, channel {channel}"] = np.stack(found)
    title = "The windows that excite a channel most: a row for each channel, deeper downwards"
    figures.show(figures.patch_rows(rows, title), f"Rows of windows, for each channel one: {', '.join(rows)}.")


def _window(picture: np.ndarray, width: int, place) -> np.ndarray:
    """The window of `width` pixels around a place (0 … 1 of height and width), moved into the picture, at 64 x 64."""
    from PIL import Image

    y, x = (int(np.clip(p * n - width / 2, 0, n - width)) for p, n in zip(place, picture.shape[:2], strict=True))
    part = Image.fromarray(picture[y : y + width, x : x + width])
    return np.asarray(part.resize((64, 64), Image.Resampling.BILINEAR))


def show_liked(liked: dict[str, np.ndarray], gains: dict[str, tuple[float, float]]) -> None:
    """The pictures that were made, 0 … 255, contrast stretched, and the claim; `gains`: before, after."""
    rows = {}
    for cut, made in liked.items():
        middle = made.mean((1, 2, 3), keepdims=True)
        reach = np.percentile(np.abs(made - middle), 99, axis=(1, 2, 3), keepdims=True)
        rows[cut] = ((made - middle) / reach * 127.5 + 127.5).clip(0, 255).astype("uint8")
    title = "What a channel likes best: a picture made for each of six channels, deeper downwards"
    alt = "Made pictures, a row for each cut, from stripes at the top to larger and richer patterns further down."
    figures.show(figures.patch_rows(rows, title), alt)
    told = ", ".join(f"{cut} {a:.2f} to {b:.2f}" for cut, (a, b) in gains.items())
    sentence = "At every depth the channels answer more strongly to the pictures that were made for them."
    claim(sentence, all(b > a for a, b in gains.values()), f"mean value before the ReLU, from noise: {told}")
