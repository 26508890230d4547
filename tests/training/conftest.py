"""Small tensors gain nothing from a second thread, and lose much where cores are shared."""

import torch

torch.set_num_threads(1)
