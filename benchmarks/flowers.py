"""The table `flowers` that lesson 04 draws: a linear head on photographs of flowers, by cut and by number of pictures.

Needs the folder that COURSE_DATA names, as recipes.py does. Draws take their pictures from `train`; the test pictures
are those of `val`. Numbers alone go into the table.
"""

import click
from recipes import DATA, ready


def _measured(name: str, settings: dict) -> dict:
    """Test accuracy (%) for one source: "trained" maps n to (draws, cuts); controls are at the middle n."""
    from course_utils.pictures.folders import folder_target
    from course_utils.probing import cut_features, random_features, raw_pixels, sweep
    from course_utils.sources import load_source

    source = load_source(name, pixels=settings["pixels"])
    ns, middle = settings["ns"], settings["ns"][1]
    target = folder_target(DATA / "flowers5", side=settings["pixels"])
    parts = target.pictures, target.test_pictures
    known, asked = (cut_features(source, part) for part in parts)
    trained = sweep(target, known, asked, ns, settings["draws"])
    known, asked = (random_features(source, part, 0) for part in parts)
    untrained = sweep(target, known, asked, (middle,), settings["draws"])[middle]
    known, asked = ({"pixels": raw_pixels(part)} for part in parts)
    raw = sweep(target, known, asked, (middle,), settings["draws"])[middle]
    tidy = {str(n): table.round(2).tolist() for n, table in trained.items()}
    found = {"cuts": list(source.cuts), "trained": tidy, "test pictures": len(target.test_pictures)}
    return found | {"untrained": untrained.round(2).tolist(), "pixels": raw[:, 0].round(2).tolist()}


@click.command()
def main():
    """Measure both sources, print the means and put the table among those that come with the course."""
    ready()
    from course_utils.lessons.cutting import FLOWERS
    from course_utils.store.cache import ship_table

    table = {name: _measured(name, FLOWERS) for name in FLOWERS["sources"]}
    for name, found in table.items():
        for n, rows in found["trained"].items():
            means = (
                f"{cut} {sum(column) / len(rows):.0f}"
                for cut, column in zip(found["cuts"], zip(*rows, strict=True), strict=True)
            )
            print(f"{name}, n = {n}: " + ", ".join(means))
    print(ship_table("flowers", FLOWERS, table))


if __name__ == "__main__":
    main()
