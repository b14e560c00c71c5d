"""What the course says of Keras itself. A failure here means that Keras changed: rewrite what is named, and rejoice."""

import numpy as np
import pytest


@pytest.fixture
def nested():
    """The published recipe: a base called with training=False, a head on it, the base unfrozen, compiled."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    base = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.BatchNormalization(name="norm"), layers.ReLU()],
        name="base",
    )

    def make(protected):
        inputs = keras.Input((8, 8, 3))
        x = layers.GlobalAveragePooling2D()(base(inputs, training=False))
        model = keras.Model(inputs, layers.Dense(2, activation="softmax")(x))
        base.trainable = True
        base.get_layer("norm").trainable = not protected
        model.compile(keras.optimizers.Adam(1e-5), "sparse_categorical_crossentropy")
        return model, base.get_layer("norm")

    return make


def statistics_move(model, norm):
    before = np.asarray(norm.moving_mean).copy()
    x = np.random.default_rng(0).normal(3, 1, (16, 8, 8, 3)).astype("float32")
    model.fit(x, np.arange(16) % 2, epochs=1, batch_size=8, verbose=0)
    return bool((np.asarray(norm.moving_mean) != before).any())


def test_training_false_in_the_call_still_does_not_protect_batchnorm(nested):
    assert statistics_move(*nested(protected=False)), (
        "Keras now keeps training=False while fit runs (keras issue 20285). Rewrite the BatchNorm section of notebook "
        "06 and its claims, the docstring of transfer.unfreeze, and this test."
    )


def test_freezing_batchnorm_itself_does_protect_it(nested):
    assert not statistics_move(*nested(protected=True))


@pytest.mark.parametrize("first", [True, False])
def test_trainable_still_needs_a_new_compile(first):
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, name="low"), keras.layers.Dense(2)])
    low = model.get_layer("low")
    x, y = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")

    def moves():
        before = low.get_weights()[0]
        model.train_on_batch(x, y)
        return bool((low.get_weights()[0] != before).any())

    low.trainable = first
    model.compile(keras.optimizers.SGD(0.1), "mse")
    assert moves() is first
    low.trainable = not first
    assert moves() is first, "Keras now follows a change of `trainable` without compile(): rewrite notebook 05."
    model.compile(keras.optimizers.SGD(0.1), "mse")
    assert moves() is not first


def test_scaling_gradients_still_does_nothing_under_adam():
    import keras

    steps = []
    for scale in (1.0, 0.01):
        weight = keras.Variable([1.0, -2.0])
        keras.optimizers.Adam(1e-2).apply([keras.ops.convert_to_tensor([0.3 * scale, -4.0 * scale])], [weight])
        steps.append(np.asarray(weight) - [1.0, -2.0])
    assert steps[0] == pytest.approx(steps[1], rel=1e-2)
