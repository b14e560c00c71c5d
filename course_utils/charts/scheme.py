"""The scheme of transfer learning as a drawing."""

from ..figures import BLUE, GREY, WIDTH, new_figure


def idea():
    """The scheme of transfer learning: a source network above, its frozen prefix with a new head below."""
    from matplotlib.patches import FancyBboxPatch

    figure, ax = new_figure(figsize=(WIDTH, 3.5))
    ax.set(xlim=(-1.75, 10.1), ylim=(-0.55, 4.1))
    ax.axis("off")

    def box(x, y, height, text, colour, dashed=False):
        face = "none" if dashed else colour
        style = {"ls": "--" if dashed else "-", "lw": 1.4, "ec": colour, "fc": face}
        ax.add_patch(FancyBboxPatch((x, y - height / 2), 0.78, height, boxstyle="round,pad=0.04", **style))
        ax.text(x + 0.39, y, text, ha="center", va="center", fontsize=9, color=GREY if dashed else "white")

    def row(y, kept):
        for k in range(7):
            name = f"block\n{k}" if k else "stem"
            box(1.1 * k, y, 1.5 - 0.12 * k, name, BLUE if k < kept else GREY, dashed=k >= kept)
            if k < kept:
                arrow = {"arrowstyle": "->", "color": GREY}
                ax.annotate("", (1.1 * k - 0.05, y), (1.1 * k - 0.28, y), arrowprops=arrow)

    row(3.0, 7)
    box(7.7, 3.0, 0.75, "48\nclasses", BLUE)
    row(0.8, 5)
    box(7.7, 0.8, 0.6, "head", "#B34700")
    around = {"arrowstyle": "->", "color": "#B34700", "lw": 1.6, "connectionstyle": "arc3,rad=0.45"}
    ax.annotate("", (7.66, 0.65), (5.38, 0.65), arrowprops=around)
    ax.plot([5.38, 5.38], [-0.15, 1.8], color="#B34700", lw=2)
    ax.text(5.38, 1.86, "cut", color="#B34700", ha="center", va="bottom", fontsize=10)
    ax.text(8.75, 3.0, "source task", va="center", color=BLUE)
    ax.text(8.75, 0.8, "target task", va="center", color="#B34700")
    ax.text(-1.7, 3.0, "many\npictures", va="center", color=BLUE)
    ax.text(-1.7, 0.8, "few\npictures", va="center", color="#B34700")
    ax.text(2.6, -0.3, "prefix: copied and frozen", ha="center", color=BLUE)
    ax.text(8.09, -0.3, "new, trained", ha="center", color="#B34700")
    ax.annotate("", (2.6, 1.75), (2.6, 2.2), arrowprops={"arrowstyle": "->", "color": GREY, "lw": 1.2})
    ax.text(2.72, 1.97, "copy", va="center", color=GREY, fontsize=9)
    return figure
