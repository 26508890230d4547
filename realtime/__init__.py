"""The realtime wing: everything that plays. No torch unless a TorchScript plugin is hosted.

- `event`: the one kind of message that changes a sound.
- `plugin`: what a sound maker must offer; `onnx_plugin`, `torchscript_plugin` are its forms.
- `engine`, `settings`: `Engine.render(n)`, a plain function of state and due events.
- `osc`, `midi`, `mapping`, `score`: where events come from.
- `driver_*`, `child`, `supervisor`: devices, and the process that feeds them.
"""
