"""The training task of coordinate networks: weights and latents descend together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from synth.contract import DataError
from synth.models.inr import INR
from training.inr.batches import Batch, Deck
from training.inr.config import INRTrainConfig
from training.inr.descent import Losses, descend, last_step
from training.inr.losses import Measure, per_sample
from training.inr.optimizer import make_optimizer, make_plateau, rate_at, weight_decay_at
from training.inr.pieces import squared_error
from training.measures.terms import Term
from training.run.checkpoint import damaged, restore_optimizer
from training.run.task import Task


class INRTask(Task):
    """Trains an INR: its weights, and the latents of its sounds.

    `loss` is the weighted sum of the terms, each of which is a column of its own, unweighted.

    Args:
        model: whose table of latents has a row per sound.
        settings: of the run, settled.
        terms: of the loss.
        deck: the order of the sounds.
    """

    model: INR
    settings: INRTrainConfig

    def __init__(
        self,
        model: INR,
        settings: INRTrainConfig,
        terms: Sequence[Term[Measure]],
        deck: Deck,
    ) -> None:
        super().__init__(model, settings)
        self.columns = ("loss", *(term.name for term in terms), "gradient_norm")
        self._terms, self._deck = tuple(terms), deck
        # In a list of modules, so that Lightning moves them to the device.
        self._measures = nn.ModuleList(
            term.measure for term in terms if isinstance(term.measure, nn.Module)
        )
        # None of them depends on the mode, but Lightning warns of modules in eval mode.
        self._measures.train()
        self._optimizer: torch.optim.Optimizer | None = None
        self._pointwise = (
            [term.measure for term in terms] == [per_sample]
            and model.config.row.widths != ()
            and not settings.second_order
        )
        self._plateau: ReduceLROnPlateau | None = None
        self._plateau_state: dict[str, Any] = {}
        self._found: tuple[Tensor, Tensor] | None = None
        self._measured: dict[str, Tensor] = {}
        self._epoch = -1

    @property
    def epochs(self) -> int:
        """Number of epochs that the schedules are made for."""
        return -(-self.pace.steps // self._deck.batches)

    def learning_rate(self, step: float) -> float:
        """The rate by the schedule; that of plateaus is the optimiser's own state."""
        if self._plateau is None:
            return rate_at(step, self.pace.steps, self.settings)
        return float(self._plateau.optimizer.param_groups[0]["lr"])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        optimizer = make_optimizer(self.model, self.settings)
        if self.optimizer_state is not None:
            restore_optimizer(optimizer, self.optimizer_state, self.step)
            self.optimizer_state = None
        self._optimizer = optimizer
        if self.settings.schedule == "plateau":
            self._plateau = make_plateau(optimizer, self._deck.batches)
            try:
                self._plateau.load_state_dict(self._plateau_state)
            except Exception as error:  # noqa: BLE001 - damaged data may lead anywhere
                raise damaged(self.step, error) from None
        return optimizer

    def measure(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        self._begin_epoch()
        t = self.model.coordinates(batch.positions)
        between = self._between(batch)

        def objective(z: Tensor) -> Losses:
            z = torch.cat([z, *between])
            if self._pointwise:
                error = squared_error(self.model, z, t, batch.target)
                return self._terms[0].weight * error, {self._terms[0].name: error}
            made = self.model(z, t)
            found = {term.name: term.measure(made, batch.target) for term in self._terms}
            weighted = [term.weight * found[term.name] for term in self._terms]
            return torch.stack(weighted).sum(), found

        if batch.audio is not None:
            z = self.model.encode(batch.audio)
            total, found = objective(z)
        else:
            z, (total, found) = descend(
                objective,
                self.model.latents[batch.items],
                steps=self.settings.latent_descent_steps,
                rate=self._latent_rate(len(batch.items)),
                second_order=self.settings.second_order,
            )
        self._found, self._measured = (batch.items, z), found
        return total, {"loss": total, **found}

    def _latent_rate(self, rows: int) -> float:
        """The rate at which latents descend the loss of a batch, which is a mean over its rows.

        So a latent moves by its own gradient / batch_size, whether the batch is full or there are
        fewer sounds than that.
        """
        return self.settings.latent_lr * rows / self.settings.batch_size

    def _between(self, batch: Batch) -> list[Tensor]:
        """The latents of mixtures, between those of their two sounds."""
        if batch.mixed is None or batch.shares is None:
            return []
        first, second = (self.model.latents[batch.mixed[:, i]] for i in (0, 1))
        return [first + batch.shares * (second - first)]

    def extra_state(self) -> dict[str, Any]:
        return {"plateau": self._plateau.state_dict() if self._plateau else {}}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        self._plateau_state = dict(state.get("plateau", {}))

    def diverged(self, total: Tensor, norm: Tensor) -> DataError:
        """The error for a loss or gradient that is not finite, with the terms of the loss."""
        terms = {name: float(term.detach()) for name, term in self._measured.items()}
        said = {name: f"{name} is {value:g}" for name, value in terms.items()}
        bad = [said[name] for name, value in terms.items() if not math.isfinite(value)]
        what = ", ".join(bad or [f"the gradient's norm is {float(norm):g}", *said.values()])
        return DataError(
            f"training diverged at step {self.step}: {what}; the last good checkpoint is kept,"
            f" start again with a learning_rate under {self.settings.learning_rate:g} or other"
            " omegas"
        )

    def _descend(self, total: Tensor) -> Tensor:
        norm = super()._descend(total)
        self._keep_latents()
        if self._plateau is not None:
            # All processes must find the same plateaus.
            mean = self.trainer.strategy.reduce(total.detach(), reduce_op="mean")
            self._plateau.step(float(cast(Tensor, mean)))
        return norm

    def _begin_epoch(self) -> None:
        epoch = self.step // self._deck.batches
        if epoch == self._epoch:
            return
        self._epoch = epoch
        self.model.open_gates(int(self.pace.at(self.step) // self._deck.batches), self.epochs)
        if self._optimizer is not None:
            decay = weight_decay_at(epoch, self.settings)
            self._optimizer.param_groups[0]["weight_decay"] = decay

    def _keep_latents(self) -> None:
        """Write the latents of this step, of all processes, into the table of each process."""
        assert self._found is not None  # noqa: S101 - `measure` comes first
        index, z = self._found
        self._found = None
        if self.model.encoder is None:
            s = self.settings
            z = last_step(z, steps=s.latent_descent_steps, rate=self._latent_rate(len(index)))
        table = self.model.latents
        index, z = index.to(table.device), z.detach().to(table.dtype)
        if self.trainer.world_size > 1:
            # All send the same number of rows; processes with fewer repeat their first one.
            more = self._deck.most - len(index)
            index = torch.cat([index, index[:1].expand(more)])
            z = torch.cat([z, z[:1].expand(more, -1)])
            index, z = (cast(Tensor, self.all_gather(x)).flatten(0, 1) for x in (index, z))
        table[index] = z
