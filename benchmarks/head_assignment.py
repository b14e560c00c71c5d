"""Two small assignments on TensorFlow, and what a class answers: right in two ways, and wrong.

HEAD computes with tensors and builds models; TRAINING trains them as well, which takes most of the time of any grader.
"""

from assignment import Assignment, given, solution, test

_SETUP = """\
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(0)


def make_features(seed, counts=(60, 24, 12)):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    features = rng.normal(size=(len(labels), 8)) + 4 * np.eye(8)[labels]
    return features.astype("float32"), labels


def linear_head(inputs, classes):
    return keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(classes, activation="softmax")])


features, labels = make_features(seed=1)
print("TensorFlow", tf.__version__, features.shape, np.bincount(labels))"""

_STANDARDISE = '''\
def standardise(features):
    """Features with mean 0 and deviation 1 in each column; a column that is constant becomes 0."""
    ### BEGIN SOLUTION
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    return (features - mean) / np.where(deviation > 0, deviation, 1)
    ### END SOLUTION'''

_CLASS_WEIGHTS = '''\
def class_weights(labels):
    """A dictionary from each class to n / (number of classes * number of its examples)."""
    ### BEGIN SOLUTION
    counts = np.bincount(labels)
    return {k: float(len(labels) / (len(counts) * count)) for k, count in enumerate(counts)}
    ### END SOLUTION'''

_BUILD_HEAD = '''\
def build_head(inputs, classes):
    """A Keras model: a hidden layer of 16 units with ReLU, then a softmax over the classes."""
    ### BEGIN SOLUTION
    return keras.Sequential(
        [
            keras.Input((inputs,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )
    ### END SOLUTION'''

_GRADIENT_STEP = '''\
def gradient_step(weights, features, labels, rate):
    """The weights after one step down the gradient of the mean cross-entropy of softmax(features @ weights)."""
    ### BEGIN SOLUTION
    variable = tf.Variable(weights)
    with tf.GradientTape() as tape:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, features @ variable)
        loss = tf.reduce_mean(losses)
    return (variable - rate * tape.gradient(loss, variable)).numpy()
    ### END SOLUTION'''

_TRAIN_HEAD = '''\
def train_head(features, labels, weights, steps):
    """linear_head, trained with Adam(0.1) for so many steps on all examples at once, with weighted classes."""
    ### BEGIN SOLUTION
    head = linear_head(features.shape[1], len(weights))
    head.compile(keras.optimizers.Adam(0.1), "sparse_categorical_crossentropy")
    head.fit(features, labels, class_weight=weights, batch_size=len(labels), epochs=steps, verbose=0)
    return head
    ### END SOLUTION'''

_TEST_STANDARDISE = """\
made = standardise(features)
assert made.shape == features.shape, "The shape must stay as it is."
assert np.allclose(made.mean(axis=0), 0, atol=1e-4) and np.allclose(made.std(axis=0), 1, atol=1e-4)
### BEGIN HIDDEN TESTS
shifted = np.random.default_rng(5).normal(3, 7, (40, 4))
shifted[:, 2] = 5
assert np.allclose(standardise(shifted).std(axis=0), [1, 1, 0, 1]), "A constant column must become 0."
### END HIDDEN TESTS"""

_TEST_WEIGHTS = """\
weights = class_weights(np.array([0, 1, 0, 1]))
assert dict(weights) == {0: 1, 1: 1}, "Classes of the same size have weight 1."
### BEGIN HIDDEN TESTS
uneven = class_weights(labels)
assert sorted(uneven) == [0, 1, 2]
assert np.allclose([uneven[k] for k in range(3)], [96 / 180, 96 / 72, 96 / 36])
### END HIDDEN TESTS"""

_TEST_HEAD = """\
head = build_head(8, 3)
assert isinstance(head, keras.Model), "build_head must return a Keras model."
assert head.output_shape == (None, 3) and head.count_params() == 8 * 16 + 16 + 16 * 3 + 3
### BEGIN HIDDEN TESTS
wide = build_head(5, 7)
asked = np.random.default_rng(6).normal(size=(9, 5)).astype("float32")
assert np.allclose(np.asarray(wide(asked)).sum(axis=1), 1, atol=1e-4), "The outputs are no probabilities."
### END HIDDEN TESTS"""

_TEST_STEP = """\
start = np.zeros((8, 3), "float32")
moved = gradient_step(start, features, labels, 0.5)
assert moved.shape == (8, 3) and moved[0, 0] > 0, "A weight must grow where its feature speaks for its class."
### BEGIN HIDDEN TESTS
others, theirs = make_features(seed=2, counts=(20, 20, 20))
expected = 0.1 * others.T @ (np.eye(3)[theirs] - 1 / 3) / len(theirs)
assert np.allclose(gradient_step(start, others, theirs, 0.1), expected, atol=1e-4), "That is no such step."
### END HIDDEN TESTS"""

_TEST_TRAINING = """\
head = train_head(features, labels, {0: 0.5, 1: 1.3, 2: 2.7}, steps=30)
assert (head.predict(features, verbose=0).argmax(axis=1) == labels).mean() > 0.9, "The head has not learned."
### BEGIN HIDDEN TESTS
others, their_labels = make_features(seed=2, counts=(20, 20, 20))
assert (head.predict(others, verbose=0).argmax(axis=1) == their_labels).mean() > 0.9
### END HIDDEN TESTS"""

_TEST_STEPS = """\
few = train_head(features[:, :4], labels, {0: 1.0, 1: 1.0, 2: 1.0}, steps=2)
assert few.input_shape == (None, 4), "The head must fit the features that it is given."
### BEGIN HIDDEN TESTS
start = linear_head(4, 3)
start.set_weights([np.zeros((4, 3)), np.zeros(3)])
assert np.allclose(start.predict(features[:2, :4], verbose=0), 1 / 3)
assert not np.allclose(few.get_weights()[1], 0), "After two steps the biases have moved."
### END HIDDEN TESTS"""

# What students write in place of the reference: another right answer first, then typical mistakes.
_OTHER_ANSWERS = {
    "standardise": {
        "with divide": (
            "def standardise(features):\n"
            "    centred = features - np.mean(features, axis=0, keepdims=True)\n"
            "    deviation = np.std(features, axis=0, keepdims=True)\n"
            "    return np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 0)"
        ),
        "over all columns": "def standardise(features):\n    return (features - features.mean()) / features.std()",
        "not centred": (
            "def standardise(features):\n"
            "    deviation = features.std(axis=0)\n"
            "    return features / np.where(deviation > 0, deviation, 1)"
        ),
    },
    "class_weights": {
        "with unique": (
            "def class_weights(labels):\n"
            "    classes, counts = np.unique(labels, return_counts=True)\n"
            "    return dict(zip(classes.tolist(), (len(labels) / (len(classes) * counts)).tolist()))"
        ),
        "upside down": (
            "def class_weights(labels):\n"
            "    counts = np.bincount(labels)\n"
            "    return {k: float(len(counts) * count / len(labels)) for k, count in enumerate(counts)}"
        ),
        "not divided by the classes": (
            "def class_weights(labels):\n"
            "    return {k: len(labels) / int(count) for k, count in enumerate(np.bincount(labels))}"
        ),
    },
    "build_head": {
        "functional": (
            "def build_head(inputs, classes):\n"
            "    start = keras.Input((inputs,))\n"
            '    hidden = keras.layers.Dense(16, "relu")(start)\n'
            '    return keras.Model(start, keras.layers.Dense(classes, "softmax")(hidden))'
        ),
        "sigmoid": (
            "def build_head(inputs, classes):\n"
            '    layers = [keras.layers.Dense(16, "relu"), keras.layers.Dense(classes, "sigmoid")]\n'
            "    return keras.Sequential([keras.Input((inputs,)), *layers])"
        ),
        "no hidden layer": "def build_head(inputs, classes):\n    return linear_head(inputs, classes)",
    },
    "gradient_step": {
        "by hand": (
            "def gradient_step(weights, features, labels, rate):\n"
            "    powers = np.exp(features @ weights)\n"
            "    chances = powers / powers.sum(axis=1, keepdims=True)\n"
            "    gradient = features.T @ (chances - np.eye(weights.shape[1])[labels]) / len(labels)\n"
            "    return weights - rate * gradient"
        ),
        "uphill": (
            "def gradient_step(weights, features, labels, rate):\n"
            "    variable = tf.Variable(weights)\n"
            "    with tf.GradientTape() as tape:\n"
            "        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, features @ variable)\n"
            "        loss = tf.reduce_mean(losses)\n"
            "    return (variable + rate * tape.gradient(loss, variable)).numpy()"
        ),
        "not the mean": (
            "def gradient_step(weights, features, labels, rate):\n"
            "    variable = tf.Variable(weights)\n"
            "    with tf.GradientTape() as tape:\n"
            "        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, features @ variable)\n"
            "    return (variable - rate * tape.gradient(loss, variable)).numpy()"
        ),
    },
}
_TRAINED = {
    "train_head": {
        "batch by batch": (
            "def train_head(features, labels, weights, steps):\n"
            "    head = linear_head(features.shape[1], len(weights))\n"
            '    head.compile(keras.optimizers.Adam(0.1), "sparse_categorical_crossentropy")\n'
            "    for _ in range(steps):\n"
            "        head.train_on_batch(features, labels, class_weight=weights)\n"
            "    return head"
        ),
        "never trained": (
            "def train_head(features, labels, weights, steps):\n    return linear_head(features.shape[1], len(weights))"
        ),
        "returns the history": (
            "def train_head(features, labels, weights, steps):\n"
            "    head = linear_head(features.shape[1], len(weights))\n"
            '    head.compile(keras.optimizers.Adam(0.1), "sparse_categorical_crossentropy")\n'
            "    return head.fit(features, labels, batch_size=len(labels), epochs=steps, verbose=0).history"
        ),
    },
}

_CELLS = (
    given("setup", _SETUP),
    solution("standardise", _STANDARDISE),
    test("test-standardise", 2, _TEST_STANDARDISE),
    solution("class_weights", _CLASS_WEIGHTS),
    test("test-weights", 2, _TEST_WEIGHTS),
    solution("build_head", _BUILD_HEAD),
    test("test-head", 2, _TEST_HEAD),
    solution("gradient_step", _GRADIENT_STEP),
    test("test-step", 2, _TEST_STEP),
)
HEAD = Assignment("head", _CELLS, _OTHER_ANSWERS)
TRAINING = Assignment(
    "training",
    (
        *_CELLS,
        solution("train_head", _TRAIN_HEAD),
        test("test-training", 3, _TEST_TRAINING),
        test("test-steps", 1, _TEST_STEPS),
    ),
    _OTHER_ANSWERS | _TRAINED,
)
