"""TorchScript files: `file` judges one without running it, `nn_tilde` plays effects of the nn~
world, `generator` the generators that `synth export` wrote.
"""
