"""TorchScript files: `file` checks one without running it, `nn_tilde` plays nn~ effects,
`generator` plays the generators that `synth export` wrote.
"""
