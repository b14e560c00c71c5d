"""Where a network can be cut: the layers whose one output carries everything that later layers get to see."""

import re
from collections import Counter
from typing import Any


def uses(model) -> list:
    """Every use of a layer in the model's graph, from input to output, as Keras's own nodes.

    `layer.output` will not do: for a model within the model it belongs to another graph.
    """
    return [node for depth in sorted(model._nodes_by_depth, reverse=True) for node in model._nodes_by_depth[depth]]


def is_graph(step) -> bool:
    """Whether it is a model within the model whose connections are known, as those of a class of one's own are not."""
    return hasattr(step, "layers") and hasattr(step, "inputs")


def free_name(model, name: str) -> str:
    """A name for a new layer on top of the model, which no layer in it has."""
    taken = {layer.name for layer in model.layers}
    while name in taken:
        name += "_again"
    return name


def output_of(model, name: str):
    """The output of the layer called `name` as a tensor of this model's graph, or None where there is no such layer."""
    return next((node.output_tensors[0] for node in uses(model) if node.operation.name == name), None)


def passages(model) -> list:
    """The layers through which everything passes, from input to output: no connection leads around them."""
    import keras

    nodes = uses(model)
    place = {id(node): i for i, node in enumerate(nodes)}
    times = Counter(id(node.operation) for node in nodes)
    reach, furthest = [0] * len(nodes), 0  # how far the connections from each node go
    for i, node in enumerate(nodes):
        for parent in node.parent_nodes:
            reach[place[id(parent)]] = max(reach[place[id(parent)]], i)
    found = []
    for i, node in enumerate(nodes):
        single = len(node.output_tensors) == 1 and times[id(node.operation)] == 1
        if furthest <= i and single and isinstance(node.operation, keras.layers.Layer):
            found.append(node.operation)
        furthest = max(furthest, reach[i])
    return found


def _is_numbered(layer) -> bool:
    """Whether Keras made up the layer's name from its class: such a name changes from load to load."""
    return re.sub(r"(_\d+)?$", "", layer.name).replace("_", "") == type(layer).__name__.lower()


def _lasting_names(model):
    """Each layer with a name that is the same in every load, as (name, layer), from input to output.

    A layer that Keras merely numbered ("add_7" in one load, "add_19" in the next) is called after the block before it
    ("block5_add"); two layers may get the same name.
    """
    block = "stem"
    for layer in dict.fromkeys(node.operation for node in uses(model)):
        if _is_numbered(layer):
            yield f"{block}_{re.sub(r'_[0-9]+$', '', layer.name)}", layer
        else:
            block = re.sub(r"_(identity|bn|pool|sepconv\w+)$", "", layer.name)
            yield layer.name, layer


def named_cuts(model, pattern: str, skipped_over: bool = False) -> dict[str, Any]:
    """The model's layers whose lasting names match `pattern` and that let everything pass, by name, input to output.

    Nothing is renamed. With `skipped_over`, layers that a connection leads around count as well.
    """
    free = {id(layer) for layer in passages(model)}
    cuts: dict[str, Any] = {}
    for name, layer in _lasting_names(model):
        if re.fullmatch(pattern, name) and (skipped_over or id(layer) in free):
            while name in cuts:  # two poolings in one stem
                name = f"{name}_2"
            cuts[name] = layer
    return cuts


def found_cuts(model) -> tuple[str, ...]:
    """Cuts of a model that nobody listed, by one rule.

    A stretch runs from one layer with a kernel (convolution, dense, a model within the model) up to the next. Of
    each stretch, the last layer through which everything passes is a cut. Layers that only drop, reshape, pad, crop
    or average over the whole picture do not count, nor does what comes before the first kernel, nor the model's output.
    """
    from keras import layers

    idle = (
        layers.Dropout,
        layers.SpatialDropout2D,
        layers.Flatten,
        layers.Reshape,
        layers.ZeroPadding2D,
        layers.Cropping1D,  # to the class token
        layers.GlobalAveragePooling1D,  # of tokens
        layers.GlobalMaxPooling1D,
        layers.GlobalAveragePooling2D,  # a head pools for itself, and may want coarse position
        layers.GlobalMaxPooling2D,
    )
    free = {id(layer) for layer in passages(model)}
    cuts, last, begun = [], None, False
    nodes = uses(model)
    for node in nodes:
        layer = node.operation
        kernel = any(len(weight.shape) > 1 for weight in getattr(layer, "weights", ()))
        if kernel and not isinstance(layer, layers.Embedding):  # which only says where a token is
            cuts += [last] if last else []
            last, begun = None, True
        useful = begun and id(layer) in free and not isinstance(layer, idle) and node is not nodes[-1]
        if useful and len(node.output_tensors[0].shape) in (2, 3, 4):  # vectors, tokens, maps
            last = layer.name
    return tuple(cuts + ([last] if last else []))
